"""Accepting a shelf that could not be proven: opened as it was found, and proven from then on."""

from __future__ import annotations

import sqlite3

from stillhere.errors import BadInput
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of
from stillhere.store.accounts import DEFAULT_BOOK
from stillhere.store.draft import ShelfWrite
from stillhere.store.shelf import find_shelf


def accept(working: Working, account: bytes, kind: str) -> None:
    """Open a closed shelf with what it has, and write that to the vault as its new base.

    Raises BadInput when the shelf is not closed, NotFound when its key is lost. One that was
    cut short is finished by the next."""
    working.core.data_keys.get(account)
    if _is_open(working, account, kind):
        if not _vault_has_problems(working, account, kind):
            raise BadInput(f"the {kind} shelf is not closed", safe="nothing was changed")
        compact(working, accept=[(account, kind)])
        return

    def open_gate(sql: sqlite3.Connection) -> None:
        row = find_shelf(sql, account, kind)
        if row is None:
            raise BadInput(f"there is no {kind} shelf", safe="nothing was changed")
        sql.execute("UPDATE shelves SET closed = '' WHERE id = ?", (row.id,))

    def note(shelf: ShelfWrite) -> None:
        shelf.note("accepted as it was found", {})
        if kind == "contacts" and not shelf.collections():
            shelf.put_collection(*DEFAULT_BOOK)

    def close_gate(sql: sqlite3.Connection) -> None:
        sql.execute(
            "UPDATE shelves SET closed = 'unproven' WHERE account = ? AND kind = ?",
            (account, kind),
        )

    working.store.install(open_gate, durable=True).result()
    try:
        working.store.write(account, kind, note, device="operator").result()
    except BaseException:  # not in the vault: not accepted
        working.store.install(close_gate, durable=True).result()
        raise
    compact(working, accept=[(account, kind)])


def _is_open(working: Working, account: bytes, kind: str) -> bool:
    row = find_shelf(working.core.reader(), account, kind)
    return row is not None and not row.closed


def _vault_has_problems(working: Working, account: bytes, kind: str) -> bool:
    entry = anchor_of(working).source(account, kind).entry
    return entry is not None and bool(entry.problems)
