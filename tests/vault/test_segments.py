"""Journal segments: a header at both ends, parts that are each their own shelf's secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.rooms import quick_folder
from tests.vault.vaults import KIND, Line, Made, Writer, make_vault

from stillhere.errors import Damaged
from stillhere.vault.layout import pad_kind
from stillhere.vault.segments import (
    Entry,
    Header,
    Row,
    chain_key,
    decode_entry,
    encode_entry,
    extend_chain,
    find_rows,
    open_bodies,
    open_entries,
    parts_offset,
    read_header,
    unpack_rows,
    unpack_touched,
)

CONTACTS = pad_kind(KIND)


class Segment:
    """A segment of several shelves, in memory."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.lines = [Line(name) for name in ("anna", "ben", "çelik", "δημήτρης")]
        self.writer = Writer(made, self.lines)
        parts = [line.put(**{f"{line.name}.vcf": line.name * 40}) for line in self.lines]
        self.data = self.writer.build(*parts)[1]
        self.header, self.start = read_header(made.journal_key, self.data)

    def row(self, line: Line) -> Row:
        (row,) = find_rows(self.header.rows, line.account, CONTACTS)
        return row

    def entries(self, line: Line, data: bytes | None = None) -> tuple[bytes, list[bytes]]:
        row = self.row(line)
        at = self.start + row.offset
        sealed = (self.data if data is None else data)[at : at + row.entries_length]
        return open_entries(line.key, self.header, row, sealed)

    def bodies(self, line: Line, data: bytes | None = None) -> list[bytes | None]:
        row = self.row(line)
        at = self.start + row.offset + row.entries_length
        sealed = (self.data if data is None else data)[at : at + row.bodies_length]
        return open_bodies(line.key, self.header, row, sealed)


@pytest.fixture(scope="module")
def segment() -> Iterator[Segment]:
    with quick_folder() as folder:
        yield Segment(make_vault(folder))


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_every_shelf_finds_its_own_part(segment: Segment) -> None:
    for line in segment.lines:
        before, (raw,) = segment.entries(line)
        entry = decode_entry(raw)
        assert (entry.href, entry.seq) == (f"{line.name}.vcf", (1 << 40) + 1)
        assert before == bytes(32)
        assert extend_chain(chain_key(line.key, KIND), before, [raw]) == line.chain
        assert segment.bodies(line) == [(line.name * 40).encode()]
    assert find_rows(segment.header.rows, Line("nobody").account, CONTACTS) == []
    assert find_rows(segment.header.rows, segment.lines[0].account, pad_kind("account")) == []


def test_rows_are_sorted_and_the_parts_lie_side_by_side(segment: Segment) -> None:
    rows = unpack_rows(segment.header.rows)
    assert [row.account for row in rows] == sorted(line.account for line in segment.lines)
    ends = [row.offset + row.entries_length + row.bodies_length for row in rows]
    assert [row.offset for row in rows] == [0, *ends[:-1]]


def test_names_and_bodies_can_not_be_read_without_the_key(segment: Segment) -> None:
    for secret in (b"anna", b".vcf", "δημήτρης".encode()):
        assert secret not in segment.data


def test_the_next_segment_says_whom_this_one_touched(segment: Segment) -> None:
    touched = unpack_touched(segment.writer.touched)
    assert {account for account, _, _ in touched} == {line.account for line in segment.lines}
    assert {(kind, last) for _, kind, last in touched} == {(CONTACTS, (1 << 40) + 1)}


def test_damage_anywhere_in_one_header_leaves_the_other(segment: Segment) -> None:
    length = segment.start
    for place in (*range(length), *range(len(segment.data) - length, len(segment.data))):
        broken = flipped(segment.data, place)
        assert read_header(segment.made.journal_key, broken) == (segment.header, segment.start)


def test_damage_at_both_ends_is_damage(segment: Segment) -> None:
    end = len(segment.data)
    for front, back in ((0, end - 1), (9, end - 10), (40, end - 60), (segment.start - 1, end - 13)):
        with pytest.raises(Damaged, match="both ends"):
            read_header(segment.made.journal_key, flipped(flipped(segment.data, front), back))


@pytest.mark.parametrize("left", ["nothing", "one byte", "the magic", "half the header", "half"])
def test_what_is_left_of_a_cut_segment_is_read_from_its_front_or_refused(
    segment: Segment, left: str
) -> None:
    lengths = {"nothing": 0, "one byte": 1, "the magic": 8, "half the header": segment.start // 2}
    data = segment.data[: lengths.get(left, len(segment.data) // 2)]
    if left == "half":
        assert read_header(segment.made.journal_key, data)[0] == segment.header
    else:
        with pytest.raises(Damaged):
            read_header(segment.made.journal_key, data)


def test_another_service_s_segment_is_refused(segment: Segment) -> None:
    with pytest.raises(Damaged):
        read_header(bytes(32), segment.data)


def test_a_broken_part_costs_itself_and_no_other(segment: Segment) -> None:
    hurt = segment.lines[1]
    row = segment.row(hurt)
    names = flipped(segment.data, segment.start + row.offset + 20)
    with pytest.raises(Damaged):
        segment.entries(hurt, names)
    assert segment.bodies(hurt, names) == [(hurt.name * 40).encode()]
    bodies = flipped(segment.data, segment.start + row.offset + row.entries_length + 20)
    assert segment.entries(hurt, bodies) == segment.entries(hurt)
    with pytest.raises(Damaged):
        segment.bodies(hurt, bodies)
    for line in segment.lines:
        if line is not hurt:
            assert segment.entries(line, names) == segment.entries(line)
            assert segment.bodies(line, bodies) == segment.bodies(line)


def test_a_part_opens_in_its_own_place_only(segment: Segment) -> None:
    line = segment.lines[0]
    row = segment.row(line)
    at = segment.start + row.offset
    sealed = segment.data[at : at + row.entries_length]
    header = segment.header
    moved: list[tuple[Header, Row]] = [
        (header, row._replace(segment=row.segment + 1)),
        (header, row._replace(first=row.first + 1)),
        (header, row._replace(last=row.last + 1)),
        (header, row._replace(kind=pad_kind("account"))),
        (header, row._replace(account=segment.lines[1].account)),
    ]
    for field in ("epoch", "writer"):
        fields = {name: getattr(header, name) for name in header.__struct_fields__}
        moved.append((Header(**fields | {field: fields[field] + 1}), row))
    for other, elsewhere in moved:
        with pytest.raises(Damaged):
            open_entries(line.key, other, elsewhere, sealed)
    with pytest.raises(Damaged):  # names where the bodies should be
        open_bodies(line.key, header, row, sealed)
    assert open_entries(line.key, header, row, sealed) == segment.entries(line)


def test_an_entry_has_a_time_range_where_its_record_has_one() -> None:
    """Without one it is as long as it ever was, and the chain covers those bytes."""
    fields = [1, 2, "phone", 0, "c", "h", "u", "VEVENT", "text/calendar", 3, bytes(32)]
    entry = Entry(*fields)
    assert encode_entry(entry) == msgspec.msgpack.encode(fields)
    for when in ((5, 9, 1), (0, 0, 0), (-5, 0, 1), (0, 9, 0)):
        timed = Entry(*fields, *when)
        assert encode_entry(timed) == msgspec.msgpack.encode([*fields, *when])
        assert decode_entry(encode_entry(timed)) == timed
    assert decode_entry(encode_entry(entry)) == entry
    for wrong in ((5, 9, 2), (5, 9, -1), (5, "9", 1)):
        with pytest.raises(Damaged):
            decode_entry(msgspec.msgpack.encode([*fields, *wrong]))


def test_a_header_says_where_its_parts_begin(segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "segment").write_bytes(segment.data)
    length = int.from_bytes(segment.data[8:12], "big")
    assert parts_offset(length) == segment.start
