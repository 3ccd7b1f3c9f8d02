"""What a damaged core has, for a survey: read once from end to end, and kept packed.

read     every row that can be read, by shelf
look     of one shelf: the newest row of each record, and which bodies are there
search   bodies that no row calls by name, for records that are missing everywhere else
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from stillhere.recovery.salvage.file import LOG
from stillhere.recovery.salvage.login import is_login
from stillhere.recovery.salvage.rows import RecordRow
from stillhere.recovery.salvage.scan import Salvage
from stillhere.recovery.salvage.wanted import Wanted
from stillhere.rosters import PRESENT, Item
from stillhere.store.accounts import ACCOUNT, CREDENTIALS, DEVICES
from stillhere.store.records import Record, State

Key = tuple[str, str]
"""A collection and a name in it."""
_HEAD = struct.Struct(">qB32sII")  # position, state, digest, bytes of the collection, of the name
AT_ONCE = 200_000  # missing records that are looked for in one reading of the file


class Rows(NamedTuple):
    """What a core has of one shelf. ``nameless`` are bodies that it has of anybody."""

    newest: dict[Key, Item]
    digests: set[bytes]
    nameless: set[bytes]

    def has(self, digest: bytes) -> bool:
        """Whether the body of this digest is there."""
        return digest in self.digests or digest in self.nameless

    @property
    def empty(self) -> bool:
        """Whether nothing is there that may be of this shelf."""
        return not (self.newest or self.digests or self.nameless)


class Remains:
    """A damaged core that is looked at; nothing is written to it. Close it when done.

    ``name`` is where it is, ``records`` how many it has by name with their bodies."""

    def __init__(self, path: Path, pulse: Callable[[], object] = lambda: None) -> None:
        """Reads it, and tells ``pulse`` with every row that it goes on.

        Raises BadInput where nothing can be read."""
        self.name = str(path)
        self._salvage = Salvage(path)
        self._packed: dict[int, bytearray] = defaultdict(bytearray)
        self._doubted: set[tuple[int, Key, int]] = set()
        whole: dict[tuple[int, int], bool] = {}
        for row in self._salvage.records(lost=True):
            self._packed[row.shelf] += _pack(row.record)
            if row.record.collection in (CREDENTIALS, DEVICES) and not self._counts(row, whole):
                self._doubted.add((row.shelf, row.record[:2], row.record.seq))
            pulse()
        index = self._salvage.index()
        self._numbers: dict[tuple[str, bytes], list[int]] = defaultdict(list)
        self._last = {number: index.last(number) for number in self._packed}
        for number, (account, kind) in index.shelves().items():
            if number in self._packed or index.last(number):  # else it has not begun
                self._numbers[kind, account].append(number)
        known = {number for numbers in self._numbers.values() for number in numbers}
        self.nameless: set[bytes] = set()
        for number in self._packed.keys() - known:
            rows = _unpack(self._packed.pop(number))
            self.nameless.update(item.digest for item in rows if item.state == PRESENT)
        self.records = sum(self._count(shelf) for shelf in self.shelves)

    @property
    def shelves(self) -> list[tuple[str, bytes]]:
        """Those with something on them of which it is known whose they are, by kind and account."""
        return list(self._numbers)

    @property
    def state(self) -> bytes:
        """A digest of where it is, how large, and when it was changed."""
        seen = []
        for path in (self.name, self.name + LOG):
            with suppress(OSError):
                about = os.stat(path)
                seen.append((path, about.st_size, about.st_mtime_ns, about.st_ino))
        return hashlib.sha256(msgspec.msgpack.encode(seen)).digest()

    def look(self, shelf: tuple[str, bytes], *, to_merge: bool = False) -> Rows:
        """What it has of a shelf. A position beyond the shelf's own last is not believed;
        ``to_merge`` takes no row that could let somebody in who may not."""
        newest: dict[Key, Item] = {}
        digests: set[bytes] = set()
        for number in self._numbers.get(shelf, ()):
            for item in _unpack(self._packed.get(number, b"")):
                if item.state == PRESENT:
                    digests.add(item.digest)
                key = (item.collection, item.href)
                if to_merge and shelf[0] == ACCOUNT and (number, key, item.seq) in self._doubted:
                    continue
                if item.seq <= self._last[number] and is_newer(item, newest.get(key)):
                    newest[key] = item
        return Rows(newest, digests, self.nameless)

    def search(self, missing: Iterable[tuple[bytes, Item]]) -> set[bytes]:
        """The digests of those missing records, each with its account, whose bodies are there
        all the same: on pages that say nothing any more, or of which nothing says whose they
        are."""
        left, found = list(missing), set()
        for first in range(0, len(left), AT_ONCE):
            wanted = Wanted((account, _record(item)) for account, item in left[first:][:AT_ONCE])
            found |= {digest for digest, _ in self._salvage.bodies(wanted)}
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._salvage.close()

    def _counts(self, row: RecordRow, whole: dict[tuple[int, int], bool]) -> bool:
        """Whether a merge would let somebody in by a row; ``whole`` remembers the last page."""
        if row.place is None or not is_login(row.record, row.body):
            return False
        page = row.place.page.number, row.place.page.at
        if page not in whole:
            whole.clear()
            whole[page] = self._salvage.lies_whole(row)
        return whole[page]

    def _count(self, shelf: tuple[str, bytes]) -> int:
        """How many records there are by name, with their bodies."""
        return sum(
            bool(key[0]) and i.state == PRESENT for key, i in self.look(shelf).newest.items()
        )


def is_newer(item: Item, other: Item | None) -> bool:
    """Whether a row says more of a record than another one."""
    if other is None or item.seq != other.seq:
        return other is None or item.seq > other.seq
    return item.state == PRESENT != other.state


def _pack(record: Record) -> bytes:
    collection, href = record.collection.encode(), record.href.encode()
    head = _HEAD.pack(record.seq, record.state, record.digest, len(collection), len(href))
    return head + collection + href


def _unpack(packed: bytes | bytearray) -> Iterator[Item]:
    at = 0
    while at < len(packed):
        seq, state, digest, first, second = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        collection = packed[at : at + first].decode()
        href = packed[at + first : at + first + second].decode()
        at += first + second
        yield Item(collection, href, seq, state, "", "", "", 0, digest, 0)


def _record(item: Item) -> Record:
    return Record._make(item)._replace(state=State(item.state))
