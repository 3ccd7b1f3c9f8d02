"""Shelves that another process has made pages of, in a small core of their own beside this one.

The pages are copied by SQLite itself, without a word of Python in between, so that who is
served meanwhile keeps the interpreter.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.store.schema import TABLES

_FOLDER = "mirror/pages"
_NONCE = bytes(12)  # every key is used once
_PRAGMAS = ("page_size = 16384", "journal_mode = OFF", "synchronous = OFF", "cache_size = -65536")
_COPIED = {
    "pages": "records, held, size, changed, runs, digest, sheet",
    "pieces": "number, packed",
    "notes": "seq, op, collection, href, time, device, body",
}


def side_path(home: Path, name: str) -> Path:
    """Where a core beside the one in ``home`` lies."""
    return home / _FOLDER / f"{name}.sqlite"


def sides_of(home: Path) -> set[tuple[str, int]]:
    """The cores that lie beside now: name and inode, since a name is used again."""
    found = set()
    for path in (home / _FOLDER).glob("*"):
        with suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_ino))
    return found


def make_side(path: Path) -> sqlite3.Connection:
    """A new, empty core beside; nothing of it need survive anything."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sql = sqlite3.connect(path, isolation_level=None)
    for pragma in _PRAGMAS:
        sql.execute(f"PRAGMA {pragma}")
    sql.executescript(f"BEGIN; {TABLES} DROP INDEX records_changed; DROP INDEX records_uid; COMMIT")
    return sql


class Seal(NamedTuple):
    """What shows that a core beside is as its maker left it: a key of its own, and a tag."""

    key: bytes
    tag: bytes


def seal_side(path: Path) -> Seal:
    """The seal of a file that is complete: GMAC (NIST SP 800-38D), the quickest there is."""
    key = os.urandom(32)
    return Seal(key, AESGCM(key).encrypt(_NONCE, b"", path.read_bytes()))


def is_sound(path: Path, seal: Seal) -> bool:
    """Whether a file is still what was sealed."""
    try:
        AESGCM(seal.key).decrypt(_NONCE, seal.tag, path.read_bytes())
    except (InvalidTag, OSError):
        return False
    return True


def find_in_side(sql: sqlite3.Connection, account: bytes, kind: str) -> int | None:
    """The id that a shelf has in the core attached as ``side``, if it is there."""
    row = sql.execute(
        "SELECT id FROM side.shelves WHERE account = ? AND kind = ?", (account, kind)
    ).fetchone()
    return None if row is None else row[0]


def take_in(sql: sqlite3.Connection, first: int, last: int) -> list[int]:
    """Copy the shelves of these ids from the core attached as ``side``, with their accounts.

    Those that this core has already, or whose account is erased, stay away. Returns the ids
    of the others."""
    (base,) = sql.execute("SELECT coalesce(max(id), 0) FROM main.shelves").fetchone()
    within = (base, first, last)
    taken = sql.execute(
        "INSERT INTO main.shelves"
        " SELECT ?1 + id, account, kind, closed, last_seq, chain, ends, verdict, settled, held"
        " FROM side.shelves s WHERE id BETWEEN ?2 AND ?3"
        " AND NOT EXISTS (SELECT 1 FROM main.erased e WHERE e.account = s.account)"
        " AND NOT EXISTS (SELECT 1 FROM main.shelves m"
        " WHERE m.account = s.account AND m.kind = s.kind) RETURNING id - ?1",
        within,
    ).fetchall()
    new = "SELECT id FROM main.shelves WHERE id > ?1"
    chosen = "shelf BETWEEN ?2 AND ?3"
    if len(taken) < last - first + 1:
        chosen += f" AND ?1 + shelf IN ({new})"
    for table, columns in _COPIED.items():
        sql.execute(
            f"INSERT INTO main.{table} SELECT ?1 + shelf, {columns}"  # noqa: S608 (constants only)
            f" FROM side.{table} WHERE {chosen}",
            within,
        )
    sql.execute(
        "INSERT OR REPLACE INTO main.accounts (account, name, folded, data_key)"
        " SELECT account, name, folded, data_key FROM side.accounts WHERE account IN"
        " (SELECT account FROM main.shelves WHERE id > ?1)",
        (base,),
    )
    return [number for (number,) in taken]
