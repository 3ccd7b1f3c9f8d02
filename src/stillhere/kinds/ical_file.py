"""Calendar files: many events, to-dos and notes in one, taken apart and put together.

An item of a file is everything of one UID: a series and the single days that differ from it.
It becomes an object of its own, with the file's lines byte for byte: what its VCALENDAR says of
every item, the time zones that it names, and its components. What a VCALENDAR says of the file
as a whole (its name, its colour, METHOD) is left out. An object that holds one item only, and no
METHOD, is that item, every byte of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from stillhere.kinds.component import ROOT, ZONE
from stillhere.kinds.ical import VERSION, is_record
from stillhere.kinds.item import Piece
from stillhere.kinds.lines import BOM, Line, count_lines, unfold
from stillhere.kinds.outline import Object, Part, Stray, outline

PRODID = "-//Stillhere//Stillhere//EN"

_TZID = re.compile(rb";[ \t]*TZID[ \t]*=[ \t]*(?:\"([^\"\r\n]*)\"|([^;:\"\r\n]*))", re.IGNORECASE)
_OF_THE_FILE = frozenset(
    (
        "METHOD",
        *("NAME", "DESCRIPTION", "COLOR", "UID", "URL", "LAST-MODIFIED", "CATEGORIES", "IMAGE"),
        *("REFRESH-INTERVAL", "SOURCE", "X-PUBLISHED-TTL", "X-APPLE-CALENDAR-COLOR"),
    )
)
"""Properties of a VCALENDAR that say nothing of its items (RFC 5546; RFC 7986, 5)."""


def split(data: bytes) -> Iterator[Piece]:
    """Every item of a file, byte for byte, of whatever component.

    What is no item comes out as a piece of its own, which ``parse`` refuses with a reason: lines
    outside of an object, and components that are cut off or of no kind. Time zones that no item
    names, and the END of an object, are no loss.
    """
    for found in outline(data):
        if isinstance(found, Stray):
            yield Piece("", found.number, data[found.start : found.end])
        else:
            yield from _split_object(data, found)


def join(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """One file of many objects, part by part: one VCALENDAR, with each time zone once.

    An object whose VCALENDAR says something of its own, or which has another time zone under a
    name that is taken, follows as a VCALENDAR of its own, byte for byte.
    """
    apart: list[bytes] = []
    written: dict[str, bytes] = {}
    yield f"BEGIN:{ROOT}\r\nVERSION:{VERSION}\r\nPRODID:{PRODID}\r\n".encode()
    for body in bodies:
        found = next(outline(body), None)
        if not isinstance(found, Object) or any(map(_is_own, found.properties)):
            apart.append(body)
            continue
        zones = {name: _bytes_of(body, zone) for name, zone in _zones(found).items()}
        if any(_differ(name, zone, written) for name, zone in zones.items()):
            apart.append(body)
            continue
        yield from (zone for name, zone in zones.items() if name not in written)
        for name, zone in zones.items():
            written.setdefault(name, zone)
        yield from (_bytes_of(body, part) for part in found.parts if part.name != ZONE)
    yield f"END:{ROOT}\r\n".encode()
    yield from (_ended(body.removeprefix(BOM)) for body in apart)


def _split_object(data: bytes, found: Object) -> Iterator[Piece]:
    groups = _group(part for part in found.parts if is_record(part.name))
    if len(groups) == 1 and found.end and all(one.name != "METHOD" for one in found.properties):
        first = groups[0][0]
        body = data[found.begin.start : found.end.end]
        yield Piece(first.name, first.begin.number, body, ((1, found.begin.number),))
        return
    zones = _zones(found)
    for group in groups:
        yield _assemble(data, found, group, zones)
    for part in found.parts:
        if not (is_record(part.name) or _is_zone(part)):
            yield _assemble(data, found, [part], zones)


def _group(records: Iterable[Part]) -> list[list[Part]]:
    """The components of each item; a second one of the same day begins another item."""
    groups: list[list[Part]] = []
    newest: dict[tuple[str, str], tuple[list[Part], set[bytes]]] = {}
    for part in records:
        key = (part.name, part.uid)
        day = part.own["RECURRENCE-ID"].text.upper() if "RECURRENCE-ID" in part.own else b""
        if part.uid and part.whole and key in newest and day not in newest[key][1]:
            newest[key][0].append(part)
            newest[key][1].add(day)
            continue
        groups.append([part])
        if part.whole:
            newest[key] = (groups[-1], {day})
    return groups


def _assemble(data: bytes, found: Object, group: list[Part], zones: dict[str, Part]) -> Piece:
    """An object of these components, and of what they need of the one they stand in."""
    said = (line for line in found.properties if line.name and not _is_of_the_file(line))
    runs = [(line.number, _ended(data[line.start : line.end])) for line in (found.begin, *said)]
    named = _zones_named(b"".join(data[part.begin.start : part.end] for part in group))
    parts = [*(zone for name, zone in zones.items() if name in named), *group]
    runs += [(part.begin.number, _bytes_of(data, part)) for part in parts]
    if found.end:
        runs.append((found.end.number, data[found.end.start : found.end.end]))
    else:
        runs.append((group[-1].begin.number, f"END:{ROOT}\r\n".encode()))
    places, line = [], 1
    for number, run in runs:
        places.append((line, number))
        line += count_lines(run)
    body = b"".join(run for _, run in runs)
    return Piece(group[0].name, group[0].begin.number, body, tuple(places))


def _zones(found: Object) -> dict[str, Part]:
    """The object's time zones by name; of two of one name the first."""
    zones: dict[str, Part] = {}
    for part in found.parts:
        if _is_zone(part):
            zones.setdefault(part.own["TZID"].words() if "TZID" in part.own else "", part)
    return zones


def _is_zone(part: Part) -> bool:
    return part.name == ZONE and part.whole


def _zones_named(lines: bytes) -> set[str]:
    found = _TZID.findall(unfold(lines))
    return {(quoted or plain).strip().decode(errors="replace") for quoted, plain in found}


def _is_of_the_file(line: Line) -> bool:
    return line.name in _OF_THE_FILE or line.name.startswith("X-WR-")


def _is_own(line: Line) -> bool:
    """Whether this property of a VCALENDAR has to stay with the item."""
    if line.name == "CALSCALE":
        return line.value.strip().upper() != b"GREGORIAN"
    return line.name not in ("VERSION", "PRODID") and not _is_of_the_file(line)


def _differ(name: str, zone: bytes, written: dict[str, bytes]) -> bool:
    """Whether a name that is taken stands for something else; those of tz mean the same to all."""
    other = written.get(name, zone)
    return zone != other and name not in _well_known() and _plain(zone) != _plain(other)


def _plain(zone: bytes) -> bytes:
    return unfold(zone).replace(b"\r", b"")


@cache
def _well_known() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _bytes_of(data: bytes, part: Part) -> bytes:
    return _ended(data[part.begin.start : part.end])


def _ended(lines: bytes) -> bytes:
    return lines if lines.endswith((b"\n", b"\r")) else lines + b"\r\n"
