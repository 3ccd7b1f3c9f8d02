"""Calendar objects for tests, written in as few words as they can be, and those of
../shared/data filled in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

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


TODAY = date(2026, 3, 10)
"""When the templates are filled in."""

_FORM = re.compile(r"\$now\.year\.(-?\d+):|\$now\.(-?\d+):|\$([a-z]+)(\d*):", re.IGNORECASE)


def component(name: str, text: str) -> str:
    """One component whose properties stand in a line each, or between bars."""
    lines = [line.strip() for line in text.replace(" | ", "\n").splitlines() if line.strip()]
    return "\n".join((f"BEGIN:{name}", *lines, f"END:{name}"))


def record(*lines: str, uid: str = "1", name: str = "VEVENT") -> str:
    """One component of these lines as they are, with a UID unless it is empty."""
    return "\n".join((f"BEGIN:{name}", *([f"UID:{uid}"] if uid else []), *lines, f"END:{name}"))


def zone(name: str, offset: str = "+0100") -> str:
    """The lines of a VTIMEZONE in which it is always the same time."""
    return (
        f"BEGIN:VTIMEZONE\nTZID:{name}\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
        f"TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE"
    )


def calendar(*parts: str, eol: str = "\r\n") -> bytes:
    """A whole object of these components or lines."""
    whole = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests", *parts, "END:VCALENDAR")
    lines = [line for part in whole for line in part.strip().split("\n")]
    return eol.join([*lines, ""]).encode()


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


def real_files(shared_data: Path) -> list[Path]:
    """The files of real programs; they are templates, to be filled in or taken as they are."""
    return sorted((shared_data / "calendar").glob("*.ics"))


def fill_in(data: bytes, today: date = TODAY) -> bytes:
    """A template with its marks filled in as the tests that it comes from do."""

    def fill(mark: re.Match[str]) -> str:
        years, days, name, number = mark.groups()
        if years:
            return str(today.year + int(years))
        if days:
            return (today + timedelta(int(days))).strftime("%Y%m%d")
        if name.startswith(("cuaddr", "rcuaddr", "gcuaddr")):
            return f"mailto:{name}{number}@example.org"
        return f"{name}{number}@example.org" if name == "email" else f"{name}{number}"

    return _FORM.sub(fill, data.decode()).encode()
