"""Knocks: the shelf that somebody asks for is recovered then and there, ahead of its stage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import partial

from stillhere.errors import Closed, Damaged, Erased
from stillhere.recovery.beside import Waiting
from stillhere.recovery.check import Checked
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.open_shelf import prove_shelf
from stillhere.store.accounts import ACCOUNT
from stillhere.store.erased import is_erased, read_erased
from stillhere.store.recovered import Recovered, add_recovered
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError
from stillhere.vault.keys import digest_name, find_name


class Knocks:
    """Opens single shelves for the store's gate.

    ``waiting`` once every shelf is near. ``names_proven`` once every account is in the core:
    until then a name that is not found may be one that is lost. ``over`` once the anchor is
    not the newest any more; set in the writing thread, after which nothing of it comes in."""

    def __init__(self, checked: Checked, anchor: Anchor, keys: KitKeys, store: Store) -> None:
        self._checked = checked
        self._anchor = anchor
        self._keys = keys
        self._store = store
        self.names_proven = False
        self.over = False
        self.waiting: Waiting | None = None

    def find(self, folded: str) -> bytes | None:
        """The account of a name. Raises Closed while "nobody's" is not proven."""
        try:
            account = find_name(self._checked.vault, self._checked.service.names, folded)
        except (Damaged, BackendError) as error:
            raise _not_now(error.what) from error
        if account is None and not self._known_erased(folded) and not self.names_proven:
            raise _not_now("not every account is back yet")
        return account

    def _known_erased(self, folded: str) -> bool:
        """Whether a name that leads nowhere was that of an account that is erased."""
        digest = digest_name(self._checked.service.names, folded)
        erased = read_erased(self._store.core.reader())
        return any(digest in account.names for account in erased.values())

    def open(self, account: bytes, kind: str) -> None:
        """Recover one shelf; its account's own shelf first. Raises Closed, Erased."""
        if is_erased(self._store.core.reader(), account):
            raise Erased("this account was erased", safe="nothing was changed")
        wanted = self._not_in_core(account, kind)
        if self.waiting is not None:
            for one in wanted:
                self.waiting.take_shelf(account, one, self._check_current)
            wanted = self._not_in_core(account, kind)
        try:
            proven = [
                prove_shelf(self._anchor, self._keys, self._store, account, one) for one in wanted
            ]
        except BackendError as error:
            raise _not_now(error.what) from error
        if not all(one.exists for one in proven):
            raise _not_now("nothing of this shelf was found yet")
        if proven:
            self._store.install(
                partial(self._add, [one.shelf for one in proven]), urgent=True
            ).result()

    def _add(self, proven: list[Recovered], sql: sqlite3.Connection) -> None:
        self._check_current()
        add_recovered(sql, proven)

    def _check_current(self) -> None:
        if self.over:
            raise _not_now("the old core was sealed just now")

    def forget(self, accounts: Iterable[bytes]) -> None:
        """Let go of the keys of accounts that are erased."""
        self._keys.forget(accounts)

    def _not_in_core(self, account: bytes, kind: str) -> list[str]:
        """Of the account's own shelf and the one asked for, those that are to be opened."""
        rows = self._store.core.reader().execute(
            "SELECT kind FROM shelves WHERE account = ? AND kind IN (?, ?)",
            (account, ACCOUNT, kind),
        )
        there = {row[0] for row in rows}
        return [one for one in dict.fromkeys((ACCOUNT, kind)) if one not in there]


def _not_now(cause: str) -> Closed:
    return Closed(
        f"this is being brought back: {cause}",
        reason="recovering",
        retry_after=10,
        safe="your device still has its copy, and keeps it",
        hint="nothing needs to be done; the device asks again by itself",
    )
