"""Wrapped keys and names: what a blank core needs to let the first person in.

A data key lies under a wrapping key (``stillhere.vault.wraps``), the service's keys are sealed
for the kit; both are kept twice. A name's object is found by the name's keyed digest and says,
sealed, whose name it is.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.errors import Damaged
from stillhere.vault.backends import Exists, Missing
from stillhere.vault.codec import JOURNAL_LEVEL, NONCE_BYTES, decode, derive, seal, unseal
from stillhere.vault.kit import Kit, wrap
from stillhere.vault.layout import SERVICE_KEYS, erasure_name, key_name, login_name, twin
from stillhere.vault.opened import Vault, exists, find_proven, first_proven
from stillhere.vault.signing import ROOT, Signer
from stillhere.vault.wraps import WRAP_BYTES, Unwrapper, Wrapper, WrappingKey

_DATA_KEY = b"stillhere data key "
_SERVICE = b"stillhere service keys"
ACCOUNT_BYTES = 16
_PROOF_BYTES = 16
_KEPT_BYTES = WRAP_BYTES + NONCE_BYTES + 32 + 16 + _PROOF_BYTES


class ServiceKeys(msgspec.Struct, frozen=True):
    """Keys of the whole service: for names' digests and for sync tokens."""

    names: bytes
    tokens: bytes

    def __repr__(self) -> str:
        """Without the secrets."""
        return "ServiceKeys()"


_service_keys = msgspec.msgpack.Decoder(ServiceKeys)


def keep_service_keys(vault: Vault, kit: Kit, keys: ServiceKeys) -> None:
    """Wrap the service's keys for the kit, twice."""
    wrapped = wrap(kit.public, msgspec.msgpack.encode(keys), _SERVICE)
    for name in SERVICE_KEYS:
        vault.backend.create(name, Signer(kit.vault, ROOT, kit.root).sign(name, wrapped))


def read_service_keys(vault: Vault, kit: Kit) -> ServiceKeys:
    """The service's keys, from whichever copy proves itself. Raises Damaged."""

    def open_copy(name: str, data: bytes) -> bytes:
        return kit.unwrap(vault.verifier.verify(name, data), _SERVICE)

    secret = first_proven(vault, SERVICE_KEYS, open_copy)
    return decode(_service_keys, secret, SERVICE_KEYS[0])


def keep_data_key(vault: Vault, wrapper: Wrapper, account: bytes, data_key: bytes) -> None:
    """Keep an account's data key under a wrapping key, twice; a copy that is there already stays.

    That of an erased account is not kept, whoever has it still. Raises BackendError."""
    sealed = seal_data_key(vault, wrapper.take(), account, data_key)
    for name in key_copies(account):
        with suppress(Exists):
            vault.backend.create(name, sealed)
    unless_erased(vault, account, key_copies(account))


def read_data_key(vault: Vault, unwrapper: Unwrapper, account: bytes) -> bytes:
    """An account's data key, from whichever copy opens. Raises Damaged, BackendError."""

    def open_copy(name: str, data: bytes) -> bytes:
        if len(data) != _KEPT_BYTES:
            raise Damaged(f"{name} is not as long as a wrapped key")
        return open_data_key(vault, unwrapper.open(data[:WRAP_BYTES]), account, data)

    return first_proven(vault, key_copies(account), open_copy)


def seal_data_key(vault: Vault, wrapping: WrappingKey, account: bytes, data_key: bytes) -> bytes:
    """A data key as it is kept: ``wrap | nonce | ciphertext | tag | proof``, 84 bytes.

    The proof is a MAC under the data key itself: who has that can tell that a copy is whole
    without being able to open it."""
    nonce = os.urandom(NONCE_BYTES)
    associated = _associated(vault, account, wrapping.wrap)
    sealed = wrapping.wrap + nonce + wrapping.cipher.encrypt(nonce, data_key, associated)
    return sealed + _proof(vault, account, data_key, sealed)


def open_data_key(vault: Vault, cipher: AESGCM, account: bytes, data: bytes) -> bytes:
    """The data key that ``seal_data_key`` sealed, with its wrapping key. Raises Damaged."""
    identity, sealed = data[:WRAP_BYTES], data[WRAP_BYTES:-_PROOF_BYTES]
    associated = _associated(vault, account, identity)
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise Damaged("a wrapped key does not open under its wrapping key") from None


def prove_data_key(vault: Vault, account: bytes, data_key: bytes) -> dict[str, bytes | None]:
    """Both copies of an account's wrapped key by their names: its bytes where they are those
    that were kept of this data key, else None. Raises BackendError.

    Whether the kit opens them hangs on the wrap that their first bytes name."""
    copies: dict[str, bytes | None] = dict.fromkeys(key_copies(account))

    def prove(name: str, data: bytes) -> bytes:
        if not is_kept_of(vault, account, data_key, data):
            raise Damaged(f"{name} was not kept of this data key")
        return data

    for name in copies:
        with suppress(Damaged):
            copies[name] = find_proven(vault, (name,), prove)
    return copies


def is_kept_of(vault: Vault, account: bytes, data_key: bytes, data: bytes) -> bool:
    """Whether these are the bytes that were kept of a data key."""
    sealed, proof = data[:-_PROOF_BYTES], data[-_PROOF_BYTES:]
    return hmac.compare_digest(_proof(vault, account, data_key, sealed), proof)


def proves_service_keys(vault: Vault) -> bool:
    """Whether a copy of the service's keys verifies."""

    def prove(name: str, data: bytes) -> bytes:
        return vault.verifier.verify(name, data, by=(ROOT,))

    with suppress(Damaged):
        return find_proven(vault, SERVICE_KEYS, prove) is not None
    return False


def list_keys(vault: Vault) -> list[bytes]:
    """The accounts that have a wrapped key in the vault."""
    return sorted(set(walk_keys(vault)))


def walk_keys(vault: Vault) -> Iterator[bytes]:
    """The same, folder by folder; an account may come twice."""
    for folder in vault.backend.names("keys"):
        if len(folder) == 2:
            for name in vault.backend.names(f"keys/{folder}"):
                with suppress(ValueError):  # else a name that nobody here gives
                    account = bytes.fromhex(name.removesuffix(".twin"))
                    if len(account) == ACCOUNT_BYTES:
                        yield account


def keep_name(vault: Vault, names_key: bytes, folded: str, account: bytes) -> bytes:
    """Give a name to an account; returns whose it is (another's, if it was taken)."""
    digest = digest_name(names_key, folded)
    name = login_name(digest)
    try:
        vault.backend.create(name, seal(_sealing_key(names_key), account, digest, JOURNAL_LEVEL))
    except Exists:
        owner = find_name(vault, names_key, folded)
        if owner is None:
            raise Damaged("a name was taken in the vault and is gone again") from None
        return owner
    unless_erased(vault, account, (name,))
    return account


def find_name(vault: Vault, names_key: bytes, folded: str) -> bytes | None:
    """The account of a name, or None where the vault has no such name. Raises Damaged."""
    try:
        return find_owner(vault, names_key, digest_name(names_key, folded))
    except Missing:
        return None


def find_owner(vault: Vault, names_key: bytes, digest: bytes) -> bytes:
    """The account of a name by its keyed digest. Raises Missing, Damaged."""
    name = login_name(digest)
    found = find_proven(vault, (name,), lambda _, data: open_name(names_key, digest, data))
    if found is None:
        raise Missing(name)
    return found


def open_name(names_key: bytes, digest: bytes, data: bytes) -> bytes:
    """The account that a name's object says. Raises Damaged."""
    account = unseal(_sealing_key(names_key), data, digest)
    if len(account) != ACCOUNT_BYTES:
        raise Damaged("a name belongs to something that is no account")
    return account


def find_digests(vault: Vault, names_key: bytes, account: bytes) -> list[bytes]:
    """The keyed digests of every name that leads to an account: each name is looked at."""
    found = []
    for folder in vault.backend.names("names"):
        for name in vault.backend.names(f"names/{folder}"):
            with suppress(Missing, Damaged, ValueError):
                digest = bytes.fromhex(name)
                if find_owner(vault, names_key, digest) == account:
                    found.append(digest)
    return found


def digest_name(names_key: bytes, folded: str) -> bytes:
    """The keyed digest by which a folded name is found."""
    return hmac.digest(names_key, folded.encode(), "sha256")


def _sealing_key(names_key: bytes) -> bytes:
    return hashlib.sha256(b"stillhere names" + names_key).digest()


def unless_erased(vault: Vault, account: bytes, names: tuple[str, ...]) -> None:
    """Take back what was made while an erasure of its account began.

    An erasure is written before what it removes is removed: seen from here, either it is there
    by now, or it is still going to remove what was made."""
    if is_erased(vault, account):
        for name in names:
            vault.backend.delete(name, durable=True)


def is_erased(vault: Vault, account: bytes) -> bool:
    """Whether an erasure of the account was begun, proven or not. Raises BackendError."""
    name = erasure_name(account)
    return exists(vault, name) or exists(vault, twin(name))


def key_copies(account: bytes) -> tuple[str, str]:
    """The names of an account's wrapped key and of its twin."""
    return key_name(account), twin(key_name(account))


def _associated(vault: Vault, account: bytes, identity: bytes) -> bytes:
    return _DATA_KEY + vault.id + account + identity


def _proof(vault: Vault, account: bytes, data_key: bytes, sealed: bytes) -> bytes:
    key = derive(data_key, "wrapped key")
    return hmac.digest(key, vault.id + account + sealed, "sha256")[:_PROOF_BYTES]
