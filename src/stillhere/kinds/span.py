"""The time that an iCalendar object takes up, worked out when it is written.

A span may be too long and is never too short: whatever zone somebody asks in, a time range that
has an instance of the object has a part of the span. With ``exact`` it is also the other way
round, as far as the rules of time zones stay what they were when it was worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from zoneinfo import ZoneInfo

from stillhere.kinds.component import ZONE, Component
from stillhere.kinds.extent import Extent, Times, extents
from stillhere.kinds.item import ALWAYS, MOMENTS, NO_SPAN, Span
from stillhere.kinds.moments import Moment, Period
from stillhere.kinds.recurrence import UNREADABLE, Repeating, Series
from stillhere.kinds.starts import last_start
from stillhere.kinds.zones import Zones

ANY_ZONE = 14 * 3600
"""How far from UTC the clocks of any place are, in seconds: what a time without a zone may mean."""


def span_of(calendar: Component) -> Span:
    """A span that every time range has which has an instance of the object (a VCALENDAR)."""
    records = [one for one in calendar.components if one.name != ZONE and one.name[:2] != "X-"]
    try:
        series = Series(records, Zones(calendar), UTC)
        once = list(_once(series))
        found = [extent for extent, _ in once] + [
            _repeated(series, one) for one in series.repeating
        ]
    except UNREADABLE:
        return ALWAYS._replace(exact=False)
    if not found:
        return NO_SPAN
    starts = max(min(starts for starts, _ in found), -MOMENTS)
    ends = min(max(ends for _, ends in found), MOMENTS)
    return Span(starts, ends, len(found) == 1 and all(sure for _, sure in once) and bool(once))


def _once(series: Series) -> Iterator[tuple[Extent, bool]]:
    """What does not repeat, and whether that is surely so."""
    several = [times for _, times in series.single]
    for times in several + [one.times for one in series.overrides]:
        slack = _slack(_moments(times))
        for starts, ends in extents(times, times.anchor, UTC):
            yield (starts - slack, ends + slack), not slack


def _repeated(series: Series, one: Repeating) -> Extent:
    """From the first start of a component to the last end that it may have."""
    before, after = series.reach(one)
    first = last = one.anchor.seconds(UTC)
    for rule in one.rules:
        end = last_start(rule, one.anchor.local)
        last = MOMENTS if end is None else max(last, one.anchor._replace(local=end).seconds(UTC))
        if last == MOMENTS:
            break
    moments = list(_moments(one.times))
    for more in one.dates:
        start = more.start if isinstance(more, Period) else more
        moments.append(start)
        first, last = min(first, start.seconds(UTC)), max(last, start.seconds(UTC))
        if isinstance(more, Period):
            last = max(last, more.ends(UTC))
    slack = _slack(moments)
    return first - before - slack, last + after + slack


def _moments(times: Times) -> Iterator[Moment]:
    periods = (moment for one in times.busy for moment in (one.start, one.end))
    for one in (times.start, times.end, times.completed, times.created, *periods):
        if one:
            yield one


def _slack(moments: Iterable[Moment]) -> int:
    """How much earlier or later they may be, in seconds."""
    known = all(one.zone is UTC or isinstance(one.zone, ZoneInfo) for one in moments)
    return 0 if known else ANY_ZONE
