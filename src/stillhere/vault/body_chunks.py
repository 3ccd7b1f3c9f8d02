"""Chunks of bodies: the half of a shelf's level that is not its roster.

A chunk holds the bodies of a run of the roster's rows, and the rows' names once more: either
half that is lost leaves the names of everything that must exist, and of a lost roster every
byte can be made anew and proven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec

from stillhere.bodies import open_piece, pack_bodies
from stillhere.errors import Damaged
from stillhere.rosters import PRESENT, Item, Roster, build_roster, open_names, pack_names, roster_of
from stillhere.vault.codec import decode

CHUNK_BYTES = 256 << 10


class BodyChunk(msgspec.Struct, frozen=True, array_like=True):
    """The bodies of ``count`` rows of a level from number ``first`` on.

    ``names`` are the rows' columns, compressed, ``digests`` those of the rows that have no body
    here, ``piece`` the bodies of the present rows in their order."""

    first: Annotated[int, msgspec.Meta(ge=0)]
    count: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
    names: bytes
    digests: bytes
    piece: bytes


_chunks = msgspec.msgpack.Decoder(BodyChunk)
_encode = msgspec.msgpack.Encoder().encode


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
    rows: list[Item] = []
    for chunk in chunks:
        if chunk.first != len(rows):
            raise Damaged("a chunk of bodies between two others is lost")
        rows += _rows_of(chunk).items()
    whole = roster_of(rows)
    if build_roster(whole)[1] != digest:
        raise Damaged("the names beside the bodies are not all that its head counts")
    return whole


def _rows_of(chunk: BodyChunk) -> Roster:
    """The rows that a chunk's names tell, with digests of the bodies themselves."""
    roster = open_names(chunk.names, bytes(32 * chunk.count))
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
    chunk = BodyChunk(
        start, len(part), pack_names(part), b"".join(digests), pack_bodies(packed, uids)
    )
    return _encode(chunk)
