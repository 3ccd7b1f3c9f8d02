"""Erasures: signed statements that an account is to be forgotten.

An erasure is written before anything of the account goes, so that it is carried out whatever
happens from then on: the account's names and both copies of its wrapped key are removed from
the vault, and what was sealed under that key is noise.

Which erasures are in force: those that the newest epoch lists (they were when it began), and
those that it has signed itself. A core whose epoch has ended erases nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged
from stillhere.vault.backends import Exists, Missing
from stillhere.vault.codec import decode
from stillhere.vault.keys import find_owner
from stillhere.vault.layout import ERASURES, erasure_name, key_name, login_name, twin
from stillhere.vault.opened import Vault, exists, find_proven
from stillhere.vault.signing import Signer


class Erasure(msgspec.Struct, frozen=True):
    """An account that is erased, when (milliseconds), and the keyed digests of its names."""

    account: bytes
    at: int
    names: list[bytes]


class Erasures(NamedTuple):
    """The erasures in force, by account, and the accounts of those that don't prove themselves."""

    valid: dict[bytes, Erasure]
    broken: list[bytes]


_erasures = msgspec.msgpack.Decoder(Erasure)


def keep_erasure(vault: Vault, signer: Signer, erasure: Erasure) -> Erasure:
    """Write an erasure durably, twice; returns the one in force, which may be an earlier one.

    What lies in its place and does not prove itself is nobody's, and makes room. Raises
    BackendError: then it may or may not have begun."""
    name = erasure_name(erasure.account)
    signed = signer.sign(name, msgspec.msgpack.encode(erasure))
    there: Erasure | None = None
    try:
        there = read_erasure(vault, erasure.account, signer.epoch)
    except Damaged:
        for copy in (name, twin(name)):
            vault.backend.delete(copy)
    if there is not None:
        erasure = there
        signed = signer.sign(name, msgspec.msgpack.encode(there))
    for copy in (name, twin(name)):
        with suppress(Exists):
            vault.backend.create(copy, signed)
    return erasure


def read_erasure(vault: Vault, account: bytes, epoch: int) -> Erasure | None:
    """The erasure of an account by the newest epoch, from whichever copy proves itself.

    None where there is none; raises Damaged where there is one that this epoch did not sign."""
    name = erasure_name(account)

    def prove(_: str, data: bytes) -> Erasure:
        return decode(_erasures, vault.verifier.verify(name, data, by=(epoch,)), name)

    return find_proven(vault, (name, twin(name)), prove)


def read_erasures(vault: Vault, epoch: int, before: Iterable[Erasure]) -> Erasures:
    """Every erasure in force while ``epoch`` is the newest; ``before`` needs no proof any more:
    what that epoch lists, or what the reader has proven already. Raises BackendError."""
    valid = {erasure.account: erasure for erasure in before}
    broken = []
    for account in _list(vault):
        if account in valid:
            continue
        try:
            found = read_erasure(vault, account, epoch)
        except Damaged:
            broken.append(account)
            continue
        if found is not None:
            valid[account] = found
    return Erasures(valid, broken)


def carry_out(vault: Vault, names_key: bytes, erasure: Erasure) -> None:
    """Remove an account's names and both copies of its key, for good. Raises BackendError.

    The names go first: once no copy of the key is left, nothing is. A name that somebody else
    has taken since stays theirs."""
    for digest in erasure.names:
        with suppress(Missing, Damaged):
            if find_owner(vault, names_key, digest) == erasure.account:
                vault.backend.delete(login_name(digest), durable=True)
    key = key_name(erasure.account)
    for copy in (key, twin(key)):
        vault.backend.delete(copy, durable=True)


def count_copies(vault: Vault, account: bytes) -> int:
    """How many of the two copies of an erasure are there."""
    name = erasure_name(account)
    return exists(vault, name) + exists(vault, twin(name))


def _list(vault: Vault) -> list[bytes]:
    accounts = set()
    for folder in vault.backend.names(ERASURES):
        for name in vault.backend.names(f"{ERASURES}/{folder}"):
            with suppress(ValueError):
                accounts.add(bytes.fromhex(name.removesuffix(".twin")))
    return sorted(account for account in accounts if len(account) == 16)
