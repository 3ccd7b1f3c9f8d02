"""What every backend of a vault promises: on every kind of file system it may meet, and on S3."""

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
from stillhere.vault.backends.place import open_place
from stillhere.vault.backends.probe import PROBES, probe
from stillhere.vault.layout import FORMAT

RACERS = 8
ROUNDS = 12


BUCKET, COPIES = "bucket", "copies"
FILE_SYSTEMS = [kind.__name__ for kind in file_systems.KINDS]
FOR_COPIES = [kind for kind in FILE_SYSTEMS if kind != file_systems.without_renames.__name__]
STORAGES = [*FILE_SYSTEMS, *(f"{COPIES} {kind}" for kind in FOR_COPIES), BUCKET]


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What lies below: a kind of file system, several copies on it, or a bucket."""
    prepare(request.param, monkeypatch)
    return request.param


def prepare(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if storage != BUCKET:
        getattr(file_systems, storage.rsplit(maxsplit=1)[-1])(monkeypatch)


@pytest.fixture
def places(request: pytest.FixtureRequest, storage: str, tmp_path: Path) -> list[str]:
    """Where the objects are: one place, or several copies; a vault is in each, for who looks."""
    if storage == BUCKET:
        return [request.getfixturevalue("bucket_place")]
    names = ("vault", "second", "third") if storage.startswith(COPIES) else ("vault",)
    for name in names:
        Directory(tmp_path / name, create=True).create(FORMAT, b"")
    return [str(tmp_path / name) for name in names]


def open_backend(places: Sequence[str]) -> Backend:
    backends = [open_place(place) for place in places]
    return backends[0] if len(backends) == 1 else Copies(backends)


@pytest.fixture
def make(places: list[str]) -> Callable[[], Backend]:
    """Opens the same places anew, as another process would."""
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
    probe(backend)
    backend.prove()
    assert backend.names("probe") == []


def test_the_probe_refuses_a_place_that_overwrites(tmp_path: Path) -> None:
    class Overwriting(Directory):
        def create(self, name: str, data: bytes) -> None:
            self.delete(name)
            super().create(name, data)

    with pytest.raises(NotAVault, match="written twice"):
        probe(Overwriting(tmp_path, create=True))


def test_of_many_threads_exactly_one_creates_a_name(
    storage: str, make: Callable[[], Backend]
) -> None:
    rounds = 3 if storage == BUCKET else ROUNDS  # a race takes this store a second or more
    start = threading.Barrier(RACERS, timeout=60)
    won: list[tuple[int, int]] = []
    seen: list[bytes] = []

    def race(racer: int) -> None:
        backend = make()
        for number in range(rounds):
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
    assert sorted(number for number, _ in won) == list(range(rounds))
    for number, racer in won:
        assert make().read(f"epochs/{number}/slot") == b"%d" % racer * 1000


RACING = """
import sys
import pytest
from stillhere.vault.backends import Exists
from tests.conformance.test_backends import open_backend, prepare

storage, racer, rounds, *places = sys.argv[1:]
prepare(storage, pytest.MonkeyPatch())
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
    storage: str, places: list[str], make: Callable[[], Backend]
) -> None:
    rounds = 40
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, storage, str(racer), str(rounds), *places],
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
    assert [name for name in backend.names("") if name != PROBES] == [FORMAT, "keys", "ledger"]


def test_delete_removes_one_object_and_may_be_repeated(backend: Backend) -> None:
    backend.create("a/b", b"")
    backend.create("a/c", b"")
    backend.delete("a/b")
    backend.delete("a/b")
    backend.delete("never/there")
    assert backend.names("a") == ["c"]
    with pytest.raises(Missing):
        backend.read("a/b")


@pytest.mark.parametrize("storage", [*FILE_SYSTEMS[:-1], BUCKET], indirect=True)
def test_readers_see_a_large_object_whole_or_not_at_all(backend: Backend) -> None:
    """Without renames an object's own proof tells half of it from all of it."""
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
