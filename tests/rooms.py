"""A service as the rooms see it: its home, vault and kit, and a core at work on them.

Everything here is the real thing. Only the storage under a vault can be made to fail, since
that is somebody else's: `Unsteady` is a directory that fails when a test says so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stillhere.recovery.recovery import Recovery
from stillhere.replication.found import found
from stillhere.replication.start import Working, anchor_of, assemble, open_core, prove_start
from stillhere.replication.window import Window
from stillhere.store import Core, ShelfWrite
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.directory import Directory
from stillhere.vault.image import Image, load_image
from stillhere.vault.kit import Kit
from stillhere.vault.opened import open_vault

CONTACTS = "contacts"


class Content(NamedTuple):
    """All that a shelf says about itself: equal shelves have equal contents."""

    last: int
    chain: bytes
    rows: list[tuple[object, ...]]
    positions: dict[str, int]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder on a disk in memory, where there is one.

    Rooms are tested for what they write and in which order; that it is synced, and that a real
    disk keeps it, is tested in ``conformance/`` and by killing real servers."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@dataclass
class Service:
    """One service of a test, which opens, loses and recovers its core as it likes."""

    folder: Path
    home: Path
    place: Path
    kit: Kit

    @contextmanager
    def at_work(self, home: Path | None = None, window: Window | None = None) -> Iterator[Working]:
        """Its core, proven and open; with a window it acknowledges by the core."""
        working = open_core(home or self.home, self.place, window)
        try:
            yield working
        finally:
            working.close()

    @contextmanager
    def unsteady(self, window: Window | None = None) -> Iterator[tuple[Working, Unsteady]]:
        """Its core at work on a storage that fails on demand."""
        core = Core(self.home)
        identity = core.identity()
        backend = Unsteady(self.place)
        vault = open_vault(backend, identity.root_public)
        prove_start(core, identity, vault)
        working = assemble(core, identity, vault, window)
        try:
            yield working, backend
        finally:
            working.close()

    @contextmanager
    def recovered(self, home: Path | None = None) -> Iterator[Working]:
        """A new core, brought back from vault and kit and whole."""
        self.home = home or self.folder / f"home-after-{self.home.name}"
        recovery = Recovery(self.home, self.place, self.kit, lambda *_, **__: None)
        working = recovery.begin()
        try:
            recovery.run()
            yield working
        finally:
            working.close()

    def copy(self, name: str) -> Service:
        """The same vault somewhere else, with a home that is not there yet."""
        folder = self.folder / name
        shutil.copytree(self.place, folder / "vault")
        return Service(folder, folder / "home", folder / "vault", self.kit)

    def objects(self, beginning: str = "") -> list[str]:
        """The names of the vault's objects that begin so, sorted."""
        files = (path for path in self.place.rglob("*") if path.is_file())
        names = (str(path.relative_to(self.place)) for path in files)
        return sorted(name for name in names if name.startswith(beginning))

    def flip(self, name: str, offset: int | None = None) -> None:
        """Turn one bit of an object over: in its middle, or where the test says."""
        path = self.place / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2 if offset is None else offset] ^= 1
        path.write_bytes(data)


class Unsteady(Directory):
    """A directory whose storage fails for the names that a test chooses.

    `refuse` fails before anything happened, `forget` after the object was made, `blind` on
    reading, `cling` on deleting. `listed` is told of every folder that was listed, before whoever
    listed it goes on.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refuse: Callable[[str], bool] = _never
        self.forget: Callable[[str], bool] = _never
        self.blind: Callable[[str], bool] = _never
        self.cling: Callable[[str], bool] = _never
        self.listed: Callable[[str], object] = _never

    def create(self, name: str, data: bytes) -> None:
        if self.refuse(name):
            raise BackendError(f"no space for {name}")
        super().create(name, data)
        if self.forget(name):
            raise BackendError(f"no answer about {name}")

    def read(self, name: str) -> bytes:
        if self.blind(name):
            raise BackendError(f"no answer about {name}")
        return super().read(name)

    def size(self, name: str) -> int:
        if self.blind(name):
            raise BackendError(f"no answer about {name}")
        return super().size(name)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        if self.blind(name):
            raise BackendError(f"no answer about {name}")
        return super().read_range(name, offset, length)

    def delete(self, name: str, *, durable: bool = False) -> None:
        if self.cling(name):
            raise BackendError(f"{name} can't be removed")
        super().delete(name, durable=durable)

    def names(self, folder: str) -> list[str]:
        names = super().names(folder)
        self.listed(folder)
        return names

    def steady(self) -> None:
        """From now on nothing fails."""
        self.refuse = self.forget = self.blind = self.cling = _never


def _never(name: str) -> bool:
    return False


def is_segment(name: str) -> bool:
    return name.endswith(".seg")


def make_service(folder: Path, *, bucket_bits: int = 0) -> Service:
    """A new service; all of its accounts are in one bucket unless the test says more."""
    home, place = folder / "home", folder / "vault"
    return Service(folder, home, place, found(home, place, bucket_bits=bucket_bits))


def put(working: Working, account: bytes, href: str, body: bytes | str = b"", uid: str = "") -> int:
    """Store one contact and wait until it is acknowledged; returns its position."""
    text = (body.encode() if isinstance(body, str) else body) or href.encode()
    future = working.store.write(account, CONTACTS, lambda s: s.put(CONTACTS, href, text, uid=uid))
    return future.result(60).seq


def put_many(working: Working, account: bytes, bodies: dict[str, bytes]) -> None:
    """Store contacts in one write."""

    def fill(shelf: ShelfWrite) -> None:
        for href, body in bodies.items():
            shelf.put(CONTACTS, href, body)

    working.store.write(account, CONTACTS, fill).result(60)


def delete(working: Working, account: bytes, href: str) -> None:
    """Delete one contact and wait until that is acknowledged."""
    working.store.write(account, CONTACTS, lambda shelf: shelf.delete(CONTACTS, href)).result(60)


def bodies(working: Working, account: bytes) -> dict[str, bytes | None]:
    """What a listing of the contacts would show: name → body, None for a held one."""
    with working.store.read(account, CONTACTS) as shelf:
        return {record.href: body for record, body in shelf.all_bodies(CONTACTS)}


def content(working: Working, account: bytes, kind: str = CONTACTS) -> Content:
    """Everything on a shelf, tombstones and positions included."""
    with working.store.read(account, kind) as shelf:
        rows = [(*record, body) for record, body in shelf.everything()]
        names = {record.collection for record, _ in shelf.everything()}
        positions = {name: shelf.position(name) for name in sorted(names)}
        return Content(shelf.last_seq, shelf.chain, rows, positions)


def contents(working: Working) -> dict[tuple[bytes, str], Content]:
    """Everything on every shelf of every account."""
    accounts = [row.account for row in working.store.accounts.list()]
    return {
        (a, kind): content(working, a, kind) for a in accounts for kind in ("account", CONTACTS)
    }


def image_of(working: Working, account: bytes, kind: str = CONTACTS) -> Image:
    """A shelf as the vault proves it now."""
    source = anchor_of(working).source(account, kind)
    return load_image(source, working.core.data_keys.get(account))


def content_of(image: Image) -> list[tuple[object, ...]]:
    """An image's rows in the form of `Content.rows`."""
    return [(*item, body) for item, body in zip(image.items, image.bodies, strict=True)]
