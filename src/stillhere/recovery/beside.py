"""Cores beside the one that serves, each with a bucket's plain shelves as pages, until they are
taken in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock

from stillhere.recovery.bucket import Beside, Mirrored
from stillhere.store.side import find_in_side, is_sound, take_in
from stillhere.store.store import Store
from stillhere.vault.layout import bucket_of

Key = tuple[str, int]


class Sides:
    """The cores beside, by kind and bucket.

    What is in one was proven when it was made, and is taken in only if the file is what it was
    then; otherwise its shelves are brought back from the vault like any other."""

    def __init__(self, store: Store, bucket_bits: int) -> None:
        self._store = store
        self._bits = bucket_bits
        self._waiting: dict[Key, Beside] = {}
        self._sound: dict[Key, bool] = {}
        self._lock = Lock()

    def add(self, done: Mirrored) -> None:
        """Know of a bucket's."""
        if done.beside is not None:
            self._waiting[done.kind, done.bucket] = done.beside

    def take_stage(self, kind: str) -> Iterator[tuple[int, int]]:
        """Take in every bucket of a kind, batch by batch: (shelves, records) of each."""
        for key in [key for key in self._waiting if key[0] == kind]:
            beside = self._waiting[key]
            if self._is_sound(key, beside):
                yield from self._take(beside)
            del self._waiting[key]
            self._store.install(partial(_remove, beside.path)).result()  # nobody has it open

    def take_shelf(self, account: bytes, kind: str, check: Callable[[], None]) -> None:
        """Take in one shelf ahead of the others, if it lies beside; ``check`` may raise."""
        key = (kind, bucket_of(account, self._bits))
        beside = self._waiting.get(key)
        if beside is None or not self._is_sound(key, beside):
            return

        def take(sql: sqlite3.Connection) -> None:
            check()
            number = find_in_side(sql, account, kind)
            if number is not None:
                take_in(sql, number, number)

        with suppress(sqlite3.OperationalError):  # all of it was taken in just now
            self._store.install(take, side=beside.path, urgent=True).result()

    def _take(self, beside: Beside) -> Iterator[tuple[int, int]]:
        for first, records in beside.batches:
            self._store.gate.give_way()
            take = partial(take_in, first=first, last=first + len(records) - 1)
            taken = self._store.install(take, side=beside.path).result()
            yield len(taken), sum(records[number - first] for number in taken)

    def _is_sound(self, key: Key, beside: Beside) -> bool:
        """Looked at once, when the first of it is wanted."""
        with self._lock:
            if key not in self._sound:
                self._sound[key] = is_sound(beside.path, beside.seal)
            return self._sound[key]


def _remove(path: Path, _: sqlite3.Connection) -> None:
    path.unlink(missing_ok=True)
