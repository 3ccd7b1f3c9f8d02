"""Erased accounts: that there was one is all that the core keeps of it.

A row says until when an erasure is not complete: ``wrapped`` while the vault may have its
key or name, ``traces`` while the core's file may, ``listed`` while the ledger names it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import NamedTuple

from stillhere.errors import Damaged
from stillhere.store.pages import open_shelf
from stillhere.store.records import Record
from stillhere.store.schema import snapshot
from stillhere.store.shelf import find_shelf

ACCOUNT = "account"
NAME_BYTES = 32


class Erased(NamedTuple):
    """An erased account: when (milliseconds), the keyed digests of its names, and what of the
    erasure is still to be done."""

    account: bytes
    at: int
    names: list[bytes]
    wrapped: bool
    traces: bool
    listed: bool

    @property
    def pending(self) -> bool:
        """Whether something of the account might still be read somewhere."""
        return self.wrapped or self.traces


class Extent(NamedTuple):
    """How much an account has; records leave collections, passwords and devices out. ``kinds``
    are the records of each kind that it has something of."""

    records: int
    size: int
    devices: int
    kinds: dict[str, int]


def is_erased(sql: sqlite3.Connection, account: bytes) -> bool:
    """Whether an account is erased."""
    row = sql.execute("SELECT 1 FROM erased WHERE account = ?", (account,)).fetchone()
    return row is not None


def read_erased(sql: sqlite3.Connection) -> dict[bytes, Erased]:
    """Every erased account."""
    rows = sql.execute("SELECT account, at, names, wrapped, traces, listed FROM erased")
    return {
        account: Erased(account, at, _split(names), bool(wrapped), bool(traces), bool(listed))
        for account, at, names, wrapped, traces, listed in rows
    }


def erase_rows(sql: sqlite3.Connection, account: bytes, at: int, names: list[bytes]) -> None:
    """Remove everything of an account, in the transaction at hand; from its commit on, nobody
    is let in to it. What its rows and pages were overwritten with are zeros."""
    sql.execute("PRAGMA secure_delete = ON")
    try:
        for table in ("records", "pages", "pieces", "positions", "notes"):
            sql.execute(
                f"DELETE FROM {table} WHERE shelf IN"  # noqa: S608 (constants only)
                " (SELECT id FROM shelves WHERE account = ?)",
                (account,),
            )
        sql.execute("DELETE FROM shelves WHERE account = ?", (account,))
        sql.execute("DELETE FROM accounts WHERE account = ?", (account,))
        sql.execute(
            "INSERT INTO erased VALUES (?, ?, ?, 1, 1, 1) ON CONFLICT DO UPDATE SET traces = 1",
            (account, at, b"".join(names)),
        )
    finally:
        sql.execute("PRAGMA secure_delete = FAST")


def settle_erased(sql: sqlite3.Connection, account: bytes, what: str) -> None:
    """Note that one part of an erasure is done: ``wrapped``, ``traces`` or ``listed``."""
    assert what in Erased._fields
    sql.execute(f"UPDATE erased SET {what} = 0 WHERE account = ?", (account,))  # noqa: S608


def measure_account(sql: sqlite3.Connection, account: bytes) -> Extent:
    """How much would go with an account."""
    rows = sql.execute(
        "SELECT kind, sum(n), sum(size) FROM ("
        "SELECT s.kind AS kind, 1 AS n, r.size AS size"
        " FROM records r JOIN shelves s ON s.id = r.shelf"
        " WHERE s.account = ?1 AND r.collection <> '' AND r.state <> 1"
        " UNION ALL SELECT s.kind, p.records, p.size"
        " FROM pages p JOIN shelves s ON s.id = p.shelf WHERE s.account = ?1)"
        " GROUP BY kind",
        (account,),
    ).fetchall()
    kinds = {kind: n for kind, n, _ in rows if kind != ACCOUNT and n}
    devices: list[Record] = []
    with suppress(Damaged), snapshot(sql):  # what is broken can be erased all the same
        row = find_shelf(sql, account, ACCOUNT)
        devices = open_shelf(sql, row).records("devices") if row is not None else []
    return Extent(sum(kinds.values()), sum(size for *_, size in rows), len(devices), kinds)


def _split(names: bytes) -> list[bytes]:
    return [names[at : at + NAME_BYTES] for at in range(0, len(names), NAME_BYTES)]
