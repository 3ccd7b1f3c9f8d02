"""Export: a folder per collection with a file per item, byte for byte, or one file per collection
that other programs take; in a folder, or as a zip.

Names are safe on every file system and unique where case does not count. A zip appears whole or
not at all.
"""

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stillhere.errors import BadInput
from stillhere.kinds import KINDS
from stillhere.kinds.item import Kind
from stillhere.store import Record, Store

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]|^\.+|[. ]+$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 120

Put = Callable[[str, str, bytes, int], None]
"""(folder, "" for none; file name; body; time of its last change in ms) → written."""
Records = Iterator[tuple[Record, bytes | None]]


@dataclass
class Exported:
    """What an export wrote, items by kind, and which records it could not because their bodies
    are missing."""

    collections: int = 0
    items: dict[str, int] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)


def export(
    store: Store,
    account: bytes,
    path: Path,
    *,
    kinds: Sequence[str] = tuple(KINDS),
    joined: bool = False,
    force: bool = False,
) -> Exported:
    """Writes every collection of these kinds to `path`; a name ending in .zip gives a zip. With
    `joined`, each collection is one file.

    Raises BadInput when `path` holds something already and `force` is not given, and Closed while
    one of the shelves is closed.
    """
    result = Exported()
    target = _zip if path.suffix.lower() == ".zip" else _folder
    names: set[str] = set()
    with target(path, force) as put:
        for kind in kinds:
            result.items[kind] = 0
            with store.read(account, kind) as shelf:
                for collection in shelf.collections():
                    result.collections += 1
                    records = shelf.each_body(collection.name)
                    write = _write_joined if joined else _write_each
                    write(KINDS[kind], records, unique(collection.name, names), put, result)
    return result


def unique(name: str, taken: set[str], suffix: str = "") -> str:
    """A safe file name for `name`, not yet in `taken` (which it joins), letter case aside."""
    stem = _UNSAFE.sub("_", name) or "_"
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    if len(stem.encode()) > _LONGEST:
        stem = hashlib.sha256(name.encode()).hexdigest()[:32]
    found, number = f"{stem}{suffix}", 2
    while found.casefold() in taken:
        found, number = f"{stem}-{number}{suffix}", number + 1
    taken.add(found.casefold())
    return found


def _write_each(kind: Kind, records: Records, folder: str, put: Put, result: Exported) -> None:
    names: set[str] = set()
    suffix = kind.extensions[0]
    for record, body in records:
        if body is None:
            result.held.append(f"{folder}/{record.href}")
            continue
        name = unique(record.href.removesuffix(suffix), names, suffix)
        put(folder, name, body, record.modified)
        result.items[kind.name] += 1


def _write_joined(kind: Kind, records: Records, name: str, put: Put, result: Exported) -> None:
    bodies: list[bytes] = []
    modified = 0
    for record, body in records:
        if body is None:
            result.held.append(f"{name}/{record.href}")
            continue
        bodies.append(body)
        modified = max(modified, record.modified)
    put("", f"{name}{kind.extensions[0]}", b"".join(kind.join(bodies)), modified)
    result.items[kind.name] += len(bodies)


@contextmanager
def _folder(path: Path, force: bool) -> Iterator[Put]:
    if path.exists() and not path.is_dir():
        raise _occupied(path, "is a file")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise _occupied(path, "is not empty")
    made: set[str] = set()

    def put(folder: str, name: str, body: bytes, modified: int) -> None:
        if folder not in made:
            (path / folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        file = path / folder / name
        file.write_bytes(body)
        os.utime(file, ns=(modified * 1_000_000, modified * 1_000_000))

    path.mkdir(parents=True, exist_ok=True)
    yield put


@contextmanager
def _zip(path: Path, force: bool) -> Iterator[Put]:
    if path.exists() and not force:
        raise _occupied(path, "exists")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED) as archive:

            def put(folder: str, name: str, body: bytes, modified: int) -> None:
                # Zip knows no time zones and no time before 1980.
                when = datetime.fromtimestamp(max(modified, 315_619_200_000) / 1000, UTC)
                entry = zipfile.ZipInfo(
                    f"{folder}/{name}" if folder else name, when.timetuple()[:6]
                )
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, body)

            yield put
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _occupied(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path} {why}",
        safe="nothing was written",
        hint="name another place, or add --force to write into this one",
    )
