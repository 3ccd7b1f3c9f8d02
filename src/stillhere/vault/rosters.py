"""Rosters and bodies: the two halves of a shelf's level, sealed apart.

A roster is columns: everything about the records except their bodies, sorted by collection
and name. A chunk of bodies holds those of a run of its rows, and the rows' names once more:
either half that is lost leaves the names of everything that must exist, and of a lost roster
every byte can be made anew and proven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, repeat, starmap
from typing import Annotated, NamedTuple

import msgspec

from stillhere.bodies import compress, decompress, open_piece, pack_bodies
from stillhere.errors import Damaged
from stillhere.vault.codec import decode

PRESENT, DELETED, HELD = 0, 1, 2
CHUNK_BYTES = 256 << 10


class Item(NamedTuple):
    """A record or tombstone of a roster."""

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


class Roster(msgspec.Struct, array_like=True):
    """A roster as columns of equal length; ``digests`` has 32 bytes for each row."""

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

    def __len__(self) -> int:
        return len(self.hrefs)

    def digest_list(self) -> list[bytes]:
        """The digest of each row."""
        digests = self.digests
        return [digests[at : at + 32] for at in range(0, len(digests), 32)]

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
                strict=True,
            ),
        )

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
        )


_Runs = list[tuple[str, int]]


class _Names(msgspec.Struct, array_like=True):
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


class _Sheet(msgspec.Struct, frozen=True, array_like=True):
    """A roster as it is sealed: names compressed, and digests, which nothing makes smaller."""

    names: bytes
    digests: bytes


class BodyChunk(msgspec.Struct, frozen=True, array_like=True):
    """The bodies of ``count`` rows of a level from number ``first`` on.

    ``names`` are the rows' columns, compressed, ``digests`` those of the rows that have no body
    here, ``piece`` the bodies of the present rows in their order."""

    first: Annotated[int, msgspec.Meta(ge=0)]
    count: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
    names: bytes
    digests: bytes
    piece: bytes


_sheets = msgspec.msgpack.Decoder(_Sheet)
_names = msgspec.msgpack.Decoder(_Names)
_chunks = msgspec.msgpack.Decoder(BodyChunk)
_encode = msgspec.msgpack.Encoder().encode


def empty_roster() -> Roster:
    """A roster without rows."""
    return Roster([], [], [], b"", [], [], [], [], b"", [])


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
    )


def build_roster(roster: Roster) -> tuple[bytes, bytes]:
    """A roster's bytes before sealing, and its digest: SHA-256 of names and digests."""
    names = _encode(_write_names(roster))
    sheet = _encode(_Sheet(compress(names), roster.digests))
    return sheet, hashlib.sha256(names + roster.digests).digest()


def read_roster(plain: bytes, digest: bytes) -> Roster:
    """A roster, if it is the one of this digest. Raises Damaged."""
    sheet = decode(_sheets, plain, "a roster")
    names = decompress(sheet.names)
    if hashlib.sha256(names + sheet.digests).digest() != digest:
        raise Damaged("a roster does not match the digest in its shelf's head")
    return _read_names(names, sheet.digests)


def build_bodies(roster: Roster, bodies: Sequence[bytes | None]) -> Iterator[bytes]:
    """Chunks of about 256 KB of bodies each, before sealing; together they have every row."""
    start, size = 0, 0
    for number, body in enumerate(bodies):
        length = len(body or b"")
        if size and size + length > CHUNK_BYTES:
            yield _build_chunk(roster, bodies, start, number)
            start, size = number, 0
        size += length
    if start < len(bodies):
        yield _build_chunk(roster, bodies, start, len(bodies))


def read_bodies(plain: bytes) -> BodyChunk:
    """A chunk of bodies, its piece still packed. Raises Damaged."""
    return decode(_chunks, plain, "a chunk of bodies")


def rebuild_roster(chunks: Sequence[BodyChunk], digest: bytes) -> Roster:
    """The roster that a level's chunks of bodies repeat, if they prove it. Raises Damaged."""
    whole = empty_roster()
    for chunk in chunks:
        if chunk.first != len(whole):
            raise Damaged("a chunk of bodies between two others is lost")
        part = _rows_of(chunk)
        for name in part.__struct_fields__:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    if build_roster(whole)[1] != digest:
        raise Damaged("the names beside the bodies are not all that its head counts")
    return whole


def _rows_of(chunk: BodyChunk) -> Roster:
    """The rows that a chunk's names tell, with digests of the bodies themselves."""
    roster = _read_names(decompress(chunk.names), bytes(32 * chunk.count))
    present = [state == PRESENT for state in roster.states]
    uids = [uid for uid, there in zip(roster.uids, present, strict=True) if there]
    piece = open_piece(chunk.piece)
    if len(piece.bodies) != len(uids) or len(chunk.digests) != 32 * (len(present) - len(uids)):
        raise Damaged("a chunk of bodies has another number of them than of names")
    found = iter(piece.restore(uids))
    others = (chunk.digests[at : at + 32] for at in range(0, len(chunk.digests), 32))
    roster.digests = b"".join(
        hashlib.sha256(next(found)).digest() if there else next(others) for there in present
    )
    return roster


def _build_chunk(roster: Roster, bodies: Sequence[bytes | None], start: int, stop: int) -> bytes:
    part = roster.cut(start, stop)
    packed, uids, digests = [], [], []
    for state, body, uid, digest in zip(
        part.states, bodies[start:stop], part.uids, part.digest_list(), strict=True
    ):
        if state == PRESENT:
            assert body is not None
            packed.append(body)
            uids.append(uid)
        else:
            digests.append(digest)
    names = compress(_encode(_write_names(part)))
    chunk = BodyChunk(start, len(part), names, b"".join(digests), pack_bodies(packed, uids))
    return _encode(chunk)


def _write_names(roster: Roster) -> _Names:
    suffix = _common_suffix(roster)
    hrefs = roster.hrefs
    if suffix is not None:
        pairs = zip(hrefs, roster.uids, strict=True)
        hrefs = ["" if href == uid + suffix else href for href, uid in pairs]
    return _Names(
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


def _common_suffix(roster: Roster) -> str | None:
    """What follows the UID in the first name that begins with it."""
    if "" in roster.hrefs:
        return None
    pairs = zip(roster.hrefs, roster.uids, strict=True)
    return next((h.removeprefix(uid) for h, uid in pairs if uid and h.startswith(uid)), None)


def _read_names(plain: bytes, digests: bytes) -> Roster:
    """Raises Damaged where it does not decode, or the columns differ in length."""
    names = decode(_names, plain, "a roster's names")
    count = len(names.hrefs)
    runs = (names.collections, names.components, names.media_types)
    lengths = {len(c) for c in (names.seqs, names.states, names.uids, names.sizes, names.modified)}
    lengths |= {sum(times for _, times in column) for column in runs}
    if lengths != {count} or len(digests) != 32 * count or _has_empty_run(runs):
        raise Damaged("a roster's columns differ in length")
    if names.states.translate(None, bytes((PRESENT, DELETED, HELD))):
        raise Damaged("a roster has records in a state that there is not")
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
    )


def _has_empty_run(columns: Sequence[_Runs]) -> bool:
    return any(times < 1 for column in columns for _, times in column)


def _runs(column: list[str]) -> _Runs:
    return [(value, sum(1 for _ in run)) for value, run in groupby(column)]


def _spread(runs: _Runs) -> list[str]:
    return list(chain.from_iterable(starmap(repeat, runs)))
