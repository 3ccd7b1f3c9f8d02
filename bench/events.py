"""The events of a person's calendar, as phones write them: about 1,300 bytes each, most of them
the time zone's rules. Some recur every week, so many times; one of ten of those without end.

The same for the same seed, with what a month of them must come to.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
FIRST_DAY = date(2022, 1, 1)
DAYS = 5 * 365
MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
WORDS = ("Tea", "Dentist", "Rehearsal", "Swimming", "Review", "Train", "Dinner", "Call", "Class")

_RULES = (
    *("BEGIN:DAYLIGHT", "TZOFFSETFROM:+0100", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
    *("DTSTART:19810329T020000", "TZNAME:CEST", "TZOFFSETTO:+0200", "END:DAYLIGHT"),
    *("BEGIN:STANDARD", "TZOFFSETFROM:+0200", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
    *("DTSTART:19961027T030000", "TZNAME:CET", "TZOFFSETTO:+0100", "END:STANDARD"),
)


class Event(NamedTuple):
    """One event: its name on the server, its body, and whether it is in the month."""

    href: str
    body: bytes
    in_month: bool


def make_events(seed: int, count: int, recurring: int) -> list[Event]:
    """So many events, so many of which recur."""
    chance = random.Random(seed)
    return [_make(chance, number, recurs=number < recurring) for number in range(count)]


def make_plain(seed: int, component: str, count: int) -> list[tuple[str, bytes]]:
    """(href, object) pairs of so many to-dos (VTODO) or notes (VJOURNAL)."""
    chance = random.Random(f"{component} {seed}")
    return [_make_plain(chance, component) for _ in range(count)]


def _make_plain(chance: random.Random, component: str) -> tuple[str, bytes]:
    uid = f"{chance.getrandbits(128):032x}"
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
    when = "DUE" if component == "VTODO" else "DTSTART"
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Phone 17//EN"),
        *(f"BEGIN:{component}", f"UID:{uid}", "DTSTAMP:20260101T080000Z"),
        *(f"{when};VALUE=DATE:{day:%Y%m%d}", f"SUMMARY:{chance.choice(WORDS)}"),
        "DESCRIPTION:" + " ".join(chance.choices(WORDS, k=20)),
        *(f"END:{component}", "END:VCALENDAR"),
    ]
    return f"{uid}.ics", "".join(f"{_fold(line)}\r\n" for line in lines).encode()


def _make(chance: random.Random, number: int, *, recurs: bool) -> Event:
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
    start = datetime.combine(day, time(chance.randrange(7, 21), chance.choice((0, 15, 30))))
    long = timedelta(minutes=chance.choice((30, 45, 60, 90)))
    uid = f"{chance.getrandbits(128):032x}"
    weeks = chance.randrange(4, 400)
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Phone 17//EN"),
        *("BEGIN:VTIMEZONE", f"TZID:{ZONE}", *_RULES, "END:VTIMEZONE"),
        *("BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T080000Z", "CREATED:20260101T080000Z"),
        f"DTSTART;TZID={ZONE}:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={ZONE}:{start + long:%Y%m%dT%H%M%S}",
        *([f"RRULE:FREQ=WEEKLY;COUNT={weeks}"] if recurs and number % 10 else []),
        *(["RRULE:FREQ=WEEKLY;INTERVAL=2"] if recurs and not number % 10 else []),
        f"SUMMARY:{chance.choice(WORDS)} {number}",
        f"LOCATION:Room {chance.randrange(100)}",
        "DESCRIPTION:" + " ".join(chance.choices(WORDS, k=12)),
        *("SEQUENCE:0", "TRANSP:OPAQUE", "END:VEVENT", "END:VCALENDAR"),
    ]
    body = "".join(f"{_fold(line)}\r\n" for line in lines).encode()
    step, most = (timedelta(weeks=1), weeks) if number % 10 else (timedelta(weeks=2), 10_000)
    found = _is_in_month(start, long, step if recurs else None, most)
    return Event(f"{uid}.ics", body, found)


def _is_in_month(start: datetime, long: timedelta, step: timedelta | None, most: int) -> bool:
    """By walking from start to start: slow, and another way than that of any server."""
    zone = ZoneInfo(ZONE)
    for _ in range(most if step else 1):
        begins = start.replace(tzinfo=zone).astimezone(UTC)
        if begins < MONTH[1] and begins + long > MONTH[0]:
            return True
        if begins >= MONTH[1] or step is None:
            return False
        start += step
    return False


def _fold(line: str) -> str:
    return "\r\n ".join(line[at : at + 72] for at in range(0, len(line), 72))
