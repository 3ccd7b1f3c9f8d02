"""When somebody is busy: one VFREEBUSY of many objects (RFC 4791, 7.10).

An event counts unless it is transparent or cancelled; one that is tentative counts as that. So do
the periods of a stored VFREEBUSY by their type. To-dos and notes make nobody busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from stillhere.errors import BadInput
from stillhere.kinds.component import ROOT, Component, read_component, write_component
from stillhere.kinds.extent import Extent
from stillhere.kinds.item import Span
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import Period, read_moments, write_utc
from stillhere.kinds.recurrence import UNREADABLE, Series
from stillhere.kinds.starts import Budget, OutOfBudget
from stillhere.kinds.zones import Zones

BUSY_STEPS = 20_000
"""Steps in which the instances of one object have to be found. One that needs more counts as
busy all the time: who asks is not told of time that may be taken."""

BUSY, TENTATIVE, UNAVAILABLE = "BUSY", "BUSY-TENTATIVE", "BUSY-UNAVAILABLE"


class FreeBusy:
    """What is busy from ``lo`` until before ``hi``, in seconds; times without a zone are in
    ``zone``."""

    def __init__(self, lo: int, hi: int, zone: tzinfo) -> None:
        self._lo, self._hi, self._zone = lo, hi, zone
        self._found: dict[str, list[Extent]] = {BUSY: [], TENTATIVE: [], UNAVAILABLE: []}

    def add(self, body: bytes) -> None:
        """Counts an object; one that nobody can read says of no time that it is busy."""
        try:
            calendar = read_component(body)
            zones = Zones(calendar)
            self._add_events(list(calendar.named("VEVENT")), zones)
            for one in calendar.named("VFREEBUSY"):
                self._add_periods(one, zones)
        except OutOfBudget:
            self._add(BUSY, self._lo, self._hi)
        except (BadInput, *UNREADABLE):
            pass

    def add_held(self, component: str, span: Span) -> bool:
        """Counts an object whose body is not found, an event as tentative; False where its span
        does not tell when that is."""
        if component != "VEVENT":
            return True
        if span.exact:
            self._add(TENTATIVE, span.starts, span.ends)
        return span.exact or span.ends <= self._lo or span.starts >= self._hi

    def periods(self, sort: str) -> list[Extent]:
        """Those of one sort (``BUSY``, …), merged where they meet, in order."""
        merged: list[Extent] = []
        for starts, ends in sorted(self._found[sort]):
            if merged and starts <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(ends, merged[-1][1])
            else:
                merged.append((starts, ends))
        return merged

    def write(self, producer: str, now: int) -> bytes:
        """The answer, in UTC: an object with one VFREEBUSY; ``now`` is when it was asked."""
        said = [("DTSTAMP", now), ("DTSTART", self._lo), ("DTEND", self._hi)]
        properties = [Property("", name, b"", write_utc(seconds)) for name, seconds in said]
        for sort in self._found:
            if periods := self.periods(sort):
                value = b",".join(b"%b/%b" % tuple(map(write_utc, one)) for one in periods)
                properties.append(Property("", "FREEBUSY", f";FBTYPE={sort}".encode(), value))
        frame = [("VERSION", "2.0"), ("PRODID", producer)]
        return write_component(
            Component(
                ROOT,
                [Property("", name, b"", value.encode()) for name, value in frame],
                [Component("VFREEBUSY", properties)],
            )
        )

    def _add(self, sort: str, starts: int, ends: int) -> None:
        starts, ends = max(starts, self._lo), min(ends, self._hi)
        if starts < ends:
            self._found[sort].append((starts, ends))

    def _add_events(self, events: list[Component], zones: Zones) -> None:
        sorts = {id(one): sort_of(one) for one in events}
        if not any(sorts.values()):
            return
        series = Series(events, zones, self._zone)
        for instance in series.instances(self._lo, self._hi, Budget(BUSY_STEPS)):
            sort, ends = sorts[id(instance.component)], instance.ends(self._zone)
            if sort and instance.start and ends is not None:
                self._add(sort, instance.start.seconds(self._zone), ends)

    def _add_periods(self, component: Component, zones: Zones) -> None:
        for one in component.all("FREEBUSY"):
            sort = (one.parameter("FBTYPE") or BUSY).upper()
            if sort == "FREE":
                continue
            for when in read_moments([one], zones):
                if isinstance(when, Period):
                    # A type that nobody knows is as BUSY (RFC 5545, 3.2.9).
                    known = sort if sort in self._found else BUSY
                    self._add(known, when.start.seconds(self._zone), when.ends(self._zone))


def sort_of(event: Component) -> str:
    """As what an event counts; empty for one that makes nobody busy."""
    said = {name: _word(event.all(name)) for name in ("TRANSP", "STATUS")}
    if said["TRANSP"] == "TRANSPARENT" or said["STATUS"] == "CANCELLED":
        return ""
    return TENTATIVE if said["STATUS"] == "TENTATIVE" else BUSY


def _word(found: Iterable[Property]) -> str:
    return next((one.words().upper() for one in found), "")
