"""Sealing bytes: zstd, then AES-256-GCM with a random nonce under an account's data key.

What a sealed piece is, and where it belongs, is its associated data: a piece that is moved,
swapped or replayed elsewhere does not open.
"""

from __future__ import annotations

import hmac
import os
import threading
from functools import lru_cache
from typing import TypeVar

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.bodies import decompress
from stillhere.errors import Damaged

JOURNAL_LEVEL = 1
LEDGER_LEVEL = 3
NONCE_BYTES = 12

T = TypeVar("T")

_threads = threading.local()


def seal(data_key: bytes, plain: bytes, associated: bytes, level: int) -> bytes:
    """Compress and encrypt: ``nonce | ciphertext | tag``."""
    return encrypt(data_key, _compressor(level).compress(plain), associated)


def unseal(data_key: bytes, sealed: bytes | memoryview, associated: bytes) -> bytes:
    """The bytes that were sealed. Raises Damaged unless every bit is as it was."""
    return decompress(decrypt(data_key, sealed, associated))


def encrypt(data_key: bytes, plain: bytes, associated: bytes) -> bytes:
    """Encrypt what is compressed already: ``nonce | ciphertext | tag``."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(data_key).encrypt(nonce, plain, associated)


def decrypt(data_key: bytes, sealed: bytes | memoryview, associated: bytes) -> bytes:
    """What ``encrypt`` was given. Raises Damaged unless every bit is as it was."""
    try:
        return _cipher(data_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise Damaged("a sealed piece does not open: its bytes are not those written") from None


def decode(decoder: msgspec.msgpack.Decoder[T], data: bytes | msgspec.Raw, what: str) -> T:
    """What these bytes say. Raises Damaged where they don't say it in the form that they must."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Damaged(f"{what} does not decode: {error}") from None


def expand(packed: bytes, what: str) -> bytes:
    """Bytes that were compressed and not sealed. Raises Damaged."""
    try:
        return decompress(packed)
    except Damaged:
        raise Damaged(f"{what} is not compressed as it must be") from None


def derive(data_key: bytes, purpose: str) -> bytes:
    """A key for one purpose, 32 bytes, from an account's data key (HKDF-Expand, RFC 5869)."""
    return hmac.digest(data_key, purpose.encode() + b"\x01", "sha256")


def forget_keys() -> None:
    """Let go of every key that was used."""
    _cipher.cache_clear()


@lru_cache(maxsize=4096)
def _cipher(data_key: bytes) -> AESGCM:
    return AESGCM(data_key)


def _compressor(level: int) -> zstandard.ZstdCompressor:
    compressors: dict[int, zstandard.ZstdCompressor] = _threads.__dict__.setdefault("by_level", {})
    if level not in compressors:
        compressors[level] = zstandard.ZstdCompressor(level=level)
    return compressors[level]
