"""What of an object a report gives: instances, a part of a series, chosen properties.

The four that CALDAV:calendar-data can ask for (RFC 4791, 9.6), each a function from a tree to a
tree: ``expand``, ``limit_recurrence_set``, ``limit_freebusy_set`` and ``select``. The first three
give an object back as it is where it holds times that nobody can read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from stillhere.errors import BadInput
from stillhere.kinds.calendar_filter import TimeRange
from stillhere.kinds.component import ZONE, Component, read_component, write_component
from stillhere.kinds.extent import extents
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import (
    Duration,
    Moment,
    Period,
    read_duration,
    read_moments,
    utc_of,
    write_moment,
    write_utc,
)
from stillhere.kinds.recurrence import UNREADABLE, Instance, Series, overlap
from stillhere.kinds.starts import Budget, OutOfBudget
from stillhere.kinds.zones import Zones

MOST_INSTANCES = 3_000
"""Of one object that are given; it is cut after that: eight years of every day."""

MOST_BYTES = 8_000_000
"""Of the instances of one object that are given; it is cut after that, too."""

EXPAND_STEPS = 20_000
"""Steps in which the instances of one object have to be found; it is cut after that."""

_REPEATS = frozenset(("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"))
_ENDS = frozenset(("DTSTART", "DTEND", "DUE", "DURATION"))
_ZONE_NAMED = re.compile(rb";[ \t]*TZID[ \t]*=(?:\"[^\"]*\"|[^;:])*", re.IGNORECASE)


@dataclass(frozen=True)
class Selection:
    """Which properties and components of one component are given (9.6.1 to 9.6.4).

    Names are in capitals; None is all of them, and of the properties those in ``empty`` are given
    without a value. A selection that names nothing gives the whole component, as in the RFC's own
    example of a VTIMEZONE (7.8.1).
    """

    name: str
    properties: frozenset[str] | None = frozenset()
    components: tuple[Selection, ...] | None = ()
    empty: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CalendarData:
    """What a report asks for of each object."""

    selection: Selection | None = None
    expand: TimeRange | None = None
    limit_recurrence_set: TimeRange | None = None
    limit_freebusy_set: TimeRange | None = None


def give(body: bytes, wanted: CalendarData, zone: tzinfo) -> bytes:
    """An object as a report asks for it; byte for byte where nothing is asked for."""
    if wanted == CalendarData():
        return body
    try:
        calendar = read_component(body)
    except BadInput:
        return body
    if wanted.expand:
        calendar = expand(calendar, wanted.expand, zone)
    if wanted.limit_recurrence_set:
        calendar = limit_recurrence_set(calendar, wanted.limit_recurrence_set, zone)
    if wanted.limit_freebusy_set:
        calendar = limit_freebusy_set(calendar, wanted.limit_freebusy_set, zone)
    if wanted.selection:
        calendar = select(calendar, wanted.selection)
    return write_component(calendar)


def expand(calendar: Component, wanted: TimeRange, zone: tzinfo) -> Component:
    """A component for each instance in a time, in UTC, without rules and zones (9.6.5).

    Dates stay dates, and times that are floating float on.
    """
    zones = Zones(calendar)
    records = [one for one in calendar.components if one.name != ZONE]
    sizes = {id(one): _size(one) for one in records}
    found: list[Instance] = []
    room = MOST_BYTES
    try:
        series = Series(records, zones, zone)
        for instance in series.instances(*wanted.bounds, Budget(EXPAND_STEPS)):
            found.append(instance)
            room -= sizes[id(instance.component)]
            if len(found) == MOST_INSTANCES or room <= 0:
                break
    except OutOfBudget:
        pass  # cut at what was found
    except UNREADABLE:
        return calendar
    found.sort(key=lambda one: one.extents)
    written = [_write(one, zones, zone) for one in found]
    return Component(calendar.name, calendar.properties, written)


def limit_recurrence_set(calendar: Component, wanted: TimeRange, zone: tzinfo) -> Component:
    """The series, and of its changed instances those that matter in a time (9.6.6).

    Those are the ones in it, the ones that would be in it without the change, and those that
    change what comes after them.
    """
    lo, hi = wanted.bounds
    records = [one for one in calendar.components if one.name != ZONE]
    try:
        series = Series(records, Zones(calendar), zone)
        idle = set()
        for one in series.overrides:
            whole = series.repeating[0].times if series.repeating else one.times
            moved = extents(one.times, one.times.anchor, zone)
            there = extents(whole, one.slot, zone)
            onwards = one.onwards and one.slot.seconds(zone) < hi
            if not (onwards or overlap(moved + there, lo, hi)):
                idle.add(id(one.component))
    except UNREADABLE:
        return calendar
    kept = [one for one in calendar.components if id(one) not in idle]
    return Component(calendar.name, calendar.properties, kept)


def limit_freebusy_set(calendar: Component, wanted: TimeRange, zone: tzinfo) -> Component:
    """Of each VFREEBUSY only the periods in a time (9.6.7)."""
    zones = Zones(calendar)
    try:
        limited = [
            Component(one.name, _limit(one, zones, wanted, zone), one.components)
            if one.name == "VFREEBUSY"
            else one
            for one in calendar.components
        ]
    except UNREADABLE:
        return calendar
    return Component(calendar.name, calendar.properties, limited)


def select(component: Component, wanted: Selection) -> Component:
    """What a selection leaves of a component that has its name."""
    if wanted.properties == frozenset() and wanted.components == ():
        return component
    properties = [
        Property("", one.name, b"", b"") if one.name in wanted.empty else one
        for one in component.properties
        if wanted.properties is None or one.name in wanted.properties
    ]
    if wanted.components is None:
        return Component(component.name, properties, component.components)
    chosen = {one.name: one for one in wanted.components}
    inner = [select(one, chosen[one.name]) for one in component.components if one.name in chosen]
    return Component(component.name, properties, inner)


def _size(component: Component) -> int:
    """About how many bytes it is, written."""
    own = sum(len(p.name) + len(p.parameters) + len(p.value) + 3 for p in component.properties)
    return own + 2 * len(component.name) + 14 + sum(map(_size, component.components))


def _write(instance: Instance, zones: Zones, zone: tzinfo) -> Component:
    """One instance as a component of its own."""
    said = instance.component
    times = _times(instance, zone)
    replaced = _ENDS if times else frozenset()
    if instance.slot:
        replaced |= _REPEATS
        times.append(_property("RECURRENCE-ID", instance.slot, zone))
    kept = [_in_utc(one, zones, zone) for one in said.properties if one.name not in replaced]
    return Component(said.name, times + kept, said.components)


def _times(instance: Instance, zone: tzinfo) -> list[Property]:
    """When the instance starts and ends, or is due, as its component says that."""
    times, start = instance.times, instance.start
    end = "DUE" if times.name == "VTODO" else "DTEND"
    if start is None or not times.start:
        return [_property(end, start, zone)] if start else []
    found = [_property("DTSTART", start, zone)]
    duration = instance.component.first("DURATION")
    if duration and times.duration == read_duration(duration.value.decode()):
        return [*found, duration]
    if length := times.length(zone):
        found.append(_property(end, _end(start, length, zone), zone))
    return found


def _end(start: Moment, length: Duration, zone: tzinfo) -> Moment:
    """Of the same sort as the start, where the length allows that; the last moment that can be
    written where it would be later."""
    try:
        if start.zone or (start.day and length.seconds):
            return Moment(utc_of(start.after(length, zone)), UTC)
        return start.moved(timedelta(days=length.days, seconds=length.seconds))
    except OverflowError:
        return start._replace(local=datetime.max.replace(microsecond=0))  # noqa: DTZ901 (local)


def _property(name: str, moment: Moment, zone: tzinfo) -> Property:
    return Property("", name, b";VALUE=DATE" if moment.day else b"", _value(moment, zone))


def _value(moment: Moment, zone: tzinfo) -> bytes:
    return write_utc(moment.seconds(zone)) if moment.zone else write_moment(moment)


def _in_utc(one: Property, zones: Zones, zone: tzinfo) -> Property:
    """A property that names no time zone; as it is where it can't be read."""
    if not one.parameters or b"TZID" not in one.parameters.upper():
        return one
    try:
        values = [
            b"%b/%b" % (_value(when.start, zone), write_utc(when.ends(zone)))
            if isinstance(when, Period)
            else _value(when, zone)
            for when in read_moments([one], zones)
        ]
    except UNREADABLE:
        return one
    parameters = _ZONE_NAMED.sub(b"", one.parameters)
    return one._replace(parameters=parameters, value=b",".join(values))


def _limit(component: Component, zones: Zones, wanted: TimeRange, zone: tzinfo) -> list[Property]:
    """The properties of a VFREEBUSY without the periods that are not in a time."""
    left = []
    for one in component.properties:
        if one.name != "FREEBUSY":
            left.append(one)
            continue
        several = (one._replace(value=text) for text in one.value.split(b","))
        kept = [part.value for part in several if _has_period(part, zones, wanted, zone)]
        if kept:
            left.append(one._replace(value=b",".join(kept)))
    return left


def _has_period(one: Property, zones: Zones, wanted: TimeRange, zone: tzinfo) -> bool:
    periods = (when for when in read_moments([one], zones) if isinstance(when, Period))
    found = [(when.start.seconds(zone), when.ends(zone)) for when in periods]
    return overlap(found, *wanted.bounds)
