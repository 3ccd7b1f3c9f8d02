"""Rosters and chunks of bodies: the two halves of a level."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhere.errors import Damaged
from stillhere.vault.rosters import (
    CHUNK_BYTES,
    DELETED,
    HELD,
    PRESENT,
    Item,
    build_bodies,
    build_roster,
    empty_roster,
    read_bodies,
    read_roster,
)

TEXT = st.text(max_size=12)
ITEMS = st.lists(
    st.builds(
        Item,
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
    ),
    max_size=20,
)


def digest_of(plain: bytes) -> bytes:
    return hashlib.sha256(plain).digest()


@settings(max_examples=60, deadline=None)
@given(ITEMS)
def test_a_roster_gives_back_every_row(items: list[Item]) -> None:
    plain = build_roster(items)
    roster = read_roster(plain, digest_of(plain))
    assert list(roster.items()) == items
    assert len(roster) == len(items)
    assert roster.digest_list() == [item.digest for item in items]


def test_an_empty_shelf_has_an_empty_roster() -> None:
    plain = build_roster([])
    assert read_roster(plain, digest_of(plain)) == empty_roster()


def test_a_roster_that_is_not_the_head_s_is_refused() -> None:
    plain = build_roster([Item("c", "a", 1, PRESENT, "", "", "", 1, bytes(32), 1)])
    older = build_roster([])
    with pytest.raises(Damaged, match="digest"):
        read_roster(older, digest_of(plain))


@pytest.mark.parametrize("column", range(10))
def test_columns_of_different_length_are_refused(column: int) -> None:
    """Else a later row would be given another's name, body or digest."""
    item = Item("c", "a", 1, PRESENT, "u", "VCARD", "text/vcard", 1, bytes(32), 1)
    columns = msgspec.msgpack.decode(build_roster([item, item._replace(href="b")]))
    columns[column] = columns[column][:-1]
    plain = msgspec.msgpack.encode(columns)
    with pytest.raises(Damaged):
        list(read_roster(plain, digest_of(plain)).items())


@pytest.mark.parametrize("plain", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode([1] * 10)])
def test_what_is_no_roster_is_damage(plain: bytes) -> None:
    with pytest.raises(Damaged):
        read_roster(plain, digest_of(plain))
    with pytest.raises(Damaged):
        read_bodies(plain)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, CHUNK_BYTES * 2), max_size=12))
def test_chunks_of_bodies_are_in_order_and_of_a_bounded_size(sizes: list[int]) -> None:
    bodies = [bytes([number]) * size for number, size in enumerate(sizes)]
    back: list[bytes] = []
    for chunk in build_bodies(bodies):
        first, run = read_bodies(chunk)
        assert first == len(back)
        assert run
        assert sum(map(bool, run)) <= 1 or sum(map(len, run)) <= CHUNK_BYTES
        back += run
    assert back == bodies
