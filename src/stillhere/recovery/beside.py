"""What processes have laid beside the core, batch by batch, until it is taken in."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stillhere.errors import Damaged
from stillhere.recovery.bucket import Mirrored
from stillhere.store.recovered import Batch, Recovered, add_recovered, read_batch
from stillhere.store.store import Store
from stillhere.vault.layout import bucket_of


@dataclass(frozen=True)
class Work:
    """A batch of shelves for the writing thread: what takes them in, and tells which are new,
    and what is to be done when it has."""

    take: Callable[[sqlite3.Connection], list[Recovered]]
    over: Callable[[], None] | None = None


class Waiting:
    """The batches that wait, by kind and bucket.

    A batch that is not as it was laid down is left alone: its shelves are brought back from the
    vault like any other."""

    def __init__(self, store: Store, bucket_bits: int) -> None:
        self._store = store
        self._bits = bucket_bits
        self._batches: dict[tuple[str, int], list[Batch]] = {}
        self._users: Counter[Path] = Counter()

    def add(self, done: Mirrored) -> None:
        """Know of a bucket's."""
        if done.batches:
            self._batches[done.kind, done.bucket] = list(done.batches)
            self._users.update({batch.path for batch in done.batches})

    def stage(self, kind: str) -> Iterator[Work]:
        """Every batch of a kind, to be taken in; a file goes with the last bucket in it."""
        for key in [key for key in self._batches if key[0] == kind]:
            batches = self._batches[key]
            for batch in batches[:-1]:
                yield Work(partial(_take, batch))
            yield Work(partial(_take, batches[-1]), partial(self._remove, key))

    def _remove(self, key: tuple[str, int]) -> None:
        for path in {batch.path for batch in self._batches.pop(key)}:
            self._users[path] -= 1
            if not self._users[path]:
                path.unlink(missing_ok=True)

    def take_shelf(self, account: bytes, kind: str, check: Callable[[], None]) -> None:
        """Take in one shelf ahead of the others, if it waits; ``check`` may raise."""
        batches = self._batches.get((kind, bucket_of(account, self._bits)), [])
        at = bisect_right(batches, account, key=lambda batch: batch.first) - 1
        if at < 0:
            return
        try:
            found = [shelf for shelf in read_batch(batches[at]) if shelf.account == account]
        except Damaged:
            return

        def take(sql: sqlite3.Connection) -> None:
            check()
            add_recovered(sql, found)

        if found:
            self._store.install(take, urgent=True).result()


def _take(batch: Batch, sql: sqlite3.Connection) -> list[Recovered]:
    try:
        return add_recovered(sql, read_batch(batch))
    except Damaged:
        return []
