"""Copies of the vault that a recovery leaves: they are read, and nothing is made in them.

    unwritable  the others are sealed, which fences whoever needs them all
    behind      an epoch has not begun there, or segments are missing at the end: a recovery from
                it alone would be refused, or lack what was acknowledged since
    late        it came back while a recovery went on whose epoch has not begun there
    spent       it was sealed with the others, and could not be written when the recovery went on

Each is sealed by itself where its own journal ends, if it can be written, and none is one of the
core's copies until it is added again.
"""

from __future__ import annotations

from contextlib import suppress

from stillhere.errors import Damaged, NotAVault, StillhereError
from stillhere.recovery.check import Checked
from stillhere.vault.backends import Backend, BackendError, Exists
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.probe import probe
from stillhere.vault.copied import places_of, written_places
from stillhere.vault.epochs import seal_journal, seal_writers, writers_with_journal
from stillhere.vault.opened import Vault, find_proven
from stillhere.vault.standing import has_begun, lacking_epochs, last_segment, newest_epoch


def leave_behind(vault: Vault, newest: int) -> None:
    """Of several copies, those that were left behind are only read: an epoch has not begun there,
    or segments are missing at their end. A recovery from one of them alone would be refused, or
    lack what was acknowledged since."""
    copies = vault.backend
    if isinstance(copies, Copies) and len(copies.written) > 1:
        behind = [copy for copy in copies.written if _is_behind(vault, copy, newest)]
        if len(behind) == len(copies.written):  # each has lost something, and all are needed
            behind = [copy for copy in behind if not _begun_there(copy, newest)]
        if len(behind) < len(copies.written):
            copies.only_read(behind)


def _is_behind(vault: Vault, copy: Backend, newest: int) -> bool:
    alone = Vault(copy, vault.format, vault.verifier)
    try:
        return bool(lacking_epochs(copy, newest)) or any(
            last_segment(alone, newest, writer, 0) < last_segment(vault, newest, writer, 0) - 1
            for writer in writers_with_journal(vault, newest)
        )
    except BackendError:
        return True


def leave_unsealed(vault: Vault, epoch: int) -> None:
    """Of several copies, those in which this recovery's epoch has not begun are only read: they
    were not there when the others were sealed."""
    copies = vault.backend
    if isinstance(copies, Copies):
        unsealed = [copy for copy in copies.written if not _begun_there(copy, epoch)]
        if len(unsealed) < len(copies.written):
            copies.only_read(unsealed)
    leave_unwritable(vault)


def _begun_there(copy: Backend, epoch: int) -> bool:
    try:
        return has_begun(copy, epoch)
    except BackendError:
        return False


def leave_unwritable(vault: Vault) -> None:
    """Of several copies, those that can't be written are only read: a seal in one fences, since
    whoever acknowledges needs them all."""
    copies = vault.backend
    if isinstance(copies, Copies):
        unwritable = [copy for copy in copies.written if not _can_be_written(copy)]
        if len(unwritable) < len(copies.written):
            copies.only_read(unwritable)


def _can_be_written(copy: Backend) -> bool:
    try:
        probe(copy)
    except (BackendError, NotAVault):
        return False
    return True


def complete(vault: Vault, name: str) -> None:
    """See that every copy has a writer's last segment: its create may have come as far as some of
    them, and the next epoch counts it."""
    copies = vault.backend
    if isinstance(copies, Copies) and len(copies.written) > 1:

        def prove(name: str, data: bytes) -> bytes:
            copies.proof(name, data)
            return data

        with suppress(Exists, Damaged):
            data = find_proven(vault, (name,), prove)
            if data is not None:
                copies.create(name, data)


def seal_left(checked: Checked, epoch: int) -> None:
    """Seal every copy that is only read, where its own journal ends, if it can be written: a core
    that works with it alone ends there all the same. One that was sealed with the others, before
    it could be written no more, has its seal."""
    copies = checked.vault.backend
    if isinstance(copies, Copies):
        for copy in copies.copies:
            if copy not in copies.written and copy.place not in checked.behind:
                with suppress(StillhereError, Exists):
                    if not _begun_there(copy, epoch):
                        _seal_alone(checked, copy, epoch)
                    checked.behind.append(copy.place)


def _seal_alone(checked: Checked, copy: Backend, epoch: int) -> None:
    vault = Vault(copy, checked.vault.format, checked.vault.verifier)
    own = newest_epoch(copy)
    if not 0 < own < epoch:
        raise BackendError(f"no core can go on in {copy.place}, or this one does")
    probe(copy)
    for writer in range(seal_writers(vault, checked.kit, own)):
        seal_journal(vault, checked.kit, own, writer, last_segment(vault, own, writer, 0))


def not_sealed(checked: Checked) -> list[str]:
    """The copies of the vault that have no seal: they could not be written, or not be reached,
    when the others were sealed."""
    sealed = {*written_places(checked.vault.backend), *checked.behind}
    only_read = [place for place in places_of(checked.vault.backend) if place not in sealed]
    return only_read + [one.place for one in checked.unreached]
