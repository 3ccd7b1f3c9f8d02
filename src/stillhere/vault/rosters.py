"""Rosters and bodies: the two halves of a shelf's level, sealed apart.

A roster is columns: everything about the records except their bodies, sorted by collection
and name. A chunk of bodies holds those of a run of present records, in the roster's order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged

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


class _Bodies(msgspec.Struct, array_like=True):
    first: int
    bodies: list[bytes]


_rosters = msgspec.msgpack.Decoder(Roster)
_bodies = msgspec.msgpack.Decoder(_Bodies)
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


def build_roster(items: Sequence[Item]) -> bytes:
    """A roster's bytes before sealing; their SHA-256 is the roster's digest."""
    return _encode(roster_of(items))


def read_roster(plain: bytes, digest: bytes) -> Roster:
    """A roster, if it is the one of this digest. Raises Damaged."""
    if hashlib.sha256(plain).digest() != digest:
        raise Damaged("a roster does not match the digest in its shelf's head")
    try:
        roster = _rosters.decode(plain)
    except msgspec.DecodeError as error:
        raise Damaged(f"a roster does not decode: {error}") from None
    columns = (getattr(roster, name) for name in roster.__struct_fields__ if name != "digests")
    count = len(roster.hrefs)
    if {len(column) for column in columns} != {count} or len(roster.digests) != 32 * count:
        raise Damaged("a roster's columns differ in length")
    return roster


def build_bodies(bodies: Sequence[bytes]) -> Iterator[bytes]:
    """Chunks of bodies of about 256 KB each, before sealing."""
    start, size = 0, 0
    for number, body in enumerate(bodies):
        if size and size + len(body) > CHUNK_BYTES:
            yield _encode(_Bodies(start, list(bodies[start:number])))
            start, size = number, 0
        size += len(body)
    if start < len(bodies):
        yield _encode(_Bodies(start, list(bodies[start:])))


def read_bodies(plain: bytes) -> tuple[int, list[bytes]]:
    """The number of the first body among the present records, and the bodies.

    Raises Damaged."""
    try:
        content = _bodies.decode(plain)
    except msgspec.DecodeError as error:
        raise Damaged(f"a chunk of bodies does not decode: {error}") from None
    return content.first, content.bodies
