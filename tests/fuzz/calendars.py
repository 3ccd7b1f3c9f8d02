"""Calendars: whatever is taken can be given back through every door, and nothing else is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

from lxml import etree
from tests.fuzz import Check

from stillhere.kinds import KINDS, kind_of
from stillhere.kinds.busy import FreeBusy
from stillhere.kinds.calendar_filter import CompFilter, TimeRange, judge_object, judge_roster
from stillhere.kinds.component import read_component, write_component
from stillhere.kinds.expand import CalendarData, give
from stillhere.kinds.item import BadItem, Item, Kind, OtherComponent
from stillhere.kinds.lines import content_lines
from stillhere.kinds.moments import DAY
from stillhere.kinds.outline import Object, outline
from stillhere.protocols.dav.grammar.xml import escape_bytes, parse

MARCH = 1_772_323_200  # of 2026
UID = "a-uid-that-no-item-has"
RECORDS = (b"VEVENT", b"VTODO", b"VJOURNAL")


@contextmanager
def opened(folder: Path) -> Iterator[Check]:
    yield check


def check(data: bytes) -> None:
    _check_item(data)
    pieces = list(KINDS["calendar"].split(data))
    for piece in pieces:
        lines = data.count(b"\n") + data.count(b"\r") + 1
        assert 1 <= piece.line <= lines
        assert all(piece.find_line(n) >= 1 for n in range(1, piece.body.count(b"\n") + 1))
        _check_item(piece.body)
    assert sum(_count_records(piece.body) for piece in pieces) == _count_records(data)


def _count_records(data: bytes) -> int:
    lines = content_lines(data)
    return sum(line.name == "BEGIN" and line.value.strip().upper() in RECORDS for line in lines)


def _check_item(data: bytes) -> None:
    kind = _kind_of(data)
    if kind is None:
        return
    item = kind.parse(data)
    assert parse(b"<a>" + escape_bytes(data) + b"</a>").text == data.decode()
    for words in (item.uid, item.name):
        etree.Element("a").text = words
    assert kind.says_nothing_new(data, data)
    kind.revision_of(data)
    _check_times(data, item)
    _check_tree(data)
    if item.uid:
        _check_file(kind, data, item.uid)
    else:
        assert kind.parse(kind.give_uid(data, UID)).uid == UID


def _kind_of(data: bytes) -> Kind | None:
    """The kind that takes these bytes; at most one does."""
    try:
        KINDS["calendar"].parse(data)
    except OtherComponent as other:
        return kind_of(other.component)
    except BadItem:
        for name in ("tasks", "notes"):
            try:
                KINDS[name].parse(data)
            except BadItem:
                continue
            raise AssertionError(f"{name} takes what calendar refuses for what it is") from None
        return None
    return KINDS["calendar"]


def _check_times(data: bytes, item: Item) -> None:
    """What is asked about its times has an answer, the same by every way that knows one."""
    month = TimeRange(MARCH, MARCH + 31 * DAY)
    sought = CompFilter("VCALENDAR", components=(CompFilter(item.component, time_range=month),))
    has = judge_object(sought, read_component(data), UTC)
    assert judge_roster(sought, item.component, item.uid, item.span) in (None, has)
    read_component(give(data, CalendarData(expand=month), UTC))
    busy = FreeBusy(*month.bounds, UTC)
    busy.add(data)
    read_component(busy.write("-//x", MARCH))


def _check_tree(data: bytes) -> None:
    tree = read_component(data)
    assert read_component(write_component(tree)) == tree
    [found] = outline(data)
    assert isinstance(found, Object)
    assert [part.name for part in found.parts] == [one.name for one in tree.components]
    assert all(part.whole for part in found.parts)


def _check_file(kind: Kind, data: bytes, uid: str) -> None:
    """An item that is written into a file with another one says the same when it is read again."""
    other = f"BEGIN:VCALENDAR\r\nBEGIN:{kind.component}\r\nUID:{UID}\r\nEND:{kind.component}\r\n"
    joined = b"".join(kind.join([data, other.encode() + b"END:VCALENDAR\r\n"]))
    again = [piece.body for piece in kind.split(joined) if piece.component == kind.component]
    assert sorted(kind.parse(body).uid for body in again) == sorted((uid, UID))
    [mine] = [body for body in again if kind.parse(body).uid == uid]
    assert kind.says_nothing_new(data, mine)
    assert kind.says_nothing_new(mine, data)


def seeds() -> Iterator[bytes]:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:A\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    event = "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=A:20260310T120000\r\nSUMMARY:Zoë\\, 1\r\n"
    alarm = "BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nUID:b\r\nEND:VALARM\r\n"
    day = "RECURRENCE-ID;TZID=A:20260311T120000\r\n"
    plain = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{zone}{event}{alarm}END:VEVENT\r\nEND:VCALENDAR\r\n"
    yield plain.encode()
    yield plain.replace("\r\n", "\n").replace("SUMMARY", "SUM\n MARY").encode()
    yield plain.replace("UID:a\r\n", "").replace("\r\n", "\r").encode()
    yield plain.replace("END:VCALENDAR", f"{event}{day}END:VEVENT\r\nEND:VCALENDAR").encode()
    yield plain.replace("VEVENT", "VTODO").replace("TZID=A", 'X="b:c";TZID="A"').encode()
    yield plain.replace("VEVENT", "VJOURNAL").replace("VERSION", "METHOD:X\r\nVERSION").encode()
    yield (plain + plain.replace("UID:a", "UID:c")).encode()
    yield plain.replace("END:VEVENT", f"END:VEVENT\r\n{event}END:VEVENT").encode()
    yield plain.encode("utf-16")
