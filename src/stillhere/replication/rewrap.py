"""Proving the accounts' wrapped keys, and keeping again what is missing or broken.

    a wrap      one copy is enough to make the other again
    a key       likewise, where its wrap can be had; else it is wrapped anew from the core's

Nothing is taken away but what is proven to be worthless, or to be there a second time.
"""

from __future__ import annotations

from collections.abc import Iterator

from stillhere.replication.slots import sealed
from stillhere.replication.start import Working
from stillhere.vault.keys import key_copies, prove_data_key, seal_data_key, unless_erased
from stillhere.vault.layout import epoch_name
from stillhere.vault.opened import exists, keep_anew
from stillhere.vault.wraps import WRAP_BYTES, prove_wrap


class WrappedKeys:
    """The wrapped keys of one core's accounts, in one verification."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self._sound: dict[bytes, bool] = {}  # by wrap, each looked at once

    def mend(self, account: bytes, data_key: bytes) -> Iterator[str]:
        """What was wrong with an account's key, after it was kept again.

        Raises BackendError, Fenced."""
        vault = self._working.vault
        copies = prove_data_key(vault, account, data_key)
        for data in set(copies.values()):
            if data is not None and data[:WRAP_BYTES] not in self._sound:
                yield from self._mend_wrap(data[:WRAP_BYTES])
        good = [d for d in copies.values() if d is not None and self._sound[d[:WRAP_BYTES]]]
        if len(good) == len(copies):
            return
        if good:
            kept = good[0]
            yield "a copy of its wrapped key was missing or broken, and was kept again"
        else:
            kept = seal_data_key(vault, self._working.wrapper.take(), account, data_key)
            yield "its wrapped key was missing or could not be opened, and was kept again"
        self._keep_again([name for name, data in copies.items() if data not in good], kept)
        unless_erased(vault, account, key_copies(account))

    def _mend_wrap(self, wrap: bytes) -> Iterator[str]:
        copies = prove_wrap(self._working.vault, wrap)
        good = [data for data in copies.values() if data is not None]
        self._sound[wrap] = bool(good)
        if len(good) == 1:
            self._keep_again([name for name, data in copies.items() if data is None], good[0])
            yield "a copy of its wrapping key was missing or broken, and was kept again"

    def _keep_again(self, names: list[str], data: bytes) -> None:
        working = self._working
        if exists(working.vault, epoch_name(working.identity.epoch + 1)):
            raise sealed()  # who was superseded takes nothing away
        for name in names:
            keep_anew(working.vault, name, data)
