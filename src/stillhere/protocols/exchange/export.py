"""Export: a folder per address book, one .vcf per card byte for byte; or all of it as a zip.

Names are safe on every file system and unique where case does not count. A zip appears whole or
not at all.
"""

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stillhere.errors import BadInput
from stillhere.store import Record, Store

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]|^\.+|[. ]+$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 120

Put = Callable[[str, str, bytes, int], None]
"""(folder, file name, body, time of its last change in ms) → written."""


@dataclass
class Exported:
    """What an export wrote, and which records it could not because their bodies are missing."""

    books: int = 0
    cards: int = 0
    held: list[str] = field(default_factory=list)


def export(store: Store, account: bytes, path: Path, *, force: bool = False) -> Exported:
    """Writes every address book of `account` to `path`; a name ending in .zip gives a zip.

    Raises BadInput when `path` holds something already and `force` is not given, and Closed while
    the shelf is closed.
    """
    result = Exported()
    target = _zip if path.suffix.lower() == ".zip" else _folder
    with store.read(account, "contacts") as shelf, target(path, force) as put:
        folders: set[str] = set()
        for collection in shelf.collections():
            folder = unique(collection.name, folders)
            result.books += 1
            _write_book(shelf.all_bodies(collection.name), folder, put, result)
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


def _write_book(
    records: list[tuple[Record, bytes | None]], folder: str, put: Put, result: Exported
) -> None:
    names: set[str] = set()
    for record, body in records:
        if body is None:
            result.held.append(f"{folder}/{record.href}")
            continue
        name = unique(record.href.removesuffix(".vcf"), names, ".vcf")
        put(folder, name, body, record.modified)
        result.cards += 1


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
                entry = zipfile.ZipInfo(f"{folder}/{name}", when.timetuple()[:6])
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
