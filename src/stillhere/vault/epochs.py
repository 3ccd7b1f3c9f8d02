"""Epochs: the lives of the service's core, and the writers of each.

Everything here is create-only and signed. A seal takes the slot that the next object would
need: after it, an old core can register no writer and write no segment.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from stillhere.errors import Damaged, NotAVault
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.codec import decode
from stillhere.vault.erasures import Erasure
from stillhere.vault.kit import Kit, wrap
from stillhere.vault.layout import (
    epoch_name,
    journal_epoch,
    numbers_of,
    segment_name,
    twin,
    writer_name,
    writers_folder,
)
from stillhere.vault.opened import Vault, find_proven
from stillhere.vault.signing import ROOT, Signer

JOURNAL_KEY = b"stillhere journal key"
MAX_RACES = 5000
CHASE, WALL_AHEAD = 20, 500  # slots


class Epoch(msgspec.Struct, frozen=True):
    """The object that begins an epoch, signed by the root.

    ``signing`` is the epoch's public key, ``journal_key`` is wrapped for the kit, ``ends`` the
    last segment of every writer of the epoch before (0: none), ``roots`` the number of the
    last root manifest of the epochs before, ``core`` the core's id, ``erased`` every erasure
    that was in force when this epoch began.
    """

    number: int
    core: bytes
    signing: bytes
    journal_key: bytes
    ends: dict[int, int]
    roots: int
    created: int
    erased: list[Erasure] = []


class Slot(msgspec.Struct, frozen=True):
    """A writer's registration (``core`` is b"" when it can't be read), or a seal."""

    core: bytes
    seal: bool = False


_epochs = msgspec.msgpack.Decoder(Epoch)
_slots = msgspec.msgpack.Decoder(Slot)


def make_epoch(
    kit: Kit,
    number: int,
    core: bytes,
    signing: bytes,
    journal_key: bytes,
    *,
    ends: dict[int, int],
    roots: int,
    erased: Sequence[Erasure] = (),
) -> Epoch:
    """An epoch for ``begin_epoch``."""
    wrapped = wrap(kit.public, journal_key, JOURNAL_KEY)
    now = time.time_ns() // 1_000_000
    return Epoch(number, core, signing, wrapped, ends, roots, now, list(erased))


def begin_epoch(vault: Vault, kit: Kit, epoch: Epoch) -> None:
    """Create an epoch, twice kept. Raises Exists when somebody else has begun it."""
    name = epoch_name(epoch.number)
    signed = Signer(kit.vault, ROOT, kit.root).sign(name, msgspec.msgpack.encode(epoch))
    vault.backend.create(name, signed)
    vault.backend.create(twin(name), signed)


def read_epochs(vault: Vault) -> list[Epoch]:
    """Every epoch, verified, in order; the vault trusts their keys from now on.

    Raises Damaged when one does not verify or is missing, NotAVault when there is none."""
    numbers = numbers_of(vault.backend.names("epochs"))
    epochs = []
    for number in range(1, max(numbers, default=0) + 1):
        epoch = read_epoch(vault, number)
        if epoch is None and number == max(numbers):
            break  # its folder is there and it is not: a beginning that was cut short
        if epoch is None:
            raise Damaged(f"epoch {number} of the vault is missing")
        epochs.append(epoch)
    if not epochs:
        raise NotAVault(
            f"the vault in {vault.backend.place} has no epoch: it is half a vault",
            safe="nothing was changed",
            hint="if init was interrupted, remove it and start init again",
        )
    return epochs


def read_epoch(vault: Vault, number: int) -> Epoch | None:
    """One epoch, verified and trusted, from whichever copy proves itself, or None.

    Raises Damaged."""
    name = epoch_name(number)

    def prove(_: str, data: bytes) -> Epoch:
        epoch = decode(_epochs, vault.verifier.verify(name, data, by=(ROOT,)), name)
        vault.verifier.trust(number, epoch.signing, epoch.roots)
        return epoch

    return find_proven(vault, (name, twin(name)), prove)


def mend_epoch(vault: Vault, number: int) -> bool:
    """Make a copy of an epoch that is gone again, from the one that proves itself; whether one
    was. Raises BackendError."""
    name = epoch_name(number)
    copies: dict[str, bytes | None] = {name: None, twin(name): None}

    def prove(_: str, data: bytes) -> bytes:
        vault.verifier.verify(name, data, by=(ROOT,))
        return data

    for copy in copies:
        with suppress(Damaged):
            copies[copy] = find_proven(vault, (copy,), prove)
    proven = next((data for data in copies.values() if data is not None), None)
    mended = False
    for copy, kept in copies.items():
        if kept is None and proven is not None:
            with suppress(Exists):  # a broken one keeps its name
                vault.backend.create(copy, proven)
                mended = True
    return mended


def sealed_ends(epochs: Sequence[Epoch]) -> dict[int, dict[int, int]]:
    """The last segment of every writer of every epoch that has ended."""
    return {epoch.number - 1: epoch.ends for epoch in epochs if epoch.number > 1}


def register_writer(vault: Vault, signer: Signer, core: bytes) -> int | None:
    """Take the next writer's slot of the signer's epoch; None when the epoch is sealed.

    Raises BackendError, also while the epoch has not begun: what is written then is nobody's."""
    _check_begun(vault, signer.epoch)
    for _ in range(MAX_RACES):
        slots = read_writers(vault, signer.epoch)
        if any(slot.seal for slot in slots):
            return None
        name = writer_name(signer.epoch, len(slots))
        try:
            vault.backend.create(name, signer.sign(name, msgspec.msgpack.encode(Slot(core))))
        except Exists:
            continue
        return len(slots)
    raise Damaged("the writers' slots of the vault can't be taken")


def _check_begun(vault: Vault, number: int) -> None:
    for copy in (epoch_name(number), twin(epoch_name(number))):
        with suppress(Missing):
            vault.backend.size(copy)
            return
    raise BackendError(
        f"epoch {number} of the vault has not begun: the core before it is not sealed",
        safe="nothing was changed",
        hint="can the vault be written? the recovery seals and begins when it can",
    )


def read_writers(vault: Vault, epoch: int) -> list[Slot]:
    """The slots of an epoch in order, a seal last when there is one.

    A slot that can't be read, or is gone, is a writer of no known core: what it wrote is
    looked for all the same."""
    taken = numbers_of(vault.backend.names(writers_folder(epoch)))
    # Slots are taken one after the other: a number far beyond all others is nobody's.
    last = max((n for n in taken if n < len(taken) + MAX_RACES), default=-1)
    return [_read_slot(vault, epoch, number) for number in range(1 + last)]


def writers_with_journal(vault: Vault, epoch: int) -> list[int]:
    """The writers of an epoch that have a folder in the journal."""
    return numbers_of(vault.backend.names(journal_epoch(epoch)))


def _read_slot(vault: Vault, epoch: int, number: int) -> Slot:
    name = writer_name(epoch, number)

    def prove(_: str, data: bytes) -> Slot:
        return Slot(decode(_slots, vault.verifier.verify(name, data, by=(epoch,)), name).core)

    if is_sealed(vault, name):
        return Slot(b"", seal=True)
    try:
        return find_proven(vault, (name,), prove) or Slot(b"")
    except Damaged:
        return Slot(b"")


def seal_writers(vault: Vault, kit: Kit, epoch: int) -> int:
    """Let nobody register in an epoch any more; returns how many writers it may have.

    A slot that can't be read, or whose journal alone is left, counts as a writer: its segments
    are looked for all the same."""
    signer = Signer(kit.vault, ROOT, kit.root)
    for _ in range(MAX_RACES):
        slots = read_writers(vault, epoch)
        writers = [n for n, slot in enumerate(slots) if not slot.seal]
        count = 1 + max([*writers, *writers_with_journal(vault, epoch)], default=-1)
        if any(slot.seal for slot in slots):
            return count
        name = writer_name(epoch, max(len(slots), count))
        body = msgspec.msgpack.encode(Slot(b"", seal=True))
        with suppress(Exists):
            vault.backend.create(name, signer.sign(name, body))
            return count
    raise Damaged("the writers' slots of the vault can't be sealed")


def seal_journal(vault: Vault, kit: Kit, epoch: int, writer: int, after: int) -> int:
    """Take a writer's next slot; returns the number of its last segment.

    ``after`` is the last object seen so far, a segment or a seal behind it. A writer that is at
    work may be ahead of every attempt: a seal some way ahead is a wall for it then, and the
    chase has an end."""
    signer = Signer(kit.vault, ROOT, kit.root)
    seal = msgspec.msgpack.encode(Slot(b"", seal=True))
    if is_sealed(vault, segment_name(epoch, writer, after)):
        return after - 1
    for number in range(after + 1, after + MAX_RACES):
        if number == after + CHASE:
            wall = segment_name(epoch, writer, number + WALL_AHEAD)
            with suppress(Exists):
                vault.backend.create(wall, signer.sign(wall, seal))
        name = segment_name(epoch, writer, number)
        try:
            vault.backend.create(name, signer.sign(name, seal))
        except Exists:
            if is_sealed(vault, name):  # else a segment, perhaps rolled up already
                return number - 1
            continue
        return number - 1
    raise Damaged(f"the journal of writer {writer} in epoch {epoch} can't be sealed")


def is_sealed(vault: Vault, name: str) -> bool:
    """Whether any copy of the vault has a seal under a name: whoever writes needs them all.

    Raises BackendError where none that can be asked has one."""

    def prove(_: str, data: bytes) -> bool:
        if not is_seal(vault, name, data):
            raise Damaged(f"{name} is no seal")
        return True

    try:
        return find_proven(vault, (name,), prove) is not None
    except Damaged:
        return False


def is_seal(vault: Vault, name: str, data: bytes) -> bool:
    """Whether an object is a seal that the root has put there."""
    try:
        return decode(_slots, vault.verifier.verify(name, data, by=(ROOT,)), name).seal
    except Damaged:
        return False
