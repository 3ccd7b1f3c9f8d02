"""When: the values DATE, DATE-TIME, DURATION and PERIOD (RFC 5545, 3.3), and seconds of them.

A time of day says the clock of a zone, UTC, or nobody's (floating). Seconds are whole ones since
1970 in UTC. A local time that does not exist, since clocks go forward, counts with the offset
before that; one that is there twice is the first (RFC 5545, 3.3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple, Protocol

from stillhere.kinds.lines import Property

DAY = 86_400

MOST_LISTED = 10_000
"""Times that the properties of one sort may list in a component."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - every local time here is without a zone
_FIRST = -62_135_596_800
_LAST = 253_402_300_799
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[Tt](\d\d)(\d\d)(\d\d)([Zz])?)?", re.ASCII)
_DURATION = re.compile(
    r"([+-])?P(?=[\dT])(?:(\d{1,7})W)?(?:(\d{1,7})D)?"
    r"(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)


class Zones(Protocol):
    """What the time zones are called that properties name."""

    def find(self, name: str) -> tzinfo | None:
        """The zone of that name; None where nobody knows it."""
        ...


class Duration(NamedTuple):
    """Days by the calendar, and seconds by the clock: with a change of clocks they differ."""

    days: int = 0
    seconds: int = 0


class Moment(NamedTuple):
    """A time of day, or with ``day`` a date; ``zone`` is None for one that is floating."""

    local: datetime
    zone: tzinfo | None = None
    day: bool = False

    def seconds(self, floating: tzinfo) -> int:
        """The same in seconds; ``floating`` is the zone of what has none."""
        return seconds_of(self.local, self.zone or floating)

    def moved(self, by: timedelta) -> Moment:
        """As much later by its clock. Raises OverflowError after the year 9999."""
        return self._replace(local=self.local + by)

    def after(self, duration: Duration, floating: tzinfo) -> int:
        """The end of what begins now and takes so long, in seconds."""
        days, seconds = duration
        start = self.moved(timedelta(days)) if days else self
        return start.seconds(floating) + seconds


class Period(NamedTuple):
    """From when, and how long: until ``end``, or for a ``duration``."""

    start: Moment
    end: Moment | None
    duration: Duration | None

    def ends(self, floating: tzinfo) -> int:
        """The end in seconds."""
        if self.end:
            return self.end.seconds(floating)
        return self.start.after(self.duration or Duration(), floating)


def seconds_of(local: datetime, zone: tzinfo) -> int:
    """Seconds of a local time without a zone in one."""
    since = local - _EPOCH
    seconds = since.days * DAY + since.seconds
    if zone is UTC:
        return seconds
    offset = zone.utcoffset(local)
    return seconds - int(offset.total_seconds()) if offset else seconds


def utc_of(seconds: int) -> datetime:
    """Seconds as the clock of UTC shows them; the first or last there is beyond those."""
    return _EPOCH + timedelta(seconds=min(max(seconds, _FIRST), _LAST))


def local_of(utc: datetime, zone: tzinfo) -> datetime:
    """What the clock of a zone shows, without the zone, when that of UTC shows ``utc``."""
    try:
        return utc.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return utc


def read_moment(one: Property, zones: Zones) -> Moment:
    """The DATE or DATE-TIME that a property is. Raises ValueError."""
    return _read_moment(one.value.decode().strip(), _zone(one, zones))


def read_moments(found: Iterable[Property], zones: Zones) -> list[Moment | Period]:
    """All that such properties list (RDATE, EXDATE, FREEBUSY). Raises ValueError, also for more
    than MOST_LISTED."""
    read: list[Moment | Period] = []
    for one in found:
        zone = _zone(one, zones)
        texts = one.value.decode().split(",", MOST_LISTED)
        if len(read) + len(texts) > MOST_LISTED:
            raise ValueError(f"more than {MOST_LISTED:,} times are listed")
        read += (
            _read_period(text, zone) if "/" in text else _read_moment(text, zone)
            for text in map(str.strip, texts)
            if text
        )
    return read


def read_duration(text: str) -> Duration:
    """The DURATION that a text is. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip().upper())
    if not found:
        raise ValueError(f"{text[:40]!r} is not a duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    sign = -1 if found[1] == "-" else 1
    return Duration(sign * (weeks * 7 + days), sign * (hours * 3600 + minutes * 60 + seconds))


def read_offset(text: str) -> timedelta:
    """The UTC-OFFSET that a text is, less than a day. Raises ValueError."""
    found = re.fullmatch(r"([+-])(\d\d)(\d\d)(\d\d)?", text.strip(), re.ASCII)
    if not found or int(found[2]) > 23:
        raise ValueError(f"{text[:40]!r} is not an offset from UTC")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    return -offset if found[1] == "-" else offset


def write_moment(moment: Moment) -> bytes:
    """As a value; in UTC only where its zone is."""
    if moment.day:
        return b"%04d%02d%02d" % moment.local.timetuple()[:3]
    text = b"%04d%02d%02dT%02d%02d%02d" % moment.local.timetuple()[:6]
    return text + b"Z" if moment.zone is UTC else text


def write_utc(seconds: int) -> bytes:
    """Seconds as a DATE-TIME in UTC."""
    return write_moment(Moment(utc_of(seconds), UTC))


def _read_moment(text: str, zone: tzinfo | None) -> Moment:
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is neither a date nor a time")
    year, month, day, hour, minute, second, utc = found.groups()
    if hour is None:
        return Moment(datetime(int(year), int(month), int(day)), None, True)  # noqa: DTZ001
    # A leap second has no place in seconds since 1970.
    local = datetime(  # noqa: DTZ001
        int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59)
    )
    return Moment(local, UTC if utc else zone)


def _read_period(text: str, zone: tzinfo | None) -> Period:
    start, _, rest = text.partition("/")
    first = _read_moment(start.strip(), zone)
    if "P" in rest.upper():
        return Period(first, None, read_duration(rest))
    return Period(first, _read_moment(rest.strip(), zone), None)


def _zone(one: Property, zones: Zones) -> tzinfo | None:
    name = _zone_name(one.parameters) if one.parameters else ""
    return zones.find(name) if name else None


@lru_cache(1024)
def _zone_name(parameters: bytes) -> str:
    return Property("", "", parameters, b"").parameter("TZID")
