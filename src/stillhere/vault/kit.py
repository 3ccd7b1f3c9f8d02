"""The recovery kit: one secret that opens a vault and begins its epochs.

Everything is derived from a seed of 32 bytes (HKDF, RFC 5869): the HPKE private key
(RFC 9180, MLKEM768-X25519) for which every key in the vault is wrapped, and the Ed25519 root
to which every signature in the vault leads.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from stillhere.errors import Damaged, WrongKit

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_MLKEM_PUBLIC = 1184
_CHECK_BYTES = 5
_FIELD = re.compile(r"^\s*(vault|key)\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_URI = "stillhere-kit:1:"


@dataclass(frozen=True)
class Kit:
    """What an operator keeps away from the service: the vault's id and the seed."""

    vault: bytes
    seed: bytes = field(repr=False)

    @classmethod
    def make(cls) -> Kit:
        """A new kit for a new vault."""
        return cls(os.urandom(16), os.urandom(32))

    @cached_property
    def root(self) -> Ed25519PrivateKey:
        """The key that signs epochs and seals."""
        return Ed25519PrivateKey.from_private_bytes(self._derive("root", 32))

    @cached_property
    def root_public(self) -> bytes:
        """The public half of the root, 32 bytes."""
        return self.root.public_key().public_bytes_raw()

    @cached_property
    def _private(self) -> hpke.MLKEM768X25519PrivateKey:
        return hpke.MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @cached_property
    def _mlkem(self) -> MLKEM768PrivateKey:
        return MLKEM768PrivateKey.from_seed_bytes(self._derive("mlkem", 64))

    @cached_property
    def _x25519(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self._derive("x25519", 32))

    @cached_property
    def public(self) -> bytes:
        """The public key that wraps for this kit: ML-KEM-768 then X25519, 1216 bytes."""
        return (
            self._mlkem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        """What ``wrap`` sealed for this kit. Raises Damaged when it does not open."""
        try:
            return SUITE.decrypt(wrapped, self._private, info=purpose)
        except (InvalidTag, ValueError):
            raise Damaged("a wrapped key does not open with this kit") from None

    def text(self, made: datetime | None = None) -> str:
        """The kit as a person keeps it."""
        made = made or datetime.now(UTC)
        return (
            "Stillhere recovery kit, format 1\n"
            f"made:  {made:%Y-%m-%d}\n"
            f"vault: {self.vault.hex()}\n"
            f"key:   {_group(self._key_text())}\n"
        )

    def uri(self) -> str:
        """The kit as a QR code carries it."""
        return f"{_URI}{self.vault.hex()}:{self._key_text()}"

    def key_for(self, purpose: str) -> bytes:
        """A key of 32 bytes for something that is kept outside the vault: who has no kit can't
        make it."""
        return self._derive(f"for {purpose}", 32)

    def _key_text(self) -> str:
        return b32encode(self.seed + _check(self.vault, self.seed)).decode().rstrip("=")

    def _derive(self, purpose: str, length: int) -> bytes:
        key = hmac.digest(b"stillhere kit 1", self.seed, "sha256")
        out, block, counter = b"", b"", 1
        while len(out) < length:
            block = hmac.digest(key, block + purpose.encode() + bytes([counter]), "sha256")
            out, counter = out + block, counter + 1
        return out[:length]


def read_kit(text: str) -> Kit:
    """A kit from its text or from its QR code's. Raises WrongKit."""
    fields = {name.lower(): value for name, value in _FIELD.findall(text)}
    if text.strip().startswith(_URI):
        fields = dict(
            zip(("vault", "key"), text.strip().removeprefix(_URI).split(":"), strict=False)
        )
    try:
        vault = bytes.fromhex(fields["vault"])
        key = re.sub(r"[\s-]", "", fields["key"]).upper()
        raw = b32decode(key + "=" * (-len(key) % 8))
    except (KeyError, ValueError):
        raise _wrong("this is not the text of a recovery kit") from None
    seed, check = raw[:32], raw[32:]
    if len(vault) != 16 or not hmac.compare_digest(check, _check(vault, seed)):
        raise _wrong("the recovery kit has a mistake in it: its check does not match")
    return Kit(vault, seed)


def wrap(public: bytes, secret: bytes, purpose: bytes) -> bytes:
    """Seal a secret so that only the kit with this public key opens it (HPKE base mode)."""
    key = hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
    )
    return SUITE.encrypt(secret, key, info=purpose)


def _check(vault: bytes, seed: bytes) -> bytes:
    return hashlib.sha256(b"stillhere kit check" + vault + seed).digest()[:_CHECK_BYTES]


def _group(text: str) -> str:
    return "-".join(text[start : start + 5] for start in range(0, len(text), 5))


def _wrong(what: str) -> WrongKit:
    return WrongKit(
        what,
        safe="nothing was read from the vault or changed in it",
        hint="give the file that init wrote, with its vault: and key: lines as they were",
    )
