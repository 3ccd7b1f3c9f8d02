"""Tending: roll-ups, compaction and the fence, by themselves while a core is at work."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from stillhere.errors import StillhereError
from stillhere.replication.compact import compact
from stillhere.replication.fence import Fence
from stillhere.replication.start import Working


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
    """A thread that keeps the bounds of one core's journal, beside the ``fence``.

    ``trouble`` is its last failure, None when the last round did what it should."""

    def __init__(self, working: Working, limits: Limits, *, compacting: bool = True) -> None:
        self._working = working
        self._limits = limits
        self._wake = threading.Event()
        self._stopping = False
        self._rolls = 0
        self._compacted = time.monotonic()
        self.compacting = compacting
        self.fence = Fence(working, limits.fence_every_s)
        self.trouble: StillhereError | None = None
        working.journal.wake = self._wake.set
        self._thread = threading.Thread(target=self._run, name="tender", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the round at hand."""
        self.fence.close()
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._limits.fence_every_s)
            self._wake.clear()
            if self._working.store.gate.halted is None:
                self.trouble = self._tend()

    def _tend(self) -> StillhereError | None:
        """One round; whatever fails is told, and tried again in the next."""
        try:
            erasing = self._working.eraser.look()
            self._rolls += self._working.roll(self._limits.roll_segments)
            if self.compacting and self._compaction_is_due():
                self._compact()
        except StillhereError as error:
            return error
        except Exception as error:  # noqa: BLE001 (the next round comes, come what may)
            return StillhereError(f"the vault could not be tended: {error}")
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
