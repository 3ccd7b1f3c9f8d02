"""The fence: a core that is not the one any more answers nothing, reads included.

A write meets a seal by itself. A core that only reads looks for the next epoch, for strangers
among the writers, and for segments in its own next slots that it did not write.

A process may stand still between two looks: stopped, asleep with its machine, or resumed from a
snapshot of its memory while the phones have moved on. So what it says waits until it has looked
again, unless its last look is recent by every clock that there is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from stillhere.errors import Damaged, StillhereError, Surplus
from stillhere.replication.moment import Moment
from stillhere.replication.slots import own_writers, sealed
from stillhere.replication.start import Working
from stillhere.vault.backends import BackendError, Missing
from stillhere.vault.layout import epoch_name, segment_name

GRACE_S = 0.5
PATIENCE_S = 1.0  # how long a look may take; a vault that is silent for longer is not there
SLACK_S = 0.5
STEP_S = 0.005


class Fence:
    """A thread that looks every ``every_s``, and the moment of the last look that has ended.

    A vault that is silent ends a look too: whoever can't ask goes on answering what it knows."""

    def __init__(self, working: Working, every_s: float) -> None:
        self._working = working
        self._every_s = every_s
        self._recent_s = max(every_s, PATIENCE_S) + PATIENCE_S + SLACK_S
        self._looked = Moment.now()  # the core was proven just now
        self._flight: Future[bool] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="fence")
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="fence", daemon=True)
        self._thread.start()

    def hold(self) -> Awaitable[None] | None:
        """What an answer has to wait for before it is sent; None while the last look is recent."""
        return None if self._looked.age() <= self._recent_s else self._look_again()

    def close(self) -> None:
        """Look no more."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._pool.shutdown(wait=False)

    async def _look_again(self) -> None:
        self._wake.set()
        while self._looked.age() > self._recent_s and self._thread.is_alive():
            await asyncio.sleep(STEP_S)

    def _run(self) -> None:
        while not self._stopping and self._working.store.gate.halted is None:
            began = Moment.now()
            with suppress(TimeoutError):
                self._look()
            self._looked = began
            self._wake.wait(max(0.0, self._every_s - began.age()))
            self._wake.clear()

    def _look(self) -> None:
        """A look that begins now; one that still hangs comes first. Raises TimeoutError."""
        if self._flight is not None:
            self._flight.exception(PATIENCE_S)
        self._flight = self._pool.submit(check_fence, self._working)
        self._flight.exception(PATIENCE_S)
        self._flight = None


def check_fence(working: Working) -> bool:
    """Close the store for ever if another core has taken over, or writes beside this one.

    Returns whether the vault could be asked at all."""
    window = working.window
    mark = window.mark() if window is not None else None
    try:
        _look(working)
    except BackendError:
        return False
    except StillhereError as error:
        working.store.gate.halt(working.spool.name_rest(error))
    else:
        if window is not None and mark is not None:
            window.see(mark)
    return True


def _look(working: Working) -> None:
    if working.follower is not None:
        with suppress(Damaged):  # the next write says so; it is no reason to end for good
            working.follower.follow()
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
    for writer in own_writers(working.vault, working.identity):
        _look_for_rival(working, writer)


def _look_for_rival(working: Working, writer: int) -> None:
    """Look at a writer's next slot: a copy of this core may have taken it."""
    number = working.committed(writer) + 1
    try:
        working.vault.backend.size(segment_name(working.identity.epoch, writer, number))
    except Missing:
        return
    time.sleep(GRACE_S)
    if working.committed(writer) < number and not _own(working, writer, number):
        raise Surplus(
            f"somebody else writes as writer {writer} of this core",
            safe="everything that was acknowledged is in the vault",
            hint="a copy of this core is running: stop both, and recover",
        )


def _own(working: Working, writer: int, number: int) -> bool:
    """Whether this core is writing that segment, or was when its process ended."""
    journal = working.journal
    return (journal.busy and journal.writer == writer) or journal.began(writer, number)
