"""The accounts' data keys while a recovery runs: opened with the kit, in memory only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stillhere.errors import Damaged
from stillhere.recovery.check import Checked
from stillhere.vault.keys import read_data_key


class KitKeys:
    """Data keys by account, each unwrapped once."""

    def __init__(self, checked: Checked, keys: Mapping[bytes, bytes] | None = None) -> None:
        """``keys`` has those that are known already."""
        self._checked = checked
        self._keys = dict(keys or {})
        self._buckets: dict[int, dict[bytes, bytes]] = {}

    def get(self, account: bytes) -> bytes:
        """An account's data key. Raises Damaged where neither copy of it opens."""
        key = self._keys.get(account)
        if key is None:
            key = read_data_key(self._checked.vault, self._checked.unwrapper, account)
            self._keys[account] = key
        return key

    def learn(self, bucket: int, keys: dict[bytes, bytes]) -> None:
        """Take in keys of a bucket that a worker process has unwrapped."""
        self._keys.update(keys)
        self._buckets.setdefault(bucket, {}).update(keys)

    def of_bucket(self, bucket: int) -> Mapping[bytes, bytes]:
        """The keys of a bucket that were learnt."""
        return self._buckets.get(bucket, {})

    def forget(self, accounts: Iterable[bytes]) -> None:
        """Let go of the keys of accounts that are erased."""
        for account in accounts:
            self._keys.pop(account, None)
            for keys in self._buckets.values():
                keys.pop(account, None)

    def failing(self, account: bytes) -> str:
        """Why an account's key can't be had, "" when it can."""
        try:
            self.get(account)
        except Damaged as error:
            return error.what
        return ""
