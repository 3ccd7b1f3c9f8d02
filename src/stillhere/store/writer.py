"""The writing thread: group commit, the journal first.

    for each group of waiting changes
        open a transaction
        let each draft its changes, give them their positions, apply them to the rows
        make the group durable in the vault         (journal.append)
        keep each shelf's position and chain
        commit, then answer everybody in the group

Recovered rows need no journal, since they come from the vault; they are let in between
groups, those of waiting people before the bulk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, NamedTuple

from stillhere.errors import Fenced, StillhereError, Unavailable
from stillhere.store.draft import ShelfWrite, apply_changes, save_head
from stillhere.store.gate import Gate
from stillhere.store.journal import Journal, keep_receipt
from stillhere.store.records import ShelfChanges
from stillhere.store.shelf import ShelfRow

MAX_GROUP = 512  # writes in one transaction and segment
MAX_GROUP_CHANGES = 4096


class Write(NamedTuple):
    """A change that somebody waits for."""

    account: bytes
    kind: str
    fn: Callable[[ShelfWrite], Any]
    device: str
    done: Future[Any]


class Install(NamedTuple):
    """Rows that come from the vault, or the core's bookkeeping, in a transaction of its own."""

    fn: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: Future[Any]


class Writer:
    """One thread that owns the writing connection. Everything that changes rows passes here."""

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
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> None:
        """Queue a device's change; its future resolves when it is durable and committed."""
        self._put(self._writes, write)

    def install(
        self,
        fn: Callable[[sqlite3.Connection], Any],
        *,
        urgent: bool = False,
        durable: bool = False,
    ) -> Future[Any]:
        """Queue recovered rows; ``urgent`` ones (somebody knocks) go before the bulk.

        After a ``durable`` one, it and every commit before it survive a power cut."""
        item = Install(fn, durable, Future())
        self._put(self._knocks if urgent else self._bulk, item)
        return item.done

    def close(self) -> None:
        """Finish what is queued and stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()
        self._sql.close()

    def _put(self, queue: deque[Any], item: Any) -> None:
        with self._wake:
            if self._stopping:
                raise Unavailable("the core is stopping", safe="nothing was changed")
            queue.append(item)
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._writes or self._knocks or self._bulk or self._stopping):
                    self._wake.wait()
                size = min(MAX_GROUP, len(self._writes))
                group = [self._writes.popleft() for _ in range(size)]
                recovered = self._knocks or self._bulk
                if not group and not recovered:
                    return
                install = recovered.popleft() if not group else None
            if install is None:
                self._commit_group(group)
            else:
                self._commit_install(install)

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
                write.done.set_result(result)

    def _draft(
        self, write: Write, shelves: dict[tuple[bytes, str], tuple[ShelfRow, ShelfChanges]]
    ) -> tuple[Any, int] | None:
        """Run one write's function and apply what it drafted; its own error is its own."""
        if not write.done.set_running_or_notify_cancel():
            return None
        key = (write.account, write.kind)
        try:
            row, pending = shelves.get(key) or self._open(write)
            draft = ShelfWrite(self._sql, row, self._epoch, write.device)
            result = write.fn(draft)
        except BaseException as error:  # noqa: BLE001 (the caller's future raises it)
            write.done.set_exception(error)
            return None
        if draft.changes_made:
            apply_changes(self._sql, row, draft.changes_made)
            pending.changes.extend(draft.changes_made)
            shelves[key] = (row, pending)
        return result, len(draft.changes_made)

    def _open(self, write: Write) -> tuple[ShelfRow, ShelfChanges]:
        row = self._gate.check(write.account, write.kind, self._sql)
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
        retry_after=30,
    )
    failure.__cause__ = error
    return failure
