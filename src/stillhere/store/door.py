"""What accounts and log-ins use of the store: its door, and nothing behind it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from stillhere.store.core import Core
from stillhere.store.draft import ShelfWrite
from stillhere.store.gate import Gate
from stillhere.store.shelf import Shelf

T = TypeVar("T")


class Door(Protocol):
    """``stillhere.store.Store``, as its own parts see it."""

    core: Core
    gate: Gate

    def read(self, account: bytes, kind: str) -> AbstractContextManager[Shelf]:
        """See ``Store.read``."""

    def write(
        self, account: bytes, kind: str, fn: Callable[[ShelfWrite], T], *, device: str = ""
    ) -> Future[T]:
        """See ``Store.write``."""

    def install(
        self,
        fn: Callable[[sqlite3.Connection], Any],
        *,
        urgent: bool = False,
        durable: bool = False,
    ) -> Future[Any]:
        """See ``Store.install``."""
