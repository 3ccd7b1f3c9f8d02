"""Copies of the vault are added while the core serves, fenced by any, and taken out again."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conformance import file_systems
from tests.rooms import Service, bodies, make_service, put

from stillhere import config
from stillhere.cli import main
from stillhere.errors import (
    BadInput,
    Damaged,
    Fenced,
    NotAVault,
    RefusedVault,
    StillhereError,
    Unavailable,
)
from stillhere.recovery.check import check
from stillhere.recovery.recovery import Recovery
from stillhere.replication import copies, start
from stillhere.replication.compact import compact
from stillhere.replication.copies import (
    Added,
    add_copy,
    look_for_recovery,
    remove_copy,
    tell_removed,
)
from stillhere.replication.fence import check_fence
from stillhere.replication.members import FILE, Members, keep_members, read_members
from stillhere.replication.prune import prune
from stillhere.replication.seed import Seeder
from stillhere.replication.start import Working, open_core
from stillhere.replication.verified import last_verified
from stillhere.replication.verify import verify
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.copies import Copies
from stillhere.vault.epochs import read_epochs, seal_writers
from stillhere.vault.layout import root_name
from stillhere.vault.manifests import complete_root, read_root
from stillhere.vault.opened import Vault
from stillhere.vault.sets import read_set


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return tmp_path / "second"


def silently(done: int, total: int) -> None:
    """Nobody watches."""


def add(service: Service, place: Path) -> Added:
    """What `stillhere vault add` does."""
    working = open_core(service.home, uneven=True)
    try:
        return add_copy(working, place, silently)
    finally:
        working.close()


@contextmanager
def core(service: Service) -> Iterator[Working]:
    working = open_core(service.home)
    try:
        yield working
    finally:
        working.close()


def objects(place: Path) -> dict[str, bytes]:
    files = (path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def assert_back(service: Service, place: Path, home: Path, expected: dict[bytes, set[str]]) -> None:
    """A recovery from one place alone has exactly this."""
    recovery = Recovery(home, place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        recovery.run()
        for account, names in expected.items():
            assert set(bodies(working, account)) == names
    finally:
        working.close()


class Busy:
    """Somebody who writes all the time; ``acknowledged`` has what was."""

    def __init__(self, working: Working, account: bytes) -> None:
        self._working = working
        self._account = account
        self._over = threading.Event()
        self.acknowledged: set[str] = set()
        self.refused = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            try:
                put(self._working, self._account, f"{number}.vcf")
            except StillhereError:
                self.refused += 1
            else:
                self.acknowledged.add(f"{number}.vcf")


def test_a_place_is_seeded_while_the_core_writes_and_has_everything(
    service: Service, second: Path, tmp_path: Path
) -> None:
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        for number in range(5):
            put(working, anna, f"before {number}.vcf")
        compact(working)
        with Busy(working, anna) as busy:
            added = add(service, second)
            assert added.members.places == [str(service.place), str(second)]
            ben = working.store.accounts.create("ben")
            put(working, ben, "b.vcf")
        assert busy.acknowledged
        assert not busy.refused
        compact(working)
        assert verify(working).proven
    expected = busy.acknowledged | {f"before {number}.vcf" for number in range(5)}
    first, other = objects(service.place), objects(second)
    assert {name for name in first if name not in other} == set()
    assert all(other[name] == data for name, data in first.items())
    vault = check(second, service.kit).vault
    kept = read_set(vault, [1])
    assert kept is not None
    assert kept.places == [str(service.place), str(second)]
    assert_back(service, second, tmp_path / "from second", {anna: expected, ben: {"b.vcf"}})


def test_an_acknowledgement_needs_every_copy_and_one_that_fails_is_named(
    service: Service, second: Path
) -> None:
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        second.rename(second.with_name("unmounted"))
        with pytest.raises(Unavailable, match=str(second)) as failed:
            put(working, anna, "b.vcf")
        assert f"stillhere vault remove {second}" in failed.value.hint
        assert set(bodies(working, anna)) == {"a.vcf"}
    with pytest.raises(RefusedVault, match=str(second)) as refused:
        open_core(service.home)
    assert f"stillhere vault remove {second}" in refused.value.hint


def test_a_bucket_is_removed_whose_keys_are_gone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    bucket = "s3://bucket/vault?lock-days=30"
    keep_members(service.home, Members(1, [str(service.place), bucket]))
    removed = remove_copy(service.home, (service.place, bucket), bucket)
    assert removed.members.places == [str(service.place)]
    open_core(service.home).close()


@pytest.mark.parametrize("lost", [0, 1])
def test_one_that_is_gone_is_removed_and_the_core_goes_on(
    service: Service, second: Path, tmp_path: Path, lost: int
) -> None:
    add(service, second)
    places = [service.place, second]
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        gone = places.pop(lost)
        shutil.rmtree(gone)
        with pytest.raises(Unavailable):
            put(working, anna, "b.vcf")
        removed = remove_copy(service.home, (), gone)
        assert removed.members.places == [str(places[0])]
        put(working, anna, "c.vcf")
        there = set(bodies(working, anna))
        assert {"a.vcf", "c.vcf"} <= there
    kept = read_set(check(places[0], service.kit).vault, [1])
    assert kept is not None
    assert kept.places == [str(places[0])]
    with core(service) as working:
        assert set(bodies(working, anna)) == there
    assert_back(service, places[0], tmp_path / "new", {anna: there})


def test_one_that_was_removed_is_added_again_whatever_it_missed(
    service: Service, second: Path, tmp_path: Path
) -> None:
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        ben = working.store.accounts.create("ben")
        put(working, anna, "a.vcf")
        removed = remove_copy(service.home, (), second)
        tell_removed(second, removed)
        put(working, anna, "b.vcf")
        compact(working)
        working.eraser.erase(ben, "ben")
        put(working, anna, "c.vcf")
    told = check(second, service.kit)
    assert [one.place for one in told.unreached] == [str(service.place)], "it knows that it is out"
    add(service, second)
    assert not list((second / "keys").rglob(f"{ben.hex()}*")), "what was erased is erased there too"
    with core(service) as working:
        put(working, anna, "d.vcf")
    names = {"a.vcf", "b.vcf", "c.vcf", "d.vcf"}
    assert_back(service, second, tmp_path / "new", {anna: names})


def set_aside(place: Path) -> None:
    """Have a copy of what is there now."""
    shutil.copytree(place, place.with_name("yesterday"))


def put_back(place: Path) -> None:
    """Have what was set aside in its place again."""
    shutil.rmtree(place)
    place.with_name("yesterday").rename(place)


def test_a_stale_copy_in_its_place_is_noticed_at_the_start(service: Service, second: Path) -> None:
    add(service, second)
    set_aside(second)
    with core(service) as working:
        put(working, working.store.accounts.create("anna"), "a.vcf")
    put_back(second)
    with pytest.raises(Damaged, match="ends at segment") as failed:
        open_core(service.home)
    assert f"stillhere vault remove {second}" in failed.value.hint
    add(service, second)
    open_core(service.home).close()


@pytest.mark.parametrize("compacted", [False, True])
def test_a_stale_copy_is_noticed_when_the_others_ledger_has_everything(
    service: Service, second: Path, compacted: bool
) -> None:
    """The newest root of the others says nothing of what this one has."""
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        if compacted:
            compact(working)
    set_aside(second)
    with core(service) as working:
        put(working, anna, "b.vcf")
        compact(working)
    put_back(second)
    with pytest.raises(Damaged, match="ends at segment"):
        open_core(service.home)
    add(service, second)
    open_core(service.home).close()


def test_a_copy_with_a_gap_is_noticed_at_the_start(service: Service, second: Path) -> None:
    add(service, second)
    set_aside(second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        put_back(second)  # while the core is at work
        put(working, anna, "b.vcf")
    with pytest.raises(Damaged, match="ends at segment 0"):
        open_core(service.home)
    add(service, second)
    open_core(service.home).close()


def test_a_copy_that_is_removed_while_a_command_starts_is_not_called_stale(
    service: Service, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")

        def meanwhile(home: Path) -> None:
            remove_copy(home, (), second)
            put(working, anna, "a.vcf")

        monkeypatch.setattr(start, "clear_scratch", meanwhile)
        with core(service) as beside:
            put(beside, anna, "b.vcf")
            assert set(bodies(beside, anna)) == {"a.vcf", "b.vcf"}


def test_a_place_that_a_recovery_has_begun_in_is_not_touched(
    service: Service, second: Path, tmp_path: Path
) -> None:
    """Two cores of one service, each with a copy of its own: the old one takes nothing away."""
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        ben = working.store.accounts.create("ben")
        put(working, anna, "a.vcf")
    recovery = Recovery(tmp_path / "new", second, service.kit, lambda *_, **__: None)
    new = recovery.begin()
    recovery.run()
    put(new, anna, "new.vcf")
    compact(new)
    new.eraser.erase(ben, "ben")
    new.close()
    kept = objects(second)
    with pytest.raises(Fenced):
        look_for_recovery(service.home, second)
    remove_copy(service.home, (), second)  # as where it can't be asked
    with core(service) as working:
        put(working, anna, "old.vcf")
        compact(working)
    with pytest.raises(Fenced):
        add(service, second)
    assert objects(second) == kept


def test_a_place_that_a_recovery_has_only_sealed_is_not_touched(
    service: Service, second: Path
) -> None:
    add(service, second)
    seal_writers(check(second, service.kit).vault, service.kit, 1)
    remove_copy(service.home, (), second)
    kept = objects(second)
    with pytest.raises(Fenced):
        add(service, second)
    assert objects(second) == kept


def test_what_is_being_written_is_not_taken_for_left_over(
    service: Service, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first copy is healed beside a server whose newest segment is there alone yet."""
    add(service, second)
    with core(service) as working, ThreadPoolExecutor(1) as pool:
        anna = working.store.accounts.create("anna")
        first, other = working.vault.backend.written
        kept, begun = other.create, threading.Event()

        def late(name: str, data: bytes) -> None:
            if name.startswith("journal/"):
                begun.set()
                time.sleep(1)
            kept(name, data)

        monkeypatch.setattr(other, "create", late)
        written = pool.submit(put, working, anna, "a.vcf")
        assert begun.wait(30)
        source = Vault(Copies([other]), working.vault.format, working.vault.verifier)
        Seeder(source, first, working, silently).run()
        written.result()
    segments = [name for name in objects(second) if name.endswith(".seg")]
    assert segments
    assert set(segments) <= objects(service.place).keys()


def test_a_key_that_is_kept_anew_between_the_passes_is_the_new_one_in_the_new_copy(
    service: Service, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its wrap was lost, so the old one opens nothing."""
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
    with core(service) as working:  # whoever made the account has its wrapping key in memory
        for wrap in (service.place / "wraps").iterdir():
            wrap.write_bytes(b"broken")

        def between(home: Path, members: Members) -> None:
            if members.joining:
                assert "kept again" in str(verify(working).findings)
            keep_members(home, members)

        monkeypatch.setattr(copies, "keep_members", between)
        add_copy(working, second, silently)
    shutil.rmtree(service.place)
    assert_back(service, second, tmp_path / "new", {anna: {"a.vcf"}})


def test_a_copy_that_failed_when_a_compaction_ended_loses_nothing_in_time(
    service: Service, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root manifest is in the others alone; what it made needless is needed there."""
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        compact(working)
        put(working, anna, "b.vcf")
        other = working.vault.backend.written[1]
        kept = other.create

        def full(name: str, data: bytes) -> None:
            if name.startswith("manifest/root/"):
                raise BackendError("no room")
            kept(name, data)

        with monkeypatch.context() as patch:
            patch.setattr(other, "create", full)
            with pytest.raises(BackendError):
                compact(working)
            with pytest.raises(BackendError):
                prune(working, keep_ms=-1)
        assert prune(working, keep_ms=-1)
    assert_back(service, second, tmp_path / "new", {anna: {"a.vcf", "b.vcf"}})


def test_what_was_never_seeded_is_no_copy_and_neither_is_somebody_else_s(
    service: Service, second: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="not a copy"):
        open_core(service.home, service.place, more=[second])
    second.mkdir()
    (second / "something").write_text("else")
    with pytest.raises(NotAVault):
        add(service, second)
    other = make_service(tmp_path / "other")
    with pytest.raises(NotAVault):
        add(service, other.place)
    with pytest.raises(BadInput, match="only copy"):
        add(service, service.place)
    with pytest.raises(BadInput, match="only copy"):
        remove_copy(service.home, (), service.place)
    with pytest.raises(BadInput, match="no copy"):
        remove_copy(service.home, (), second)
    assert read_members(service.home, "here") == Members(0, ["here"])


@pytest.mark.parametrize("sealed", [0, 1])
def test_sealing_one_copy_fences_a_core_that_needs_both(
    service: Service, second: Path, tmp_path: Path, sealed: int
) -> None:
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        place = (service.place, second)[sealed]
        Recovery(tmp_path / "new", place, service.kit, lambda *_, **__: None).begin().close()
        with pytest.raises(Fenced):
            put(working, anna, "b.vcf")
        check_fence(working)
        assert isinstance(working.store.gate.halted, Fenced)


def test_a_core_that_only_reads_sees_the_seal_in_any_copy(
    service: Service, second: Path, tmp_path: Path
) -> None:
    add(service, second)
    with core(service) as working:
        Recovery(tmp_path / "new", second, service.kit, lambda *_, **__: None).begin().close()
        assert check_fence(working)
        assert isinstance(working.store.gate.halted, Fenced)


def test_what_is_joining_is_no_vault_yet_and_the_same_command_goes_on(
    service: Service, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed once every process writes there, and before it has everything."""
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
    add(service, second)
    for number in read_epochs(check(second, service.kit).vault):
        for name in ("epoch", "epoch.twin"):
            (second / f"epochs/{number.number:06d}/{name}").unlink()
    (second / "keys" / "service").unlink()
    keep_members(service.home, Members(7, [str(service.place), str(second)], joining=True))
    with pytest.raises(NotAVault):
        check(second, service.kit)
    with core(service) as working:
        put(working, anna, "b.vcf")
    members = add(service, second).members
    assert members == Members(8, [str(service.place), str(second)])
    assert_back(service, second, tmp_path / "new", {anna: {"a.vcf", "b.vcf"}})


def test_what_was_joining_can_be_left_out_again(service: Service, second: Path) -> None:
    add(service, second)
    keep_members(service.home, Members(7, [str(service.place), str(second)], joining=True))
    assert remove_copy(service.home, (), second) == (Members(8, [str(service.place)]), None)


def test_a_home_whose_members_can_not_be_read_serves_nothing(service: Service) -> None:
    (service.home / FILE).write_text("nonsense")
    with pytest.raises(Damaged, match=FILE):
        open_core(service.home)


def test_members_that_can_not_be_read_for_a_while_end_nothing_for_good(service: Service) -> None:
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        (service.home / FILE).write_text("nonsense")
        assert check_fence(working)
        with pytest.raises(Damaged, match=FILE):
            put(working, anna, "a.vcf")
        (service.home / FILE).unlink()
        put(working, anna, "b.vcf")
        assert working.store.gate.halted is None
        assert set(bodies(working, anna)) == {"b.vcf"}


def test_places_that_have_moved_are_named_and_kept(
    service: Service, second: Path, tmp_path: Path
) -> None:
    add(service, second)
    moved = [tmp_path / "moved", tmp_path / "moved too"]
    service.place.rename(moved[0])
    second.rename(moved[1])
    with pytest.raises(RefusedVault):
        open_core(service.home)
    working = open_core(service.home, moved[0], more=moved[1:])
    try:
        put(working, working.store.accounts.create("anna"), "a.vcf")
    finally:
        working.close()
    assert {name for name in objects(moved[0]) if name.endswith(".seg")} == {
        name for name in objects(moved[1]) if name.endswith(".seg")
    }


@pytest.mark.parametrize("seed", range(3))
def test_adding_a_copy_again_heals_it_from_the_other(
    service: Service, second: Path, seed: int
) -> None:
    """Of every object one copy is whole; what is broken is never copied over it."""
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        for number in range(4):
            put(working, anna, f"{number}.vcf")
        compact(working)
        put(working, anna, "last.vcf")
    whole = objects(service.place)
    assert whole == objects(second)
    rng = random.Random(seed)
    for name in sorted(name for name in whole if not name.startswith("format")):
        broken = rng.choice((service.place, second)) / name
        if rng.random() < 0.3:
            broken.unlink()
        else:
            broken.write_bytes(rng.randbytes(len(whole[name])))
    add(service, second)
    assert objects(second) == whole
    add(service, service.place)
    assert objects(service.place) == whole
    with core(service) as working:
        assert verify(working).proven


def test_what_is_broken_in_the_first_copy_is_not_made_in_another(
    service: Service, second: Path, tmp_path: Path
) -> None:
    """A root manifest that one copy lacks comes from the one that proves it."""
    third = tmp_path / "third"
    add(service, second)
    add(service, third)
    with core(service) as working:
        put(working, working.store.accounts.create("anna"), "a.vcf")
        compact(working)
        root = read_root(working.vault)
        name = root_name(root.number)
        whole = (third / name).read_bytes()
        (service.place / name).write_bytes(b"broken")
        (second / name).unlink()
        complete_root(working.vault, root)
        assert (second / name).read_bytes() == whole


def flip(path: Path) -> None:
    """Turn a bit over in the middle, where the content is."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_what_one_copy_makes_good_is_named_and_mended_by_adding_the_other_again(
    service: Service, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object of each sort is broken in one copy, or gone, and now in this one, now in that."""
    add(service, second)
    with core(service) as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        compact(working)
        put(working, anna, "last.vcf")
        assert verify(working).copies == []
        root = read_root(working.vault).number
    names = sorted(name for name in objects(second) if name != "format.json")
    sorts = {name.partition("/")[0]: name for name in names if "root" not in name}
    sorts |= {name.rpartition(".")[2]: name for name in names if name.endswith((".twin", ".pack"))}
    segment = max(name for name in names if name.endswith(".seg"))
    ruined = {*sorts.values(), segment, root_name(root)}
    expected = set()
    for number, name in enumerate(sorted(ruined)):
        place = (service.place, second)[number % 2]
        gone = number % 3 == 0 and name != segment  # whose end is looked at at every start
        (place / name).unlink() if gone else flip(place / name)
        expected.add((str(place), name, "missing" if gone else "broken"))
    assert {name.partition("/")[0] for name in ruined} >= {
        *("epochs", "format.json.twin", "journal", "keys", "ledger", "manifest", "names", "wraps"),
    }
    with core(service) as working:
        found = verify(working)
        assert found.proven
        assert set(found.copies) == expected
        kept = last_verified(working.core)
        assert kept is not None
        assert kept.copies == [], "names of objects have ids of accounts in them"
    config.save(service.home, config.Settings(vault=str(service.place)))
    assert main(["verify", "--home", str(service.home)]) == 7
    told = capsys.readouterr()
    assert f"broken: {segment}" in told.out
    for place in (service.place, second):
        assert f"the copy in {place}, made good by another:" in told.out
        assert f"stillhere vault add {place} mends that copy" in told.err
        add(service, place)
    assert main(["verify", "--home", str(service.home)]) == 0


def test_what_is_being_written_meanwhile_is_no_flaw_of_a_copy(
    service: Service, second: Path
) -> None:
    add(service, second)
    with core(service) as working, core(service) as beside:
        anna = working.store.accounts.create("anna")
        with Busy(beside, anna) as busy:
            while len(busy.acknowledged) < 5:
                time.sleep(0.01)
            compact(beside)
            assert verify(working).copies == []


def test_where_an_object_could_be_seen_half_written_there_is_no_second_copy(
    service: Service, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        file_systems.without_renames(patch)
        with pytest.raises(BadInput, match="half written"):
            add(service, second)
    assert add(service, second).copied


def test_a_place_by_another_name_is_no_other_place(
    service: Service, second: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(service.place)
    with pytest.raises(BadInput, match="only copy"):
        add(service, link)


def test_a_folder_within_a_copy_is_no_other_place(service: Service, tmp_path: Path) -> None:
    for place in (service.place / "second", tmp_path):
        with pytest.raises(BadInput, match="lies within"):
            add(service, place)
    assert not (service.place / "second").exists()


def test_a_place_that_is_mounted_twice_is_not_two_copies(service: Service, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    config.save(service.home, config.Settings(vault=str(service.place)))
    before, members = objects(service.place), read_members(service.home, "here")
    mounting = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"']
    mounted = [*mounting, str(service.place), str(again)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*mounted, "true"], check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    adding = [sys.executable, "-m", "stillhere", "vault", "add", str(again)]
    done = subprocess.run(
        [*mounted, *adding, "--home", str(service.home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"{again} and {service.place} are one place by two names" in done.stderr
    assert read_members(service.home, "here") == members
    assert objects(service.place) == before


def test_copies_that_have_moved_into_one_place_are_not_two(
    service: Service, second: Path, tmp_path: Path
) -> None:
    add(service, second)
    link = tmp_path / "link"
    link.symlink_to(service.place)
    with pytest.raises(BadInput, match="one place by two names"):
        open_core(service.home, service.place, more=[link])
