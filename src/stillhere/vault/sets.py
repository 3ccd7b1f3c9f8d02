"""The set of an epoch: which places hold the vault, so that an acknowledgement needs them all.

Recorded whenever it changes, signed by the epoch. A vault without a record is a set of one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from stillhere.errors import Damaged
from stillhere.vault.backends import Exists
from stillhere.vault.codec import decode
from stillhere.vault.layout import numbers_of, set_name, sets_folder
from stillhere.vault.opened import Vault, find_proven
from stillhere.vault.signing import Signer

RACES = 100


class CopySet(msgspec.Struct, frozen=True):
    """The places that hold a vault, in their order, since when (milliseconds)."""

    places: list[str]
    created: int


_sets = msgspec.msgpack.Decoder(CopySet)


def keep_set(vault: Vault, signer: Signer, places: Sequence[str]) -> tuple[str, bytes]:
    """Record which places hold the vault from now on; the object's name and bytes.

    Raises BackendError."""
    body = msgspec.msgpack.encode(CopySet(list(places), time.time_ns() // 1_000_000))
    for _ in range(RACES):
        taken = numbers_of(vault.backend.names(sets_folder(signer.epoch)))
        name = set_name(signer.epoch, max(taken, default=0) + 1)
        signed = signer.sign(name, body)
        try:
            vault.backend.create(name, signed)
        except Exists:
            continue
        return name, signed
    raise Damaged("the set of the vault's copies can't be recorded")


def read_set(vault: Vault, epochs: Sequence[int]) -> CopySet | None:
    """The newest record of these epochs that proves itself; None where there is none.

    Raises BackendError."""
    for epoch in sorted(epochs, reverse=True):
        numbers = numbers_of(vault.backend.names(sets_folder(epoch)))
        for number in sorted(numbers, reverse=True):
            found = _read(vault, epoch, number)
            if found is not None:
                return found
    return None


def _read(vault: Vault, epoch: int, number: int) -> CopySet | None:
    name = set_name(epoch, number)

    def prove(_: str, data: bytes) -> CopySet:
        return decode(_sets, vault.verifier.verify(name, data, by=(epoch,)), name)

    try:
        return find_proven(vault, (name,), prove)
    except Damaged:
        return None
