"""A recorded life is what its files are, and a power cut leaves what it may leave, no less."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from tests.outage.cuts import DISKS, PAIRS, Life, left, live
from tests.outage.disk import BYTES, CUTS, GROWN, KEPT, NAMES, SYNCED, TORN, Disk
from tests.outage.record import Op, Reading, Unmodelled, record, said

SEEDS = range(60)


def disk_of(*ops: Op) -> Disk:
    disk = Disk()
    for op in ops:
        disk.apply(op)
    return disk


def ways(disk: Disk) -> set[tuple[tuple[str, bytes | None], ...]]:
    """Everything that torn cuts leave of a disk."""
    return {tuple(sorted(disk.left_by(TORN, str(seed)).items())) for seed in SEEDS}


MADE = (Op("make", "a"), Op("write", "a", data=b"one"))


@pytest.mark.requires_tool("strace")
@pytest.mark.parametrize("spoilt", ["", "without_links"])
def test_a_recording_has_every_byte(tmp_path: Path, spoilt: str) -> None:
    folder = tmp_path / "life"
    recorded = live([Life("work", 0, spoilt)], folder)
    for op in recorded.ops:
        recorded.disk.apply(op)
    for name, tree in left(recorded.disk, KEPT, KEPT, "").items():
        below = folder / name
        assert tree == {
            str(path.relative_to(below)): None if path.is_dir() else path.read_bytes()
            for path in below.rglob("*")
        }
    assert list(said(recorded.ops))


@pytest.mark.requires_tool("strace")
@pytest.mark.parametrize(
    "script",
    [
        "import mmap; m = mmap.mmap(f.fileno(), 8192); m[0] = 1",
        "import os; os.sendfile(f.fileno(), os.open('/etc/passwd', os.O_RDONLY), 0, 10)",
        "import os; os.posix_fallocate(f.fileno(), 0, 20000)",
        "import os; os.pwritev(f.fileno(), [b'x'], 0)",
        "import os; os.symlink('file', sys.argv[1] + '/another')",
    ],
)
def test_a_change_that_is_not_known_is_an_error(tmp_path: Path, script: str) -> None:
    folder = tmp_path / "life"
    folder.mkdir()
    (folder / "file").write_bytes(bytes(8192))
    program = f"import sys; f = open(sys.argv[1] + '/file', 'r+b'); {script}"
    with pytest.raises(Unmodelled):
        record([sys.executable, "-c", program, str(folder)], folder, "said")


def test_what_is_not_synced_may_be_gone() -> None:
    disk = disk_of(*MADE)
    assert disk.left_by(SYNCED, "") == {}
    assert disk.left_by(KEPT, "") == {"a": b"one"}
    assert disk.left_by(NAMES, "") == {"a": b""}
    assert disk.left_by(GROWN, "") == {"a": bytes(3)}
    assert disk.left_by(BYTES, "") == {}
    assert ways(disk) >= {(), (("a", b""),), (("a", b"one"),)}


def test_a_synced_file_in_an_unsynced_folder_may_be_gone() -> None:
    disk = disk_of(*MADE, Op("sync", "a", since=2))
    assert disk.left_by(SYNCED, "") == {}
    assert disk.left_by(NAMES, "") == {"a": b"one"}


def test_what_is_synced_stays() -> None:
    disk = disk_of(*MADE, Op("sync", "a", since=2), Op("sync", "", since=3))
    assert [disk.left_by(cut, "") for cut in CUTS] == [{"a": b"one"}] * len(CUTS)
    assert ways(disk) == {(("a", b"one"),)}


def test_a_sync_covers_what_had_ended_when_it_began() -> None:
    later = Op("write", "a", offset=3, data=b" two")
    disk = disk_of(*MADE, Op("sync", "", since=2), later, Op("sync", "a", since=3))
    assert disk.left_by(SYNCED, "") == {"a": b"one"}
    assert disk.left_by(KEPT, "") == {"a": b"one two"}


def test_later_writes_may_be_kept_without_earlier_ones() -> None:
    synced = (*MADE, Op("sync", "a", since=2), Op("sync", "", since=3))
    disk = disk_of(*synced, Op("write", "a", data=b"1"), Op("write", "a", offset=2, data=b"3"))
    assert {dict(way)["a"] for way in ways(disk)} == {b"one", b"1ne", b"on3", b"1n3"}


def test_a_write_is_torn_between_sectors() -> None:
    grown = Op("size", "a", size=1024)
    synced = (Op("make", "a"), grown, Op("sync", "a", since=2), Op("sync", "", since=3))
    disk = disk_of(*synced, Op("write", "a", data=b"x" * 1024))
    halves = {(data[:512], data[512:]) for way in ways(disk) for data in [dict(way)["a"] or b""]}
    old, new = bytes(512), b"x" * 512
    assert halves == {(old, old), (new, new), (new, old), (old, new)}


def test_a_removal_may_come_undone_and_another_not() -> None:
    both = (Op("make", "a"), Op("make", "b"), Op("sync", "", since=2))
    disk = disk_of(*both, Op("remove", "a"), Op("remove", "b"))
    assert {tuple(dict(way)) for way in ways(disk)} == {(), ("a",), ("b",), ("a", "b")}


def test_a_rename_shows_the_old_or_the_new() -> None:
    old = (Op("make", "b"), Op("write", "b", data=b"old"), Op("sync", "b", since=2))
    new = (Op("make", "a"), Op("write", "a", data=b"new"), Op("sync", "a", since=6))
    disk = disk_of(*old, Op("sync", "", since=3), *new, Op("rename", "a", other="b"))
    assert {dict(way)["b"] for way in ways(disk)} == {b"old", b"new"}


def test_another_recording_goes_on_where_the_first_ended() -> None:
    disk = disk_of(*MADE)
    disk.begin()
    for op in (Op("write", "a", offset=3, data=b"!"), Op("sync", "a", since=0)):
        disk.apply(op)
    assert disk.left_by(NAMES, "") == {"a": b"one"}


def test_every_way_to_lose_power_is_one_of_its_own() -> None:
    disk = disk_of(*MADE, Op("mkdir", "f"), Op("make", "f/b"), Op("write", "f/b", data=b"x"))
    kinds = {tuple(disk.left_by(cut, "3").items()) for cut in CUTS}
    assert len(kinds) >= 4
    assert len(DISKS) == len(set(DISKS))
    assert random.Random(0).sample(PAIRS, 2)


@pytest.mark.parametrize("came_about", [True, False])
@pytest.mark.parametrize("end", [" <unfinished ...>", ") = ?"])
def test_what_a_kill_cuts_short_came_about_or_did_not(
    tmp_path: Path, end: str, came_about: bool
) -> None:
    """Another thread may be in the middle of a call then, whose end is not in the trace."""
    made, gone = (tmp_path / name for name in ("made", "gone"))
    (made if came_about else gone).mkdir()
    reading = Reading(tmp_path, "said")
    reading.take(f'7 mkdir("{made}", 0700{end}')
    reading.take(f'8 rmdir("{gone}"{end}')
    reading.take("7 +++ killed by SIGKILL +++")
    reading.finish()
    expected = [Op("mkdir", "made"), Op("remove", "gone")] if came_about else []
    assert reading.ops == expected
