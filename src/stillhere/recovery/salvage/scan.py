"""A damaged core, page by page: every row in it that proves itself.

What it keeps in memory while it reads is where things lie, and a shelf at a time of what they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from stillhere.bodies import PLACE_SHIFT, Piece, Run, open_piece
from stillhere.errors import Damaged
from stillhere.recovery.salvage.carve import carve
from stillhere.recovery.salvage.cells import (
    Cell,
    Columns,
    gather,
    is_whole,
    read_cells,
    read_columns,
)
from stillhere.recovery.salvage.file import OWN_PAGE_SIZE, DamagedFile, Page
from stillhere.recovery.salvage.rows import (
    PageRow,
    Place,
    RecordRow,
    read_name,
    read_page,
    read_piece,
    read_record,
    read_shelf,
    table_of,
)
from stillhere.recovery.salvage.wanted import Wanted, prove
from stillhere.rosters import PRESENT, Roster, read_roster
from stillhere.store.records import Record, State

_decode_runs = msgspec.msgpack.Decoder(list[Run]).decode
OPEN_PIECES = 8  # at once
_IN_PIECE = (1 << PLACE_SHIFT) - 1

Shelf = tuple[bytes, str]
"""Whose shelf it is, and of which kind."""


class Row(NamedTuple):
    """A row as it was found."""

    table: str
    place: Place
    cell: Cell
    columns: Columns


class Index:
    """Where a core's pages and pieces lie, and whose its shelves are, by their numbers there."""

    def __init__(self) -> None:
        self.pages: dict[int, list[Place]] = defaultdict(list)
        self.pieces: dict[int, dict[int, list[Place]]] = defaultdict(lambda: defaultdict(list))
        self._shelves: dict[int, set[Shelf]] = defaultdict(set)
        self._last: dict[int, int] = defaultdict(int)

    def name(self, number: int, shelf: Shelf, last: int) -> None:
        """Know whose shelf a number is, and a position that it had reached."""
        self._shelves[number].add(shelf)
        self._last[number] = max(self._last[number], last)

    def last(self, number: int) -> int:
        """The position of a shelf's last change; 0 where nothing says so."""
        return self._last.get(number, 0)

    def shelves(self) -> dict[int, Shelf]:
        """Every shelf of which it is clear whose it is, by its number."""
        return {number: s for number in self._shelves if (s := self.shelf(number)) is not None}

    def shelf(self, number: int) -> Shelf | None:
        """Whose shelf a number is; None where nothing says so, or more than one was."""
        found = self._shelves.get(number, set())
        return next(iter(found)) if len(found) == 1 else None

    def named(self) -> dict[int, Shelf]:
        """Every number of which it is known whose shelf it is."""
        shelves = {number: self.shelf(number) for number in self._shelves}
        return {number: shelf for number, shelf in shelves.items() if shelf is not None}


class Salvage:
    """A damaged core that is read. Close it when done."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput where nothing can be read."""
        self.path = path
        self._file = DamagedFile(path)
        self._index: Index | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Salvage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self, *, lost: bool = False) -> Iterator[RecordRow]:
        """Every present record whose body is proven, and every tombstone and held record; with
        ``lost`` those too, as held, whose row can be read and whose body is not there.

        One may come more than once, as may what it was before it was changed: the newest is the
        one with the highest position."""
        yield from self.rows(lost=lost)
        index = self.index()
        for number in index.pages:
            for page, roster in self._pages(index, number):
                yield from self._records_of(index, number, page, roster, lost=lost)

    def bodies(self, wanted: Wanted) -> Iterator[tuple[bytes, bytes]]:
        """Every body that is wanted and is there, with its digest; some more than once."""
        for row in self.rows():
            if row.body is not None and row.record.digest in wanted.digests:
                yield row.record.digest, row.body
        index = self.index()
        for number in index.pages.keys() | index.pieces.keys():
            named = False
            for page, roster in self._pages(index, number):
                named = True
                for row in self._records_of(index, number, page, roster, wanted.digests):
                    if row.body is not None:
                        yield row.record.digest, row.body
            if not named:
                yield from self._nameless(index, number, wanted)
        for bad in self._file.pages():
            for found in filter(None, map(self._record, _carve(bad))):
                if found.body is not None and found.record.digest in wanted.digests:
                    yield found.record.digest, found.body

    def rows(self, *, lost: bool = False) -> Iterator[RecordRow]:
        """The rows of ``records`` that prove themselves; with ``lost`` as ``records`` says."""
        index = Index()
        for row in self._all():
            if row.table != "records":
                self._note(index, row)
            elif (found := self._record(row)) is not None:
                yield found._replace(place=row.place)
            elif lost and (name := read_name(row.cell.local, row.columns)) is not None:
                yield name
        self._index = index

    def lies_whole(self, row: RecordRow) -> bool:
        """Whether a row lies on a page that is just as SQLite left it, of a core's own size."""
        if row.place is None or self._file.page_size != OWN_PAGE_SIZE:
            return False
        page = row.place.page
        return is_whole(page._replace(data=self._file.page(page.number, page.at)))

    def index(self) -> Index:
        """Where what is not a row of ``records`` lies, and whose the shelves are."""
        if self._index is None:
            self._index = Index()
            for row in self._all():
                if row.table != "records":
                    self._note(self._index, row)
        return self._index

    def _all(self) -> Iterator[Row]:
        return chain.from_iterable(map(self._rows_of, self._file.pages()))

    def _rows_of(self, page: Page) -> Iterator[Row]:
        for number, cell in enumerate(read_cells(page)):
            columns = read_columns(cell)
            table = table_of(columns) if columns is not None else ""
            if columns is not None and table:
                yield Row(table, Place(page._replace(data=b""), number), cell, columns)

    def _record(self, row: Row) -> RecordRow | None:
        for data in self._payloads(row):
            found = read_record(data, row.columns)
            if found is None:
                continue
            if found.body is None or prove(found.body, found.record.digest) is not None:
                return found
        return None

    def _note(self, index: Index, row: Row) -> None:
        if row.table == "pages":
            index.pages[row.cell.rowid].append(row.place)
            return
        for data in self._payloads(row):
            if row.table == "shelves":
                shelf = read_shelf(data, row.columns)
                if shelf is not None:
                    index.name(row.cell.rowid, (shelf.account, shelf.kind), shelf.last)
            else:
                piece = read_piece(data, row.columns)
                if piece is not None:
                    places = index.pieces[piece[0]][piece[1]]
                    if not places or places[-1] != row.place:
                        places.append(row.place)

    def _payloads(self, row: Row) -> Iterator[bytes]:
        """What a row may be: one for each state of the file that its chain leads through."""
        if not row.cell.overflow:
            yield row.cell.local
            return
        for moment in row.place.page.moments:
            data = gather(row.cell, partial(self._file.page, moment=moment))
            if data is not None:
                yield data

    def _again(self, place: Place) -> Iterator[tuple[bytes, Columns]]:
        """A row that was found before, read once more."""
        data = self._file.page(place.page.number, place.page.at)
        for row in self._rows_of(place.page._replace(data=data)):
            if row.place.cell == place.cell:
                yield from ((payload, row.columns) for payload in self._payloads(row))

    def _pages(self, index: Index, shelf: int) -> Iterator[tuple[PageRow, Roster]]:
        """The pages of a shelf whose rosters are proven."""
        for place in index.pages.get(shelf, []):
            for data, columns in self._again(place):
                page = read_page(data, columns)
                if page is None:
                    continue
                with suppress(Damaged):
                    yield page, read_roster(page.sheet, page.digest)
                    break

    def _records_of(
        self,
        index: Index,
        shelf: int,
        page: PageRow,
        roster: Roster,
        only: set[bytes] | None = None,
        *,
        lost: bool = False,
    ) -> Iterator[RecordRow]:
        """The records of a page, those of ``only`` these digests if that is given; a present one
        whose body is not there is left out, or held with ``lost``."""
        digests = roster.digest_list()
        if only is not None and only.isdisjoint(digests):
            return
        pieces: dict[int, list[Piece]] = {}
        places = _places(page.runs, len(roster))
        for number, item in enumerate(roster.items()):
            if only is not None and item.digest not in only:
                continue
            record = Record._make(item)._replace(state=State(item.state))
            if item.state != PRESENT:
                yield RecordRow(shelf, record, None)
                continue
            place = places.get(number, 0)
            at = place >> PLACE_SHIFT
            if at not in pieces:
                if len(pieces) >= OPEN_PIECES:
                    pieces.clear()
                pieces[at] = list(self._pieces(index, shelf, at, page.piece))
            for piece in pieces[at]:
                body = _body(piece, place & _IN_PIECE, item.uid, item.digest)
                if body is not None:
                    yield RecordRow(shelf, record, body)
                    break
            else:
                if lost:
                    yield RecordRow(shelf, record._replace(state=State.HELD), None)

    def _pieces(
        self, index: Index, shelf: int, number: int, first: bytes | None
    ) -> Iterator[Piece]:
        """Every state of a piece that opens."""
        if number == 1 and first is not None:
            with suppress(Damaged):
                yield open_piece(first)
        for place in index.pieces.get(shelf, {}).get(number, []):
            for data, columns in self._again(place):
                found = read_piece(data, columns)
                with suppress(Damaged):
                    if found is not None:
                        yield open_piece(found[2])

    def _nameless(self, index: Index, shelf: int, wanted: Wanted) -> Iterator[tuple[bytes, bytes]]:
        """What is wanted of pieces whose roster is lost."""
        owner = index.shelf(shelf)
        account = owner[0] if owner is not None else None
        for place in index.pages.get(shelf, []):
            for data, columns in self._again(place):
                page = read_page(data, columns)
                if page is not None:
                    for piece in self._pieces(index, shelf, 1, page.piece):
                        yield from wanted.find(piece, account)
        for number in index.pieces.get(shelf, {}):
            for piece in self._pieces(index, shelf, number, None):
                yield from wanted.find(piece, account)


def _carve(page: Page) -> Iterator[Row]:
    """What looks like rows of ``records`` on a page that is none any more, in whole or in part."""
    for cell, columns in carve(page):
        yield Row("records", Place(page._replace(data=b""), 0), cell, columns)


def _places(runs: bytes, count: int) -> dict[int, int]:
    """Where the body of each row lies, as far as the runs make sense."""
    places: dict[int, int] = {}
    try:
        decoded = _decode_runs(runs)
    except msgspec.DecodeError:
        return places
    for first, length, place in decoded:
        for number in range(max(first, 0), min(first + length, count)):
            places[number] = place + number - first
    return places


def _body(piece: Piece, number: int, uid: str, digest: bytes) -> bytes | None:
    try:
        return prove(piece.body(number, uid), digest)
    except Damaged:
        return None
