"""Realistic calendars, to-do lists and notes: the same for the same seed.

Events are single and recurring, of a time in UTC, of a time in a zone, and of whole days; some
series have an instance that is moved (RFC 5545, 3.8.4.4). Lines end in CRLF and are folded.
"""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from stillhere.demo.names import SCRIPTS, Script
from stillhere.demo.people import fold

_DECK: tuple[Script, ...] = tuple(script for script in SCRIPTS for _ in range(script.share))
_FIRST_OF_OCTOBER = datetime(2009, 10, 1, 8, tzinfo=UTC)
_STAMP = "%Y%m%dT%H%M%SZ"
_RULES = (
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=TU,TH",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=YEARLY",
    "FREQ=DAILY;COUNT=10",
)
_ZONE = """\
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE"""
_OWN = re.compile(
    r"^(?:LAST-MODIFIED|SEQUENCE|COMMENT|STATUS|PERCENT-COMPLETE):.*\r\n", re.MULTILINE
)

Items = list[tuple[str, bytes]]


def events(seed: int | str, count: int) -> Items:
    """Return `count` different events as (href, iCalendar object); four in ten recur."""
    return [_event(*made) for made in _draw(f"events {seed}", count)]


def todos(seed: int | str, count: int) -> Items:
    """Return `count` different to-dos as (href, iCalendar object); half of them are due."""
    return [_todo(*made) for made in _draw(f"to-dos {seed}", count)]


def notes(seed: int | str, count: int) -> Items:
    """Return `count` different notes as (href, iCalendar object)."""
    return [_note(*made) for made in _draw(f"notes {seed}", count)]


def amend(body: bytes, edit: int) -> bytes:
    """Return an object as its owner leaves it after their `edit`-th change, unlike every other."""
    text = _OWN.sub("", re.sub(r"\r?\n", "\r\n", body.decode()))
    component = (
        "VTODO" if "BEGIN:VTODO" in text else "VEVENT" if "BEGIN:VEVENT" in text else "VJOURNAL"
    )
    moment = _FIRST_OF_OCTOBER + timedelta(seconds=edit)
    lines = [
        f"LAST-MODIFIED:{moment:{_STAMP}}",
        f"SEQUENCE:{edit}",
        f"COMMENT:Changed {edit} times",
    ]
    if component == "VTODO":
        done = edit % 2
        lines += ["STATUS:COMPLETED", "PERCENT-COMPLETE:100"] if done else ["STATUS:IN-PROCESS"]
    end = f"END:{component}\r\n"
    return text.replace(end, "".join(f"{line}\r\n" for line in lines) + end, 1).encode()


def _draw(seed: str, count: int) -> Iterator[tuple[str, random.Random, Script]]:
    rng = random.Random(seed)
    for _ in range(count):
        yield str(UUID(int=rng.getrandbits(128), version=4)), rng, rng.choice(_DECK)


def _event(uid: str, rng: random.Random, script: Script) -> tuple[str, bytes]:
    begins = _FIRST_OF_OCTOBER + timedelta(days=rng.randrange(-200, 200), hours=rng.randrange(10))
    sort = rng.randrange(10)
    zone = sort < 3
    if sort < 2:
        times = [f"DTSTART;VALUE=DATE:{begins:%Y%m%d}"]
        zone = False
    elif zone:
        times = [f"DTSTART;TZID=Europe/Berlin:{begins:%Y%m%dT%H%M%S}", "DURATION:PT45M"]
    else:
        times = [f"DTSTART:{begins:{_STAMP}}", f"DTEND:{begins + timedelta(hours=1):{_STAMP}}"]
    place, country = rng.choice(script.places)
    said = [
        f"SUMMARY:{_text(rng.choice(script.notes))}",
        f"LOCATION:{_text(f'{place}, {country}')}",
    ]
    main = [*times, *said]
    if rng.random() < 0.4:
        main.append(f"RRULE:{rng.choice(_RULES)}")
    components = [("VEVENT", main)]
    if main[-1] == "RRULE:FREQ=WEEKLY" and times[0].startswith("DTSTART:"):
        moved = begins + timedelta(days=7)
        later = [
            f"RECURRENCE-ID:{moved:{_STAMP}}",
            f"DTSTART:{moved + timedelta(hours=2):{_STAMP}}",
        ]
        components.append(("VEVENT", [*later, "DURATION:PT1H", *said]))
    return _object(uid, components, zone=zone)


def _todo(uid: str, rng: random.Random, script: Script) -> tuple[str, bytes]:
    lines = [f"SUMMARY:{_text(rng.choice(script.notes))}", f"PRIORITY:{rng.randrange(10)}"]
    if rng.random() < 0.5:
        due = _FIRST_OF_OCTOBER + timedelta(days=rng.randrange(60))
        lines.append(f"DUE:{due:{_STAMP}}")
    return _object(uid, [("VTODO", lines)])


def _note(uid: str, rng: random.Random, script: Script) -> tuple[str, bytes]:
    day = _FIRST_OF_OCTOBER - timedelta(days=rng.randrange(300))
    text = "\\n".join(_text(rng.choice(script.notes)) for _ in range(rng.randrange(1, 6)))
    name = f"{rng.choice(script.given)} {rng.choice(script.family)}"
    lines = [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"SUMMARY:{_text(name)}", f"DESCRIPTION:{text}"]
    return _object(uid, [("VJOURNAL", lines)])


def _object(
    uid: str, components: list[tuple[str, list[str]]], *, zone: bool = False
) -> tuple[str, bytes]:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Stillhere//Demo phone//EN"]
    lines += _ZONE.splitlines() if zone else []
    for component, said in components:
        lines += [f"BEGIN:{component}", f"UID:{uid}", "DTSTAMP:20090930T101500Z", *said]
        lines.append(f"END:{component}")
    lines.append("END:VCALENDAR\r\n")
    return f"{uid}.ics", fold("\r\n".join(lines))


def _text(value: str) -> str:
    """A value as RFC 5545, 3.3.11 writes it."""
    return re.sub(r"([\\;,])", r"\\\1", value)
