"""The gate: a shelf is open, or closed with a reason and a time to ask again.

On a core that is being recovered every shelf that the core has not yet is closed; a knock has it
opened ahead of its turn. Enforced here and in ``Store.read`` and ``Store.write``, nowhere else.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Protocol, TypeVar

from stillhere.errors import Closed, Erased, NotFound, StillhereError
from stillhere.store.erased import is_erased
from stillhere.store.shelf import ShelfRow, find_shelf

KNOCK_S = 5.0  # how long a request waits for its knock
GIVE_WAY_S = 0.02  # how long the bulk stands back for knocks before it takes its next step
RETRY_S = 10

T = TypeVar("T")


class Opener(Protocol):
    """What opens closed shelves while a recovery runs (``stillhere.recovery.knock``)."""

    def find(self, folded: str) -> bytes | None:
        """The account that a folded name belongs to; None if it is proven that there is none.

        Raises Closed while that is not proven."""

    def open(self, account: bytes, kind: str) -> None:
        """Bring one shelf in; returns when it is committed, open or closed by verdict."""

    def forget(self, accounts: Iterable[bytes]) -> None:
        """Let go of what is in memory of accounts that are erased."""


class Gate:
    """Lets requests in, one shelf at a time."""

    def __init__(
        self,
        connection: Callable[[], sqlite3.Connection],
        owner_of: Callable[[str], bytes | None],
    ) -> None:
        """``owner_of`` asks the vault whose a folded name is."""
        self._connection = connection
        self._owner_of = owner_of
        self.halted: StillhereError | None = None
        self.opener: Opener | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._knocks: dict[tuple[bytes, str], Future[None]] = {}
        self._lock = Lock()

    def halt(self, error: StillhereError) -> None:
        """Answer nothing from now on, reads included: this core is not the one any more."""
        self.halted = error

    def check(
        self, account: bytes, kind: str, connection: sqlite3.Connection, *, closed: bool = False
    ) -> ShelfRow:
        """The open shelf's row, or that of one that is ``closed``, for the operator's own work.
        Raises what is halting the core, Closed, Erased, or NotFound."""
        if self.halted is not None:
            raise self.halted
        row = find_shelf(connection, account, kind)
        if row is None:
            if is_erased(connection, account):
                raise Erased("this account was erased", safe="nothing was changed")
            if self.opener is not None:
                raise _closed("recovering")
            raise NotFound("there is no such shelf", safe="nothing was changed")
        if row.closed and not closed:
            raise _closed(row.closed)
        return row

    async def enter(self, account: bytes, kind: str) -> None:
        """Return when the shelf is open; on a core in recovery, knock and wait up to 5 s.

        Raises Closed when it is not open by then, and whatever halts the core."""
        try:
            self.check(account, kind, self._connection())
        except Closed as closed:
            if closed.reason != "recovering":
                raise
            await self._knock(account, kind)
            self.check(account, kind, self._connection())

    async def find(self, folded: str) -> bytes | None:
        """Whose name this is that no account in the core has; None when nobody's.

        Raises Closed while a recovery can't tell. An account whose profile is lost has no
        name in the core: then the vault is asked, so that its devices don't hear 401."""
        find: Callable[[str], bytes | None]
        if self.opener is not None:
            find = self.opener.find
        elif self._any_nameless():
            find = self._owner_of
        else:
            return None
        return await _wait(asyncio.wrap_future(self._threads().submit(find, folded)))

    def _any_nameless(self) -> bool:
        row = self._connection().execute(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM accounts WHERE folded GLOB 'lost-*')"
            " OR EXISTS (SELECT 1 FROM shelves WHERE kind = 'account' AND closed <> '')"
        )
        return row.fetchone() is not None

    def give_way(self) -> None:
        """Stand back while somebody knocks; the bulk calls this between its steps."""
        until = time.monotonic() + GIVE_WAY_S
        while self._knocks and time.monotonic() < until:
            time.sleep(0.001)

    async def _knock(self, account: bytes, kind: str) -> None:
        opener = self.opener
        if opener is None:
            return
        key = (account, kind)
        with self._lock:
            future = self._knocks.get(key)
            if future is None:
                future = self._knocks[key] = self._threads().submit(opener.open, account, kind)
                future.add_done_callback(lambda _: self._knocks.pop(key, None))
        await _wait(asyncio.shield(asyncio.wrap_future(future)))

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(4, thread_name_prefix="knock")
        return self._pool


async def _wait(waiting: asyncio.Future[T]) -> T:
    try:
        return await asyncio.wait_for(waiting, KNOCK_S)
    except TimeoutError:
        raise _closed("recovering") from None


def _closed(reason: str) -> Closed:
    return Closed(
        _REASONS.get(reason, f"this shelf is closed: {reason}"),
        reason=reason,
        retry_after=RETRY_S if reason == "recovering" else 300,
        safe="your device still has its copy, and keeps it",
        hint="nothing needs to be done; the device asks again by itself",
    )


_REASONS = {
    "recovering": "this shelf is being brought back and is not proven yet",
    "unproven": "not every record that must exist on this shelf could be proven",
}
