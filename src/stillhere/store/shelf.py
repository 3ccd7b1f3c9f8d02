"""Reading one shelf: listings, bodies and deltas, all from one consistent snapshot."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from stillhere.store.records import Collection, Delta, Record

_decode_ends = msgspec.msgpack.Decoder(dict[int, int])
_decode_properties = msgspec.msgpack.Decoder(dict[str, str]).decode
encode_properties = msgspec.msgpack.Encoder(order="deterministic").encode


@dataclass(slots=True)
class ShelfRow:
    """The shelf's own row: where its sequence stands and whether its gate is open.

    ``closed`` is why it is closed, "" when it is open; ``settled`` is false while
    the shelf is a page as it was recovered; ``held`` counts records without a body.
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


class Shelf(ABC):
    """One kind of one account, readable. Valid only inside the ``with`` that gave it."""

    def __init__(self, row: ShelfRow) -> None:
        self._row = row

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

    @abstractmethod
    def collections(self) -> list[Collection]:
        """Every collection, by name."""

    @abstractmethod
    def collection(self, name: str) -> Collection | None:
        """One collection, or None where there is none of that name."""

    @abstractmethod
    def record(self, collection: str, href: str) -> Record | None:
        """One present or held record, or None."""

    @abstractmethod
    def body(self, collection: str, href: str) -> tuple[Record, bytes | None] | None:
        """One present or held record with its body; the body of a held one is None."""

    @abstractmethod
    def records(self, collection: str) -> list[Record]:
        """Every present and held record of a collection, by name."""

    @abstractmethod
    def overlapping(self, collection: str, starts: int, ends: int) -> list[Record]:
        """The present and held records of a collection whose spans overlap the time from
        ``starts`` to before ``ends`` (seconds since 1970 UTC), by name."""

    @abstractmethod
    def bodies(self, collection: str, hrefs: Sequence[str]) -> list[tuple[Record, bytes | None]]:
        """The present and held records among ``hrefs`` with their bodies, in any order."""

    def all_bodies(self, collection: str) -> list[tuple[Record, bytes | None]]:
        """Every present and held record of a collection with its body, by name."""
        return list(self.each_body(collection))

    @abstractmethod
    def each_body(
        self, collection: str, within: tuple[int, int] | None = None
    ) -> Iterator[tuple[Record, bytes | None]]:
        """The same one by one, for who looks at many and keeps few; with ``within`` those whose
        spans overlap the time from its first second to before its second."""

    @abstractmethod
    def by_uid(self, collection: str, uid: str) -> Record | None:
        """The present or held record that has this UID, or None."""

    @abstractmethod
    def changes(self, collection: str, since: int, limit: int | None = None) -> Delta:
        """What changed in a collection after position ``since``; held records are left out.

        With ``limit``, at most that many records; the delta's position then continues there.
        """

    @abstractmethod
    def position(self, collection: str) -> int:
        """The last position of anything in a collection, tombstones included; 0 if none."""

    @abstractmethod
    def held(self) -> list[Record]:
        """Every record of the shelf whose body is missing."""

    @abstractmethod
    def everything(self) -> list[tuple[Record, bytes | None]]:
        """Every record and tombstone of the shelf with its body, by collection and name."""

    def _delta(self, collection: str, since: int, limit: int | None, newer: list[Record]) -> Delta:
        """What changed, cut off at ``limit``; ``newer`` may have more."""
        if limit is not None and len(newer) > limit:
            newer = newer[:limit]
            return Delta(newer, newer[-1].seq if newer else since, truncated=True)
        return Delta(newer, max(self.position(collection), since), truncated=False)


def decode_properties(body: bytes | None) -> dict[str, str]:
    """A collection's properties, from its own record's body; none where that is missing."""
    return _decode_properties(body) if body else {}
