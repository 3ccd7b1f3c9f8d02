"""Time zones by the names that calendar objects give them.

A name that the time zone database knows means that zone, whatever the object says of it: its
rules are kept up to date, and cost nothing. So do names that programs put before such a one, and
those of Windows. Any other name means the VTIMEZONE that comes with it (RFC 5545, 3.6.5).
What a definition may cost is bounded, since anybody writes them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stillhere.errors import BadInput
from stillhere.kinds.component import Component, read_component
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import Moment, read_moment, read_moments, read_offset
from stillhere.kinds.rules import Frequency, Rule, read_rule
from stillhere.kinds.starts import Budget, OutOfBudget, starts
from stillhere.kinds.windows import PLACES

MOST_OBSERVANCES = 500
"""Parts of one definition that are read; the rest counts for nothing."""

MOST_ZONES = 50
"""Definitions of one object that are read."""

ZONE_STEPS = 5_000
"""Steps that the rules of one definition may take in all, some 30 for each year that is asked
about; after that a year has what is written out without a rule."""

_LOOK_BACK = timedelta(days=800)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_TOLD = ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")

Observance = tuple[Property, ...]


class Zones:
    """The zones that one calendar object (a VCALENDAR) can name."""

    def __init__(self, calendar: Component) -> None:
        self._calendar = calendar
        self._found: dict[str, tzinfo | None] = {}

    def find(self, name: str) -> tzinfo | None:
        """The zone of a TZID; None where neither the database nor the object knows it."""
        if name not in self._found:
            self._found[name] = known(name) or self._define(name)
        return self._found[name]

    def _define(self, name: str) -> tzinfo | None:
        for one in islice(self._calendar.named("VTIMEZONE"), MOST_ZONES):
            said = one.first("TZID")
            if said and said.words() == name:
                return _zone_of(one)
        return None


NO_ZONES = Zones(Component("VCALENDAR"))
"""Those of an object that defines none."""


@lru_cache(1024)
def known(name: str) -> tzinfo | None:
    """The zone of the database that a name means, from whatever program; None for none."""
    if name in PLACES:
        return _look_up(PLACES[name])
    if not name.startswith("/"):
        return _look_up(name)
    # As libical writes it: /freeassociation.sourceforge.net/Europe/Berlin, others with a version.
    parts = name.split("/")
    ends = ("/".join(parts[-n:]) for n in (3, 2, 1) if len(parts) > n)
    return next(filter(None, map(_look_up, ends)), None)


def read_zone(calendar: bytes) -> tzinfo | None:
    """The zone that an object defines, as in CALDAV:calendar-timezone (RFC 4791, 5.2.2)."""
    try:
        found = next(read_component(calendar).named("VTIMEZONE"), None)
    except BadInput:
        return None
    if found is None:
        return None
    name = found.first("TZID")
    return (known(name.words()) if name else None) or _zone_of(found)


def _look_up(name: str) -> tzinfo | None:
    if not _NAME.fullmatch(name) or len(name) > 64:
        return None
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
    return UTC if zone.key in ("UTC", "Etc/UTC", "Zulu") else zone


def _zone_of(definition: Component) -> tzinfo | None:
    place = definition.first("X-LIC-LOCATION")
    if place and (zone := known(place.words())):
        return zone
    parts = list(definition.named("STANDARD", "DAYLIGHT"))[:MOST_OBSERVANCES]
    told = tuple(tuple(p for p in one.properties if p.name in _TOLD) for one in parts)
    found = _defined(told)
    if found is None or not found.is_worn:
        return found
    _defined.cache_clear()
    return _defined(told)


@lru_cache(64)
def _defined(parts: tuple[Observance, ...]) -> DefinedZone | None:
    """One zone for all objects that define the same."""
    read = [found for part in parts if (found := _read_observance(part))]
    return DefinedZone(read) if read else None


class Change(NamedTuple):
    """The clock that shows ``onset`` by the offset before is set to the offset after."""

    onset: datetime
    before: timedelta
    after: timedelta


class _Changes(NamedTuple):
    """What one STANDARD or DAYLIGHT says: changes that are written out, and a rule for more."""

    first: datetime
    listed: list[datetime]
    rule: Rule | None
    before: timedelta
    after: timedelta

    def between(self, lo: datetime, hi: datetime, budget: Budget) -> list[Change]:
        """The changes of a time, and the last one before it."""
        onsets = self.listed[max(bisect_left(self.listed, lo) - 1, 0) :]
        if self.rule:
            end = min(lo, self.rule.until or lo)
            with suppress(OutOfBudget, OverflowError):
                onsets.extend(starts(self.rule, self.first, end - _LOOK_BACK, hi, budget))
        onsets.sort()
        first = max(bisect_left(onsets, lo) - 1, 0)
        return [Change(one, self.before, self.after) for one in onsets[first:] if one <= hi]


class DefinedZone(tzinfo):
    """A zone by what a VTIMEZONE says of it."""

    def __init__(self, observances: list[_Changes]) -> None:
        self._observances = observances
        self._budget = Budget(ZONE_STEPS)
        self._years: dict[int, list[Change]] = {}

    @property
    def is_worn(self) -> bool:
        """Whether so many years were asked about that little is left for others."""
        return self._budget.left < ZONE_STEPS // 2

    def utcoffset(self, local: datetime | None, /) -> timedelta:
        """The offset when the zone's clock shows ``local``."""
        if local is None:
            return timedelta()
        local = local.replace(tzinfo=None)
        changes = self._of(local.year)
        past = bisect_right(changes, local, key=_onset)
        if not past:
            return changes[0].before if changes else self._observances[0].before
        last = changes[past - 1]
        # An hour that the clocks skip counts as before.
        skipped = last.after > last.before and local < last.onset + (last.after - last.before)
        return last.before if skipped else last.after

    def fromutc(self, utc: datetime, /) -> datetime:
        """What the zone's clock shows at a time in UTC."""
        moment = utc.replace(tzinfo=None)
        changes = self._of(moment.year)
        past = bisect_right(changes, moment, key=_onset_utc)
        if not past:
            return utc + (changes[0].before if changes else self._observances[0].before)
        return utc + changes[past - 1].after

    def dst(self, _local: datetime | None, /) -> None:
        """Not told apart."""

    def tzname(self, _local: datetime | None, /) -> None:
        """None that anybody else knows."""

    def _of(self, year: int) -> list[Change]:
        """The changes in a year, and the last ones before it."""
        if year not in self._years:
            lo = datetime(year, 1, 1)  # noqa: DTZ001
            hi = datetime(year, 12, 31, 23, 59, 59)  # noqa: DTZ001
            found = (one.between(lo, hi, self._budget) for one in self._observances)
            self._years[year] = sorted(change for changes in found for change in changes)
        return self._years[year]


def _onset(change: Change) -> datetime:
    return change.onset


def _onset_utc(change: Change) -> datetime:
    return change.onset - change.before


def _read_observance(part: Observance) -> _Changes | None:
    """None for what can't be read."""
    said = {one.name: one for one in reversed(part)}
    try:
        before, after = (
            read_offset(said[name].value.decode()) for name in ("TZOFFSETFROM", "TZOFFSETTO")
        )
        first = read_moment(said["DTSTART"], NO_ZONES).local
        rule = read_rule(said["RRULE"].value.decode().strip()) if "RRULE" in said else None
        dates = read_moments((one for one in part if one.name == "RDATE"), NO_ZONES)
    except (KeyError, ValueError, OverflowError):
        return None
    if rule and rule.frequency > Frequency.MONTHLY:
        return None
    if rule and rule.until and rule.until_utc:
        rule = Rule(**{**vars(rule), "until": rule.until + before, "until_utc": False})
    listed = sorted({first, *(one.local for one in dates if isinstance(one, Moment))})
    return _Changes(first, listed, rule, before, after)
