"""Shelves that a recovery brings: each a value of its own, put into the core many at once.

Other processes make them, and lay them in files beside the core, batch by batch. A batch has a
seal, which is kept in memory: what is taken in is what was proven when it was made.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BufferedWriter
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.errors import BadInput, Damaged
from stillhere.store.accounts import add_accounts
from stillhere.store.core import lock_home
from stillhere.store.pages import NewPage, add_pages

MIRROR_FOLDER = "mirror"
_FOLDER = f"{MIRROR_FOLDER}/pages"
SCRATCH_FOLDER = "scratch"  # the core that a drill brings back
FILE_BYTES = 64 << 20  # a file has what is laid until it has as much
_NONCE = bytes(12)  # every key is used once


class Recovered(msgspec.Struct, frozen=True, array_like=True):
    """A shelf out of the vault.

    ``closed`` says why it is not open ("" where it is), ``verdict`` is how the recovery puts it
    (None of a blank one), ``notes`` are rows of the table of that name without the shelf's id. An
    account's own shelf brings its ``name`` and its data key, wrapped for this core."""

    account: bytes
    kind: str
    closed: str
    last_seq: int
    chain: bytes
    ends: bytes
    verdict: bytes | None
    records: int
    held: int
    page: NewPage
    notes: list[tuple[int, int, str, str, int, str, bytes]]
    name: str
    wrapped_key: bytes | None


class Batch(NamedTuple):
    """Shelves in a file, in the order of their accounts: where they lie, what shows that they
    are as they were laid there, and the first account."""

    path: Path
    offset: int
    length: int
    key: bytes
    tag: bytes
    first: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Recovered]).decode


def add_recovered(sql: sqlite3.Connection, shelves: Iterable[Recovered]) -> list[Recovered]:
    """Put shelves into the core, in the transaction at hand; returns those that are new.

    One that is there already stays, and one of an erased account stays away."""
    new = _only_new(sql, list(shelves))
    (last,) = sql.execute("SELECT coalesce(max(id), 0) FROM shelves").fetchone()
    numbered = list(enumerate(new, last + 1))
    sql.executemany(
        "INSERT INTO shelves (id, account, kind, closed, last_seq, chain, ends, verdict, settled,"
        " held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        [
            (n, s.account, s.kind, s.closed, s.last_seq, s.chain, s.ends, s.verdict, s.held)
            for n, s in numbered
        ],
    )
    add_accounts(
        sql, [(s.account, s.name, s.wrapped_key) for s in new if s.wrapped_key is not None]
    )
    add_pages(sql, [(number, shelf.page) for number, shelf in numbered])
    sql.executemany(
        "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(number, *note) for number, shelf in numbered for note in shelf.notes],
    )
    return new


def _only_new(sql: sqlite3.Connection, shelves: Sequence[Recovered]) -> list[Recovered]:
    if not shelves:
        return []
    accounts = [shelf.account for shelf in shelves]
    among = (min(accounts), max(accounts))
    there = set(
        sql.execute("SELECT account, kind FROM shelves WHERE account BETWEEN ? AND ?", among)
    )
    rows = sql.execute("SELECT account FROM erased WHERE account BETWEEN ? AND ?", among)
    erased = {row[0] for row in rows}
    new = []
    for shelf in shelves:
        key = (shelf.account, shelf.kind)
        if key not in there and shelf.account not in erased:
            there.add(key)
            new.append(shelf)
    return new


class Beside:
    """Files beside the core in ``home``, which one process fills batch by batch, one file after
    the other; nobody reads them yet."""

    def __init__(self, home: Path, name: str) -> None:
        self._path = home / _FOLDER / name
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._numbers = count(1)
        self._file: BufferedWriter | None = None

    def begin(self) -> None:
        """Have a file for what is laid down until this is called again: it is there from now on,
        so an erasure that begins from now on waits for it."""
        if self._file is not None and self._file.tell() < FILE_BYTES:
            return
        self.close()
        path = self._path.with_name(f"{self._path.name}-{next(self._numbers)}")
        self._file = path.open("wb")

    def lay(self, shelves: Sequence[Recovered]) -> Batch:
        """Lay down a batch, which is not empty. Raises OSError where there is no room for it."""
        assert self._file is not None
        data, key = _encode(shelves), os.urandom(32)
        offset = self._file.tell()
        self._file.write(data)
        self._file.flush()
        # GMAC (NIST SP 800-38D): no other seal is as quick
        tag = AESGCM(key).encrypt(_NONCE, b"", data)
        return Batch(Path(self._file.name), offset, len(data), key, tag, shelves[0].account)

    def close(self) -> None:
        """Nothing more is coming."""
        if self._file is not None:
            self._file.close()


def read_batch(batch: Batch) -> list[Recovered]:
    """The shelves of a batch. Raises Damaged where they are not what was laid down."""
    try:
        with batch.path.open("rb", buffering=0) as file:
            file.seek(batch.offset)
            data = file.read(batch.length)
        AESGCM(batch.key).decrypt(_NONCE, batch.tag, data)
    except (InvalidTag, OSError):
        raise Damaged(f"{batch.path} is not as it was written") from None
    return _decode(data)


def files_beside(home: Path) -> set[tuple[str, int]]:
    """What lies beside the core in ``home`` now, of a recovery or of a drill: name and inode,
    since a name is used again."""
    found = set()
    for path in (*(home / _FOLDER).glob("*"), *(home / SCRATCH_FOLDER).glob("**/*")):
        try:
            found.add((path.name, path.stat().st_ino))
        except FileNotFoundError:
            continue
    return found


def clear_mirror(home: Path) -> None:
    """Take away what a recovery had near, pages beside the core included, and needs no more."""
    shutil.rmtree(home / MIRROR_FOLDER, ignore_errors=True)


def clear_scratch(home: Path) -> None:
    """Take away what a drill that was killed has left; one that runs keeps its own."""
    if (home / SCRATCH_FOLDER).exists():
        with suppress(BadInput), lock_home(home, "drill"):
            shutil.rmtree(home / SCRATCH_FOLDER, ignore_errors=True)
