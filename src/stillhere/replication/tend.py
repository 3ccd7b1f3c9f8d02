"""Tending: roll-ups, compaction, the fence and the spool, by themselves while a core is at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from stillhere.errors import Fenced, StillhereError
from stillhere.replication.compact import compact
from stillhere.replication.fence import Fence
from stillhere.replication.start import Working
from stillhere.replication.watch import CopyWatch


@dataclass(frozen=True)
class Limits:
    """When to roll up (segments), when to compact (bytes of tail, roll-ups, seconds since the
    last), and how often to look at that and at the fence (seconds)."""

    roll_segments: int = 256
    tail_bytes: int = 32 << 20
    tail_rolls: int = 128
    compact_every_s: float = 3600.0
    fence_every_s: float = 2.0


class Tender:
    """Threads that keep the bounds of one core's journal, each at its own work, beside the
    ``fence``: none waits for another."""

    def __init__(self, working: Working, limits: Limits, *, compacting: bool = True) -> None:
        self._working = working
        self._limits = limits
        self._rolls = 0
        self._compacted = time.monotonic()
        self.compacting = compacting
        window, every_s = working.window, limits.fence_every_s
        self.fence = Fence(working, every_s if window is None else window.at_least(every_s))
        self._tending = _Work("tender", every_s, self._tend, working)
        self._shipping = _Work("shipper", every_s, working.ship, working)
        self._watch = CopyWatch(working)
        self._watching = _Work("watch", every_s, self._watch.look, working)
        working.journal.wake = self._tending.wake
        working.journal.ship = self._shipping.wake

    @property
    def trouble(self) -> StillhereError | None:
        """What failed last and did not go well since; None when all is as it should be."""
        window = self._working.window
        closed = window.closed() if window is not None else None
        return closed or self._shipping.trouble or self._tending.trouble

    @property
    def failing(self) -> StillhereError | None:
        """The copy of the vault that fails now, if there are several."""
        return self._watching.trouble

    def close(self) -> None:
        """Stop after what is at hand."""
        self.fence.close()
        self._shipping.stop()
        self._tending.stop()
        self._watching.stop()
        self._watch.close()

    def _tend(self) -> StillhereError | None:
        """Complete erasures, roll up and compact where that is due."""
        erasing = self._working.eraser.look()
        self._rolls += self._working.roll(self._limits.roll_segments)
        if self.compacting and self._compaction_is_due():
            self._compact()
        return erasing

    def _compaction_is_due(self) -> bool:
        waited = time.monotonic() - self._compacted
        journal = self._working.journal
        return (
            self._rolls >= self._limits.tail_rolls
            or journal.tail_bytes >= self._limits.tail_bytes
            or (waited >= self._limits.compact_every_s and journal.tail_bytes > 0)
        )

    def _compact(self) -> None:
        self._compacted = time.monotonic()
        self._rolls = 0
        journal = self._working.journal
        size = journal.tail_bytes
        compact(self._working)
        journal.tail_bytes -= size


class _Work:
    """A thread that takes one step again and again: when woken, and every ``every_s`` seconds.

    What a step returns or raises is told in ``trouble``, and the next one comes; a halted core
    is left alone."""

    def __init__(
        self, name: str, every_s: float, step: Callable[[], StillhereError | None], working: Working
    ) -> None:
        self._every_s = every_s
        self._step = step
        self._gate = working.store.gate
        self._wake = threading.Event()
        self._stopping = False
        self.trouble: StillhereError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do it now."""
        self._wake.set()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            if self._gate.halted is None:
                self.trouble = self._try()
            self._wake.wait(self._every_s)
            self._wake.clear()

    def _try(self) -> StillhereError | None:
        try:
            return self._step()
        except Fenced as error:
            self._gate.halt(error)
        except StillhereError as error:
            return error
        except Exception as error:  # noqa: BLE001 (it is done again, come what may)
            return StillhereError(f"the vault could not be tended: {error}")
        return None
