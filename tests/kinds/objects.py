"""Calendar objects for tests, written in as few words as they can be."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stillhere.kinds.moments import seconds_of, utc_of

BERLIN = """
BEGIN:VTIMEZONE
TZID:Berlin of ours
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
END:VTIMEZONE
"""


def component(name: str, text: str) -> str:
    """One component whose properties stand in a line each, or between bars."""
    lines = [line.strip() for line in text.replace(" | ", "\n").splitlines() if line.strip()]
    return "\n".join((f"BEGIN:{name}", *lines, f"END:{name}"))


def calendar(*components: str) -> bytes:
    """A whole object."""
    parts = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests", *components, "END:VCALENDAR")
    lines = [line for part in parts for line in part.strip().split("\n")]
    return "\r\n".join([*lines, ""]).encode()


def event(*texts: str, zones: str = "") -> bytes:
    """An object of events with one UID."""
    events = (component("VEVENT", f"UID:u\n{text}") for text in texts)
    return calendar(*filter(None, (zones, *events)))


def todo(*texts: str) -> bytes:
    """An object of to-dos with one UID."""
    return calendar(*(component("VTODO", f"UID:u\n{text}") for text in texts))


def at(text: str) -> int:
    """Seconds of ``20260105T09`` or ``20260105`` in UTC; minutes and seconds may follow."""
    day, _, time = text.partition("T")
    whole = datetime.fromisoformat(f"{day}T{time:0<6}")
    return seconds_of(whole, UTC)


def shown(seconds: int) -> str:
    """The same as text, as short as ``at`` takes it."""
    text = f"{utc_of(seconds):%Y%m%dT%H%M%S}"
    return re.sub("(T(00)+|(?<=T..)(00)+|(?<=T....)00)$", "", text)
