"""Wrapped keys and names: what a blank core needs to let the first person in.

Data keys and service keys are wrapped for the kit (HPKE) and kept twice. A name's object is
found by the name's keyed digest and says, sealed, whose name it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress

import msgspec

from stillhere.errors import Damaged, StillhereError
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.codec import JOURNAL_LEVEL, seal, unseal
from stillhere.vault.kit import Kit, wrap
from stillhere.vault.layout import SERVICE_KEYS, key_name, login_name, twin
from stillhere.vault.opened import Vault
from stillhere.vault.signing import ROOT, Signer

_DATA_KEY = b"stillhere data key "
_SERVICE = b"stillhere service keys"

_Opening = Callable[[bytes], bytes]


class ServiceKeys(msgspec.Struct, frozen=True):
    """Keys of the whole service: for names' digests and for sync tokens."""

    names: bytes
    tokens: bytes

    def __repr__(self) -> str:
        """Without the secrets."""
        return "ServiceKeys()"


def keep_service_keys(vault: Vault, kit: Kit, keys: ServiceKeys) -> None:
    """Wrap the service's keys for the kit, twice."""
    wrapped = wrap(kit.public, msgspec.msgpack.encode(keys), _SERVICE)
    for name in SERVICE_KEYS:
        vault.backend.create(name, Signer(kit.vault, ROOT, kit.root).sign(name, wrapped))


def read_service_keys(vault: Vault, kit: Kit) -> ServiceKeys:
    """The service's keys, from whichever copy proves itself. Raises Damaged."""
    secret = _first_proven(vault, SERVICE_KEYS, lambda body: kit.unwrap(body, _SERVICE))
    return msgspec.msgpack.decode(secret, type=ServiceKeys)


def keep_data_key(vault: Vault, signer: Signer, account: bytes, data_key: bytes) -> None:
    """Wrap an account's data key for the kit, twice; a copy that is there already stays."""
    wrapped = wrap(vault.kit_public, data_key, _DATA_KEY + account)
    for name in (key_name(account), twin(key_name(account))):
        try:
            vault.backend.create(name, signer.sign(name, wrapped))
        except Exists:
            continue


def read_data_key(vault: Vault, kit: Kit, account: bytes) -> bytes:
    """An account's data key, from whichever copy proves itself. Raises Damaged."""
    names = (key_name(account), twin(key_name(account)))
    return _first_proven(vault, names, lambda body: kit.unwrap(body, _DATA_KEY + account))


def proves_key(vault: Vault, account: bytes) -> tuple[int, int]:
    """How many of the two copies of an account's wrapped key are there, and how many of them
    verify. Whether the kit opens them, only the kit can tell."""
    there = proven = 0
    for name in (key_name(account), twin(key_name(account))):
        try:
            data = vault.backend.read(name)
            there += 1
            vault.verifier.verify(name, data)
            proven += 1
        except (Missing, Damaged):
            continue
    return there, proven


def proves_service_keys(vault: Vault) -> bool:
    """Whether a copy of the service's keys verifies."""
    for name in SERVICE_KEYS:
        with suppress(Missing, Damaged):
            vault.verifier.verify(name, vault.backend.read(name), by=(ROOT,))
            return True
    return False


def list_keys(vault: Vault) -> list[bytes]:
    """The accounts that have a wrapped key in the vault."""
    accounts = set()
    for folder in vault.backend.names("keys"):
        if len(folder) == 2:
            for name in vault.backend.names(f"keys/{folder}"):
                accounts.add(bytes.fromhex(name.removesuffix(".twin")))
    return sorted(accounts)


def keep_name(vault: Vault, names_key: bytes, folded: str, account: bytes) -> bytes:
    """Give a name to an account; returns whose it is (another's, if it was taken)."""
    digest = hmac.digest(names_key, folded.encode(), "sha256")
    name = login_name(digest)
    try:
        vault.backend.create(name, seal(_sealing_key(names_key), account, digest, JOURNAL_LEVEL))
    except Exists:
        owner = find_name(vault, names_key, folded)
        if owner is None:
            raise Damaged("a name was taken in the vault and is gone again") from None
        return owner
    return account


def find_name(vault: Vault, names_key: bytes, folded: str) -> bytes | None:
    """The account of a name, or None where the vault has no such name. Raises Damaged."""
    digest = hmac.digest(names_key, folded.encode(), "sha256")
    try:
        return unseal(_sealing_key(names_key), vault.backend.read(login_name(digest)), digest)
    except Missing:
        return None


def _sealing_key(names_key: bytes) -> bytes:
    return hashlib.sha256(b"stillhere names" + names_key).digest()


def _first_proven(vault: Vault, names: tuple[str, ...], open_body: _Opening) -> bytes:
    """What the first copy holds that proves itself.

    Raises BackendError when none did and one was silent, else Damaged."""
    failure: StillhereError = Damaged(f"{names[0]} is missing")
    for name in names:
        try:
            return open_body(vault.verifier.verify(name, vault.backend.read(name)))
        except Missing:
            continue
        except BackendError as error:
            failure = error
        except Damaged as error:
            failure = failure if isinstance(failure, BackendError) else error
    raise failure
