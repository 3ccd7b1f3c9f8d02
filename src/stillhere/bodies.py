"""Bodies packed together: a run of records' bodies as one compressed piece.

A body that names its record's UID once carries a NUL byte in its place: the UID is known from
the record, random, and would be most of what is left after compression.
The vault seals pieces; a core keeps a recovered shelf's until the shelf is first written to.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from itertools import repeat

import msgspec
import zstandard

from stillhere.errors import Damaged

LEVEL = 6  # 370,000 contacts a second, and 7 % smaller than level 3
MAX_PIECE = 512 << 20
PLACE_SHIFT = 32  # a body's place: number of its piece, from 1, << 32 | number in the piece
_NUL = b"\0"

Run = tuple[int, int, int]
"""Bodies that lie in a row in one piece: the first record, how many, the first one's place."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """An opened piece; ``marked`` has a byte for each body, 1 where a NUL stands for the UID."""

    marked: bytes
    bodies: list[bytes]

    def body(self, number: int, uid: str) -> bytes:
        """One body as it was. Raises Damaged where the piece has no such body."""
        try:
            body = self.bodies[number]
            return body.replace(_NUL, uid.encode()) if self.marked[number] else body
        except IndexError:
            raise Damaged(f"a piece of bodies has no number {number}") from None

    def restore(self, uids: Sequence[str]) -> list[bytes]:
        """Every body as it was, given its record's UID."""
        names = "\n".join(uids).encode().split(b"\n")
        if len(names) == len(self.bodies) and not self._has_nul_of_its_own():
            return list(map(bytes.replace, self.bodies, repeat(_NUL), names))  # nearly always
        return [
            body.replace(_NUL, uid.encode()) if marked else body
            for body, marked, uid in zip(self.bodies, self.marked, uids, strict=True)
        ]

    def _has_nul_of_its_own(self) -> bool:
        """Whether a body without a UID has a NUL."""
        number = self.marked.find(_NUL)
        while number >= 0:
            if _NUL in self.bodies[number]:
                return True
            number = self.marked.find(_NUL, number + 1)
        return False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Piece).decode
_digest = type(hashlib.sha256()).digest
_threads = threading.local()


def pack_bodies(bodies: Sequence[bytes], uids: Sequence[str]) -> bytes:
    """One piece of these bodies, in their order."""
    marked = bytearray(len(bodies))
    packed = list(bodies)
    for number, (body, uid) in enumerate(zip(bodies, uids, strict=True)):
        name = uid.encode()
        if name and _NUL not in body and body.count(name) == 1:
            marked[number] = 1
            packed[number] = body.replace(name, _NUL)
    plain = _encode(Piece(bytes(marked), packed))
    return compress(plain)


def open_piece(packed: bytes) -> Piece:
    """What ``pack_bodies`` made. Raises Damaged."""
    try:
        piece = _decode(decompress(packed))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Damaged(f"a piece of bodies does not open: {error}") from None
    if len(piece.marked) != len(piece.bodies):
        raise Damaged("a piece of bodies has columns of unequal length")
    return piece


def runs_of(places: Sequence[int], first: int = 0) -> list[Run]:
    """The runs of records from number ``first`` on whose bodies lie at these places (0: none)."""
    if places and places[0] and list(places) == list(range(places[0], places[0] + len(places))):
        return [(first, len(places), places[0])]  # nearly always
    runs: list[Run] = []
    for number, place in enumerate(places, first):
        if not place:
            continue
        if runs:
            start, count, begin = runs[-1]
            if number == start + count and place == begin + count:
                runs[-1] = (start, count + 1, begin)
                continue
        runs.append((number, 1, place))
    return runs


def digest_bodies(bodies: Sequence[bytes]) -> bytes:
    """The SHA-256 of each, 32 bytes each."""
    return b"".join(map(_digest, map(hashlib.sha256, bodies)))


def compress(plain: bytes) -> bytes:
    """One zstd frame."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def decompress(packed: bytes) -> bytes:
    """What was compressed. Raises Damaged."""
    try:
        if zstandard.frame_content_size(packed) > MAX_PIECE:  # what it says is allocated first
            raise Damaged("a compressed piece says that it is larger than any")
        return _decompressor().decompress(packed, max_output_size=MAX_PIECE)
    except (ValueError, zstandard.ZstdError) as error:
        raise Damaged(f"a compressed piece does not open: {error}") from None


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_threads, "decompressor", None)
    if found is None:
        found = _threads.decompressor = zstandard.ZstdDecompressor()
    return found
