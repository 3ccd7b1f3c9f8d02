"""The journal's tail: what covers it, what is missing, and whom a loss concerns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.vault.vaults import KIND, Line, Made, Writer, make_vault

from stillhere.errors import Damaged
from stillhere.vault.epochs import seal_journal
from stillhere.vault.layout import journal_folder, roll_name, segment_name
from stillhere.vault.segments import Header, frame, pack_rows, unpack_rows
from stillhere.vault.tail import (
    KEEP_BYTES,
    Listing,
    Span,
    Tail,
    list_journal,
    read_source,
    read_tail,
)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def tail_of(made: Made, *, cut: int = 0, end: int | None = None) -> Tail:
    ends = None if end is None else {1: {0: end}}
    return read_tail(made.vault, {1: made.journal_key}, {1: [0]}, {1: {0: cut}}, ends)


def listing_of(made: Made, files: str, after: int = 0) -> Listing:
    """What the journal lists when it holds these: `3` a segment, `2-5` a roll-up."""
    for name in files.split():
        first, _, last = name.partition("-")
        if last:
            made.vault.backend.create(roll_name(1, 0, int(first), int(last)), b"")
        else:
            made.vault.backend.create(segment_name(1, 0, int(first)), b"")
    return list_journal(made.vault, 1, 0, after)


@pytest.mark.parametrize(
    ("files", "after", "covered", "gaps", "last"),
    [
        ("", 0, "", [], 0),
        ("1 2 3", 0, "1 2 3", [], 3),
        ("1 2 3", 2, "3", [], 3),
        ("1 2 3", 3, "", [], 3),
        ("2 3", 0, "2 3", [(1, 1)], 3),
        ("1 5 6 9", 0, "1 5 6 9", [(2, 4), (7, 8)], 9),
        ("1 5", 3, "5", [(4, 4)], 5),
        ("1-3", 0, "1-3", [], 3),
        ("1 2 3 1-3 4", 0, "1-3 4", [], 4),  # the removal of rolled segments was cut short
        ("1-3 3 4 4-6 7", 0, "1-3 4-6 7", [], 7),
        ("1-3 2-5 6", 0, "1-3 2-5 6", [], 6),  # overlapping: both are needed
        ("1-9 2-5 6", 0, "1-9", [], 9),
        ("1-3 5-6", 0, "1-3 5-6", [(4, 4)], 6),
        ("1-9", 4, "1-9", [], 9),  # a cut inside a roll-up
    ],
)
def test_a_listing_covers_the_journal_with_the_fewest_objects(
    made: Made, files: str, after: int, covered: str, gaps: list[tuple[int, int]], last: int
) -> None:
    listing = listing_of(made, files, after)
    names = [f"{s.first}-{s.last}" if s.first < s.last else f"{s.first}" for s in listing.spans]
    assert " ".join(names) == covered
    assert (listing.gaps, listing.last) == (gaps, last)


def test_strange_files_among_the_segments_are_passed_over(made: Made) -> None:
    for name in ("README", "1.seg", "000000000001.seg.part", "000000000001-.roll"):
        made.vault.backend.create(f"{journal_folder(1, 0)}/{name}", b"?")
    assert listing_of(made, "1") == Listing([Span(1, 1, segment_name(1, 0, 1))], [], 1)


def test_a_tail_gives_each_shelf_its_parts_in_order(made: Made) -> None:
    anna, ben = Line("anna"), Line("ben")
    writer = Writer(made, [anna, ben])
    writer.write(anna.put(a="1"), ben.put(b="1"))
    writer.write(ben.put(b="2"))
    writer.write(anna.put(a="3"))
    tail = tail_of(made)
    for indexed in (False, True):
        parts = {line.name: tail.parts(line.account, KIND) for line in (anna, ben)}
        assert [row.segment for _, row in parts["anna"]] == [1, 3]
        assert [s.bodies(ben.key, row) for s, row in parts["ben"]] == [[b"1"], [b"2"]]
        assert indexed or tail.shelves() == {(anna.account, KIND), (ben.account, KIND)}
        tail.index()
    assert (tail.gaps, tail.ends) == ([], {1: {0: 3}})
    assert [s.header.first for s in tail_of(made, cut=1).sources] == [2, 3]


def three_segments(made: Made) -> tuple[Line, Line, list[str]]:
    anna, ben = Line("anna"), Line("ben")
    writer = Writer(made, [anna, ben])
    names = [writer.write(anna.put(a="1"), ben.put(b="1")), writer.write(ben.put(b="2"))]
    return anna, ben, [*names, writer.write(anna.put(a="3")), writer.write(anna.put(a="4"))]


@pytest.mark.parametrize("loss", ["missing", "broken"])
def test_a_segment_that_is_lost_alone_names_exactly_whom_it_touched(made: Made, loss: str) -> None:
    _, ben, names = three_segments(made)
    if loss == "missing":
        made.remove(names[1])
    else:
        (made.root / names[1]).write_bytes(b"\0" * 500)
    (gap,) = tail_of(made).gaps
    assert (gap.first, gap.last) == (2, 2)
    assert gap.touched == {(ben.account, KIND)}
    assert loss == "broken" or gap.cause == "missing"


def test_of_two_segments_lost_together_nobody_knows_whom_they_touched(made: Made) -> None:
    _, _, names = three_segments(made)
    made.remove(names[1])
    made.remove(names[2])
    gaps = tail_of(made).gaps
    assert {number for gap in gaps for number in range(gap.first, gap.last + 1)} == {2, 3}
    assert any(gap.touched is None for gap in gaps)


def test_of_two_segments_broken_together_the_first_is_not_known(made: Made) -> None:
    anna, _, names = three_segments(made)
    for name in names[1:3]:
        (made.root / name).write_bytes(b"\0" * 500)
    gaps = {gap.first: gap.touched for gap in tail_of(made).gaps}
    assert gaps == {2: None, 3: {(anna.account, KIND)}}


def test_a_lost_end_is_seen_where_the_end_is_known(made: Made) -> None:
    _, _, names = three_segments(made)
    made.remove(names[3])
    assert tail_of(made).gaps == []
    (gap,) = tail_of(made, end=4).gaps
    assert (gap.first, gap.last, gap.touched) == (4, 4, None)
    assert tail_of(made, end=4).ends == {1: {0: 4}}


def test_a_seal_ends_the_journal_and_is_no_gap(made: Made) -> None:
    three_segments(made)
    assert seal_journal(made.vault, made.kit, 1, 0, 4) == 4
    tail = tail_of(made, end=4)
    assert (tail.gaps, tail.ends, len(tail.sources)) == ([], {1: {0: 4}}, 4)


def test_a_hole_before_the_seal_is_told_once(made: Made) -> None:
    _, _, names = three_segments(made)
    seal_journal(made.vault, made.kit, 1, 0, 4)
    made.remove(names[3])
    assert [(gap.first, gap.last) for gap in tail_of(made, end=4).gaps] == [(4, 4)]


def test_a_segment_that_lies_under_another_name_is_a_loss_not_a_change(made: Made) -> None:
    _, _, names = three_segments(made)
    (made.root / names[2]).write_bytes((made.root / names[1]).read_bytes())
    tail = tail_of(made)
    assert [(gap.first, gap.last) for gap in tail.gaps] == [(3, 3)]
    assert "another object" in tail.gaps[0].cause


@pytest.mark.parametrize("hurt", ["nothing", "front", "back"])
def test_a_large_object_is_read_in_pieces_from_whichever_end_is_whole(
    made: Made, hurt: str
) -> None:
    anna, ben = Line("anna"), Line("ben")
    photo = os.urandom(2 * KEEP_BYTES).hex()
    name = Writer(made, [anna, ben]).write(anna.put(photo=photo), ben.put(b="small"))
    size = (made.root / name).stat().st_size
    assert size > KEEP_BYTES
    if hurt != "nothing":
        made.flip(name, 30 if hurt == "front" else size - 30)
    (source,) = tail_of(made).sources
    assert source.whole is None
    (row,) = source.rows(ben.account, KIND)
    assert source.bodies(ben.key, row) == [b"small"]
    (row,) = source.rows(anna.account, KIND)
    assert source.bodies(anna.key, row) == [photo.encode()]
    made.remove(name)
    with pytest.raises(Damaged, match="missing"):
        source.bodies(anna.key, row)


def test_a_roll_up_has_every_part_of_its_segments_as_it_was(made: Made) -> None:
    anna, ben, names = three_segments(made)
    sources = tail_of(made).sources
    rows, pieces, offset = [], [], 0
    for source in sources:
        for row in unpack_rows(source.header.rows):
            pieces.append(source.sealed(row))
            rows.append(row._replace(offset=offset))
            offset += len(pieces[-1])
    header = Header(1, 0, 1, 4, bytes(32), 5, pack_rows(rows), b"", bytes(128))
    name = roll_name(1, 0, 1, 4)
    made.vault.backend.create(name, frame(made.journal_key, header, pieces))
    before = {
        line.name: [s.entries(line.key, r) for s, r in tail_of(made).parts(line.account, KIND)]
        for line in (anna, ben)
    }
    for gone in names:
        made.remove(gone)
    source = read_source(made.vault, made.journal_key, name, 1, 0, Span(1, 4, name))
    assert source is not None
    for line in (anna, ben):
        assert [source.entries(line.key, r) for r in source.rows(line.account, KIND)] == before[
            line.name
        ]
