"""The processes that work on buckets beside the one that serves.

What a process needs goes to it through a pipe, the kit included, and nothing of it is written
down. Each stands back behind the process that answers people, and ends with it.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stillhere.recovery.check import Checked, check
from stillhere.recovery.near import NearFile
from stillhere.store.recovered import Beside
from stillhere.vault.backends import Missing
from stillhere.vault.kit import Kit
from stillhere.vault.opened import Vault

if TYPE_CHECKING:  # they take 30 ms, and the first answer does not need them
    from concurrent.futures import Future, ProcessPoolExecutor

FEW_BYTES = 16 << 20  # a vault of less than this is brought back without further processes
AHEAD = 6  # results that may wait for whoever takes them
WATCH_S = 0.5
NICE = 10

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Bucket:
    """One bucket of one kind: enough for a process that knows nothing yet."""

    places: tuple[str, ...]
    home: str
    mirror: str
    vault: bytes
    seed: bytes = field(repr=False)
    kind: str
    bucket: int
    number: int
    digest: bytes
    epoch: int
    keys: bytes = field(default=b"", repr=False)
    """Data keys of accounts in it that are open already, packed."""
    there: frozenset[bytes] = frozenset()
    """Accounts whose shelf the core has already."""
    touched: frozenset[bytes] | None = None
    """Accounts whose shelf is not to become a page beside the core (None: no shelf is)."""


class Workers:
    """As many processes as there are processors, or none where there is little to do."""

    def __init__(self, vault: Vault, kinds: Sequence[str]) -> None:
        """The processes begin at once: what they need to begin takes longer than to ask them."""
        self._pool: ProcessPoolExecutor | None = None
        self._window = 1
        if _is_large(vault, kinds):
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            processes = max(1, len(os.sched_getaffinity(0)))
            self._window = processes + AHEAD
            self._pool = ProcessPoolExecutor(
                processes,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(os.getpid(),),
            )
            for _ in range(processes):
                self._pool.submit(os.getpid)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        while _views:
            _views.popitem()[1].close()

    @property
    def many(self) -> bool:
        """Whether there are processes."""
        return self._pool is not None

    def run(self, work: Callable[[_Task], _Result], tasks: Iterable[_Task]) -> Iterator[_Result]:
        """The results in the order of the tasks; the first are begun at once, and never more
        than a few wait to be taken."""
        if self._pool is None:
            return map(work, tasks)
        waiting: deque[Future[Any]] = deque()
        rest = iter(tasks)
        for task in islice(rest, self._window):
            waiting.append(self._pool.submit(_do, work, task))
        return self._go_on(work, rest, waiting)

    def _go_on(
        self, work: Callable[[_Task], Any], rest: Iterator[_Task], waiting: deque[Future[Any]]
    ) -> Iterator[Any]:
        assert self._pool is not None
        while waiting:
            result = waiting.popleft().result()
            for task in islice(rest, 1):
                waiting.append(self._pool.submit(_do, work, task))
            yield result


def _is_large(vault: Vault, kinds: Sequence[str]) -> bool:
    size = 0
    for kind in kinds:
        folder = f"ledger/{kind}"
        for name in vault.backend.names(folder):
            with suppress(Missing):
                size += vault.backend.size(f"{folder}/{name}")
            if size >= FEW_BYTES:
                return True
    return False


def _do(work: Callable[[_Task], _Result], task: _Task) -> _Result:
    """One task; an error that was caught in it may have kept the whole bucket in memory."""
    result = work(task)
    gc.collect(0)  # what is older than the task has no part in that
    return result


def _begin(parent: int) -> None:
    """What a process does first."""
    os.nice(NICE)
    gc.disable()  # looking for cycles is a tenth of the work; it is done once a bucket
    gc.freeze()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


@dataclass(frozen=True)
class View:
    """What a process has for its work: its own view of the vault, and the files that it fills."""

    checked: Checked
    near: NearFile
    beside: Beside

    def close(self) -> None:
        """Nothing more is coming."""
        self.near.close()
        self.beside.close()


_views: dict[bytes, View] = {}


def view_of(bucket: Bucket) -> View:
    """This process's view, made at its first bucket."""
    if bucket.vault not in _views:
        first, *more = bucket.places
        _views[bucket.vault] = View(
            check(first, Kit(bucket.vault, bucket.seed), more),
            NearFile(Path(bucket.mirror)),
            Beside(Path(bucket.home), str(os.getpid())),
        )
    return _views[bucket.vault]
