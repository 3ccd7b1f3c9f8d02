"""What phones write, kind by kind: cards, events, to-dos and notes, and where they put them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from tests.live.client import Login

YEAR = 2026
_MONTH = re.compile(rb"DTSTART:\d{4}(\d\d)")
_CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//phones//EN\r\nBEGIN:{component}\r\nUID:{{uid}}\r\n"
    "DTSTAMP:20260102T030405Z\r\n{lines}SUMMARY:Łucja Ærø 山田 {{version}}\r\n"
    "DESCRIPTION:{{note}}\r\nEND:{component}\r\nEND:VCALENDAR\r\n"
)


@dataclass(frozen=True)
class Form:
    """One kind as it is on the wire: ``lines`` is a whole item with words to be filled in."""

    kind: str
    home: str
    extension: str
    media_type: str
    lines: str

    def home_of(self, login: Login) -> str:
        """Path of the collections' home, with its slash."""
        return f"/dav/{self.home}/{quote(login.name)}/"

    def path_of(self, login: Login) -> str:
        """Path of the account's first collection, with its slash."""
        return f"{self.home_of(login)}{self.kind}/"

    def item(self, uid: str, version: int, note: str) -> bytes:
        """An item; when it is, and whether it comes again, follows from its version."""
        day, month = version % 28 + 1, version // 28 % 12 + 1
        start = f"{YEAR}{month:02}{day:02}T090000Z"
        again = "RRULE:FREQ=MONTHLY;COUNT=3\r\n" if version // 336 % 4 == 0 else ""
        text = f"{version:016x}"
        return self.lines.format(
            uid=uid, version=text, note=note, start=start, again=again
        ).encode()


_WHEN = "DTSTART:{start}\r\nDURATION:PT1H\r\n{again}"

FORMS = {
    form.kind: form
    for form in (
        Form(
            "contacts",
            "addressbooks",
            ".vcf",
            "text/vcard; charset=utf-8",
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:Łucja Ærø 山田 {version}\r\n"
            "N:Ærø;Łucja;;;\r\nNOTE:{note}\r\nREV:{version}\r\nEND:VCARD\r\n",
        ),
        *(
            Form(
                kind,
                "calendars",
                ".ics",
                "text/calendar; charset=utf-8",
                _CALENDAR.format(component=component, lines=lines),
            )
            for kind, component, lines in (
                ("calendar", "VEVENT", _WHEN),
                ("tasks", "VTODO", "DUE:{start}\r\nSTATUS:NEEDS-ACTION\r\n"),
                ("notes", "VJOURNAL", "DTSTART:{start}\r\n"),
            )
        ),
    )
}
COMPONENTS = {"calendar": b"VEVENT", "tasks": b"VTODO", "notes": b"VJOURNAL"}


def is_in_month(event: bytes, month: int) -> bool:
    """Whether an event of these forms has an instance in that month of its year."""
    found = _MONTH.search(event)
    assert found is not None
    first = int(found[1])
    return first <= month <= first + (2 if b"RRULE" in event else 0)


def in_month(month: int) -> bytes:
    """A calendar-query (RFC 4791, 7.8) for the events of one month."""
    after = f"{YEAR + month // 12}{month % 12 + 1:02}01"
    return (
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
        '<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name="VCALENDAR">'
        '<C:comp-filter name="VEVENT">'
        f'<C:time-range start="{YEAR}{month:02}01T000000Z" end="{after}T000000Z"/>'
        "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    ).encode()
