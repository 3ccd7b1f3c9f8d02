"""When alarms go off (RFC 5545, 3.6.6): by a time of their own, or by that of what they are for."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

from stillhere.kinds.component import Component
from stillhere.kinds.moments import DAY, Duration, Moment, Zones, read_duration, read_moment
from stillhere.kinds.recurrence import Instance


class Alarm(NamedTuple):
    """What one VALARM says: ``at`` a time, or ``offset`` from a start (``from_end``: an end),
    and ``repeats`` times more, each ``every`` seconds after the last."""

    at: Moment | None
    offset: Duration
    from_end: bool
    repeats: int
    every: int

    @property
    def reach(self) -> tuple[int, int]:
        """How many seconds after its start or end an instance may have it, first and last."""
        first = self.offset.days * DAY + self.offset.seconds
        return first, first + self.repeats * self.every

    def goes_off(self, lo: int, hi: int, instance: Instance, floating: tzinfo) -> bool:
        """Whether it does so in a time, for an instance that has a start (RFC 4791, 9.9)."""
        ends = instance.ends(floating)
        if self.at:
            return self.is_in(lo, hi, self.at.seconds(floating))
        if instance.start is None or ends is None:
            return False
        if self.from_end:
            return self.is_in(lo, hi, ends + self.reach[0])
        return self.is_in(lo, hi, instance.start.after(self.offset, floating))

    def is_in(self, lo: int, hi: int, first: int) -> bool:
        """Whether a time has the first or any of those that follow it."""
        late = max(0, -(-(lo - first) // self.every)) if self.every else 0
        return late <= self.repeats and lo <= first + late * self.every < hi


def read_alarm(alarm: Component, zones: Zones) -> Alarm | None:
    """None where there is no TRIGGER. Raises ValueError for what can't be read."""
    trigger, repeat, every = (alarm.first(name) for name in ("TRIGGER", "REPEAT", "DURATION"))
    if trigger is None:
        return None
    repeats = step = 0
    if repeat and every:
        days, seconds = read_duration(every.value.decode())
        repeats, step = max(0, int(repeat.value[:9])), max(0, days * DAY + seconds)
    if b"P" not in trigger.value.upper():
        return Alarm(read_moment(trigger, zones), Duration(), False, repeats, step)
    from_end = trigger.parameter("RELATED").upper() == "END"
    return Alarm(None, read_duration(trigger.value.decode()), from_end, repeats, step)
