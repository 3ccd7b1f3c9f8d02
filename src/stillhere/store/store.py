"""The store's door: ``read`` and ``write`` one shelf at a time, through its gate."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from stillhere.errors import Fenced, Unavailable
from stillhere.store.accounts import Accounts, Register
from stillhere.store.core import Core
from stillhere.store.draft import ShelfWrite
from stillhere.store.gate import Gate
from stillhere.store.journal import Journal
from stillhere.store.logins import Logins
from stillhere.store.pages import open_shelf
from stillhere.store.schema import snapshot
from stillhere.store.shelf import Shelf
from stillhere.store.tokens import Tokens
from stillhere.store.writer import Write, Writer

T = TypeVar("T")


class Store:
    """The live store of one core. Close it when done."""

    def __init__(
        self,
        core: Core,
        journal: Journal,
        register: Register,
        owner_of: Callable[[str], bytes | None],
    ) -> None:
        identity = core.identity()
        self.core = core
        self.epoch = identity.epoch
        self.gate = Gate(core.reader, owner_of)
        self.tokens = Tokens(identity.tokens_key)
        self.accounts = Accounts(self, register)
        self.logins = Logins(self)
        self._writer = Writer(core.connect(), journal, identity.epoch, self.gate)

    @contextmanager
    def read(self, account: bytes, kind: str) -> Iterator[Shelf]:
        """One consistent snapshot of an open shelf.

        Raises Closed, NotFound, or what halts the core (Fenced, Unavailable)."""
        connection = self.core.reader()
        with snapshot(connection):
            yield open_shelf(connection, self.gate.check(account, kind, connection))

    def write(
        self,
        account: bytes,
        kind: str,
        fn: Callable[[ShelfWrite], T],
        *,
        device: str = "",
        closed: bool = False,
    ) -> Future[T]:
        """Run ``fn`` on an open shelf in the writing thread; what it raises, the future raises.
        With ``closed`` the shelf may be closed, and stays so.

        The future resolves when the change is durable (in the vault, or with ``ack = "core"``
        in the spool) and committed, and not before. It may raise Closed, Fenced, or Unavailable:
        then it was not acknowledged, and may yet come about when it is durable and only the
        commit failed or took too long."""
        done: Future[T] = Future()
        if self.gate.halted is not None:
            done.set_exception(self.gate.halted)
        else:
            self._writer.submit(Write(account, kind, fn, device, done, time.monotonic(), closed))
        return done

    def install(
        self,
        fn: Callable[[sqlite3.Connection], Any],
        *,
        urgent: bool = False,
        durable: bool = False,
    ) -> Future[Any]:
        """Run ``fn`` in a transaction of the writing thread, without a journal.

        For shelves that the vault holds already and for the core's own bookkeeping. After a
        ``durable`` one, it and everything committed before it survive a power cut."""
        return self._writer.install(fn, urgent=urgent, durable=durable)

    def close_superseded(self) -> None:
        """Close for ever: somebody holds a position of a later epoch than this core's."""
        self.gate.halt(
            Fenced(
                "a later core of this service is alive",
                safe="that core has everything, but for what may still lie in this home's spool",
                hint="shut this core down and remove its home",
            )
        )

    def be_patient(self, seconds: float) -> None:
        """How long a change may wait for the vault before it raises Unavailable."""
        self._writer.patience_s = seconds

    def stalled(self) -> Unavailable | None:
        """Why no change is taken now: the vault has kept the last ones waiting too long."""
        return self._writer.stalled()

    def finish(self) -> bool:
        """Finish the waiting writes, and take no more; False when the vault never answers."""
        return self._writer.close()

    def close(self) -> None:
        """Finish the waiting writes and close every connection."""
        if self.finish():
            self.core.close()
