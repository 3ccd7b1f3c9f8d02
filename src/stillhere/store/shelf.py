"""Reading one shelf: listings, bodies and deltas, all from one consistent snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from stillhere.store.pieces import Pieces
from stillhere.store.records import Collection, Delta, Record

_COLUMNS = "collection, href, seq, state, uid, component, media_type, size, digest, modified"
_BATCH = 500  # parameters a statement may carry, kept below SQLite's oldest limit

_record = partial(tuple.__new__, Record)  # the state stays a plain int, equal to its State
_decode_ends = msgspec.msgpack.Decoder(dict[int, int])
_decode_properties = msgspec.msgpack.Decoder(dict[str, str])
encode_properties = msgspec.msgpack.Encoder(order="deterministic").encode


@dataclass(slots=True)
class ShelfRow:
    """The shelf's own row: where its sequence stands and whether its gate is open.

    ``closed`` is why it is closed, "" when it is open; ``settled`` is false while recovered
    rows are not indexed and bodies in pieces; ``held`` counts records without a body.
    """

    account: bytes
    kind: str
    id: int
    closed: str
    last_seq: int
    chain: bytes
    ends: dict[int, int]
    settled: int
    held: int


def find_shelf(connection: sqlite3.Connection, account: bytes, kind: str) -> ShelfRow | None:
    """The row of a shelf, or None where the core has no such shelf."""
    row = connection.execute(
        "SELECT id, closed, last_seq, chain, ends, settled, held FROM shelves"
        " WHERE account = ? AND kind = ?",
        (account, kind),
    ).fetchone()
    if row is None:
        return None
    number, closed, last_seq, chain, ends, settled, held = row
    return ShelfRow(
        account, kind, number, closed, last_seq, chain, _decode_ends.decode(ends), settled, held
    )


class Shelf:
    """One kind of one account, readable. Valid only inside the ``with`` that gave it."""

    def __init__(self, connection: sqlite3.Connection, row: ShelfRow) -> None:
        self._sql = connection
        self._row = row
        self._pieces = Pieces(connection, row.id)

    @property
    def account(self) -> bytes:
        """The account's id, 16 bytes."""
        return self._row.account

    @property
    def kind(self) -> str:
        """What the records are: "contacts", "account", …"""
        return self._row.kind

    @property
    def last_seq(self) -> int:
        """The position of the shelf's last change."""
        return self._row.last_seq

    @property
    def chain(self) -> bytes:
        """The chain after the last change, 32 bytes."""
        return self._row.chain

    @property
    def ends(self) -> dict[int, int]:
        """For every past epoch, the last position of it that a recovery found."""
        return self._row.ends

    def collections(self) -> list[Collection]:
        """Every collection, by name."""
        rows = self._sql.execute(
            "SELECT r.href, r.uid, r.body, r.seq, p.seq FROM records r"
            " LEFT JOIN positions p ON p.shelf = r.shelf AND p.collection = r.href"
            " WHERE r.shelf = ? AND r.collection = '' AND r.state <> 1 ORDER BY r.href",
            (self._row.id,),
        )
        return list(map(self._collection, rows))

    def collection(self, name: str) -> Collection | None:
        """One collection, or None where there is none of that name."""
        row = self._sql.execute(
            "SELECT r.href, r.uid, r.body, r.seq, p.seq FROM records r"
            " LEFT JOIN positions p ON p.shelf = r.shelf AND p.collection = r.href"
            " WHERE r.shelf = ? AND r.collection = '' AND r.href = ? AND r.state <> 1",
            (self._row.id, name),
        ).fetchone()
        return None if row is None else self._collection(row)

    def record(self, collection: str, href: str) -> Record | None:
        """One present or held record, or None."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records"  # noqa: S608 (constants only)
            " WHERE shelf = ? AND collection = ? AND href = ? AND state <> 1",
            (self._row.id, collection, href),
        ).fetchone()
        return None if row is None else _record(row)

    def body(self, collection: str, href: str) -> tuple[Record, bytes | None] | None:
        """One present or held record with its body; the body of a held one is None."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND href = ? AND state <> 1",
            (self._row.id, collection, href),
        ).fetchone()
        return None if row is None else self._with_body(row)

    def records(self, collection: str) -> list[Record]:
        """Every present and held record of a collection, by name."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND state <> 1 ORDER BY href",
            (self._row.id, collection),
        )
        return list(map(_record, rows))

    def bodies(self, collection: str, hrefs: Sequence[str]) -> list[tuple[Record, bytes | None]]:
        """The present and held records among ``hrefs`` with their bodies, in any order."""
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

    def all_bodies(self, collection: str) -> list[tuple[Record, bytes | None]]:
        """Every present and held record of a collection with its body, by name."""
        return list(self.each_body(collection))

    def each_body(self, collection: str) -> Iterator[tuple[Record, bytes | None]]:
        """The same one by one, for who looks at many and keeps few."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records"  # noqa: S608
            " WHERE shelf = ? AND collection = ? AND state <> 1 ORDER BY href",
            (self._row.id, collection),
        )
        return map(self._with_body, rows)

    def by_uid(self, collection: str, uid: str) -> Record | None:
        """The present or held record that has this UID, or None."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND uid = ?"  # noqa: S608
            f" AND collection = ? AND state <> 1{self._only_indexed()} LIMIT 1",
            (self._row.id, uid, collection),
        ).fetchone()
        return None if row is None else _record(row)

    def changes(self, collection: str, since: int, limit: int | None = None) -> Delta:
        """What changed in a collection after position ``since``; held records are left out.

        With ``limit``, at most that many records; the delta's position then continues there.
        """
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND seq > ?"  # noqa: S608
            f" AND collection = ? AND state <> 2{self._only_indexed()} ORDER BY seq LIMIT ?",
            (self._row.id, since, collection, -1 if limit is None else limit + 1),
        ).fetchall()
        truncated = limit is not None and len(rows) > limit
        records = [_record(row) for row in (rows[:limit] if truncated else rows)]
        if truncated:
            position = records[-1].seq if records else since
        else:
            position = max(self.position(collection), since)
        return Delta(records, position, truncated)

    def position(self, collection: str) -> int:
        """The last position of anything in a collection, tombstones included; 0 if none."""
        row = self._sql.execute(
            "SELECT seq FROM positions WHERE shelf = ? AND collection = ?",
            (self._row.id, collection),
        ).fetchone()
        return row[0] if row else 0

    def held(self) -> list[Record]:
        """Every record of the shelf whose body is missing."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM records WHERE shelf = ? AND state = 2",  # noqa: S608
            (self._row.id,),
        )
        return [_record(row) for row in rows]

    def everything(self) -> list[tuple[Record, bytes | None]]:
        """Every record and tombstone of the shelf with its body, by collection and name."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS}, body FROM records WHERE shelf = ?"  # noqa: S608
            " ORDER BY collection, href",
            (self._row.id,),
        )
        return list(map(self._with_body, rows))

    def _with_body(self, row: tuple[Any, ...]) -> tuple[Record, bytes | None]:
        body = row[10]
        if body.__class__ is int:
            body = self._pieces.body(body, row[4])
        return _record(row[:10]), body

    def _collection(self, row: tuple[Any, ...]) -> Collection:
        name, uid, kept, seq, position = row
        body = self._pieces.body(kept, uid)
        properties = _decode_properties.decode(body) if body else {}
        return Collection(name, properties, seq, max(seq, position or 0))

    def _only_indexed(self) -> str:
        return " AND indexed" if self._row.settled else ""
