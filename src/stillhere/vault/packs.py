"""Packs: the ledger's objects, each a row of sealed chunks.

    magic | (chunk header | sealed bytes)* | index | footer

A chunk's header says what it is and whose, and is its associated data; the index repeats
where each chunk lies, and a reader whose index is broken finds the chunks by their headers.
docs/format.md gives the bytes.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import partial
from typing import NamedTuple, TypeVar

from stillhere.errors import Damaged
from stillhere.vault.backends import Readable, each, first_of
from stillhere.vault.codec import LEDGER_LEVEL, decrypt, encrypt, seal, unseal
from stillhere.vault.layout import KIND_BYTES, pack_name, pad_kind
from stillhere.vault.opened import Vault

MAGIC = b"STHPACK1"
CHUNK_MAGIC = b"CHNK"
MAX_PACK = 16 << 20  # the format allows 64 MB; a writer holds a whole one in memory
CHUNK_FORMAT = 1
_HEADER = struct.Struct(f">4sBBI16s{KIND_BYTES}sQQIII")
HEADER_BYTES = _HEADER.size
_CHECKED = slice(HEADER_BYTES - 4)
_LABELLED = slice(4, HEADER_BYTES - 8)  # all of a header but its magic, length and checksum
_ROLE, _WHOSE = 5, slice(10, 26 + KIND_BYTES)
_BEGINNING = CHUNK_MAGIC + bytes((CHUNK_FORMAT,))
_INDEX = struct.Struct(">QI")
_FOOTER = struct.Struct(">QI32s8s")

T = TypeVar("T")


class Role(IntEnum):
    """What a chunk holds. Rosters and bodies come compressed, and are sealed as they are."""

    ROSTER = 1
    BODIES = 2
    HISTORY = 3


class Place(NamedTuple):
    """Where a chunk lies: the pack's name, the offset of its header, its whole length."""

    pack: str
    offset: int
    length: int


class ChunkHeader(NamedTuple):
    """What a chunk is. ``first`` and ``last`` are positions of its shelf, ``number`` counts the
    chunks of one role of one level, ``length`` is that of the sealed bytes."""

    role: int
    epoch: int
    account: bytes
    kind: bytes
    first: int
    last: int
    number: int
    length: int


class PackWriter:
    """Collects chunks into packs of at most 16 MB and keeps each durably when it is full."""

    def __init__(self, vault: Vault, kind: str, bucket: int, label: str) -> None:
        self._vault = vault
        self._kind = kind
        self._bucket = bucket
        self._label = label
        self.packs: dict[str, tuple[int, bytes]] = {}
        self._begin()

    def add(
        self,
        data_key: bytes,
        role: Role,
        epoch: int,
        account: bytes,
        span: tuple[int, int],
        number: int,
        plain: bytes,
    ) -> Place:
        """Seal a chunk into the pack; its place holds once ``close`` has returned."""
        header = ChunkHeader(role, epoch, account, pad_kind(self._kind), *span, number, 0)
        label = _label(_pack_header(header))
        if role == Role.HISTORY:
            sealed = seal(data_key, plain, label, LEDGER_LEVEL)
        else:
            sealed = encrypt(data_key, plain, label)
        return self.copy(_pack_header(header._replace(length=len(sealed))) + sealed)

    def copy(self, chunk: bytes) -> Place:
        """Take a chunk as it is, header and all."""
        if self._size + len(chunk) > MAX_PACK and self._chunks:
            self._finish()
            self._begin()
        place = Place(self._name, self._size, len(chunk))
        self._pieces.append(chunk)
        self._chunks.append((self._size, len(chunk)))
        self._size += len(chunk)
        return place

    def close(self) -> dict[str, tuple[int, bytes]]:
        """Keep what is left; every pack's name with its size and SHA-256."""
        if self._chunks:
            self._finish()
            self._begin()
        return self.packs

    def _begin(self) -> None:
        self._name = pack_name(self._kind, self._bucket, self._label, os.urandom(8).hex())
        self._pieces: list[bytes] = [MAGIC]
        self._chunks: list[tuple[int, int]] = []
        self._size = len(MAGIC)

    def _finish(self) -> None:
        index = b"".join(_INDEX.pack(*chunk) for chunk in self._chunks)
        content = b"".join((*self._pieces, index))
        digest = hashlib.sha256(content).digest()
        data = content + _FOOTER.pack(self._size, len(index), digest, MAGIC)
        self._vault.backend.create(self._name, data)
        self.packs[self._name] = (len(data), hashlib.sha256(data).digest())


def read_chunk(vault: Vault, place: Place, prove: Callable[[bytes], T]) -> T:
    """What ``prove`` makes of a chunk, header and all, from the first copy of the vault where it
    proves itself. Raises Damaged, BackendError."""

    def read(copy: Readable) -> T:
        chunk = copy.read_range(place.pack, place.offset, place.length)
        if len(chunk) != place.length:
            raise Damaged(f"{place.pack} is cut short")
        return prove(chunk)

    found = first_of(partial(read, copy) for copy in each(vault.backend))
    if found is None:
        raise Damaged(f"{place.pack} is missing")
    return found


def open_chunk(
    data_key: bytes, chunk: bytes | memoryview, role: Role, account: bytes, kind: str
) -> bytes:
    """What a chunk holds, if it is what it should be. Raises Damaged."""
    header = bytes(chunk[:HEADER_BYTES])
    if not _checks(header):
        raise Damaged("a chunk's header is broken")
    if header[_ROLE] != role or header[_WHOSE] != account + pad_kind(kind):
        raise Damaged("a chunk is another one than its manifest says")
    read = unseal if role == Role.HISTORY else decrypt
    return read(data_key, chunk[HEADER_BYTES:], _label(header))


def read_chunk_header(chunk: bytes | memoryview) -> ChunkHeader | None:
    """The header at the start of these bytes, or None where there is none that checks."""
    header = bytes(chunk[:HEADER_BYTES])
    if not _checks(header):
        return None
    _, _, *fields, _ = _HEADER.unpack(header)
    return ChunkHeader._make(fields)


def scan_pack(data: bytes) -> Iterator[tuple[int, ChunkHeader]]:
    """Every chunk in a pack's bytes by its header, whatever became of the index."""
    offset = 0
    while (offset := data.find(CHUNK_MAGIC, offset)) >= 0:
        header = read_chunk_header(data[offset : offset + HEADER_BYTES])
        if header is None:
            offset += 1
            continue
        yield offset, header
        offset += HEADER_BYTES + header.length


def is_whole(data: bytes) -> bool:
    """Whether a pack is as it was written, by its own footer."""
    if len(data) < _FOOTER.size:
        return False
    _, _, digest, magic = _FOOTER.unpack(data[-_FOOTER.size :])
    return bool(magic == MAGIC and hashlib.sha256(data[: -_FOOTER.size]).digest() == digest)


def _pack_header(header: ChunkHeader) -> bytes:
    packed = _HEADER.pack(CHUNK_MAGIC, CHUNK_FORMAT, *header, 0)[:-4]
    return packed + zlib.crc32(packed).to_bytes(4, "big")


def _checks(header: bytes) -> bool:
    """Whether these bytes are a whole chunk header, of the format that there is."""
    return (
        len(header) == HEADER_BYTES
        and header.startswith(_BEGINNING)
        and zlib.crc32(header[_CHECKED]) == int.from_bytes(header[-4:], "big")
    )


def _label(header: bytes) -> bytes:
    """A chunk's associated data."""
    return MAGIC + header[_LABELLED]
