"""Step 6: shelves into the core, stage by stage, in batches that leave room for those who wait.

Plain shelves are pages that other processes have made, and the writing thread takes them in
(``beside.py``); meanwhile those that the journal has touched are loaded here, one by one. What
neither brings, and all of a small vault, is loaded after them.

A batch is whole shelves in one transaction, heads and verdicts with them, so a recovery that is
killed goes on with the shelves that are not in the core yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest

from stillhere.errors import Unavailable
from stillhere.recovery.beside import Waiting, Work
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.open_shelf import prove_shelf
from stillhere.store.core import Core
from stillhere.store.recovered import Recovered, add_recovered
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError

BATCH_ROWS = 1500  # about 10 ms of loading
AHEAD = 4  # batches that wait for the writing thread
TRIES = 60  # a vault that does not answer is asked again, a second apart

Batch = Sequence[bytes]


@dataclass
class Stage:
    """How far one kind is: shelves and records in the core, of how many shelves."""

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
    pages = bulk.waiting.stage(stage.kind)
    loaded = _load(bulk, stage.kind, [account for account in accounts if account in touched])
    _take_in(bulk, stage, filter(None, chain.from_iterable(zip_longest(pages, loaded))))
    _take_in(bulk, stage, _load(bulk, stage.kind, accounts))
    stage.total = stage.shelves = _count_begun(bulk.store.core, stage.kind)


def _count_begun(core: Core, kind: str) -> int:
    """The shelves of a kind but for blank ones, of which some may have been feared to be more."""
    (found,) = (
        core.reader()
        .execute(
            "SELECT count(*) FROM shelves WHERE kind = ? AND (last_seq > 0 OR closed <> '')",
            (kind,),
        )
        .fetchone()
    )
    return int(found)


def _take_in(bulk: Bulk, stage: Stage, works: Iterable[Work]) -> None:
    """Have the writing thread take in one batch after the other."""
    waiting: deque[tuple[Work, Future[list[Recovered]]]] = deque()

    def finish(most: int) -> None:
        while len(waiting) > most:
            work, future = waiting.popleft()
            stage.count(future.result())
            if work.over is not None:
                work.over()

    for work in works:
        bulk.store.gate.give_way()
        waiting.append((work, bulk.store.install(work.take)))
        finish(AHEAD)
    finish(0)


def _load(bulk: Bulk, kind: str, accounts: Iterable[bytes]) -> Iterator[Work]:
    """Load shelves one by one, those that are not in the core."""
    there = bulk.store.core.shelves_of(kind)
    for batch in _batches(bulk.anchor, kind, (a for a in accounts if a not in there)):
        yield Work(partial(add_recovered, shelves=_patiently(bulk, kind, batch)))


def _patiently(bulk: Bulk, kind: str, batch: Batch) -> list[Recovered]:
    """A batch; while the vault is silent it is tried again."""
    for _ in range(TRIES - 1):
        try:
            return _prove(bulk, kind, batch)
        except BackendError:
            time.sleep(1)
    try:
        return _prove(bulk, kind, batch)
    except BackendError as error:
        raise Unavailable(error.what, safe=error.safe, hint=error.hint) from error


def _prove(bulk: Bulk, kind: str, batch: Batch) -> list[Recovered]:
    return [
        prove_shelf(
            *(bulk.anchor, bulk.keys, bulk.store, account, kind),
            trusted=(account, kind) not in bulk.untrusted,
        ).shelf
        for account in batch
    ]


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
