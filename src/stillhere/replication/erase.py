"""Erasing an account, so that nothing of it can be read from core, vault or a recovery.

    write    the erasure, signed, into the vault: from here on it goes to its end
    look     that no recovery has begun meanwhile, which might not know of it
    remove   its rows, in one transaction; from here on its devices hear 401
    forget   keys in memory
    release  its names, and both copies of its wrapped key, from the vault
    rebuild  the core's file and log, where pieces of old pages remain

Killed between any two of these, it goes on at the next start of any process of this core, and,
once the rows are gone, beside a running server within its next look. What a compaction then
drops is noise.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from stillhere.errors import StillhereError, Unavailable
from stillhere.replication.slots import sealed
from stillhere.replication.verified import forget_erased
from stillhere.store.core import Core, Identity
from stillhere.store.erased import (
    Erased,
    erase_rows,
    is_erased,
    read_erased,
    settle_erased,
)
from stillhere.store.recovered import clear_scratch, files_beside
from stillhere.store.store import Store
from stillhere.vault.backends import BackendError, Missing
from stillhere.vault.codec import forget_keys
from stillhere.vault.epochs import read_epochs, read_writers
from stillhere.vault.erasures import (
    Erasure,
    carry_out,
    keep_erasure,
    read_erasure,
    read_erasures,
)
from stillhere.vault.keys import digest_name, find_digests, find_owner
from stillhere.vault.opened import Vault
from stillhere.vault.signing import Signer

STEPS = 3
BESIDE_S = 20.0
AGAIN_S = 60.0  # what can't be completed is tried again after so long


class Eraser:
    """Erases accounts of one core, and completes what was begun."""

    def __init__(
        self, core: Core, identity: Identity, vault: Vault, signer: Signer, store: Store
    ) -> None:
        self._core = core
        self._identity = identity
        self._vault = vault
        self._signer = signer
        self._store = store
        self._seen = 0
        self._not_before = 0.0

    def erase(
        self, account: bytes, folded: str, tick: Callable[[int, int], None] | None = None
    ) -> Erased:
        """Erase an account, whose folded name is ``folded`` if it has one; one that is erased is
        completed.

        Raises Unavailable, which says how far it came; Fenced."""
        tell = tick or (lambda _done, _total: None)
        if not is_erased(self._core.reader(), account):
            erasure = self._write(account, folded)
            tell(1, STEPS)
            self.take_in([erasure])
        tell(2, STEPS)
        trouble = self.complete()
        if trouble is not None:
            raise trouble
        tell(STEPS, STEPS)
        return read_erased(self._core.reader())[account]

    def carry_on(self) -> None:
        """Before anything is served: carry out what the vault says, and complete it if that can
        be done now. Raises BackendError when the vault can't be read."""
        known = read_erased(self._core.reader())
        listed = read_epochs(self._vault)[-1].erased
        done = [Erasure(erased.account, erased.at, erased.names) for erased in known.values()]
        found = read_erasures(self._vault, self._identity.epoch, [*listed, *done])
        new = [erasure for account, erasure in found.valid.items() if account not in known]
        if new:
            self._look_for_seal()
            self.take_in(new)
        for erasure in new:
            if erasure not in listed:
                with suppress(BackendError):  # else a verification does
                    keep_erasure(self._vault, self._signer, erasure)
        self.complete(wait=False)

    def take_in(self, erasures: Iterable[Erasure]) -> None:
        """Remove the rows of accounts whose erasure is in force; nobody is let in to them any
        more when this returns."""
        known = read_erased(self._core.reader())
        new = [erasure for erasure in erasures if erasure.account not in known]

        def remove(sql: sqlite3.Connection) -> None:
            for erasure in new:
                erase_rows(sql, erasure.account, erasure.at, erasure.names)
            forget_erased(sql)

        if new:
            self._store.install(remove, urgent=True, durable=True).result()
            self._forget()

    def complete(self, *, wait: bool = True) -> StillhereError | None:
        """Complete what was begun; returns what stood in the way, if anything did. Unless it may
        ``wait``, what another process has in hand is left to it."""
        if not any(erased.pending for erased in read_erased(self._core.reader()).values()):
            return None
        try:
            with self._alone(wait=wait):
                self._release()
                self._rebuild()
        except BlockingIOError:
            return None
        except (StillhereError, sqlite3.Error, OSError) as error:
            return _not_complete(error)
        return None

    def look(self) -> StillhereError | None:
        """Take note of what another process of this core has erased, and complete what it left.

        Cheap enough for every few seconds. Returns what stands in the way of an erasure."""
        count, pending = (
            self._core.reader()
            .execute("SELECT count(*), coalesce(max(wrapped OR traces), 0) FROM erased")
            .fetchone()
        )
        if count != self._seen:
            self._seen = count
            self._forget()
        if not pending or time.monotonic() < self._not_before:
            return None
        self._not_before = time.monotonic() + AGAIN_S
        return self.complete(wait=False)

    def _write(self, account: bytes, folded: str) -> Erasure:
        try:
            names = self._names(account, folded)
        except BackendError as error:
            raise _not_begun(error, "nothing was changed") from error
        erasure = Erasure(account, time.time_ns() // 1_000_000, names)
        try:
            erasure = keep_erasure(self._vault, self._signer, erasure)
            self._look_for_seal()
        except BackendError as error:
            raise _not_begun(error, self._how_far(account)) from error
        return erasure

    def _look_for_seal(self) -> None:
        """Whoever recovers seals first and reads the erasures then: one that was written before
        there is a seal is known. Raises Fenced where there is one."""
        if any(slot.seal for slot in read_writers(self._vault, self._identity.epoch)):
            raise sealed()

    def _names(self, account: bytes, folded: str) -> list[bytes]:
        key = self._identity.names_key
        digest = digest_name(key, folded)
        try:
            if find_owner(self._vault, key, digest) == account:
                return [digest]
        except (Missing, StillhereError) as error:
            if isinstance(error, BackendError):
                raise
        return find_digests(self._vault, key, account)

    def _how_far(self, account: bytes) -> str:
        try:
            if read_erasure(self._vault, account, self._identity.epoch) is None:
                return "nothing was changed"
        except StillhereError:
            return "the account is as it was, unless the vault got to know of the erasure"
        return "the erasure is in the vault, and is carried out when the vault answers"

    def _release(self) -> None:
        for erased in read_erased(self._core.reader()).values():
            if erased.wrapped:
                erasure = Erasure(erased.account, erased.at, erased.names)
                carry_out(self._vault, self._identity.names_key, erasure)
                self._settle([erased.account], "wrapped")

    def _rebuild(self) -> None:
        accounts = [e.account for e in read_erased(self._core.reader()).values() if e.traces]
        if accounts:
            self._wait_for_files()
            if not self._core.rebuild():
                raise Unavailable("the core is being read all the while: its log is not empty yet")
            self._settle(accounts, "traces")

    def _wait_for_files(self) -> None:
        """What a recovery has laid beside before the account was erased goes in time."""
        clear_scratch(self._core.home)
        there = files_beside(self._core.home)
        until = time.monotonic() + BESIDE_S
        while there & files_beside(self._core.home):
            if time.monotonic() > until:
                raise Unavailable("what a recovery or a drill brings lies beside the core yet")
            time.sleep(0.05)

    def _settle(self, accounts: list[bytes], what: str) -> None:
        def settle(sql: sqlite3.Connection) -> None:
            for account in accounts:
                settle_erased(sql, account, what)

        self._store.install(settle).result()

    def _forget(self) -> None:
        self._core.data_keys.forget()
        forget_keys()
        if self._store.gate.opener is not None:
            self._store.gate.opener.forget(read_erased(self._core.reader()))

    @contextmanager
    def _alone(self, *, wait: bool = True) -> Iterator[None]:
        """One process erases at a time: a name that is free again may be taken by somebody.

        Raises BlockingIOError where it may not wait and would have to."""
        with open(self._core.home / "erase.lock", "a+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


def _not_begun(error: StillhereError, safe: str) -> Unavailable:
    return Unavailable(
        error.what, safe=safe, hint="give the same command again when the vault answers"
    )


def _not_complete(error: Exception) -> Unavailable:
    cause = error.what if isinstance(error, StillhereError) else error
    return Unavailable(
        f"an erasure is not complete yet: {cause}",
        safe="the account is gone from the core, and its devices are refused",
        hint="a running server tries again by itself; or give the same command again",
    )
