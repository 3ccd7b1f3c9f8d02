"""The fence: a core that is not the one any more answers nothing, reads included.

A write meets a seal by itself. A core that only reads looks for the next epoch, for strangers
among the writers, and for a segment in its own next slot that it did not write.
"""

from __future__ import annotations

import time

from stillhere.errors import StillhereError, Surplus
from stillhere.replication.slots import own_writers, sealed
from stillhere.replication.start import Working
from stillhere.vault.backends import BackendError, Missing
from stillhere.vault.layout import epoch_name, segment_name

GRACE_S = 0.5


def check_fence(working: Working) -> bool:
    """Close the store for ever if another core has taken over, or writes beside this one.

    Returns whether the vault could be asked at all."""
    try:
        _look(working)
    except BackendError:
        return False
    except StillhereError as error:
        working.store.gate.halt(error)
    return True


def _look(working: Working) -> None:
    backend, epoch = working.vault.backend, working.identity.epoch
    try:
        backend.size(epoch_name(epoch))
    except Missing:
        raise BackendError(f"{backend.place} is not the vault; is its disk mounted?") from None
    try:
        backend.size(epoch_name(epoch + 1))
    except Missing:
        pass
    else:
        raise sealed()
    own_writers(working.vault, working.identity)
    writer = working.journal.writer
    if writer is None:
        return
    number = working.committed(writer) + 1
    try:
        backend.size(segment_name(epoch, writer, number))
    except Missing:
        return
    time.sleep(GRACE_S)
    if working.committed(writer) < number and not _own(working, number):
        raise Surplus(
            f"somebody else writes as writer {writer} of this core",
            safe="everything that was acknowledged is in the vault",
            hint="a copy of this core is running: stop both, and recover",
        )


def _own(working: Working, number: int) -> bool:
    """Whether this core is writing that segment, or was when the vault stopped answering."""
    return working.journal.busy or working.journal.began(number)
