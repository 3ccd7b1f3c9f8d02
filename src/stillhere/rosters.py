"""Rosters: everything about a shelf's records and tombstones except their bodies, as columns.

A roster is sorted by collection and name. As bytes it is a sheet: its names, with what repeats
written once, compressed, and its digests beside them, which nothing makes smaller.
The vault seals sheets; a core keeps a recovered shelf's until the shelf is first written to.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, repeat, starmap
from typing import NamedTuple

import msgspec

from stillhere.bodies import compress, decompress
from stillhere.errors import Damaged

PRESENT, DELETED, HELD = 0, 1, 2
_STATES = bytes((PRESENT, DELETED, HELD))


class Item(NamedTuple):
    """A record or tombstone of a roster; ``starts``, ``ends`` and ``exact`` are its time range."""

    collection: str
    href: str
    seq: int
    state: int
    uid: str
    component: str
    media_type: str
    size: int
    digest: bytes
    modified: int
    starts: int = 0
    ends: int = 0
    exact: int = 1


class Figures(NamedTuple):
    """What a shelf's records come to, its collections' own left out: how many have a body, how
    many are held, the size of both, and when (milliseconds) one was last changed or deleted."""

    present: int
    held: int
    size: int
    changed: int


class Roster(msgspec.Struct, array_like=True):
    """A roster as columns of equal length; ``digests`` has 32 bytes for each row. Those of time
    ranges are empty where no row has one."""

    collections: list[str]
    hrefs: list[str]
    seqs: list[int]
    states: bytes
    uids: list[str]
    components: list[str]
    media_types: list[str]
    sizes: list[int]
    digests: bytes
    modified: list[int]
    starts: list[int] = []
    ends: list[int] = []
    exact: bytes = b""

    def __len__(self) -> int:
        return len(self.hrefs)

    def digest_list(self) -> list[bytes]:
        """The digest of each row."""
        return split_digests(self.digests)

    def time_ranges(self) -> tuple[Iterable[int], Iterable[int], Iterable[int]]:
        """The columns of time ranges, with a value for each row wherever they are empty."""
        if self.starts:
            return self.starts, self.ends, self.exact
        count = len(self)
        return repeat(0, count), repeat(0, count), repeat(1, count)

    def time_range(self, number: int) -> tuple[int, int, int]:
        """That of one row: ``starts``, ``ends`` and ``exact``."""
        if not self.starts:
            return 0, 0, 1
        return self.starts[number], self.ends[number], self.exact[number]

    def items(self) -> Iterator[Item]:
        """The rows, one by one."""
        return map(
            Item._make,
            zip(
                self.collections,
                self.hrefs,
                self.seqs,
                self.states,
                self.uids,
                self.components,
                self.media_types,
                self.sizes,
                self.digest_list(),
                self.modified,
                *self.time_ranges(),
                strict=True,
            ),
        )

    def figures(self) -> Figures:
        """What the records come to."""
        first = bisect_right(self.collections, "")  # sorted: the collections' own come first
        return _measure(first, self.states, self.sizes, self.modified)

    def find(self, collection: str, href: str) -> int | None:
        """The number of a row by its name."""
        for number, name in enumerate(zip(self.collections, self.hrefs, strict=True)):
            if name == (collection, href):
                return number
        return None

    def cut(self, start: int, stop: int) -> Roster:
        """The rows from ``start`` to before ``stop``."""
        rows = slice(start, stop)
        return Roster(
            self.collections[rows],
            self.hrefs[rows],
            self.seqs[rows],
            self.states[rows],
            self.uids[rows],
            self.components[rows],
            self.media_types[rows],
            self.sizes[rows],
            self.digests[32 * start : 32 * stop],
            self.modified[rows],
            *_time_columns(self.starts[rows], self.ends[rows], self.exact[rows]),
        )


_Runs = list[tuple[str, int]]


class Names(msgspec.Struct, array_like=True):
    """A roster's columns but the digests, as they are written: what repeats as (value, times),
    and "" for a name that is its UID with ``suffix`` behind (nil: every name is written)."""

    collections: _Runs
    suffix: str | None
    hrefs: list[str]
    seqs: list[int]
    states: bytes
    uids: list[str]
    components: _Runs
    media_types: _Runs
    sizes: list[int]
    modified: list[int]
    starts: list[int] = []
    ends: list[int] = []
    exact: bytes = b""

    def __len__(self) -> int:
        return len(self.hrefs)

    def figures(self) -> Figures:
        """What the records come to."""
        first = 0
        for collection, times in self.collections:
            if collection:
                break
            first += times
        return _measure(first, self.states, self.sizes, self.modified)

    def find(self, collection: str, href: str) -> int | None:
        """The number of a row by its name."""
        first = 0
        for name, times in self.collections:
            if name == collection:
                for number in range(first, first + times):
                    if self._href(number) == href:
                        return number
            first += times
        return None

    def _href(self, number: int) -> str:
        href = self.hrefs[number]
        return href if href or self.suffix is None else self.uids[number] + self.suffix


class _Sheet(msgspec.Struct, frozen=True, array_like=True):
    """A roster as it is sealed: names compressed, and digests, which nothing makes smaller."""

    names: bytes
    digests: bytes


_decode_sheet = msgspec.msgpack.Decoder(_Sheet).decode
_decode_names = msgspec.msgpack.Decoder(Names).decode
_encode = msgspec.msgpack.Encoder().encode


def empty_roster() -> Roster:
    """A roster without rows."""
    return Roster([], [], [], b"", [], [], [], [], b"", [])


def split_digests(digests: bytes) -> list[bytes]:
    """The digests of a column, one by one."""
    return [digests[at : at + 32] for at in range(0, len(digests), 32)]


def roster_of(items: Sequence[Item]) -> Roster:
    """The columns of these rows."""
    if not items:
        return empty_roster()
    columns = list(zip(*items, strict=True))
    return Roster(
        list(columns[0]),
        list(columns[1]),
        list(columns[2]),
        bytes(columns[3]),
        list(columns[4]),
        list(columns[5]),
        list(columns[6]),
        list(columns[7]),
        b"".join(columns[8]),
        list(columns[9]),
        *_time_columns(*columns[10:]),
    )


def _time_columns(
    starts: Sequence[int], ends: Sequence[int], exact: Sequence[int]
) -> tuple[list[int], list[int], bytes]:
    """Columns of time ranges, empty where no row has one."""
    if any(starts) or any(ends) or not all(exact):
        return list(starts), list(ends), bytes(exact)
    return [], [], b""


def build_roster(roster: Roster) -> tuple[bytes, bytes]:
    """A roster's bytes before sealing, and its digest: SHA-256 of names and digests."""
    names = _names_of(roster)
    sheet = _encode(_Sheet(compress(names), roster.digests))
    return sheet, hashlib.sha256(names + roster.digests).digest()


def read_roster(plain: bytes, digest: bytes) -> Roster:
    """A roster, if it is the one of this digest. Raises Damaged."""
    return _spread_names(*open_roster(plain, digest))


def open_roster(plain: bytes, digest: bytes) -> tuple[Names, bytes]:
    """A roster as it is written, names and digests, if it is the one of this digest.

    Raises Damaged."""
    try:
        sheet = _decode_sheet(plain)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Damaged(f"a roster does not decode: {error}") from None
    names = decompress(sheet.names)
    if hashlib.sha256(names + sheet.digests).digest() != digest:
        raise Damaged("a roster does not match the digest in its shelf's head")
    return _read_names(names, sheet.digests), sheet.digests


def pack_names(roster: Roster) -> bytes:
    """The columns but the digests, compressed."""
    return compress(_names_of(roster))


def open_names(packed: bytes, digests: bytes) -> Roster:
    """The rows whose columns were packed. Raises Damaged."""
    return _spread_names(_read_names(decompress(packed), digests), digests)


def _names_of(roster: Roster) -> bytes:
    suffix = _common_suffix(roster)
    hrefs = roster.hrefs
    if suffix is not None:
        pairs = zip(hrefs, roster.uids, strict=True)
        hrefs = ["" if href == uid + suffix else href for href, uid in pairs]
    names: tuple[object, ...] = (
        _runs(roster.collections),
        suffix,
        hrefs,
        roster.seqs,
        roster.states,
        roster.uids,
        _runs(roster.components),
        _runs(roster.media_types),
        roster.sizes,
        roster.modified,
    )
    if roster.starts:
        names += (roster.starts, roster.ends, roster.exact)
    return _encode(names)


def _common_suffix(roster: Roster) -> str | None:
    """What follows the UID in the first name that begins with it."""
    if "" in roster.hrefs:
        return None
    pairs = zip(roster.hrefs, roster.uids, strict=True)
    return next((h.removeprefix(uid) for h, uid in pairs if uid and h.startswith(uid)), None)


def _read_names(plain: bytes, digests: bytes) -> Names:
    """Raises Damaged where it does not decode, or the columns differ in length."""
    try:
        names = _decode_names(plain)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Damaged(f"a roster's names do not decode: {error}") from None
    count = len(names.hrefs)
    if not (
        count
        == len(names.seqs)
        == len(names.states)
        == len(names.uids)
        == len(names.sizes)
        == len(names.modified)
        == _count(names.collections)
        == _count(names.components)
        == _count(names.media_types)
        and len(digests) == 32 * count
    ):
        raise Damaged("a roster's columns differ in length")
    if {len(names.starts), len(names.ends), len(names.exact)} not in ({0}, {count}):
        raise Damaged("a roster's columns of time ranges differ in length")
    if names.states.translate(None, _STATES):
        raise Damaged("a roster has records in a state that there is not")
    if names.exact.translate(None, b"\0\1"):
        raise Damaged("a roster has time ranges that are neither exact nor not")
    return names


def _spread_names(names: Names, digests: bytes) -> Roster:
    """The rows, with every value where it belongs."""
    suffix = names.suffix
    hrefs = names.hrefs
    if suffix is not None:
        hrefs = [href or uid + suffix for href, uid in zip(hrefs, names.uids, strict=True)]
    return Roster(
        _spread(names.collections),
        hrefs,
        names.seqs,
        names.states,
        names.uids,
        _spread(names.components),
        _spread(names.media_types),
        names.sizes,
        digests,
        names.modified,
        names.starts,
        names.ends,
        names.exact,
    )


def _measure(first: int, states: bytes, sizes: Sequence[int], modified: Sequence[int]) -> Figures:
    """The figures of the rows from number ``first`` on."""
    states, sizes = states[first:], sizes[first:]
    if any(states):
        sizes = [n for n, state in zip(sizes, states, strict=True) if state != DELETED]
    changed = max(modified[first:], default=0)
    return Figures(states.count(PRESENT), states.count(HELD), sum(sizes), changed)


def _count(runs: _Runs) -> int:
    """How many rows these runs have; -1 where one of them has none."""
    rows = 0
    for _, times in runs:
        if times < 1:
            return -1
        rows += times
    return rows


def _runs(column: list[str]) -> _Runs:
    return [(value, sum(1 for _ in run)) for value, run in groupby(column)]


def _spread(runs: _Runs) -> list[str]:
    return list(chain.from_iterable(starmap(repeat, runs)))
