"""A shelf whose records are rows: one that was never recovered, or written to since."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from stillhere.store.records import Collection, Delta, Record
from stillhere.store.schema import BRIEF
from stillhere.store.shelf import Shelf, ShelfRow, decode_properties

_COLUMNS = (
    "collection, href, seq, state, uid, component, media_type, size, digest, modified,"
    " starts, ends, exact"
)
_WIDTH = len(Record._fields)
# The names come from the indexes alone: of brief spans, those that start at most BRIEF before the
# time range, of long ones, as series have, those that end after it has begun.
_OVERLAPPING = (
    "shelf = ?1 AND collection = ?2 AND href IN ("  # noqa: S608 (constants only, here and below)
    "SELECT href FROM records INDEXED BY records_brief"
    f" WHERE shelf = ?1 AND collection = ?2 AND starts > ?3 - {BRIEF} AND starts < ?4"
    f" AND ends > ?3 AND state <> 1 AND starts < ends AND ends - starts <= {BRIEF}"
    " UNION ALL SELECT href FROM records INDEXED BY records_long"
    " WHERE shelf = ?1 AND collection = ?2 AND ends > ?3"
    f" AND starts < ?4 AND state <> 1 AND ends - starts > {BRIEF})"
    " ORDER BY href"
)
_BATCH = 500  # parameters a statement may carry, kept below SQLite's oldest limit

_record = partial(tuple.__new__, Record)  # the state stays a plain int, equal to its State


class RowShelf(Shelf):
    """A shelf read from its rows."""

    def __init__(self, connection: sqlite3.Connection, row: ShelfRow) -> None:
        super().__init__(row)
        self._sql = connection

    def collections(self) -> list[Collection]:
        rows = self._sql.execute(
            "SELECT r.href, r.body, r.seq, p.seq FROM records r"
            " LEFT JOIN positions p ON p.shelf = r.shelf AND p.collection = r.href"
            " WHERE r.shelf = ? AND r.collection = '' AND r.state <> 1 ORDER BY r.href",
            (self._row.id,),
        )
        return list(map(self._collection, rows))

    def collection(self, name: str) -> Collection | None:
        row = self._sql.execute(
            "SELECT r.href, r.body, r.seq, p.seq FROM records r"
            " LEFT JOIN positions p ON p.shelf = r.shelf AND p.collection = r.href"
            " WHERE r.shelf = ? AND r.collection = '' AND r.href = ? AND r.state <> 1",
            (self._row.id, name),
        ).fetchone()
        return None if row is None else self._collection(row)

    def record(self, collection: str, href: str) -> Record | None:
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND href = ? AND state <> 1",
            (self._row.id, collection, href),
        ).fetchone()
        return None if row is None else _record(row)

    def body(self, collection: str, href: str) -> tuple[Record, bytes | None] | None:
        row = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND href = ? AND state <> 1",
            (self._row.id, collection, href),
        ).fetchone()
        return None if row is None else self._with_body(row)

    def records(self, collection: str) -> list[Record]:
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND state <> 1 ORDER BY href",
            (self._row.id, collection),
        )
        return list(map(_record, rows))

    def overlapping(self, collection: str, starts: int, ends: int) -> list[Record]:
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE {_OVERLAPPING}",  # noqa: S608
            (self._row.id, collection, starts, ends),
        )
        return list(map(_record, rows))

    def bodies(self, collection: str, hrefs: Sequence[str]) -> list[tuple[Record, bytes | None]]:
        found: list[tuple[Record, bytes | None]] = []
        for start in range(0, len(hrefs), _BATCH):
            names = hrefs[start : start + _BATCH]
            rows = self._sql.execute(
                f"SELECT {_COLUMNS}, body FROM records"  # noqa: S608
                " WHERE shelf = ? AND collection = ? AND state <> 1"
                f" AND href IN ({','.join('?' * len(names))})",
                (self._row.id, collection, *names),
            )
            found += map(self._with_body, rows)
        return found

    def each_body(
        self, collection: str, within: tuple[int, int] | None = None
    ) -> Iterator[tuple[Record, bytes | None]]:
        where = "shelf = ? AND collection = ? AND state <> 1 ORDER BY href"
        rows = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records"  # noqa: S608
            f" WHERE {where if within is None else _OVERLAPPING}",
            (self._row.id, collection, *(within or ())),
        )
        return map(self._with_body, rows)

    def by_uid(self, collection: str, uid: str) -> Record | None:
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND uid = ?"  # noqa: S608
            " AND collection = ? AND state <> 1 LIMIT 1",
            (self._row.id, uid, collection),
        ).fetchone()
        return None if row is None else _record(row)

    def changes(self, collection: str, since: int, limit: int | None = None) -> Delta:
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND seq > ?"  # noqa: S608
            " AND collection = ? AND state <> 2 ORDER BY seq LIMIT ?",
            (self._row.id, since, collection, -1 if limit is None else limit + 1),
        )
        return self._delta(collection, since, limit, list(map(_record, rows)))

    def position(self, collection: str) -> int:
        row = self._sql.execute(
            "SELECT seq FROM positions WHERE shelf = ? AND collection = ?",
            (self._row.id, collection),
        ).fetchone()
        return row[0] if row else 0

    def held(self) -> list[Record]:
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND state = 2",  # noqa: S608
            (self._row.id,),
        )
        return [_record(row) for row in rows]

    def everything(self) -> list[tuple[Record, bytes | None]]:
        rows = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records WHERE shelf = ?"  # noqa: S608
            " ORDER BY collection, href",
            (self._row.id,),
        )
        return list(map(self._with_body, rows))

    def _with_body(self, row: tuple[Any, ...]) -> tuple[Record, bytes | None]:
        return _record(row[:_WIDTH]), row[_WIDTH]

    def _collection(self, row: tuple[Any, ...]) -> Collection:
        name, body, seq, position = row
        return Collection(name, decode_properties(body), seq, max(seq, position or 0))
