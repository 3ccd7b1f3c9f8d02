"""What the store asks of a journal: to be durable before the store commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from stillhere.store.records import ShelfChanges


class Receipt(NamedTuple):
    """Where a group was made durable, and the chain of each of its shelves after it."""

    epoch: int
    writer: int
    segment: int
    digest: bytes
    chains: list[bytes]


class Journal(Protocol):
    """The vault's side of a group commit (``stillhere.replication.journal``)."""

    def settle(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction, before any change: replay what a writer of this core made
        durable and did not commit (it died, or its commit failed).
        Raises Unavailable, Fenced or Damaged."""

    def append(self, groups: Sequence[ShelfChanges]) -> Receipt:
        """Make a group durable. When this returns, it is; when it raises Unavailable, that is
        not known, and ``settle`` finds out; when it raises Fenced, this core may never write
        again."""


def keep_receipt(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """Note in the transaction at hand how far a writer's segments are in the core."""
    connection.execute(
        "INSERT OR REPLACE INTO writers VALUES (?, ?, ?, ?)",
        (receipt.epoch, receipt.writer, receipt.segment, receipt.digest),
    )
