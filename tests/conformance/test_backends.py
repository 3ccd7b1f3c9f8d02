"""What every backend of a vault promises, on every kind of file system it may meet."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.conformance import file_systems

from stillhere.errors import NotAVault
from stillhere.vault.backends import Backend, Exists, Missing
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.directory import Directory
from stillhere.vault.opened import probe_backend

RACERS = 8
ROUNDS = 12


@pytest.fixture(params=[kind.__name__ for kind in file_systems.KINDS])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    getattr(file_systems, request.param)(monkeypatch)
    return request.param


@pytest.fixture(params=["vault", "vault second third"], ids=["one", "copies"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Where the objects are: one folder, or several copies."""
    return [str(tmp_path / name) for name in request.param.split()]


def open_backend(places: Sequence[str]) -> Backend:
    backends = [Directory(Path(place), create=True) for place in places]
    return backends[0] if len(backends) == 1 else Copies(backends)


@pytest.fixture
def make(file_system: str, places: list[str]) -> Callable[[], Backend]:
    """Opens the same place anew, as another process would."""
    return lambda: open_backend(places)


@pytest.fixture
def backend(make: Callable[[], Backend]) -> Backend:
    return make()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "1", "1 MB"])
def test_what_is_created_is_read_back_byte_for_byte(
    backend: Backend, make: Callable[[], Backend], data: bytes
) -> None:
    backend.create("journal/000001/000000/000000000001.seg", data)
    for reader in (backend, make()):
        assert reader.read("journal/000001/000000/000000000001.seg") == data
        assert reader.size("journal/000001/000000/000000000001.seg") == len(data)


def test_a_second_create_fails_and_leaves_the_first(
    backend: Backend, make: Callable[[], Backend]
) -> None:
    backend.create("a/b", b"first")
    for other in (backend, make()):
        with pytest.raises(Exists):
            other.create("a/b", b"second, and longer")
    assert backend.read("a/b") == b"first"
    assert backend.names("a") == ["b"]


def test_the_probe_of_init_and_start_passes_and_leaves_nothing(backend: Backend) -> None:
    probe_backend(backend)
    assert backend.names("probe") == []


def test_the_probe_refuses_a_place_that_overwrites(tmp_path: Path) -> None:
    class Overwriting(Directory):
        def create(self, name: str, data: bytes) -> None:
            self.delete(name)
            super().create(name, data)

    with pytest.raises(NotAVault, match="written twice"):
        probe_backend(Overwriting(tmp_path, create=True))


def test_of_many_threads_exactly_one_creates_a_name(make: Callable[[], Backend]) -> None:
    start = threading.Barrier(RACERS, timeout=60)
    won: list[tuple[int, int]] = []
    seen: list[bytes] = []

    def race(racer: int) -> None:
        backend = make()
        for number in range(ROUNDS):
            start.wait()
            try:
                backend.create(f"epochs/{number}/slot", b"%d" % racer * 1000)
            except Exists:
                seen.append(backend.read(f"epochs/{number}/slot")[:1])
            else:
                won.append((number, racer))

    threads = [threading.Thread(target=race, args=(racer,), daemon=True) for racer in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(number for number, _ in won) == list(range(ROUNDS))
    for number, racer in won:
        assert make().read(f"epochs/{number}/slot") == b"%d" % racer * 1000


RACING = """
import sys
import pytest
from stillhere.vault.backends import Exists
from tests.conformance import file_systems
from tests.conformance.test_backends import open_backend

kind, racer, rounds, *places = sys.argv[1:]
getattr(file_systems, kind)(pytest.MonkeyPatch())
backend = open_backend(places)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(rounds)):
    try:
        backend.create(f"slots/{number}", racer.encode())
    except Exists:
        pass
    else:
        print(number)
"""


def test_of_many_processes_exactly_one_creates_a_name(
    file_system: str, places: list[str], make: Callable[[], Backend]
) -> None:
    rounds = 40
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, file_system, str(racer), str(rounds), *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for racer in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [racer.communicate(timeout=60)[0].split() for racer in racers]
    assert sorted(int(number) for won in wins for number in won) == list(range(rounds))
    for racer, won in enumerate(wins):
        assert {make().read(f"slots/{number}") for number in won} <= {b"%d" % racer}
        for number in won:
            assert {Path(place, f"slots/{number}").read_bytes() for place in places} == {
                b"%d" % racer
            }


def test_a_missing_object_is_missing(backend: Backend) -> None:
    backend.create("there/one", b"x")
    for name in ("there/two", "nowhere/one", "one"):
        with pytest.raises(Missing):
            backend.read(name)
        with pytest.raises(Missing):
            backend.size(name)
        with pytest.raises(Missing):
            backend.read_range(name, 0, 1)
    assert backend.names("nowhere") == []


def test_ranges_end_where_the_object_ends(backend: Backend) -> None:
    backend.create("pack", b"0123456789")
    assert backend.read_range("pack", 0, 10) == b"0123456789"
    assert backend.read_range("pack", 3, 4) == b"3456"
    assert backend.read_range("pack", 8, 10) == b"89"
    assert backend.read_range("pack", 10, 1) == b""
    assert backend.read_range("pack", 5, 0) == b""


def test_names_are_sorted_and_show_objects_and_folders(backend: Backend) -> None:
    for name in ("ledger/b", "ledger/a/x", "ledger/c.twin", "ledger/c", "keys/1"):
        backend.create(name, b"")
    assert backend.names("ledger") == ["a", "b", "c", "c.twin"]
    assert backend.names("ledger/a") == ["x"]
    assert backend.names("") == ["keys", "ledger"]


def test_names_hide_what_an_interrupted_create_left(backend: Backend, tmp_path: Path) -> None:
    backend.create("journal/1", b"")
    (tmp_path / "vault" / "journal" / ".3f2a").write_bytes(b"half a segm")
    assert backend.names("journal") == ["1"]


def test_a_create_leaves_only_its_object(backend: Backend, tmp_path: Path) -> None:
    backend.create("a/b", b"1")
    with pytest.raises(Exists):
        backend.create("a/b", b"2")
    assert list(tmp_path.rglob("*.*")) == []
    for place in tmp_path.iterdir():
        assert [path.name for path in place.rglob("*") if path.is_file()] == ["b"]


def test_delete_removes_one_object_and_may_be_repeated(backend: Backend) -> None:
    backend.create("a/b", b"")
    backend.create("a/c", b"")
    backend.delete("a/b")
    backend.delete("a/b")
    backend.delete("never/there")
    assert backend.names("a") == ["c"]
    with pytest.raises(Missing):
        backend.read("a/b")


def test_folders_are_made_again_when_somebody_removed_them(
    backend: Backend, tmp_path: Path
) -> None:
    backend.create("x/y/one", b"1")
    backend.delete("x/y/one")
    for place in tmp_path.iterdir():
        (place / "x" / "y").rmdir()
    backend.create("x/y/two", b"2")
    assert backend.read("x/y/two") == b"2"


@pytest.mark.parametrize("kind", file_systems.KINDS[:-1])
def test_readers_see_a_large_object_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Without renames an object's own proof tells half of it from all of it."""
    kind(monkeypatch)
    backend = Directory(tmp_path, create=True)
    data = bytes(range(256)) * 16384
    sizes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                sizes.add(len(backend.read("big")))
            except Missing:
                continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        for _ in range(10):
            backend.create("big", data)
            backend.delete("big")
    finally:
        done.set()
        watcher.join(60)
    assert sizes <= {len(data)}
