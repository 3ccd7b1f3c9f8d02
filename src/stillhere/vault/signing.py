"""Signed objects: a body, who signed it, and for which name it was signed.

Epoch 0 stands for the kit's root; every other epoch's key is certified by the root in the
object that begins the epoch. The name is part of what is signed, so an object that is copied
to another name, or taken from another vault, is refused.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from stillhere.errors import Damaged
from stillhere.vault.codec import decode

ROOT = 0
_MAGIC = b"STHSIGN1"


class EpochEnded(Damaged):
    """Something was signed by an epoch that had ended."""


class _Signed(msgspec.Struct, frozen=True, array_like=True):
    epoch: int
    body: bytes
    signature: bytes


_decoder = msgspec.msgpack.Decoder(_Signed)


class Signer:
    """Signs the objects of one vault as one epoch (or as the root)."""

    def __init__(self, vault: bytes, epoch: int, key: Ed25519PrivateKey) -> None:
        self.vault = vault
        self.epoch = epoch
        self._key = key

    def sign(self, name: str, body: bytes) -> bytes:
        """The object to keep under ``name``."""
        signature = self._key.sign(_statement(self.vault, name, body))
        return _MAGIC + msgspec.msgpack.encode(_Signed(self.epoch, body, signature))


class Verifier:
    """Checks the objects of one vault against the keys known so far."""

    def __init__(self, vault: bytes, root_public: bytes) -> None:
        self.vault = vault
        self._keys: dict[int, Ed25519PublicKey] = {
            ROOT: Ed25519PublicKey.from_public_bytes(root_public)
        }
        self._roots_before: dict[int, int] = {}

    def trust(self, epoch: int, public: bytes, roots_before: int) -> None:
        """Accept an epoch's key, which an object that the root signed has named.

        ``roots_before`` is the last root manifest that earlier epochs may have signed.
        Raises Damaged for bytes that are no key."""
        try:
            self._keys[epoch] = Ed25519PublicKey.from_public_bytes(public)
        except ValueError:
            raise Damaged(f"the key of epoch {epoch} is none") from None
        self._roots_before[epoch] = roots_before

    def check_root(self, epoch: int, number: int) -> None:
        """Refuse a root manifest of an epoch that had ended. Raises EpochEnded."""
        later = [last for after, last in self._roots_before.items() if after > epoch]
        if number > min(later, default=number):
            raise EpochEnded(f"root manifest {number} was signed after the end of epoch {epoch}")

    def verify(self, name: str, data: bytes, *, by: Container[int] | None = None) -> bytes:
        """The body of a signed object. Raises Damaged; ``by`` says who may have signed it."""
        if data[:8] != _MAGIC:
            raise Damaged(f"{name} is not a signed object")
        signed = decode(_decoder, data[8:], name)
        try:
            key = self._keys[signed.epoch]
            key.verify(signed.signature, _statement(self.vault, name, signed.body))
        except (KeyError, InvalidSignature):
            raise Damaged(f"{name} is not what this service signed") from None
        if by is not None and signed.epoch not in by:
            raise Damaged(f"{name} was signed by epoch {signed.epoch}, which may not do that")
        return signed.body


def _statement(vault: bytes, name: str, body: bytes) -> bytes:
    return b"stillhere signed\0" + vault + name.encode() + b"\0" + body
