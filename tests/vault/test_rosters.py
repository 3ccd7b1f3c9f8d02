"""Rosters and chunks of bodies: the two halves of a level."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhere.bodies import compress, decompress, open_piece
from stillhere.errors import Damaged
from stillhere.rosters import (
    DELETED,
    HELD,
    PRESENT,
    Item,
    Roster,
    build_roster,
    empty_roster,
    read_roster,
    roster_of,
)
from stillhere.vault.body_chunks import CHUNK_BYTES, build_bodies, read_bodies, rebuild_roster

TEXT = st.text(max_size=12)
NEVER = (0, 0, 1)
RANGES = st.tuples(
    st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40), st.integers(0, 1)
) | st.just(NEVER)
COLUMNS = (
    TEXT,
    TEXT,
    st.integers(0, 2**63 - 1),
    st.sampled_from([PRESENT, DELETED, HELD]),
    TEXT,
    TEXT,
    TEXT,
    st.integers(0, 2**40),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**45),
)


def rows(ranges: st.SearchStrategy[tuple[int, int, int]]) -> st.SearchStrategy[list[Item]]:
    row = st.tuples(st.tuples(*COLUMNS), ranges).map(lambda row: Item(*row[0], *row[1]))
    return st.lists(row, max_size=20)


ITEMS = rows(RANGES) | rows(st.just(NEVER))


def digest_of(plain: bytes) -> bytes:
    return hashlib.sha256(plain).digest()


@settings(max_examples=60, deadline=None)
@given(ITEMS)
def test_a_roster_gives_back_every_row(items: list[Item]) -> None:
    roster = read_roster(*build_roster(roster_of(items)))
    assert list(roster.items()) == items
    assert len(roster) == len(items)
    assert roster.digest_list() == [item.digest for item in items]


@settings(max_examples=40, deadline=None)
@given(ITEMS)
def test_time_ranges_are_written_where_a_row_has_one(items: list[Item]) -> None:
    names, _ = written(roster_of(items))
    if all(item[10:] == NEVER for item in items):
        assert len(names) == 10
    else:
        assert [*zip(*names[10:], strict=True)] == [item[10:] for item in items]


@settings(max_examples=40, deadline=None)
@given(ITEMS)
def test_a_part_of_a_roster_is_the_roster_of_that_part(items: list[Item]) -> None:
    roster = roster_of(items)
    for start in range(len(items)):
        for stop in range(start, len(items) + 1):
            assert roster.cut(start, stop) == roster_of(items[start:stop])


def test_an_empty_shelf_has_an_empty_roster() -> None:
    assert read_roster(*build_roster(empty_roster())) == empty_roster()


def test_a_roster_that_is_not_the_head_s_is_refused() -> None:
    _, digest = build_roster(roster_of([Item("c", "a", 1, PRESENT, "", "", "", 1, bytes(32), 1)]))
    older, _ = build_roster(empty_roster())
    with pytest.raises(Damaged, match="digest"):
        read_roster(older, digest)


@pytest.mark.parametrize("column", [0, *range(2, 13)])
def test_columns_of_different_length_are_refused(column: int) -> None:
    """Else a later row would be given another's name, body or digest."""
    item = Item("c", "a", 1, PRESENT, "u", "VEVENT", "text/calendar", 1, bytes(32), 1, 5, 9, 0)
    names, digests = written(roster_of([item, item._replace(href="b")]))
    names[column] = names[column][:-1]
    for proofs in (digests, digests[:-32]):
        with pytest.raises(Damaged, match="differ in length"):
            read_roster(*rewritten(names, proofs))


@pytest.mark.parametrize(
    "columns", [[[5], [9], b"\0"], [[5, 5, 5], [9, 9, 9], bytes(3)], [[5, 5], [9, 9], b"\0\2"]]
)
def test_time_ranges_that_are_not_the_rows_are_refused(columns: list[object]) -> None:
    item = Item("c", "a", 1, PRESENT, "u", "VEVENT", "text/calendar", 1, bytes(32), 1, 5, 9, 0)
    names, digests = written(roster_of([item, item._replace(href="b")]))
    with pytest.raises(Damaged, match="time ranges"):
        read_roster(*rewritten([*names[:10], *columns], digests))


@pytest.mark.parametrize("runs", [[["c", 2**62]], [["c", 3], ["d", -1]], [["c", 2], ["d", 0]]])
def test_a_run_that_is_longer_than_the_roster_is_refused(runs: list[list[object]]) -> None:
    item = Item("c", "a", 1, PRESENT, "u", "VCARD", "text/vcard", 1, bytes(32), 1)
    names, digests = written(roster_of([item, item._replace(href="b")]))
    with pytest.raises(Damaged, match="differ in length"):
        read_roster(*rewritten([runs, *names[1:]], digests))


def written(roster: Roster) -> tuple[list[Any], bytes]:
    names, digests = msgspec.msgpack.decode(build_roster(roster)[0])
    return msgspec.msgpack.decode(decompress(names)), digests


def rewritten(names: list[Any], digests: bytes) -> tuple[bytes, bytes]:
    plain = msgspec.msgpack.encode(names)
    return msgspec.msgpack.encode([compress(plain), digests]), digest_of(plain + digests)


@pytest.mark.parametrize("plain", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode([1] * 10)])
def test_what_is_no_roster_is_damage(plain: bytes) -> None:
    with pytest.raises(Damaged):
        read_roster(plain, digest_of(plain))
    with pytest.raises(Damaged):
        read_bodies(plain)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, CHUNK_BYTES * 2), max_size=12))
def test_chunks_of_bodies_are_in_order_and_of_a_bounded_size(sizes: list[int]) -> None:
    bodies = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    back: list[bytes] = []
    for plain in build_bodies(*beside(bodies)):
        chunk = read_bodies(plain)
        run = open_piece(chunk.piece).restore([""] * chunk.count)
        assert chunk.first == len(back)
        assert run
        assert sum(map(bool, run)) <= 1 or sum(map(len, run)) <= CHUNK_BYTES
        back += run
    assert back == bodies


def beside(bodies: list[bytes]) -> tuple[Roster, list[bytes | None]]:
    items = [
        Item("c", f"{number:03}", 1, PRESENT, "", "", "", len(body), digest_of(body), 1)
        for number, body in enumerate(bodies)
    ]
    return roster_of(items), list(bodies)


ROWS = st.lists(
    st.tuples(TEXT, TEXT, st.binary(max_size=90_000) | st.none(), RANGES | st.just(NEVER)),
    max_size=9,
)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.sampled_from(["", ".vcf"]))
def test_a_lost_roster_is_made_anew_from_the_names_beside_the_bodies(
    rows: list[tuple[str, str, bytes | None, tuple[int, int, int]]], suffix: str
) -> None:
    """Bodies may have their UID in them or not, and NUL bytes of their own."""
    bodies = [body if body is None else uid.encode() + body for _, uid, body, _ in rows]
    items = [
        Item(
            "c",
            href or uid + suffix,
            number,
            DELETED if body is None else PRESENT,
            uid,
            "",
            "",
            len(body or b""),
            digest_of(href.encode() if body is None else body),
            number,
            *when,
        )
        for number, ((href, uid, _, when), body) in enumerate(zip(rows, bodies, strict=True))
    ]
    roster = roster_of(items)
    chunks = [read_bodies(plain) for plain in build_bodies(roster, bodies)]
    _, digest = build_roster(roster)
    assert rebuild_roster(chunks, digest) == roster
    for lost in range(len(chunks)):
        with pytest.raises(Damaged):
            rebuild_roster(chunks[:lost] + chunks[lost + 1 :], digest)
