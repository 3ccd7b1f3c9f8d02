"""A disk that remembers what was synced, and everything that a power cut may leave of the rest.

What is promised after a cut, and no more (POSIX, and what file systems have been seen to do):

- bytes and size of a file as they were when its last sync began;
- names in a folder as they were when the folder's last sync began.

Everything since then may be there or not, each change for itself: a name without its file's
bytes, bytes without their name, the second write without the first, half of a write, in sectors;
a removal that came back beside one that did not. Only a rename on the same folder never shows
neither the old nor the new. A process that ends, however it ends, changes nothing here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.outage.record import Op, Unmodelled

SECTORS = (512, 4096)


@dataclass
class File:
    """A file: its bytes as of the last sync, and what was written since: (operation, offset,
    bytes), or (operation, size, None) where it was cut or grown."""

    synced: bytes = b""
    since: list[tuple[int, int, bytes | None]] = field(default_factory=list)

    def now(self) -> bytes:
        """As the processes see it."""
        return _written(self.synced, [(offset, data) for _, offset, data in self.since])

    def sync(self, until: int) -> None:
        """Everything up to this operation is kept from now on."""
        kept = [change for change in self.since if change[0] <= until]
        self.synced = _written(self.synced, [(offset, data) for _, offset, data in kept])
        self.since = [change for change in self.since if change[0] > until]


@dataclass
class Folder:
    """A folder: its entries as of the last sync, and (operation, name, entry or None) since."""

    synced: dict[str, Node] = field(default_factory=dict)
    since: list[tuple[int, str, Node | None]] = field(default_factory=list)

    def now(self) -> dict[str, Node]:
        """As the processes see it."""
        return _named(self.synced, [(name, node) for _, name, node in self.since])

    def sync(self, until: int) -> None:
        """Everything up to this operation is kept from now on."""
        kept = [change for change in self.since if change[0] <= until]
        self.synced = _named(self.synced, [(name, node) for _, name, node in kept])
        self.since = [change for change in self.since if change[0] > until]


Node = File | Folder
Tree = dict[str, bytes | None]
"""What lies on a disk: path → bytes, None for a folder."""


@dataclass(frozen=True)
class Cut:
    """One way for the power to go: which changes of a file's bytes, and how many of a name's,
    are on the disk."""

    name: str
    bytes_of: Callable[[File, random.Random], bytes]
    names_of: Callable[[Folder, random.Random], Mapping[str, Node]]


class Disk:
    """Files and folders below one folder, from the operations on them."""

    def __init__(self) -> None:
        self.root = Folder()
        self.done = 0
        self._before = 0
        self._unnamed: dict[str, File] = {}

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """A disk on which everything in a real folder is synced."""
        disk = cls()
        disk.root = _synced(folder)
        return disk

    def begin(self) -> None:
        """Another recording goes on from here."""
        self._before = self.done

    def apply(self, op: Op) -> None:
        """Do what the program did next."""
        self.done += 1
        if op.what == "sync":
            found = self._find(op)
            if found is not None:
                found.sync(self._before + op.since)
        elif op.what in ("write", "size"):
            self._write(op)
        elif op.what in ("make", "mkdir"):
            self._make(op)
        elif op.what in ("link", "rename"):
            self._rename(op)
        elif op.what == "remove":
            self._remove(op.path)

    def left_by(self, cut: Cut, seed: str, part: str = "") -> Tree:
        """What lies below a folder when the power has gone in this way."""
        rng = random.Random(seed)
        found: Node | None = self.root
        for name in filter(None, part.split("/")):
            found = cut.names_of(found, rng).get(name) if isinstance(found, Folder) else None
        tree: Tree = {}
        if isinstance(found, Folder):
            _collect(tree, "", found, cut, rng)
        return tree

    def _find(self, op: Op) -> Node | None:
        if op.unnamed:
            return self._unnamed.get(op.path)
        found: Node = self.root
        for name in filter(None, op.path.split("/")):
            inside = found.now() if isinstance(found, Folder) else {}
            if name not in inside:
                return None
            found = inside[name]
        return found

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        found = self._find(Op("", above))
        if not isinstance(found, Folder):
            raise Unmodelled(f"{above} is no folder")
        return found, name

    def _write(self, op: Op) -> None:
        found = self._find(op)
        if not isinstance(found, File):
            raise Unmodelled(f"{op.what} to {op.path}, which is not there")
        change = (op.offset, op.data) if op.what == "write" else (op.size, None)
        found.since.append((self.done, *change))

    def _make(self, op: Op) -> None:
        if op.unnamed:
            self._unnamed[op.path] = File()
            return
        parent, name = self._parent(op.path)
        if name not in parent.now():
            node = Folder() if op.what == "mkdir" else File()
            parent.since.append((self.done, name, node))

    def _rename(self, op: Op) -> None:
        node = self._find(Op("", op.path, op.unnamed))
        if node is None:
            raise Unmodelled(f"{op.path} is not there")
        parent, name = self._parent(op.other)
        parent.since.append((self.done, name, node))
        if op.what == "rename":
            self._remove(op.path)

    def _remove(self, path: str) -> None:
        parent, name = self._parent(path)
        node = parent.now().get(name)
        if isinstance(node, File):
            self._unnamed[path] = node  # a process may have it open still
        parent.since.append((self.done, name, None))


def _collect(tree: Tree, path: str, folder: Folder, cut: Cut, rng: random.Random) -> None:
    for name, node in sorted(cut.names_of(folder, rng).items()):
        below = f"{path}/{name}" if path else name
        if isinstance(node, Folder):
            tree[below] = None
            _collect(tree, below, node, cut, rng)
        else:
            tree[below] = cut.bytes_of(node, rng)


def lay_out(tree: Tree, folder: Path) -> None:
    """Make real what a disk holds."""
    folder.mkdir(parents=True)
    for path, data in tree.items():
        if data is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(data)


def _synced(folder: Path) -> Folder:
    made = Folder()
    for path in folder.iterdir():
        made.synced[path.name] = _synced(path) if path.is_dir() else File(path.read_bytes())
    return made


def _written(data: bytes, changes: list[tuple[int, bytes | None]]) -> bytes:
    out = bytearray(data)
    for at, new in changes:
        if new is None:
            del out[at:]
            out.extend(bytes(at - len(out)))
        elif new:
            out.extend(bytes(max(0, at - len(out))))
            out[at : at + len(new)] = new
    return bytes(out)


def _named(entries: Mapping[str, Node], changes: list[tuple[str, Node | None]]) -> dict[str, Node]:
    out = dict(entries)
    for name, node in changes:
        if node is None:
            out.pop(name, None)
        else:
            out[name] = node
    return out


def _torn_bytes(file: File, rng: random.Random) -> bytes:
    """Every write since the sync for itself: kept, lost, or some of its sectors kept."""
    changes: list[tuple[int, bytes | None]] = []
    for _, at, data in file.since:
        fate = rng.choice(("kept", "kept", "lost", "torn"))
        if fate == "lost":
            continue
        if fate == "kept" or data is None:
            changes.append((at, data))
            continue
        sector = rng.choice(SECTORS)
        ends = range(at - at % sector + sector, at + len(data) + sector, sector)
        begin = at
        for end in ends:
            if rng.random() < 0.5:
                changes.append((begin, data[begin - at : end - at]))
            begin = end
    return _written(file.synced, changes)


def _grown_bytes(file: File, rng: random.Random) -> bytes:
    """The size is on the disk and the bytes are not: zeros, as a file system gives them out."""
    size = len(file.now())
    return file.synced[:size] + bytes(max(0, size - len(file.synced)))


def _torn_names(folder: Folder, rng: random.Random) -> Mapping[str, Node]:
    """Every name for itself: as it was at the sync, or after any of its changes."""
    changes: list[tuple[str, Node | None]] = []
    for name in dict.fromkeys(name for _, name, _ in folder.since):
        own = [(name, node) for _, changed, node in folder.since if changed == name]
        changes += own[: rng.randint(0, len(own))]
    return _named(folder.synced, changes)


SYNCED = Cut("synced", lambda file, _: file.synced, lambda folder, _: folder.synced)
KEPT = Cut("kept", lambda file, _: file.now(), lambda folder, _: folder.now())
NAMES = Cut("names", lambda file, _: file.synced, lambda folder, _: folder.now())
BYTES = Cut("bytes", lambda file, _: file.now(), lambda folder, _: folder.synced)
GROWN = Cut("grown", _grown_bytes, lambda folder, _: folder.now())
TORN = Cut("torn", _torn_bytes, _torn_names)
CUTS = (SYNCED, KEPT, NAMES, BYTES, GROWN, TORN)
