"""When records are: what overlaps a time range, from rows and from a page, and what that reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rooms import CONTACTS, delete, quick_folder

from stillhere.bodies import PLACE_SHIFT, pack_bodies, runs_of
from stillhere.kinds.item import NO_SPAN, Span
from stillhere.replication.start import Working
from stillhere.rosters import Item, build_roster, roster_of
from stillhere.store import Change, Op, Shelf, ShelfWrite, Store
from stillhere.store.draft import apply_changes
from stillhere.store.pages import PageShelf, add_pages, make_page
from stillhere.store.rows import RowShelf
from stillhere.store.schema import BRIEF, connect
from stillhere.store.shelf import ShelfRow

DAY = 24 * 3600
AT_NOON = Span(12 * 3600, 13 * 3600)
Spans = dict[str, Span]


def fill(spans: Spans, shelf: ShelfWrite) -> None:
    for href, span in spans.items():
        shelf.put(CONTACTS, href, href.encode(), uid=href, span=span)


def write(store: Store, account: bytes, spans: Spans) -> None:
    store.write(account, CONTACTS, partial(fill, spans)).result(60)


def at(shelf: Shelf, starts: int, ends: int) -> list[str]:
    found = shelf.overlapping(CONTACTS, starts, ends)
    assert [record for record, _ in shelf.each_body(CONTACTS, (starts, ends))] == found
    return [record.href for record in found]


def overlapping(spans: Spans, starts: int, ends: int) -> list[str]:
    """What must be found."""
    return sorted(
        href
        for href, span in spans.items()
        if span.starts < min(ends, span.ends) and starts < span.ends
    )


def test_a_span_ends_before_its_end(store: Store, anna: bytes) -> None:
    write(store, anna, {"noon": AT_NOON, "before 1970": Span(-50, -40), "none": NO_SPAN})
    with store.read(anna, CONTACTS) as shelf:
        assert at(shelf, 0, DAY) == ["noon"]
        assert at(shelf, 0, AT_NOON.starts) == at(shelf, AT_NOON.ends, DAY) == []
        assert at(shelf, AT_NOON.starts, AT_NOON.starts + 1) == ["noon"]
        assert at(shelf, AT_NOON.ends - 1, AT_NOON.ends) == ["noon"]
        assert at(shelf, -(1 << 40), 1 << 40) == ["before 1970", "noon"]
        assert shelf.overlapping("elsewhere", 0, DAY) == []


def test_a_record_s_span_is_that_of_its_last_change(store: Store, anna: bytes) -> None:
    write(store, anna, {"a": AT_NOON, "b": AT_NOON})
    write(store, anna, {"a": NO_SPAN, "b": Span(1, 2, exact=False)})
    with store.read(anna, CONTACTS) as shelf:
        assert at(shelf, AT_NOON.starts, DAY) == []
        assert {r.href: r.span for r in shelf.records(CONTACTS)} == {
            "a": NO_SPAN,
            "b": Span(1, 2, exact=False),
        }


def test_what_is_deleted_is_at_no_time(working: Working, anna: bytes) -> None:
    write(working.store, anna, {"a": AT_NOON, "b": Span(0, 2 * BRIEF)})
    delete(working, anna, "a")
    delete(working, anna, "b")
    with working.store.read(anna, CONTACTS) as shelf:
        assert at(shelf, 0, DAY) == []


MOMENT = st.integers(-2 * BRIEF, 2 * BRIEF) | st.sampled_from((-(1 << 40), 1 << 40))
LENGTH = st.sampled_from((0, 1, 3_600, BRIEF - 1, BRIEF, BRIEF + 1, 1 << 41))
SPAN = st.tuples(MOMENT, LENGTH | st.integers(0, 3 * BRIEF), st.booleans()).map(
    lambda drawn: Span(drawn[0], drawn[0] + drawn[1], drawn[2])
)


@pytest.fixture(scope="module")
def sql() -> Iterator[sqlite3.Connection]:
    """The tables of a core, and nothing beside them."""
    with quick_folder() as folder:
        connection = connect(folder, create=True)
        yield connection
        connection.close()


def as_rows(sql: sqlite3.Connection, spans: Spans) -> RowShelf:
    """A shelf whose records have these spans, in place of the one before."""
    row = ShelfRow(bytes(16), CONTACTS, 1, "", 0, b"", {}, 1, 0)
    about = ("", "", "", 4, sha256(b"body").digest(), b"body")
    changes = [
        Change(seq, 5, "", Op.PUT, CONTACTS, href, *about, span.starts, span.ends, int(span.exact))
        for seq, (href, span) in enumerate(spans.items(), 1)
    ]
    sql.execute("BEGIN")
    sql.execute("DELETE FROM records")
    if changes:
        apply_changes(sql, row, changes)
    sql.execute("COMMIT")
    return RowShelf(sql, row)


def as_page(sql: sqlite3.Connection, rows: RowShelf) -> PageShelf:
    """The same as a page."""
    every = rows.everything()
    columns = roster_of([Item(*record) for record, _ in every])
    piece = pack_bodies([body or b"" for _, body in every], columns.uids)
    places = range(1 << PLACE_SHIFT, (1 << PLACE_SHIFT) + len(every))
    page = make_page(build_roster(columns), columns.figures(), runs_of(places), {1: piece})
    sql.execute("DELETE FROM pages")
    add_pages(sql, [(1, page)])
    return PageShelf(sql, ShelfRow(bytes(16), CONTACTS, 1, "", 0, b"", {}, 0, 0))


@settings(max_examples=150, deadline=None)
@given(st.lists(SPAN, max_size=12), st.lists(st.tuples(MOMENT, MOMENT), min_size=1, max_size=5))
def test_rows_and_pages_give_whatever_overlaps(
    sql: sqlite3.Connection, spans: list[Span], asked: list[tuple[int, int]]
) -> None:
    named = {f"{number:02}": span for number, span in enumerate(spans)}
    rows = as_rows(sql, named)
    page = as_page(sql, rows)
    assert page.everything() == rows.everything()
    for starts, ends in asked:
        assert at(rows, starts, ends) == at(page, starts, ends) == overlapping(named, starts, ends)


def count_steps(sql: sqlite3.Connection, shelf: RowShelf, starts: int, ends: int) -> int:
    """What SQLite's virtual machine does for an answer."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    sql.set_progress_handler(step, 1)
    try:
        shelf.overlapping(CONTACTS, starts, ends)
    finally:
        sql.set_progress_handler(None, 1)
    return steps


def test_a_month_reads_what_it_may_return(sql: sqlite3.Connection) -> None:
    """As much among ten thousand as among a thousand; a look at each would be ten times it."""
    steps, found = [], []
    month = 100 * DAY, 130 * DAY
    for many in (1_000, 10_000):
        events = {f"{n:05}": Span(n * 8 * 3600, n * 8 * 3600 + 3600) for n in range(many)}
        series = {f"series {n}": Span(n * DAY, 1 << 40, exact=False) for n in range(50)}
        shelf = as_rows(sql, events | series)
        steps.append(count_steps(sql, shelf, *month))
        found.append(at(shelf, *month))
    assert found[0] == found[1]
    assert len(found[0]) == 30 * 3 + 50
    assert steps[1] < steps[0] * 1.1


def test_names_come_from_indexes_alone(sql: sqlite3.Connection) -> None:
    asked: list[str] = []
    sql.set_trace_callback(asked.append)
    try:
        as_rows(sql, {}).overlapping(CONTACTS, 0, DAY)
    finally:
        sql.set_trace_callback(None)
    plan = [row[3] for row in sql.execute(f"EXPLAIN QUERY PLAN {asked[-1]}")]
    key = "(shelf=? AND collection=?"
    reads = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
    assert reads == [
        f"SEARCH records USING PRIMARY KEY {key} AND href=?)",
        f"SEARCH records USING COVERING INDEX records_brief {key} AND starts>? AND starts<?)",
        f"SEARCH records USING COVERING INDEX records_long {key} AND ends>?)",
    ]


@pytest.mark.parametrize(("span", "pays"), [(NO_SPAN, False), (AT_NOON, True)])
def test_records_without_a_span_pay_for_no_index(tmp_path: Path, span: Span, pays: bool) -> None:
    """An index that has nothing in it is one page; so contacts pay nothing."""
    core = connect(tmp_path, create=True)
    as_rows(core, {f"{n}": span for n in range(2_000)})
    sizes = []
    for tidy in ("", "DROP INDEX records_brief; DROP INDEX records_long;"):
        core.executescript(f"{tidy} VACUUM")
        sizes += core.execute("PRAGMA page_count").fetchone()
    core.close()
    assert (sizes[0] - sizes[1] > 2) is pays
