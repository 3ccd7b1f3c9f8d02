"""Step 6: shelves into rows, stage by stage, in batches that leave room for those who wait.

A thread loads and decodes the next batch while the writing thread puts the last one into
rows. A batch is whole shelves: their rows, heads and verdicts commit together, so a recovery
that is killed goes on with the shelves that are not in rows yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from stillhere.errors import Unavailable
from stillhere.recovery.install import Installed
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.open_shelf import Proven, install, prove_shelf
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError

BATCH_ROWS = 2000  # about 10 ms of the writing thread
AHEAD = 3  # batches that wait for the writing thread
TRIES = 60  # a vault that does not answer is asked again, a second apart


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


def unpack(
    anchor: Anchor,
    keys: KitKeys,
    store: Store,
    stage: Stage,
    accounts: Iterable[bytes],
    untrusted: frozenset[tuple[bytes, str]],
) -> None:
    """Bring every shelf of one kind into rows."""
    waiting: deque[Future[list[Installed]]] = deque()
    for batch in _batches(_proofs(anchor, keys, store, stage.kind, accounts, untrusted)):
        waiting.append(install(store, batch, urgent=False))
        while len(waiting) > AHEAD or (waiting and waiting[0].done()):
            stage.count(waiting.popleft().result())
    for future in waiting:
        stage.count(future.result())


def _proofs(
    anchor: Anchor,
    keys: KitKeys,
    store: Store,
    kind: str,
    accounts: Iterable[bytes],
    untrusted: frozenset[tuple[bytes, str]],
) -> Iterator[Proven]:
    in_rows = store.core.shelves_of(kind)
    for account in accounts:
        if account not in in_rows:
            trusted = (account, kind) not in untrusted
            store.gate.give_way()
            yield _prove_patiently(anchor, keys, store, account, kind, trusted)


def _prove_patiently(
    anchor: Anchor, keys: KitKeys, store: Store, account: bytes, kind: str, trusted: bool
) -> Proven:
    for attempt in range(TRIES):
        try:
            return prove_shelf(anchor, keys, store, account, kind, trusted=trusted)
        except BackendError as error:
            if attempt + 1 == TRIES:
                raise Unavailable(error.what, safe=error.safe, hint=error.hint) from error
            time.sleep(1)
    raise AssertionError


def _batches(proofs: Iterable[Proven]) -> Iterator[list[Proven]]:
    batch: list[Proven] = []
    rows = 0
    for proven in proofs:
        batch.append(proven)
        rows += len(proven.image.columns) + 1
        if rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
