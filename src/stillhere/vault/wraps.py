"""Wrapping keys: under one lie the data keys of many accounts, and the kit alone opens it.

A process that makes accounts draws a wrapping key, seals it for the kit, and keeps that twice
before any data key is sealed under it. The key itself is in that process's memory only: a core
can't open later what it wrapped, and whoever stole it can't either.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.errors import Damaged
from stillhere.vault.kit import Kit, wrap
from stillhere.vault.layout import twin, wrap_name
from stillhere.vault.opened import Vault, find_proven, first_proven
from stillhere.vault.signing import Signer

WRAP_BYTES, KEY_BYTES = 8, 32
ACCOUNTS = 1024  # under one wrapping key; then the process makes another
KEPT = 4096  # wrapping keys that are kept open while a vault is read
_PURPOSE = b"stillhere wrapping key "


class WrappingKey(NamedTuple):
    """A wrapping key ready for use, and the id of the wrap that keeps it for the kit."""

    wrap: bytes
    cipher: AESGCM


class Wrapper:
    """The wrapping keys of one process, one after the other. Any thread may take."""

    def __init__(self, vault: Vault, signer: Signer) -> None:
        self._vault = vault
        self._signer = signer
        self._lock = Lock()
        self._key: WrappingKey | None = None
        self._left = 0

    def take(self) -> WrappingKey:
        """A wrapping key for one more account; its wrap is durable. Raises BackendError."""
        with self._lock:
            if self._key is None or not self._left:
                self._key = make_wrap(self._vault, self._signer)
                self._left = ACCOUNTS
            self._left -= 1
            return self._key


class Unwrapper:
    """Opens wrapping keys with the kit, each once."""

    def __init__(self, vault: Vault, kit: Kit) -> None:
        self._vault = vault
        self._kit = kit
        self.open = lru_cache(maxsize=KEPT)(self._open)

    def _open(self, identity: bytes) -> AESGCM:
        """A wrapping key, from whichever copy proves itself. Raises Damaged, BackendError."""
        name = wrap_name(identity)

        def open_copy(_: str, data: bytes) -> bytes:
            body = self._vault.verifier.verify(name, data)
            key = self._kit.unwrap(body, _PURPOSE + identity)
            if len(key) != KEY_BYTES:
                raise Damaged(f"{name} holds something that is no key")
            return key

        return AESGCM(first_proven(self._vault, (name, twin(name)), open_copy))


def make_wrap(vault: Vault, signer: Signer) -> WrappingKey:
    """Draw a wrapping key and keep it for the kit, twice. Raises BackendError."""
    identity, key = os.urandom(WRAP_BYTES), os.urandom(KEY_BYTES)
    name = wrap_name(identity)
    data = signer.sign(name, wrap(vault.kit_public, key, _PURPOSE + identity))
    for copy in (name, twin(name)):
        vault.backend.create(copy, data)
    return WrappingKey(identity, AESGCM(key))


def prove_wrap(vault: Vault, identity: bytes) -> dict[str, bytes | None]:
    """Both copies of a wrap by their names: its bytes where they prove themselves, else None.

    Raises BackendError."""
    name = wrap_name(identity)
    copies: dict[str, bytes | None] = {name: None, twin(name): None}

    def prove(_: str, data: bytes) -> bytes:
        vault.verifier.verify(name, data)
        return data

    for copy in copies:
        with suppress(Damaged):
            copies[copy] = find_proven(vault, (copy,), prove)
    return copies
