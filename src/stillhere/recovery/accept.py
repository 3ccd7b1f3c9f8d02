"""Accepting a shelf that could not be proven: opened as it was found, and proven from then on."""

from __future__ import annotations

import sqlite3

from stillhere.errors import BadInput
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store.accounts import DEFAULT_BOOK
from stillhere.store.draft import ShelfWrite
from stillhere.store.shelf import find_shelf


def accept(working: Working, account: bytes, kind: str) -> None:
    """Open a closed shelf with what it has, and write that to the vault as its new base.

    Raises BadInput when the shelf is not closed."""

    def open_gate(sql: sqlite3.Connection) -> None:
        row = find_shelf(sql, account, kind)
        if row is None or not row.closed:
            raise BadInput(f"the {kind} shelf is not closed", safe="nothing was changed")
        sql.execute("UPDATE shelves SET closed = '' WHERE id = ?", (row.id,))

    def note(shelf: ShelfWrite) -> None:
        shelf.note("accepted as it was found", {})
        if kind == "contacts" and not shelf.collections():
            shelf.put_collection(*DEFAULT_BOOK)

    working.store.install(open_gate, durable=True).result()
    working.store.write(account, kind, note, device="operator").result()
    compact(working, accept=[(account, kind)])
