"""Points in time whose age can be trusted after a sleep, a stop or a snapshot."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A point in time by two clocks: one goes on while the machine sleeps, the other is set
    right after it was resumed from a snapshot. In seconds."""

    boot: float
    wall: float

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def age(self) -> float:
        """Seconds since then, by the clock that says most."""
        return max(
            time.clock_gettime(time.CLOCK_BOOTTIME) - self.boot, abs(time.time() - self.wall)
        )
