"""Segments and roll-ups: the journal's objects.

A segment holds the changes of one group commit, a part per shelf: the entries (everything but
the bodies) and the bodies are sealed apart. A roll-up is many segments' parts in one object,
as they were; it has the same form. docs/format.md gives the bytes.

    magic | header length | header | MAC | parts … | header | MAC | header length | magic

The header lies at both ends, so one broken place costs a part and not the names of all parts.
It also repeats which shelves the segment before touched: a segment that is lost whole is
still known by whom it concerns.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec.structs import astuple

from stillhere.errors import Damaged
from stillhere.vault.codec import JOURNAL_LEVEL, decode, derive, seal, unseal
from stillhere.vault.layout import KIND_BYTES, pad_kind

MAGIC = b"STHJRNL1"
MAC_BYTES = 32
_LENGTH = struct.Struct(">I")
_ROW = struct.Struct(f">16s{KIND_BYTES}sQQIIIII")
ROW_BYTES = _ROW.size
_TOUCHED = struct.Struct(f">16s{KIND_BYTES}sQ")
MAX_HEADER = 64 << 20
_UNTIMED = 11  # fields of an entry without a time range


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One change of a shelf as the vault keeps it; its body lies beside it.

    ``starts``, ``ends`` and ``exact`` are the record's time range, and only written if it has
    one."""

    seq: int
    time: int
    device: str
    op: int
    collection: str
    href: str
    uid: str
    component: str
    media_type: str
    size: int
    digest: bytes
    starts: int = 0
    ends: int = 0
    exact: Annotated[int, msgspec.Meta(ge=0, le=1)] = 1


class Row(NamedTuple):
    """Where a part lies: a line of the header's index, sorted by shelf and position.

    ``epoch`` and ``writer`` are the segment's; ``segment`` is the number it had there, which
    its associated data names even when it lies in a roll-up."""

    account: bytes
    kind: bytes
    first: int
    last: int
    segment: int
    offset: int
    entries_length: int
    bodies_length: int
    changes: int


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a segment or roll-up says of itself.

    ``before`` is the SHA-256 of the segment before ``first``; ``digests`` has that of every
    segment that a roll-up replaces; ``rows`` and ``touched_before`` are packed lines. No
    ``touched_before`` means that it was not known (or that there is no segment before)."""

    epoch: int
    writer: int
    first: int
    last: int
    before: bytes
    created: int
    rows: bytes
    touched_before: bytes
    digests: bytes


class Part(NamedTuple):
    """The changes of one shelf for a segment: encoded entries and their bodies."""

    account: bytes
    kind: str
    first: int
    last: int
    chain_before: bytes
    entries: Sequence[bytes]
    bodies: Sequence[bytes | None]


class _Entries(msgspec.Struct, frozen=True, array_like=True):
    chain_before: bytes
    entries: list[msgspec.Raw]


_headers = msgspec.msgpack.Decoder(Header)
_entries = msgspec.msgpack.Decoder(_Entries)
_entry = msgspec.msgpack.Decoder(Entry)
_bodies = msgspec.msgpack.Decoder(list[bytes | None])
_encode = msgspec.msgpack.Encoder().encode


def encode_entry(entry: Entry) -> bytes:
    """An entry's bytes, which the chain covers."""
    if entry.starts or entry.ends or not entry.exact:
        return _encode(entry)
    return _encode(astuple(entry)[:_UNTIMED])


def chain_key(data_key: bytes, kind: str) -> bytes:
    """The key of a shelf's chain."""
    return derive(data_key, f"chain {kind}")


def extend_chain(key: bytes, chain: bytes, entries: Iterable[bytes | msgspec.Raw]) -> bytes:
    """The chain after these entries: each HMAC covers the one before, and the entry."""
    for entry in entries:
        chain = hmac.digest(key, chain + bytes(entry), "sha256")
    return chain


def build_segment(
    journal_key: bytes,
    epoch: int,
    writer: int,
    number: int,
    before: bytes,
    touched_before: bytes,
    created: int,
    parts: Sequence[Part],
    data_keys: Sequence[bytes],
) -> tuple[bytes, bytes]:
    """A segment's bytes, and the line of touched shelves for the segment that follows."""
    sealed: list[bytes] = []
    rows: list[Row] = []
    offset = 0
    for part, key in sorted(
        zip(parts, data_keys, strict=True), key=lambda item: (item[0].account, item[0].kind)
    ):
        kind = pad_kind(part.kind)
        label = part_label(epoch, writer, number, part.account, kind, part.first, part.last)
        entries = seal(
            key,
            _encode(_Entries(part.chain_before, [msgspec.Raw(e) for e in part.entries])),
            label + b"E",
            JOURNAL_LEVEL,
        )
        bodies = seal(key, _encode(part.bodies), label + b"B", JOURNAL_LEVEL)
        sealed += (entries, bodies)
        rows.append(
            Row(
                part.account,
                kind,
                part.first,
                part.last,
                number,
                offset,
                len(entries),
                len(bodies),
                len(part.entries),
            )
        )
        offset += len(entries) + len(bodies)
    header = Header(
        epoch, writer, number, number, before, created, pack_rows(rows), touched_before, b""
    )
    return frame(journal_key, header, sealed), pack_touched(rows)


def frame(journal_key: bytes, header: Header, sealed: Iterable[bytes]) -> bytes:
    """A journal object's bytes: the header at both ends of the parts."""
    encoded = _encode(header)
    mac = hmac.digest(journal_key, MAGIC + encoded, "sha256")
    length = _LENGTH.pack(len(encoded))
    return b"".join((MAGIC, length, encoded, mac, *sealed, encoded, mac, length, MAGIC))


def parts_offset(header_length: int) -> int:
    """Where the parts begin, after a header of this many bytes."""
    return len(MAGIC) + _LENGTH.size + header_length + MAC_BYTES


def read_header(journal_key: bytes, data: bytes | memoryview) -> tuple[Header, int]:
    """A whole object's header, from whichever end proves itself, and where its parts begin.

    Raises Damaged when neither does."""
    for encoded, mac in (_front(data), _back(data)):
        expected = hmac.digest(journal_key, MAGIC + encoded, "sha256")
        if encoded and hmac.compare_digest(mac, expected):
            header = decode(_headers, encoded, "a journal object's header")
            if len(header.rows) % ROW_BYTES or len(header.touched_before) % _TOUCHED.size:
                raise Damaged("a journal object's index is cut short")
            return header, parts_offset(len(encoded))
    raise Damaged("a journal object's header is broken at both ends")


def prove_frame(journal_key: bytes, data: bytes) -> tuple[Header, int]:
    """The same of an object whose header proves itself at both ends, as it was written, with as
    many bytes between them as it says. Raises Damaged."""
    header, start = read_header(journal_key, data)
    (front, mac), back = _front(data), _back(data)
    rows = unpack_rows(header.rows)
    parts = sum(row.entries_length + row.bodies_length for row in rows)
    whole = hmac.compare_digest(mac, hmac.digest(journal_key, MAGIC + front, "sha256"))
    if not whole or back != (front, mac) or len(data) != 2 * start + parts:
        raise Damaged("a journal object's header is broken at one end")
    return header, start


def _front(data: bytes | memoryview) -> tuple[bytes, bytes]:
    start = len(MAGIC) + _LENGTH.size
    if bytes(data[: len(MAGIC)]) != MAGIC or len(data) < start:
        return b"", b""
    (length,) = _LENGTH.unpack(data[len(MAGIC) : start])
    return bytes(data[start : start + length]), bytes(data[start + length :][:MAC_BYTES])


def _back(data: bytes | memoryview) -> tuple[bytes, bytes]:
    end = len(data) - len(MAGIC) - _LENGTH.size - MAC_BYTES
    if bytes(data[-len(MAGIC) :]) != MAGIC or end < 0:
        return b"", b""
    (length,) = _LENGTH.unpack(data[end + MAC_BYTES : end + MAC_BYTES + _LENGTH.size])
    if length > end:
        return b"", b""
    return bytes(data[end - length : end]), bytes(data[end : end + MAC_BYTES])


def open_entries(
    data_key: bytes, header: Header, row: Row, sealed: bytes | memoryview
) -> tuple[bytes, list[bytes]]:
    """A part's entries: the chain they continue, and each entry as it was encoded.

    Raises Damaged."""
    plain = unseal(data_key, sealed, _label(header, row) + b"E")
    content = decode(_entries, plain, "a journal part")
    return content.chain_before, [bytes(raw) for raw in content.entries]


def open_bodies(
    data_key: bytes, header: Header, row: Row, sealed: bytes | memoryview
) -> list[bytes | None]:
    """A part's bodies, one per entry (None where the change has none). Raises Damaged."""
    plain = unseal(data_key, sealed, _label(header, row) + b"B")
    return decode(_bodies, plain, "a journal part")


def decode_entry(encoded: bytes) -> Entry:
    """One entry. Raises Damaged."""
    return decode(_entry, encoded, "a journal entry")


def part_label(
    epoch: int, writer: int, segment: int, account: bytes, kind: bytes, first: int, last: int
) -> bytes:
    """A part's associated data: which segment of which writer, whose shelf, which positions."""
    return struct.pack(
        f">8sIII16s{KIND_BYTES}sQQ", MAGIC, epoch, writer, segment, account, kind, first, last
    )


def _label(header: Header, row: Row) -> bytes:
    return part_label(
        header.epoch, header.writer, row.segment, row.account, row.kind, row.first, row.last
    )


def pack_rows(rows: Iterable[Row]) -> bytes:
    """Rows as the header's index, which is sorted by shelf and position."""
    return b"".join(sorted(_ROW.pack(*row) for row in rows))


def unpack_rows(packed: bytes) -> list[Row]:
    """Every row of a header's index."""
    return [Row._make(fields) for fields in _ROW.iter_unpack(packed)]


def find_rows(packed: bytes, account: bytes, kind: bytes) -> list[Row]:
    """The rows of one shelf, by binary search."""
    wanted = account + kind
    width = len(wanted)
    low, high = 0, len(packed) // ROW_BYTES
    while low < high:
        middle = (low + high) // 2
        if packed[middle * ROW_BYTES : middle * ROW_BYTES + width] < wanted:
            low = middle + 1
        else:
            high = middle
    rows = []
    while packed[low * ROW_BYTES : low * ROW_BYTES + width] == wanted:
        rows.append(Row._make(_ROW.unpack_from(packed, low * ROW_BYTES)))
        low += 1
    return rows


def pack_touched(rows: Iterable[Row]) -> bytes:
    """The line of touched shelves that the segment after one with these rows repeats."""
    return b"".join(_TOUCHED.pack(row.account, row.kind, row.last) for row in rows)


def unpack_touched(packed: bytes) -> list[tuple[bytes, bytes, int]]:
    """(account, padded kind, last position) of every shelf that a segment touched."""
    return list(_TOUCHED.iter_unpack(packed))


def digest_of(data: bytes) -> bytes:
    """The SHA-256 by which the next segment names this one."""
    return hashlib.sha256(data).digest()
