"""Calendar files for tests: lines in a VCALENDAR, and the templates of ../shared/data filled in."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

TODAY = date(2026, 3, 10)

_FORM = re.compile(r"\$now\.year\.(-?\d+):|\$now\.(-?\d+):|\$([a-z]+)(\d*):", re.IGNORECASE)


def calendar(*lines: str, eol: str = "\r\n") -> bytes:
    """A VCALENDAR of these lines, which may hold several, and VERSION and PRODID."""
    whole = "\n".join(
        ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//T//EN", *lines, "END:VCALENDAR")
    )
    return (whole.replace("\n", eol) + eol).encode()


def event(*lines: str, uid: str = "1", name: str = "VEVENT") -> str:
    """The lines of a component, with a UID unless it is empty."""
    return "\n".join((f"BEGIN:{name}", *([f"UID:{uid}"] if uid else []), *lines, f"END:{name}"))


def zone(name: str, offset: str = "+0100") -> str:
    """The lines of a VTIMEZONE in which it is always the same time."""
    return (
        f"BEGIN:VTIMEZONE\nTZID:{name}\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
        f"TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE"
    )


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
