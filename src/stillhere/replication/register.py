"""Registering an account in the vault: its key, wrapped for the kit, and its name."""

from __future__ import annotations

from stillhere.errors import Unavailable
from stillhere.vault.backends import BackendError
from stillhere.vault.keys import keep_data_key, keep_name
from stillhere.vault.opened import Vault
from stillhere.vault.signing import Signer


class Registrar:
    """Makes new accounts known to the vault; every call may be repeated."""

    def __init__(self, vault: Vault, signer: Signer, names_key: bytes) -> None:
        self._vault = vault
        self._signer = signer
        self._names_key = names_key

    def register(self, account: bytes, folded: str, data_key: bytes) -> bytes:
        """Keep the key and the name durably; returns the account that has the name.

        Raises Unavailable."""
        try:
            keep_data_key(self._vault, self._signer, account, data_key)
            return keep_name(self._vault, self._names_key, folded, account)
        except BackendError as error:
            raise Unavailable(
                error.what, safe="the account was not made", hint=error.hint
            ) from error
