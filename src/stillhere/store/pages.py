"""A recovered shelf as one proven page, until it is first written to.

A page is what the vault proves a shelf with: its roster's sheet, and its bodies in their pieces.
A recovery keeps it as it is, which takes a fraction of the time that a row for each record would;
the first change makes it into rows (``settle``).

A page proves itself whenever it is read: the sheet by its digest, a body by its record's.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import repeat

import msgspec

from stillhere.bodies import PLACE_SHIFT, Piece, Run, open_piece
from stillhere.errors import Damaged
from stillhere.rosters import DELETED, HELD, PRESENT, Figures, read_roster
from stillhere.store.records import Collection, Delta, Record, State
from stillhere.store.rows import RowShelf
from stillhere.store.shelf import Shelf, ShelfRow, decode_properties

Sheet = tuple[bytes, bytes]
"""A roster's bytes and their digest."""

_encode = msgspec.msgpack.Encoder().encode
_decode_runs = msgspec.msgpack.Decoder(list[Run]).decode
KEPT_PIECES = 4  # open at once: bodies lie in them nearly in the order of their names
_IN_PIECE = (1 << PLACE_SHIFT) - 1


class NewPage(msgspec.Struct, frozen=True, array_like=True):
    """A page as the core keeps it: its figures, where its bodies lie, its
    roster's sheet with its digest, and its pieces by number, from 1."""

    records: int
    held: int
    size: int
    changed: int
    runs: bytes
    digest: bytes
    sheet: bytes
    pieces: dict[int, bytes]


def make_page(
    sheet: Sheet, figures: Figures, runs: Sequence[Run], pieces: dict[int, bytes]
) -> NewPage:
    """A page of a roster's sheet and figures, and of pieces by number, with the runs in which
    bodies lie in them."""
    return NewPage(
        figures.present + figures.held,
        figures.held,
        figures.size,
        figures.changed,
        _encode(runs),
        sheet[1],
        sheet[0],
        pieces,
    )


def add_pages(sql: sqlite3.Connection, pages: Sequence[tuple[int, NewPage]]) -> None:
    """Keep pages of shelves with these ids, in the transaction at hand.

    The first piece lies with the sheet, as most shelves have no other."""
    sql.executemany(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                shelf,
                p.records,
                p.held,
                p.size,
                p.changed,
                p.runs,
                p.digest,
                p.sheet,
                p.pieces.get(1),
            )
            for shelf, p in pages
        ],
    )
    sql.executemany(
        "INSERT INTO pieces VALUES (?, ?, ?)",
        [
            (shelf, number, piece)
            for shelf, page in pages
            for number, piece in page.pieces.items()
            if number > 1
        ],
    )


def open_shelf(connection: sqlite3.Connection, row: ShelfRow) -> Shelf:
    """A shelf, whether it is rows or still a page."""
    return RowShelf(connection, row) if row.settled else PageShelf(connection, row)


def read_positions(connection: sqlite3.Connection, row: ShelfRow) -> dict[tuple[str, str], int]:
    """Where every record and tombstone of a shelf was changed last, by collection and name.

    Raises Damaged where a page does not prove itself."""
    if not row.settled:
        roster = Page(connection, row.id).roster
        return dict(
            zip(zip(roster.collections, roster.hrefs, strict=True), roster.seqs, strict=True)
        )
    found = connection.execute(
        "SELECT collection, href, seq FROM records WHERE shelf = ?", (row.id,)
    )
    return {(collection, href): seq for collection, href, seq in found}


def settle(connection: sqlite3.Connection, row: ShelfRow) -> int:
    """Make a page into rows, once, in the transaction at hand; returns how many.

    Raises Damaged, with nothing changed, where the page does not prove itself."""
    if row.settled:
        return 0
    page = Page(connection, row.id)
    connection.execute("SAVEPOINT settle")
    try:
        _make_rows(connection, row.id, page)
    except Damaged:
        connection.execute("ROLLBACK TO settle")
        raise
    finally:
        if connection.in_transaction:  # a full disk has ended it
            connection.execute("RELEASE settle")
    row.settled = 1
    return len(page.roster)


def _make_rows(connection: sqlite3.Connection, shelf: int, page: Page) -> None:
    roster = page.roster
    connection.executemany(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        zip(
            repeat(shelf),
            roster.collections,
            roster.hrefs,
            roster.seqs,
            roster.states,
            roster.uids,
            roster.components,
            roster.media_types,
            roster.sizes,
            roster.digest_list(),
            roster.modified,
            *roster.time_ranges(),
            map(page.body, range(len(roster))),  # proven one by one, on their way
            strict=False,
        ),
    )
    connection.executemany(
        "INSERT INTO positions VALUES (?, ?, ?)",
        [(shelf, name, page.position(name)) for name in dict.fromkeys(roster.collections)],
    )
    for table in ("pages", "pieces"):
        connection.execute(f"DELETE FROM {table} WHERE shelf = ?", (shelf,))  # noqa: S608
    connection.execute("UPDATE shelves SET settled = 1 WHERE id = ?", (shelf,))


class Page:
    """A page, opened: its roster, and its bodies piece by piece as they are asked for."""

    def __init__(self, sql: sqlite3.Connection, shelf: int) -> None:
        """Raises Damaged where the sheet does not prove itself."""
        self._sql = sql
        self._shelf = shelf
        row = sql.execute(
            "SELECT runs, digest, sheet FROM pages WHERE shelf = ?", (shelf,)
        ).fetchone()
        if row is None:
            raise Damaged("the core has neither rows nor a page of a shelf")
        runs, digest, sheet = row
        self.roster = read_roster(sheet, digest)
        self._runs = _decode_runs(runs)
        self._pieces: dict[int, Piece] = {}

    def rows(self, collection: str) -> range:
        """The records of a collection, tombstones included, by name."""
        names = self.roster.collections
        first = bisect_left(names, collection)
        return range(first, bisect_right(names, collection, first))

    def there(self, collection: str) -> Sequence[int]:
        """The present and held records of a collection."""
        rows, states = self.rows(collection), self.roster.states
        if DELETED not in states:
            return rows
        return [number for number in rows if states[number] != DELETED]

    def find(self, collection: str, href: str) -> int | None:
        """A present or held record, or None."""
        rows, roster = self.rows(collection), self.roster
        number = bisect_left(roster.hrefs, href, rows.start, rows.stop)
        if number == rows.stop or roster.hrefs[number] != href or roster.states[number] == DELETED:
            return None
        return number

    def overlapping(self, collection: str, starts: int, ends: int) -> Sequence[int]:
        """The present and held records of a collection whose spans overlap this time."""
        roster = self.roster
        if not roster.starts:
            return ()
        first, after = roster.starts, roster.ends
        return [
            n
            for n in self.there(collection)
            if first[n] < ends and starts < after[n] and first[n] < after[n]
        ]

    def position(self, collection: str) -> int:
        """The last position of anything in a collection; 0 if there is nothing."""
        rows = self.rows(collection)
        return max(self.roster.seqs[rows.start : rows.stop], default=0)

    def record(self, number: int) -> Record:
        """One record or tombstone."""
        roster = self.roster
        return Record(
            roster.collections[number],
            roster.hrefs[number],
            roster.seqs[number],
            State(roster.states[number]),
            roster.uids[number],
            roster.components[number],
            roster.media_types[number],
            roster.sizes[number],
            roster.digests[32 * number : 32 * number + 32],
            roster.modified[number],
            *roster.time_range(number),
        )

    def body(self, number: int) -> bytes | None:
        """A record's body, proven; None where it has none. Raises Damaged."""
        roster = self.roster
        if roster.states[number] != PRESENT:
            return None
        at = bisect_right(self._runs, number, key=_first_of) - 1
        first, count, place = self._runs[at] if at >= 0 else (0, 0, 0)
        if number >= first + count:
            raise Damaged("a page of the core lacks a body that it must have")
        place += number - first
        body = self._piece(place >> PLACE_SHIFT).body(place & _IN_PIECE, roster.uids[number])
        if sha256(body).digest() != roster.digests[32 * number : 32 * number + 32]:
            raise Damaged("a body in a page of the core does not match its digest")
        return body

    def _piece(self, number: int) -> Piece:
        piece = self._pieces.get(number)
        if piece is None:
            row = self._sql.execute(
                "SELECT piece FROM pages WHERE shelf = ?1 AND ?2 = 1 AND piece IS NOT NULL"
                " UNION ALL SELECT packed FROM pieces WHERE shelf = ?1 AND number = ?2",
                (self._shelf, number),
            ).fetchone()
            if row is None:
                raise Damaged("a page of the core lacks one of its pieces")
            if len(self._pieces) == KEPT_PIECES:
                del self._pieces[next(iter(self._pieces))]
            piece = self._pieces[number] = open_piece(row[0])
        return piece


class PageShelf(Shelf):
    """A shelf read from its page."""

    def __init__(self, connection: sqlite3.Connection, row: ShelfRow) -> None:
        """Raises Damaged where the page does not prove itself."""
        super().__init__(row)
        self._page = Page(connection, row.id)

    def collections(self) -> list[Collection]:
        return list(map(self._collection, self._page.there("")))

    def collection(self, name: str) -> Collection | None:
        number = self._page.find("", name)
        return None if number is None else self._collection(number)

    def record(self, collection: str, href: str) -> Record | None:
        number = self._page.find(collection, href)
        return None if number is None else self._page.record(number)

    def body(self, collection: str, href: str) -> tuple[Record, bytes | None] | None:
        number = self._page.find(collection, href)
        return None if number is None else self._with_body(number)

    def records(self, collection: str) -> list[Record]:
        return list(map(self._page.record, self._page.there(collection)))

    def overlapping(self, collection: str, starts: int, ends: int) -> list[Record]:
        return list(map(self._page.record, self._page.overlapping(collection, starts, ends)))

    def bodies(self, collection: str, hrefs: Sequence[str]) -> list[tuple[Record, bytes | None]]:
        numbers = (self._page.find(collection, href) for href in dict.fromkeys(hrefs))
        return [self._with_body(number) for number in numbers if number is not None]

    def each_body(
        self, collection: str, within: tuple[int, int] | None = None
    ) -> Iterator[tuple[Record, bytes | None]]:
        page = self._page
        there = page.there(collection) if within is None else page.overlapping(collection, *within)
        return map(self._with_body, there)

    def by_uid(self, collection: str, uid: str) -> Record | None:
        uids = self._page.roster.uids
        number = next((n for n in self._page.there(collection) if uids[n] == uid), None)
        return None if number is None else self._page.record(number)

    def changes(self, collection: str, since: int, limit: int | None = None) -> Delta:
        roster = self._page.roster
        rows = self._page.rows(collection)
        newer = [n for n in rows if roster.seqs[n] > since and roster.states[n] != HELD]
        newer.sort(key=roster.seqs.__getitem__)
        newer = newer[: None if limit is None else limit + 1]
        return self._delta(collection, since, limit, list(map(self._page.record, newer)))

    def position(self, collection: str) -> int:
        return self._page.position(collection)

    def held(self) -> list[Record]:
        states = self._page.roster.states
        return [self._page.record(n) for n, state in enumerate(states) if state == HELD]

    def everything(self) -> list[tuple[Record, bytes | None]]:
        return list(map(self._with_body, range(len(self._page.roster))))

    def _with_body(self, number: int) -> tuple[Record, bytes | None]:
        return self._page.record(number), self._page.body(number)

    def _collection(self, number: int) -> Collection:
        roster = self._page.roster
        name, seq = roster.hrefs[number], roster.seqs[number]
        properties = decode_properties(self._page.body(number))
        return Collection(name, properties, seq, max(seq, self._page.position(name)))


def _first_of(run: Run) -> int:
    return run[0]
