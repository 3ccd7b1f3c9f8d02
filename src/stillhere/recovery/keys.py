"""The accounts' data keys while a recovery runs: opened with the kit, in memory only."""

from __future__ import annotations

from collections.abc import Iterable

from stillhere.errors import Damaged
from stillhere.recovery.check import Checked
from stillhere.vault.keys import read_data_key


class KitKeys:
    """Data keys by account, each unwrapped once."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._keys: dict[bytes, bytes] = {}

    def get(self, account: bytes) -> bytes:
        """An account's data key. Raises Damaged where neither copy of it opens."""
        key = self._keys.get(account)
        if key is None:
            key = read_data_key(self._checked.vault, self._checked.unwrapper, account)
            self._keys[account] = key
        return key

    def learn(self, keys: dict[bytes, bytes]) -> None:
        """Take in keys that a worker process has unwrapped."""
        self._keys.update(keys)

    def forget(self, accounts: Iterable[bytes]) -> None:
        """Let go of the keys of accounts that are erased."""
        for account in accounts:
            self._keys.pop(account, None)

    def failing(self, account: bytes) -> str:
        """Why an account's key can't be had, "" when it can."""
        try:
            self.get(account)
        except Damaged as error:
            return error.what
        return ""
