"""Searching calendars: does an object pass a filter (RFC 4791, 9.7)?

The same question is put to four sources, cheapest first, and each but the last may answer None:
"not from what I know".

    the roster         the component and UID of an object, and its span: what does not repeat
                       needs no more for a time range; a held object passes what that does not
                       decide (guard 3)
    the bytes          a text that is nowhere in them is in no value
    the object         its components and properties
    its instances      where a time range asks about what repeats

A component passes by itself: the series as it is, or one changed day of it, has to have all that
is asked for. Where an answer would cost too much, or what is asked about can't be read, the
object passes: a device hides an event too many, and deletes what it is not told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from typing import NamedTuple

from stillhere.errors import BadInput
from stillhere.kinds import search
from stillhere.kinds.alarms import Alarm, read_alarm
from stillhere.kinds.component import ROOT, Component, read_component
from stillhere.kinds.item import MOMENTS, Span
from stillhere.kinds.lines import Property
from stillhere.kinds.moments import DAY, Duration, Period, read_moments
from stillhere.kinds.recurrence import UNREADABLE, Instance, Series, overlap
from stillhere.kinds.search import Answer, ParamFilter, TextMatch, Values
from stillhere.kinds.starts import Budget, OutOfBudget
from stillhere.kinds.zones import Zones

RECORDS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")
"""What an object may be about; it is about one of them."""

_LISTS = ("CATEGORIES", "RESOURCES")
_LISTED = re.compile(rb"(?:\\.|[^\\,])+", re.DOTALL)


class TimeRange(NamedTuple):
    """From ``start`` until before ``end``, in seconds since 1970, UTC; None where it is open."""

    start: int | None = None
    end: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """The same with ends that no moment is beyond."""
        return (
            -MOMENTS if self.start is None else self.start,
            MOMENTS if self.end is None else self.end,
        )


@dataclass(frozen=True)
class PropFilter:
    """What one property of a component has to be; not ``defined``: that there is none (9.7.2).

    ``name`` is in capitals. One and the same property has to pass all of it.
    """

    name: str
    defined: bool = True
    time_range: TimeRange | None = None
    match: TextMatch | None = None
    params: tuple[ParamFilter, ...] = ()

    @cached_property
    def in_bytes(self) -> search.PropFilter:
        """What of it the bytes of an object may decide."""
        tests = (*((self.match,) if self.match else ()), *self.params)
        return search.PropFilter(self.name, defined=self.defined, all_of=True, tests=tests)


@dataclass(frozen=True)
class CompFilter:
    """What one component has to be; not ``defined``: that there is none (9.7.1).

    ``name`` is in capitals. A whole filter is one about VCALENDAR.
    """

    name: str
    defined: bool = True
    time_range: TimeRange | None = None
    properties: tuple[PropFilter, ...] = ()
    components: tuple[CompFilter, ...] = ()

    @cached_property
    def sought(self) -> tuple[PropFilter, ...]:
        """Every property that an object must have somewhere in it to pass."""
        if not self.defined:
            return ()
        inner = (one for component in self.components for one in component.sought)
        return (*(one for one in self.properties if one.defined), *inner)


def passes(
    wanted: CompFilter, component: str, uid: str, span: Span, body: bytes | None, zone: tzinfo
) -> bool:
    """Whether an object is looked for; ``body`` is None for one that is held.

    ``zone`` is that of its calendar, for dates and times without one.
    """
    answer = judge_roster(wanted, component, uid, span)
    if answer is not None or body is None:
        return answer is not False
    if wanted.sought and lacks(wanted, body):
        return False
    try:
        return judge_object(wanted, read_component(body), zone)
    except BadInput:
        return True


def window(wanted: CompFilter) -> TimeRange | None:
    """A time that the span of every object overlaps which passes; None where there is none."""
    ranges = [
        one.time_range.bounds
        for one in wanted.components
        if one.time_range and one.defined and one.name in RECORDS
    ]
    if not ranges:
        return None
    return TimeRange(max(lo for lo, _ in ranges), min(hi for _, hi in ranges))


def judge_roster(wanted: CompFilter, component: str, uid: str, span: Span) -> Answer:
    """What is known without looking at the object; then its body need not be read."""
    if wanted.name != ROOT or not wanted.defined:
        return (wanted.name == ROOT) == wanted.defined
    answers: list[Answer] = [None for _ in wanted.properties]
    for one in wanted.components:
        if one.name == component and one.defined:
            answers += _ask_roster(one, uid, span)
        elif one.name == component or one.name in RECORDS:
            answers.append((one.name == component) == one.defined)
        else:
            answers.append(None)
    return _all(answers)


def _ask_roster(wanted: CompFilter, uid: str, span: Span) -> Iterator[Answer]:
    if wanted.time_range:
        meets = span.starts < span.ends and overlap([span[:2]], *wanted.time_range.bounds)
        yield (True if span.exact else None) if meets else False
    for one in wanted.properties:
        if one.name != "UID" or not uid:
            yield None
        elif not one.defined:
            yield False
        else:
            yield one.match.accepts(Values([uid])) if one.match else True
            yield None if one.params or one.time_range else True
    for _ in wanted.components:
        yield None


def lacks(wanted: CompFilter, body: bytes) -> bool:
    """Whether the object's bytes have no place for something that it must have to pass."""
    try:
        text = search.Text(body)
        return any(text.judge(one.in_bytes) is False for one in wanted.sought)
    except UnicodeDecodeError:
        return False


def judge_object(wanted: CompFilter, calendar: Component, zone: tzinfo) -> bool:
    """Decides everything."""
    if wanted.name != calendar.name or not wanted.defined:
        return (wanted.name == calendar.name) == wanted.defined
    judge = _Judge(calendar, zone)
    return all(judge.has_property(calendar, one) for one in wanted.properties) and all(
        judge.has_component(calendar, one) for one in wanted.components
    )


class _Judge:
    """One object, and the zone in which it is asked about."""

    def __init__(self, calendar: Component, zone: tzinfo) -> None:
        self._zones = Zones(calendar)
        self._zone = zone

    def has_component(self, above: Component, wanted: CompFilter) -> bool:
        found = list(above.named(wanted.name))
        if not wanted.defined or not found:
            return bool(found) == wanted.defined
        able = [one for one in found if self._is_able(one, wanted)]
        alarms = [one for one in wanted.components if _asks_when(one)]
        if not able or not (wanted.time_range or alarms):
            return bool(able)
        if wanted.name not in RECORDS:
            return True
        try:
            return self._is_in_time(found, able, wanted, alarms)
        except (OutOfBudget, *UNREADABLE):
            return True

    def _is_able(self, one: Component, wanted: CompFilter) -> bool:
        """Whether a component passes but for its times, and those of its alarms."""
        return all(self.has_property(one, prop) for prop in wanted.properties) and all(
            any(self._is_able(alarm, inner) for alarm in one.named(inner.name))
            if _asks_when(inner)
            else self.has_component(one, inner)
            for inner in wanted.components
        )

    # times

    def _is_in_time(
        self,
        found: list[Component],
        able: list[Component],
        wanted: CompFilter,
        alarms: list[CompFilter],
    ) -> bool:
        """Whether there is an instance in the time range with the alarms that are asked for."""
        series = Series(found, self._zones, self._zone)
        kept = {id(one): self._alarms(one, alarms) for one in able}
        if wanted.time_range:
            bounds = wanted.time_range.bounds
        elif any(all(map(self._is_absolute, alarms, several)) for several in kept.values()):
            return True
        else:
            bounds = _around([one for several in kept.values() for one in several], alarms)
        for instance in series.instances(*bounds, Budget()):
            several = kept.get(id(instance.component))
            if several is not None and all(
                self._goes_off(one, those, instance)
                for one, those in zip(alarms, several, strict=True)
            ):
                return True
        return False

    def _alarms(self, one: Component, wanted: list[CompFilter]) -> list[list[Alarm]]:
        """For each of what is asked for the alarms of a component that it may be."""
        return [
            [
                read
                for alarm in one.named(inner.name)
                if self._is_able(alarm, inner) and (read := read_alarm(alarm, self._zones))
            ]
            for inner in wanted
        ]

    def _is_absolute(self, wanted: CompFilter, alarms: list[Alarm]) -> bool:
        """Whether one goes off in time, whatever the instances are."""
        lo, hi = (wanted.time_range or TimeRange()).bounds
        return any(one.at and one.is_in(lo, hi, one.at.seconds(self._zone)) for one in alarms)

    def _goes_off(self, wanted: CompFilter, alarms: list[Alarm], instance: Instance) -> bool:
        lo, hi = (wanted.time_range or TimeRange()).bounds
        return any(one.goes_off(lo, hi, instance, self._zone) for one in alarms)

    # properties

    def has_property(self, component: Component, wanted: PropFilter) -> bool:
        found = component.all(wanted.name)
        if not wanted.defined:
            return not found
        return any(self._is_property(one, wanted) for one in found)

    def _is_property(self, one: Property, wanted: PropFilter) -> bool:
        if wanted.match and not wanted.match.accepts(_values(one)):
            return False
        if wanted.params and not _has_parameters(one, wanted.params):
            return False
        return not wanted.time_range or self._is_when(one, wanted.time_range)

    def _is_when(self, one: Property, wanted: TimeRange) -> bool:
        extents = []
        try:
            for when in read_moments([one], self._zones):
                if isinstance(when, Period):
                    extents.append((when.start.seconds(self._zone), when.ends(self._zone)))
                else:
                    starts = when.seconds(self._zone)
                    ends = when.after(Duration(1), self._zone) if when.day else starts + 1
                    extents.append((starts, ends))
        except UNREADABLE:
            return True
        return overlap(extents, *wanted.bounds)


def _asks_when(wanted: CompFilter) -> bool:
    return wanted.name == "VALARM" and wanted.defined and wanted.time_range is not None


def _around(alarms: list[list[Alarm]], wanted: list[CompFilter]) -> tuple[int, int]:
    """A time that every instance overlaps of which such an alarm goes off when it has to."""
    ranges = [(one.time_range or TimeRange()).bounds for one in wanted]
    reaches = [one.reach for several in alarms for one in several]
    if not reaches:
        return 0, 0
    first, last = min(first for first, _ in reaches), max(last for _, last in reaches)
    return max(lo for lo, _ in ranges) - last - DAY, min(hi for _, hi in ranges) - first + DAY


def _values(one: Property) -> Values:
    """The value as a whole, and each of those in it where a property is a list."""
    texts = [one.words()]
    if one.name in _LISTS and b"," in one.value:
        texts += [one._replace(value=part).words() for part in _LISTED.findall(one.value)]
    return Values(texts)


def _has_parameters(one: Property, wanted: tuple[ParamFilter, ...]) -> bool:
    said = one.read_parameters()
    for test in wanted:
        values = said.get(test.name)
        if values is None or not test.defined:
            if (values is not None) != test.defined:
                return False
        elif test.match and not test.match.accepts(Values(values)):
            return False
    return True


def _all(answers: Iterable[Answer]) -> Answer:
    """And, of answers some of which may not be known."""
    known: Answer = True
    for answer in answers:
        if answer is False:
            return False
        known = known and answer
    return known
