"""The accounts' data keys while a recovery runs: opened with the kit, in memory only.

Everybody's are at hand until the core is whole, so they lie packed: 48 bytes an account.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from threading import Lock

from stillhere.errors import Damaged
from stillhere.recovery.check import Checked
from stillhere.vault.keys import ACCOUNT_BYTES, read_data_key
from stillhere.vault.layout import bucket_of
from stillhere.vault.wraps import KEY_BYTES

_ROW = ACCOUNT_BYTES + KEY_BYTES


def pack_keys(keys: Mapping[bytes, bytes]) -> bytes:
    """Data keys by account as one string: account and key, in the order of the accounts."""
    return b"".join([account + keys[account] for account in sorted(keys)])


def unpack_keys(packed: bytes) -> dict[bytes, bytes]:
    """What ``pack_keys`` packed."""
    rows = (packed[at : at + _ROW] for at in range(0, len(packed), _ROW))
    return {row[:ACCOUNT_BYTES]: row[ACCOUNT_BYTES:] for row in rows}


class KitKeys:
    """Data keys by account, each unwrapped once."""

    def __init__(self, checked: Checked, packed: bytes = b"") -> None:
        """``packed`` has those that are known already."""
        self._checked = checked
        self._opened = unpack_keys(packed)
        self._buckets: dict[int, bytes] = {}
        self._forgotten: set[bytes] = set()
        self._lock = Lock()  # a key that is to be forgotten is not to come back

    def get(self, account: bytes) -> bytes:
        """An account's data key. Raises Damaged where neither copy of it opens."""
        key = self._opened.get(account) or self._find(account)
        if key is None:
            key = read_data_key(self._checked.vault, self._checked.unwrapper, account)
            with self._lock:
                if account in self._forgotten:
                    raise Damaged("the account of this key was erased")
                self._opened[account] = key
        return key

    def learn(self, bucket: int, packed: bytes) -> None:
        """Take in keys of a bucket that a worker process has unwrapped."""
        with self._lock:
            keys = unpack_keys(self._buckets.get(bucket, b"")) | unpack_keys(packed)
            for account in keys.keys() & self._forgotten:
                del keys[account]
            self._buckets[bucket] = pack_keys(keys)
            for account in keys:
                self._opened.pop(account, None)

    def of_bucket(self, bucket: int) -> bytes:
        """The keys of a bucket that were learnt, packed."""
        return self._buckets.get(bucket, b"")

    def forget(self, accounts: Iterable[bytes]) -> None:
        """Let go of the keys of accounts that are erased."""
        with self._lock:
            new = set(accounts) - self._forgotten
            self._forgotten |= new
            buckets = {bucket_of(account, self._checked.vault.bucket_bits) for account in new}
            for account in new:
                self._opened.pop(account, None)
            for bucket in buckets & self._buckets.keys():
                keys = unpack_keys(self._buckets[bucket])
                kept = {account: key for account, key in keys.items() if account not in new}
                self._buckets[bucket] = pack_keys(kept)

    def failing(self, account: bytes) -> str:
        """Why an account's key can't be had, "" when it can."""
        try:
            self.get(account)
        except Damaged as error:
            return error.what
        return ""

    def _find(self, account: bytes) -> bytes | None:
        """A key among those that were learnt, by binary search."""
        rows = self.of_bucket(bucket_of(account, self._checked.vault.bucket_bits))
        numbers = range(len(rows) // _ROW)

        def account_at(number: int) -> bytes:
            return rows[number * _ROW : number * _ROW + ACCOUNT_BYTES]

        number = bisect_left(numbers, account, key=account_at)
        if number == len(numbers) or account_at(number) != account:
            return None
        return rows[number * _ROW + ACCOUNT_BYTES : (number + 1) * _ROW]
