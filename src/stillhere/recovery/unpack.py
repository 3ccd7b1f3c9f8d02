"""Step 6: shelves into rows, stage by stage, in batches that leave room for those who wait.

Plain shelves come as rows from other processes, and are copied (``rows.py``). The others, and
all of a small vault, are loaded and put into rows by the writing thread itself: another thread
would hand the interpreter to and fro at every row.

A batch is whole shelves in one transaction, heads and verdicts with them, so a recovery that is
killed goes on with the shelves that are not in rows yet.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from stillhere.errors import Unavailable
from stillhere.recovery.install import Installed, install_image
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.open_shelf import prove_shelf
from stillhere.recovery.rows import Plain, Rows, make_rows
from stillhere.recovery.workers import Bucket, Workers
from stillhere.store.side import take_in
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError
from stillhere.vault.layout import bucket_of

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

    def count(self, installed: Iterable[Installed]) -> None:
        """Take in what a batch did."""
        for shelf in installed:
            self.shelves += shelf.new
            self.records += shelf.records


@dataclass(frozen=True)
class Bulk:
    """What the bulk works with; ``untrusted`` has the shelves not proven in the mirror."""

    anchor: Anchor
    keys: KitKeys
    store: Store
    workers: Workers
    buckets: Sequence[Bucket]
    untrusted: frozenset[tuple[bytes, str]]


def unpack(bulk: Bulk, stage: Stage, accounts: Iterable[bytes]) -> None:
    """Bring every shelf of one kind into rows. Raises Unavailable."""
    touched = bulk.anchor.touched(stage.kind)
    made = _make_plain(bulk, stage.kind, touched)
    accounts = list(accounts)
    if made is not None:
        _load(bulk, stage, [account for account in accounts if account in touched])
        _take_in_plain(bulk, stage, made)
    _load(bulk, stage, accounts)


def _make_plain(bulk: Bulk, kind: str, touched: set[bytes]) -> Iterator[Rows] | None:
    """Have processes make rows of the shelves that nothing is the matter with."""
    if not bulk.workers.many or bulk.anchor.tail.gaps:  # any shelf may have lost something
        return None
    core, bits = bulk.store.core, bulk.anchor.vault.bucket_bits
    others = core.shelves_of(kind) | touched
    others |= {account for account, where in bulk.untrusted if where == kind}
    by_bucket = defaultdict(set)
    for account in others:
        by_bucket[bucket_of(account, bits)].add(account)
    plain = [
        Plain(
            replace(bucket, keys=bulk.keys.of_bucket(bucket.bucket)),
            core.home,
            frozenset(by_bucket[bucket.bucket]),
        )
        for bucket in bulk.buckets
        if bucket.kind == kind
    ]
    return bulk.workers.run(make_rows, plain)


def _take_in_plain(bulk: Bulk, stage: Stage, made: Iterable[Rows]) -> None:
    """Copy the rows that processes made."""
    store = bulk.store
    for rows in made:
        for first, records in rows.batches:
            store.gate.give_way()
            take = partial(take_in, first=first, last=first + len(records) - 1)
            taken = store.install(take, side=rows.side).result()
            stage.shelves += len(taken)
            stage.records += sum(records[number - first] for number in taken)
        rows.side.unlink(missing_ok=True)


def _load(bulk: Bulk, stage: Stage, accounts: Iterable[bytes]) -> None:
    """Bring shelves into rows one by one, those that are not."""
    in_rows = bulk.store.core.shelves_of(stage.kind)
    waiting: deque[tuple[Batch, Future[list[Installed]]]] = deque()
    for batch in _batches(bulk.anchor, stage.kind, (a for a in accounts if a not in in_rows)):
        bulk.store.gate.give_way()
        waiting.append((batch, _bring(bulk, stage.kind, batch)))
        if len(waiting) > AHEAD:
            stage.count(_patiently(bulk, stage.kind, *waiting.popleft()))
    for batch, future in waiting:
        stage.count(_patiently(bulk, stage.kind, batch, future))


def _bring(bulk: Bulk, kind: str, batch: Batch) -> Future[list[Installed]]:
    """Queue a batch for the writing thread."""

    def bring(sql: sqlite3.Connection) -> list[Installed]:
        installed = []
        for account in batch:
            trusted = (account, kind) not in bulk.untrusted
            proven = prove_shelf(bulk.anchor, bulk.keys, bulk.store, account, kind, trusted=trusted)
            installed.append(install_image(sql, *proven))
        return installed

    return bulk.store.install(bring)


def _patiently(
    bulk: Bulk, kind: str, batch: Batch, future: Future[list[Installed]]
) -> list[Installed]:
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
