"""Rows of a core's tables, told by their shape: a damaged file may not say which table they are
of. Of the core's tables, no two have rows of the same shape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stillhere.recovery.salvage.cells import Columns, is_blob, is_integer, is_text, read_value
from stillhere.recovery.salvage.file import Page
from stillhere.store.records import Record, State

SHAPES = {
    "records": "ittiitttidiiii?",
    "shelves": "nattibb?ii",
    "pages": "niiiibdb?",
    "pieces": "iib",
}
"""A letter for each column: n null, i whole number, t text, b bytes, a and d bytes that are an
account and a digest, ? bytes or null."""
_SIZES = {"a": 12 + 2 * 16, "d": 12 + 2 * 32}
_BY_LENGTH = {len(shape): (table, shape) for table, shape in SHAPES.items()}


class Place(NamedTuple):
    """Where a row lies: its page, without what is in it, and which of the page's cells it is."""

    page: Page
    cell: int


class RecordRow(NamedTuple):
    """A record or tombstone, of a shelf by its number in that core, and its body if it has one;
    ``place`` is that of a row, None for one out of a page of a shelf."""

    shelf: int
    record: Record
    body: bytes | None
    place: Place | None = None


class ShelfOf(NamedTuple):
    """Whose shelf it is, of which kind, and the position of its last change."""

    account: bytes
    kind: str
    last: int


class PageRow(NamedTuple):
    """A shelf as a page: where bodies lie, its roster, and the first of its pieces."""

    runs: bytes
    digest: bytes
    sheet: bytes
    piece: bytes | None


def table_of(columns: Columns) -> str:
    """The table that has rows of this shape; "" if none that matters."""
    table, shape = _BY_LENGTH.get(len(columns.types), ("", ""))
    return table if all(map(_fits, columns.types, shape)) else ""


def read_record(row: bytes, columns: Columns) -> RecordRow | None:
    """A row of ``records``; None where its values are not those of one."""
    values = _values(row, columns)
    if values is None:
        return None
    shelf, collection, href, seq, state, *about, body = values
    if state not in set(State) or (body is None) == (state == State.PRESENT):
        return None
    record = Record(collection, href, seq, State(state), *about)
    if body is not None and len(body) != record.size:
        return None
    return RecordRow(shelf, record, body)


def read_name(local: bytes, columns: Columns) -> RecordRow | None:
    """A present record of which all but the body lies in its page, as held; None where that is
    not so."""
    values = _values(local, columns) if columns.starts[-1] <= len(local) else None
    if values is None or values[4] != State.PRESENT:
        return None
    shelf, *about, _ = values
    return RecordRow(shelf, Record._make(about)._replace(state=State.HELD), None)


def read_shelf(row: bytes, columns: Columns) -> ShelfOf | None:
    """A row of ``shelves``, as far as it matters."""
    values = _values(row, columns)
    return None if values is None else ShelfOf(values[1], values[2], values[4])


def read_page(row: bytes, columns: Columns) -> PageRow | None:
    """A row of ``pages``, without its figures."""
    values = _values(row, columns)
    return None if values is None else PageRow(*values[5:])


def read_piece(row: bytes, columns: Columns) -> tuple[int, int, bytes] | None:
    """A row of ``pieces``: the shelf's number, the piece's, and the piece."""
    values = _values(row, columns)
    return None if values is None else (values[0], values[1], values[2])


def _fits(kind: int, letter: str) -> bool:
    if letter in _SIZES:
        return kind == _SIZES[letter]
    if letter == "i":
        return is_integer(kind)
    if letter == "t":
        return is_text(kind)
    if letter == "n":
        return kind == 0
    return is_blob(kind) or (letter == "?" and kind == 0)


def _values(row: bytes, columns: Columns) -> list[Any] | None:
    try:
        return list(map(read_value, [row] * len(columns.types), columns.types, columns.starts))
    except ValueError:
        return None
