"""The instances of an event, to-do or note in a time (RFC 5545, 3.8.5).

    starts        DTSTART, those of every RRULE, and each RDATE
    but not       those of an EXDATE, or of an EXRULE as old programs write it
    changed       the components with a RECURRENCE-ID stand for the start that they name, and with
                  RANGE=THISANDFUTURE for what comes after it

What is asked about is a window, and the answer comes one by one: nobody has to make a billion
instances to learn that there is one. ``starts.py`` says what bounds the cost.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo
from operator import itemgetter
from typing import NamedTuple

from stillhere.kinds.component import Component
from stillhere.kinds.extent import Extent, Times, ends_of, extents, read_times
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import (
    DAY,
    Moment,
    Period,
    Zones,
    local_of,
    read_moment,
    read_moments,
    utc_of,
)
from stillhere.kinds.rules import Rule, read_rule
from stillhere.kinds.starts import Budget, starts

UNREADABLE = (ValueError, OverflowError)
"""What is raised here for an object that holds something nobody can read."""

MOST_RULES = 20
"""Recurrence rules that one component may have; RFC 5545 sees one."""

_REPEATS = frozenset(("RRULE", "RDATE", "EXDATE", "EXRULE"))
_A_DAY = timedelta(days=1)
_SHIFTED_CLOCKS = timedelta(hours=3)
"""How far a local time may be off, and a length in days, when clocks are set."""


class Instance(NamedTuple):
    """One time that something is: by which component, where, and in place of which start.

    ``slot`` is the start that the series has for it; None where nothing repeats.
    """

    component: Component
    times: Times
    start: Moment | None
    slot: Moment | None
    extents: list[Extent]

    def ends(self, floating: tzinfo) -> int | None:
        """When it ends, in seconds; None without a start."""
        return ends_of(self.times, self.start, floating) if self.start else None


@dataclass(frozen=True)
class Override:
    """One changed instance; with ``onwards`` also those after it."""

    component: Component
    times: Times
    slot: Moment
    onwards: bool

    def moves(self, slot: Moment, floating: tzinfo) -> Moment:
        """Where it puts a start of the series, by the clock: as much later as its own one."""
        anchor = self.times.anchor
        if not anchor:
            return slot
        own = local_of(utc_of(self.slot.seconds(floating)), slot.zone or floating)
        if self.slot.day != slot.day:
            own = datetime.combine(self.slot.local, slot.local.time())
        return Moment(slot.local + (anchor.local - own), anchor.zone, anchor.day)


class Series:
    """The components of one UID; ``floating`` is the zone of values that have none.

    Raises ValueError or OverflowError where a value can't be read, here or later.
    """

    def __init__(self, components: list[Component], zones: Zones, floating: tzinfo) -> None:
        self._zones, self._floating = zones, floating
        self.repeating: list[Repeating] = []
        self.single: list[tuple[Component, Times]] = []
        self.overrides: list[Override] = []
        for one in components:
            times = read_times(one, zones)
            if slot := one.first("RECURRENCE-ID"):
                onwards = slot.parameter("RANGE").upper() == "THISANDFUTURE"
                self.overrides.append(Override(one, times, read_moment(slot, zones), onwards))
            elif times.anchor and any(p.name in _REPEATS for p in one.properties):
                self.repeating.append(Repeating(one, times, times.anchor, zones, floating))
            else:
                self.single.append((one, times))
        self._onwards = sorted(
            (one.slot.seconds(floating), nth)
            for nth, one in enumerate(self.overrides)
            if one.onwards
        )

    def instances(self, lo: int, hi: int, budget: Budget) -> Iterator[Instance]:
        """Every instance that a time range has, in no order. Raises OutOfBudget."""
        floating = self._floating
        for component, times in self.single:
            found = extents(times, times.anchor, floating)
            if overlap(found, lo, hi):
                yield Instance(component, times, times.anchor, None, found)
        for one in self.overrides:
            found = extents(one.times, one.times.anchor, floating)
            if overlap(found, lo, hi):
                yield Instance(one.component, one.times, one.times.anchor, one.slot, found)
        for series in self.repeating:
            yield from self._repeat(series, lo, hi, budget)

    def _repeat(self, series: Repeating, lo: int, hi: int, budget: Budget) -> Iterator[Instance]:
        floating = self._floating
        changed = Excluded(series.anchor, [one.slot for one in self.overrides], floating)
        before, after = self.reach(series)
        for slot, own in series.slots(lo - after, hi + before, budget):
            if changed.has(slot):
                continue
            component, times, start = series.component, own, slot
            if self._onwards and (later := self._onwards_at(slot)):
                component, times = later.component, later.times
                start = later.moves(slot, floating)
            found = extents(times, start, floating)
            if overlap(found, lo, hi):
                yield Instance(component, times, start, slot, found)

    def _onwards_at(self, slot: Moment) -> Override | None:
        """What changes the start and all after it, if anything does."""
        place = bisect_right(self._onwards, slot.seconds(self._floating), key=itemgetter(0))
        return self.overrides[self._onwards[place - 1][1]] if place else None

    def reach(self, series: Repeating) -> tuple[int, int]:
        """How many seconds an instance may lie before and after its start in the series."""
        before = after = 0
        onwards = (self.overrides[nth] for _, nth in self._onwards)
        several = [(series.anchor, series.times), *((one.slot, one.times) for one in onwards)]
        for slot, times in several:
            if not times.anchor:
                continue
            at = slot.seconds(self._floating)
            for starts_at, ends_at in extents(times, times.anchor, self._floating):
                before, after = max(before, at - starts_at), max(after, ends_at - at)
        more = DAY if self._onwards else 0
        length = series.times.length(self._floating)
        in_days = series.anchor.day or bool(length and length.days)
        if in_days and (series.anchor.zone or self._floating) is not UTC:
            after += _SHIFTED_CLOCKS.seconds
        return before + more, after + more


class Repeating:
    """A component that repeats, and what it says of when."""

    def __init__(
        self, component: Component, times: Times, anchor: Moment, zones: Zones, floating: tzinfo
    ) -> None:
        self.component, self.times, self.anchor = component, times, anchor
        self._floating = floating
        rules, less = component.all("RRULE"), component.all("EXRULE")
        if len(rules) + len(less) > MOST_RULES:
            raise ValueError(f"there are more than {MOST_RULES} recurrence rules")
        self.rules = list(map(self._read_rule, rules))
        self._less = list(map(self._read_rule, less))
        self.dates = read_moments(component.all("RDATE"), zones)
        exdates = read_moments(component.all("EXDATE"), zones)
        moments = [one for one in exdates if isinstance(one, Moment)]
        self._excluded = Excluded(anchor, moments, floating)

    def slots(self, lo: int, hi: int, budget: Budget) -> Iterator[tuple[Moment, Times]]:
        """The starts in a time given in seconds, and some around it, each once."""
        seen: set[int] = set()
        for slot, times in self._all(lo, hi, budget):
            at = slot.seconds(self._floating)
            if at not in seen and not self._excluded.has(slot):
                seen.add(at)
                yield slot, times

    def _all(self, lo: int, hi: int, budget: Budget) -> Iterator[tuple[Moment, Times]]:
        anchor = self.anchor
        for one in self.dates:
            if isinstance(one, Period):
                yield (
                    one.start,
                    replace(self.times, start=one.start, end=one.end, duration=one.duration),
                )
            else:
                yield one, self.times
        first, last = self._local(lo, -1), self._local(hi, 1)
        less = {
            day for rule in self._less for day in starts(rule, anchor.local, first, last, budget)
        }
        if not self.rules and first <= anchor.local <= last:
            yield anchor, self.times
        for rule in self.rules:
            for local in starts(rule, anchor.local, first, last, budget):
                if local not in less:
                    # BYHOUR and the like say nothing of a date.
                    day = local.replace(hour=0, minute=0, second=0) if anchor.day else local
                    yield anchor._replace(local=day), self.times

    def _local(self, seconds: int, way: int) -> datetime:
        """What the series' clock shows; or more so, where clocks are set around that time."""
        zone = self.anchor.zone or self._floating
        utc = utc_of(seconds)
        if zone is UTC or not 1 < utc.year < MAXYEAR:
            return utc
        local = local_of(utc, zone)
        if zone.utcoffset(local - _A_DAY) == zone.utcoffset(local + _A_DAY):
            return local
        return local + way * _SHIFTED_CLOCKS

    def _read_rule(self, one: Property) -> Rule:
        """The rule, with an end by the series' clock."""
        rule = read_rule(one.value.decode().strip())
        zone = self.anchor.zone or self._floating
        if rule.until is None or not rule.until_utc or zone is UTC:
            return rule
        return replace(rule, until=local_of(rule.until, zone), until_utc=False)


class Excluded:
    """Starts that something else says of that they are not there, or not so.

    A date among times, or a time among dates, speaks of its whole day.
    """

    def __init__(self, anchor: Moment, moments: list[Moment], floating: tzinfo) -> None:
        self._floating = floating
        alike = [one for one in moments if one.day == anchor.day]
        self._seconds = {one.seconds(floating) for one in alike}
        self._days: set[date] = {one.local.date() for one in moments if one.day != anchor.day}

    def has(self, slot: Moment) -> bool:
        """Whether the start is one of them."""
        if self._seconds and slot.seconds(self._floating) in self._seconds:
            return True
        return bool(self._days) and slot.local.date() in self._days


def overlap(found: list[Extent], lo: int, hi: int) -> bool:
    """Whether a time range has any of them."""
    return any(starts_at < hi and ends_at > lo for starts_at, ends_at in found)
