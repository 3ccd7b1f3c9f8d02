"""The accounts' data keys as the core keeps them: wrapped by a key file beside the database.

A copy of the database alone opens nothing. The file is 32 random bytes, mode 0600.
"""

from __future__ import annotations

import os
import sqlite3
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.durable import sync_folder
from stillhere.errors import Damaged, NotFound

KEY_FILE = "core.key"
_NONCE = 12


class Keyring:
    """Wraps and opens what the core must not keep in the clear."""

    def __init__(self, home: Path, *, create: bool = False) -> None:
        path = home / KEY_FILE
        if create and not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(32))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(home)
        try:
            self._key = AESGCM(path.read_bytes())
        except (OSError, ValueError) as error:
            raise Damaged(
                f"the core's key file {path} can't be read: {error}",
                safe="every acknowledged change is in the vault, or still in this home's spool",
                hint="put the file back, or recover: stillhere recover --vault DIR --kit FILE",
            ) from error

    def wrap(self, secret: bytes, label: bytes) -> bytes:
        """Seal a secret for the database; ``label`` says whose it is."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, secret, label)

    def open(self, wrapped: bytes, label: bytes) -> bytes:
        """The secret again. Raises Damaged when this key file did not wrap it."""
        try:
            return self._key.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], label)
        except (InvalidTag, ValueError):
            raise Damaged(
                "a key in the core was not wrapped by its key file",
                safe="every acknowledged change is in the vault, or still in this home's spool",
                hint="put the right core.key back, or recover from the vault",
            ) from None


class DataKeys:
    """Data keys by account id, read from the core when first asked for."""

    def __init__(self, keyring: Keyring, connection: sqlite3.Connection) -> None:
        self._keyring = keyring
        self._sql = connection
        self.get = lru_cache(maxsize=20_000)(self._read)

    def forget(self) -> None:
        """Let go of every key in memory; the core is asked again."""
        self.get.cache_clear()

    def _read(self, account: bytes) -> bytes:
        row = self._sql.execute(
            "SELECT data_key FROM accounts WHERE account = ?", (account,)
        ).fetchone()
        if row is None:
            raise NotFound("there is no such account", safe="nothing was changed")
        return self._keyring.open(row[0], account)
