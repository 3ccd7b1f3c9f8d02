"""Which seconds an item takes up, as time ranges count them (RFC 4791, 9.9).

Each row of the RFC's tables is an extent ``[starts, ends)`` here: a time range overlaps it where
the row says so, and nowhere else. A row that ends "``start`` <= T" ends one second after T, one
that begins "``end`` >= T" begins one before it.

Where the tables say nothing: an event without DTSTART is in every time range, as a to-do without
dates is. An event that ends when it starts, or before that, is as one without DTEND: programs
write such events, and by the table for DTEND they would be in no day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from stillhere.kinds.component import Component
from stillhere.kinds.item import MOMENTS
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import (
    Duration,
    Moment,
    Period,
    Zones,
    read_duration,
    read_moment,
    read_moments,
)

Extent = tuple[int, int]

ALL: Extent = (-MOMENTS, MOMENTS)
"""Of what is in every time range."""

_DAY = Duration(1)


@dataclass(frozen=True, slots=True)
class Times:
    """What one component says of its time; ``end`` is DTEND, or DUE of a to-do."""

    name: str
    start: Moment | None = None
    end: Moment | None = None
    duration: Duration | None = None
    completed: Moment | None = None
    created: Moment | None = None
    busy: tuple[Period, ...] = ()

    @property
    def anchor(self) -> Moment | None:
        """What repeats: the start, or where there is none, the end."""
        return self.start or self.end

    def length(self, floating: tzinfo) -> Duration | None:
        """How long it takes; None where it does not say an end and a start.

        Between two times that is exact, between two dates it is days (RFC 5545, 3.8.5.3).
        """
        if self.duration or not (self.start and self.end):
            return self.duration if self.start else None
        if self.start.day and self.end.day:
            return Duration((self.end.local - self.start.local).days)
        return Duration(0, self.end.seconds(floating) - self.start.seconds(floating))


def read_times(component: Component, zones: Zones) -> Times:
    """What a component says of its time. Raises ValueError for what can't be read."""
    said: dict[str, Property] = {}
    for one in component.properties:
        if one.name in _TOLD:
            said.setdefault(one.name, one)

    def moment(name: str) -> Moment | None:
        return read_moment(said[name], zones) if name in said else None

    name = component.name
    start, end = moment("DTSTART"), moment("DUE" if name == "VTODO" else "DTEND")
    duration = read_duration(said["DURATION"].value.decode()) if "DURATION" in said else None
    if name == "VTODO" and not (start or end):
        return Times(name, completed=moment("COMPLETED"), created=moment("CREATED"))
    if name == "VFREEBUSY" and not (start and end):
        listed = read_moments(component.all("FREEBUSY"), zones)
        return Times(name, busy=tuple(one for one in listed if isinstance(one, Period)))
    return Times(name, start, end, duration)


_TOLD = frozenset(("DTSTART", "DTEND", "DUE", "DURATION", "COMPLETED", "CREATED"))


def extents(times: Times, anchor: Moment | None, floating: tzinfo) -> list[Extent]:
    """What the instance takes up that starts at ``anchor`` (``times.anchor`` for the first).

    Nothing for what is in no time range. Values without a zone are in ``floating``.
    """
    match times.name:
        case "VEVENT":
            return [_event(times, anchor, floating)] if anchor and times.start else [ALL]
        case "VTODO":
            return [_todo(times, anchor, floating)] if anchor else _undated(times, floating)
        case "VJOURNAL":
            return [_event(times, anchor, floating)] if anchor and times.start else []
        case "VFREEBUSY":
            if anchor and times.start and (length := times.length(floating)):
                return [(anchor.seconds(floating), anchor.after(length, floating) + 1)]
            return [(one.start.seconds(floating), one.ends(floating)) for one in times.busy]
    return [ALL]


def ends_of(times: Times, anchor: Moment, floating: tzinfo) -> int:
    """When the instance ends that starts at ``anchor``; a date without an end is one day."""
    length = times.length(floating)
    if length is None:
        length = _DAY if anchor.day and times.name != "VTODO" else Duration()
    return anchor.after(length, floating)


def _event(times: Times, start: Moment, floating: tzinfo) -> Extent:
    starts = start.seconds(floating)
    length = times.length(floating)
    if length is not None and (ends := start.after(length, floating)) > starts:
        return starts, ends
    if start.day and (length is None or times.duration is None):
        return starts, start.after(_DAY, floating)
    return starts, starts + 1


def _todo(times: Times, anchor: Moment, floating: tzinfo) -> Extent:
    starts = anchor.seconds(floating)
    if not times.start:
        return starts - 1, starts  # DUE alone
    length = times.length(floating)
    if length is None:
        return starts, starts + 1
    ends = anchor.after(length, floating)
    if times.duration is not None:
        return min(starts, ends - 1), max(ends, starts - 1) + 1
    return min(starts, ends - 1), max(ends, starts + 1)


def _undated(times: Times, floating: tzinfo) -> list[Extent]:
    done = times.completed.seconds(floating) if times.completed else None
    made = times.created.seconds(floating) if times.created else None
    if done is None:
        return [ALL if made is None else (made, MOMENTS)]
    made = done if made is None else made
    return [(min(done, made) - 1, max(done, made) + 1)]
