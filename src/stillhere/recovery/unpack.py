"""Step 6: shelves into the core, stage by stage, in batches that leave room for those who wait.

Plain shelves are pages that other processes have made, and are copied (``beside.py``). The
others, and all of a small vault, are loaded one by one by the writing thread itself: another
thread would hand the interpreter to and fro.

A batch is whole shelves in one transaction, heads and verdicts with them, so a recovery that is
killed goes on with the shelves that are not in the core yet.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from stillhere.errors import Unavailable
from stillhere.recovery.beside import Waiting
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.open_shelf import prove_shelf
from stillhere.store.recovered import Recovered, add_recovered
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError

BATCH_ROWS = 1500  # about 10 ms of the writing thread
AHEAD = 2  # batches that wait for the writing thread
TRIES = 60  # a vault that does not answer is asked again, a second apart

Batch = Sequence[bytes]


@dataclass
class Stage:
    """How far one kind is: shelves and records in rows, of how many shelves."""

    kind: str
    total: int = 0
    shelves: int = 0
    records: int = 0

    def count(self, taken: Sequence[Recovered]) -> None:
        """Take note of shelves that are in the core now."""
        self.shelves += len(taken)
        self.records += sum(shelf.records for shelf in taken)


@dataclass(frozen=True)
class Bulk:
    """What the bulk works with; ``untrusted`` has the shelves not proven in the mirror."""

    anchor: Anchor
    keys: KitKeys
    store: Store
    waiting: Waiting
    untrusted: frozenset[tuple[bytes, str]]


def unpack(bulk: Bulk, stage: Stage, accounts: Iterable[bytes]) -> None:
    """Bring every shelf of one kind into the core. Raises Unavailable."""
    touched = bulk.anchor.touched(stage.kind)
    accounts = list(accounts)
    _load(bulk, stage, [account for account in accounts if account in touched])
    for taken in bulk.waiting.take_stage(stage.kind):
        stage.count(taken)
    _load(bulk, stage, accounts)


def _load(bulk: Bulk, stage: Stage, accounts: Iterable[bytes]) -> None:
    """Bring shelves into rows one by one, those that are not."""
    in_rows = bulk.store.core.shelves_of(stage.kind)
    waiting: deque[tuple[Batch, Future[list[Recovered]]]] = deque()
    for batch in _batches(bulk.anchor, stage.kind, (a for a in accounts if a not in in_rows)):
        bulk.store.gate.give_way()
        waiting.append((batch, _bring(bulk, stage.kind, batch)))
        if len(waiting) > AHEAD:
            stage.count(_patiently(bulk, stage.kind, *waiting.popleft()))
    for batch, future in waiting:
        stage.count(_patiently(bulk, stage.kind, batch, future))


def _bring(bulk: Bulk, kind: str, batch: Batch) -> Future[list[Recovered]]:
    """Queue a batch for the writing thread."""

    def bring(sql: sqlite3.Connection) -> list[Recovered]:
        proven = []
        for account in batch:
            trusted = (account, kind) not in bulk.untrusted
            proven.append(
                prove_shelf(bulk.anchor, bulk.keys, bulk.store, account, kind, trusted=trusted)
            )
        return add_recovered(sql, [one.shelf for one in proven])

    return bulk.store.install(bring)


def _patiently(
    bulk: Bulk, kind: str, batch: Batch, future: Future[list[Recovered]]
) -> list[Recovered]:
    """What a batch did; while the vault is silent it is tried again."""
    for attempt in range(TRIES):
        try:
            return future.result()
        except BackendError as error:
            if attempt + 1 == TRIES:
                raise Unavailable(error.what, safe=error.safe, hint=error.hint) from error
        time.sleep(1)
        future = _bring(bulk, kind, batch)
    raise AssertionError


def _batches(anchor: Anchor, kind: str, accounts: Iterable[bytes]) -> Iterator[Batch]:
    """The accounts in runs of about as many rows as a batch may have."""
    batch: list[bytes] = []
    rows = 0
    for account in accounts:
        entry = anchor.source(account, kind).entry
        batch.append(account)
        rows += 1 + (entry.base.count if entry is not None else 0)
        if rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
