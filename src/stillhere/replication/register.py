"""The vault's register of accounts: each one's wrapped key, and its name."""

from __future__ import annotations

from stillhere.errors import Damaged, Unavailable
from stillhere.vault.backends import BackendError
from stillhere.vault.keys import find_name, is_erased, keep_data_key, keep_name
from stillhere.vault.opened import Vault
from stillhere.vault.wraps import Wrapper


class Registrar:
    """Makes new accounts known to the vault; every call may be repeated."""

    def __init__(self, vault: Vault, wrapper: Wrapper, names_key: bytes) -> None:
        self._vault = vault
        self._wrapper = wrapper
        self._names_key = names_key

    def register(self, account: bytes, folded: str, data_key: bytes) -> bytes:
        """Keep the key and the name durably; returns the account that has the name.

        Raises Unavailable."""
        try:
            keep_data_key(self._vault, self._wrapper, account, data_key)
            owner = keep_name(self._vault, self._names_key, folded, account)
            if owner != account and is_erased(self._vault, owner):
                raise Unavailable(
                    "the account that had this name is being erased, and has it still",
                    safe="the account was not made",
                    hint="complete that erasure: give its command again",
                )
            return owner
        except BackendError as error:
            raise Unavailable(
                error.what, safe="the account was not made", hint=error.hint
            ) from error

    def owner_of(self, folded: str) -> bytes | None:
        """The account that has a folded name in the vault. Raises Unavailable."""
        try:
            return find_name(self._vault, self._names_key, folded)
        except (BackendError, Damaged) as error:
            raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
