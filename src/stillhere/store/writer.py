"""The writing thread: group commit, the journal first.

    for each group of waiting changes, and of those who are back in a moment
        open a transaction
        make rows of each shelf that is a page still
        let each draft its changes, give them their positions, apply them to the rows
        make the group durable in the vault         (journal.append)
        keep each shelf's position and chain
        commit, then answer everybody in the group

Recovered shelves need no journal, since they come from the vault; they are let in between
groups, those of waiting people before the bulk.

The vault may hang for as long as it likes; who waits for it may not. A second thread lets go of
whoever has waited too long, and meanwhile nobody new is let in, so that what waits is bounded.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, NamedTuple

from stillhere.errors import Fenced, StillhereError, Unavailable
from stillhere.store.draft import ShelfWrite, apply_changes, save_head
from stillhere.store.gate import Gate
from stillhere.store.journal import Journal, keep_receipt
from stillhere.store.pages import settle
from stillhere.store.records import ShelfChanges
from stillhere.store.shelf import ShelfRow

MAX_GROUP = 512  # writes in one transaction and segment
MAX_GROUP_CHANGES = 4096
MAX_WAITING = 2 * MAX_GROUP
PATIENCE_S = 30.0
GATHER_S = 0.001  # how long a group waits for those who are likely to join it
LOOK_S = 1.0  # how often somebody looks for who has waited too long, at the least
RETRY_S = 30


class Write(NamedTuple):
    """A change that somebody waits for."""

    account: bytes
    kind: str
    fn: Callable[[ShelfWrite], Any]
    device: str
    done: Future[Any]
    since: float  # monotonic seconds
    closed: bool = False  # it may be on a shelf that is closed


class Install(NamedTuple):
    """Shelves that come from the vault, or the core's bookkeeping, in a transaction of its own."""

    fn: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: Future[Any]


class Writer:
    """One thread that owns the writing connection. Everything that changes a shelf passes here.

    ``patience_s`` is how long a change may wait until it is durable; then whoever waits is
    told that it is not acknowledged.
    """

    def __init__(
        self, connection: sqlite3.Connection, journal: Journal, epoch: int, gate: Gate
    ) -> None:
        self._sql = connection
        self._gate = gate
        self._journal = journal
        self._epoch = epoch
        self._wake = threading.Condition()
        self._writes: deque[Write] = deque()
        self._knocks: deque[Install] = deque()
        self._bulk: deque[Install] = deque()
        self._group: list[Write] = []  # at work on
        self._busy_since: float | None = None
        self.patience_s = PATIENCE_S
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        self._over = threading.Event()
        watch = self._let_go_of_the_late
        self._watch = threading.Thread(target=watch, name="patience", daemon=True)
        self._watch.start()

    def submit(self, write: Write) -> None:
        """Queue a device's change; its future resolves when it is durable and committed.

        Raises Unavailable when too many wait already, or wait for nothing."""
        stalled = self.stalled()
        if stalled is not None:
            raise stalled
        if len(self._writes) >= MAX_WAITING:
            raise _not_now(f"{MAX_WAITING} changes wait for the vault already", retry_after=5)
        self._put(self._writes, write)

    def stalled(self) -> Unavailable | None:
        """What is wrong when the changes at hand take longer than anybody has patience for."""
        since = self._busy_since
        if since is None or time.monotonic() - since <= self.patience_s:
            return None
        return _not_now(f"the vault has not taken a change for {self.patience_s:g} s")

    def install(
        self,
        fn: Callable[[sqlite3.Connection], Any],
        *,
        urgent: bool = False,
        durable: bool = False,
    ) -> Future[Any]:
        """Queue recovered shelves; ``urgent`` ones (somebody knocks) go before the bulk.

        After a ``durable`` one, it and every commit before it survive a power cut."""
        item = Install(fn, durable, Future())
        self._put(self._knocks if urgent else self._bulk, item)
        return item.done

    def close(self) -> bool:
        """Finish what is queued and stop; False when the vault keeps it from ending.

        The thread then ends with the process; what it was at was not acknowledged."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        while self._thread.is_alive() and self.stalled() is None:
            self._thread.join(LOOK_S / 10)
        ended = not self._thread.is_alive()
        self._over.set()
        self._watch.join()
        if ended:
            self._sql.close()
        return ended

    def _put(self, queue: deque[Any], item: Any) -> None:
        with self._wake:
            if self._stopping:
                raise Unavailable("the core is stopping", safe="nothing was changed")
            queue.append(item)
            self._wake.notify()

    def _run(self) -> None:
        likely = 0
        while True:
            with self._wake:
                while not (self._writes or self._knocks or self._bulk or self._stopping):
                    self._wake.wait()
                self._gather(likely)
                size = min(MAX_GROUP, len(self._writes))
                group = [self._writes.popleft() for _ in range(size)]
                recovered = self._knocks or self._bulk
                if not group and not recovered:
                    return
                install = recovered.popleft() if not group else None
                self._group, self._busy_since = group, time.monotonic()
            if install is None:
                self._commit_group(group)
            else:
                self._commit_install(install)
            with self._wake:
                self._group, self._busy_since = [], None
                likely = min(len(group) + len(self._writes), MAX_GROUP)

    def _gather(self, likely: int) -> None:
        """Wait a moment until as many write as did: who was answered just now is often back at
        once, and a group of many takes the vault no longer than one write does."""
        until = time.monotonic() + GATHER_S
        while 0 < len(self._writes) < likely and not (self._knocks or self._stopping):
            left = until - time.monotonic()
            if left <= 0:
                return
            self._wake.wait(left)

    def _let_go_of_the_late(self) -> None:
        while not self._over.wait(min(LOOK_S, self.patience_s / 10)):
            with self._wake:
                began = time.monotonic() - self.patience_s
                late = [write for write in self._group if write.since < began]
                while self._writes and self._writes[0].since < began:
                    late.append(self._writes.popleft())
            for write in late:
                with suppress(InvalidStateError):  # it was just answered
                    write.done.set_exception(
                        _not_now(f"the vault did not take the change within {self.patience_s:g} s")
                    )

    def _commit_install(self, item: Install) -> None:
        if not item.done.set_running_or_notify_cancel():
            return
        try:
            if item.durable:
                self._sql.execute("PRAGMA synchronous = FULL")
            self._sql.execute("BEGIN IMMEDIATE")
            result = item.fn(self._sql)
            self._sql.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 (the caller's future raises it)
            self._roll_back()
            item.done.set_exception(error)
        else:
            item.done.set_result(result)
        finally:
            if item.durable:
                self._sql.execute("PRAGMA synchronous = NORMAL")

    def _commit_group(self, group: list[Write]) -> None:
        drafted: list[tuple[Write, Any]] = []
        taken = group
        try:
            self._sql.execute("BEGIN IMMEDIATE")
            self._journal.settle(self._sql)
            shelves: dict[tuple[bytes, str], tuple[ShelfRow, ShelfChanges]] = {}
            room = MAX_GROUP_CHANGES
            for number, write in enumerate(group):
                if room <= 0:
                    taken = group[:number]
                    self._return_to_queue(group[number:])
                    break
                outcome = self._draft(write, shelves)
                if outcome is not None:
                    drafted.append((write, outcome[0]))
                    room -= outcome[1]
            self._make_durable(list(shelves.values()))
            self._sql.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 (the caller's future raises it)
            self._roll_back()
            self._fail(taken, error)
        else:
            for write, result in drafted:
                with suppress(InvalidStateError):  # told already that it took too long
                    write.done.set_result(result)

    def _draft(
        self, write: Write, shelves: dict[tuple[bytes, str], tuple[ShelfRow, ShelfChanges]]
    ) -> tuple[Any, int] | None:
        """Run one write's function and apply what it drafted: its result, and how many rows were
        made for it. Its own error is its own, the database's is everybody's."""
        if write.done.done() or not write.done.set_running_or_notify_cancel():
            return None
        key = (write.account, write.kind)
        try:
            row, pending = shelves.get(key) or self._open(write)
            settled = settle(self._sql, row)
            draft = ShelfWrite(self._sql, row, self._epoch, write.device)
            result = write.fn(draft)
        except sqlite3.Error:  # it may have ended the transaction, with what others drafted
            raise
        except BaseException as error:  # noqa: BLE001 (the caller's future raises it)
            with suppress(InvalidStateError):
                write.done.set_exception(error)
            return None
        if draft.changes_made:
            apply_changes(self._sql, row, draft.changes_made)
            pending.changes.extend(draft.changes_made)
            shelves[key] = (row, pending)
        return result, len(draft.changes_made) + settled

    def _open(self, write: Write) -> tuple[ShelfRow, ShelfChanges]:
        row = self._gate.check(write.account, write.kind, self._sql, closed=write.closed)
        return row, ShelfChanges(write.account, write.kind, row.chain, [])

    def _make_durable(self, shelves: list[tuple[ShelfRow, ShelfChanges]]) -> None:
        if not shelves:
            return
        receipt = self._journal.append([changes for _, changes in shelves])
        for (row, changes), chain in zip(shelves, receipt.chains, strict=True):
            save_head(self._sql, row, changes.changes[-1].seq, chain)
        keep_receipt(self._sql, receipt)

    def _return_to_queue(self, writes: list[Write]) -> None:
        with self._wake:
            self._writes.extendleft(reversed(writes))

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._sql.execute("ROLLBACK")

    def _fail(self, writes: list[Write], error: BaseException) -> None:
        if not isinstance(error, StillhereError):
            error = _unavailable(error)
        elif isinstance(error, Fenced):  # whoever may not write any more shows nothing either
            self._gate.halt(error)
        for write in writes:
            with suppress(InvalidStateError):  # it has its own error, or nobody waits any more
                write.done.set_exception(error)


def _unavailable(error: BaseException) -> Unavailable:
    failure = Unavailable(
        f"the change could not be committed: {error}",
        safe="nothing that was acknowledged is lost; this change was not acknowledged",
        hint="try again; if it goes on, look at the disk of the core",
        retry_after=RETRY_S,
    )
    failure.__cause__ = error
    return failure


def _not_now(what: str, retry_after: int = RETRY_S) -> Unavailable:
    return Unavailable(
        what,
        safe="nothing that was acknowledged is lost; this change was not acknowledged",
        hint="look at the vault; writes go on when it does",
        retry_after=retry_after,
    )
