"""Calendars that no phone keeps: rules, zones and queries made to cost more than they should.

Each is taken or refused in words; whatever was taken, every question about it has an answer, or
507, before its client has gone away. That instances are counted and not walked is tested where
they are found (``tests/kinds/``); here, that no way over HTTP leads around it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.live.conftest import Besieged
from tests.live.test_hostile_bodies import BAD_XML
from tests.live.wire import Reply, request, wire

CAL = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
PATIENT_S = 20.0
"""A phone hangs up after some 30 s; a search may take 10 s of a processor, and has to share it."""
HOME = "/dav/calendars/ana/"
CALENDAR = f"{HOME}calendar/"
ODD = f"{CALENDAR}odd.ics"

EVER = "FREQ=SECONDLY"
LINES = {
    "every second for ever": f"RRULE:{EVER}",
    "a billion times": f"RRULE:{EVER};COUNT=1000000000",
    "a number that is none": f"RRULE:{EVER};COUNT={'9' * 5_000}",
    "never: the 30th of February": f"RRULE:{EVER};BYMONTH=2;BYMONTHDAY=30",
    "never, by day, hour, minute and second": (
        "RRULE:FREQ=SECONDLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=31;BYHOUR=1;BYMINUTE=1;BYSECOND=1"
    ),
    "no step at all": f"RRULE:{EVER};INTERVAL=0",
    "a step of an age": f"RRULE:{EVER};INTERVAL={10**18}",
    "the last of all seconds of a year": (
        "RRULE:FREQ=YEARLY;BYSECOND="
        + ",".join(map(str, range(60)))
        + ";BYMINUTE="
        + ",".join(map(str, range(60)))
        + ";BYHOUR="
        + ",".join(map(str, range(24)))
        + ";BYYEARDAY="
        + ",".join(map(str, range(1, 367)))
        + ";BYSETPOS=-1"
    ),
    "a thousand rules": "\r\n".join([f"RRULE:{EVER}"] * 1_000),
    "a rule against a rule": f"RRULE:{EVER}\r\nEXRULE:{EVER}",
    "fifty thousand exceptions": f"RRULE:{EVER}\r\nEXDATE:"
    + ",".join(["20260101T090000Z"] * 50_000),
    "fifty thousand dates": "RDATE:" + ",".join(["20260101T090000Z"] * 50_000),
    "longer than time": f"RRULE:{EVER}\r\nDURATION:P99999999W",
    "from the first year to the last": (
        f"DTEND:99991231T235959Z\r\nRRULE:{EVER};UNTIL=99991231T235959Z"
    ),
    "an alarm without end": (
        f"RRULE:{EVER}\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT1S\r\n"
        "REPEAT:1000000000\r\nDURATION:PT0S\r\nEND:VALARM"
    ),
    "a thousand alarms": f"RRULE:{EVER}"
    + "\r\nBEGIN:VALARM\r\nTRIGGER;RELATED=END:-PT1S\r\nEND:VALARM" * 1_000,
}
ZONES = {
    "a change every second": f"RRULE:{EVER}",
    "changes on no day": "RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=-1SU;BYMONTHDAY=30",
    "twenty thousand changes": "RDATE:" + ",".join(["19700101T000000"] * 20_000),
    "an offset that is none": "TZOFFSETFROM:+999999",
}


def zone(lines: str, times: int = 1) -> str:
    """A time zone of one's own, which has so many changes of one sort."""
    change = (
        "BEGIN:{0}\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
        f"{lines}\r\nEND:{{0}}\r\n"
    )
    changes = change.format("STANDARD") + change.format("DAYLIGHT")
    return f"BEGIN:VTIMEZONE\r\nTZID:Mine\r\n{changes * times}END:VTIMEZONE\r\n"


def event(lines: str = "", start: str = "DTSTART:20260101T090000Z", before: str = "") -> str:
    head = f"BEGIN:VEVENT\r\nUID:odd\r\nDTSTAMP:20260101T000000Z\r\n{before}{start}\r\n"
    return f"{head}{lines}\r\nEND:VEVENT\r\n"


def calendar(*parts: str) -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n"
    return f"{head}{''.join(parts)}END:VCALENDAR\r\n".encode()


def objects() -> Iterator[tuple[str, bytes]]:
    """Whole objects, by what is the matter with them."""
    mine = "DTSTART;TZID=Mine:20260329T023000"
    for what, lines in LINES.items():
        yield what, calendar(event(lines))
    for what in ("every second for ever", "from the first year to the last"):
        yield f"{what}, by its zone", calendar(zone(f"RRULE:{EVER}"), event(LINES[what], mine))
    for what, lines in ZONES.items():
        yield f"a zone with {what}", calendar(zone(lines), event("RRULE:FREQ=HOURLY", mine))
    yield "a zone of two thousand rules", calendar(zone(f"RRULE:{EVER}", 1_000), event())
    moved = "RECURRENCE-ID:20260101T{0:02}{1:02}{2:02}Z\r\n"
    times = [(n // 3600, n // 60 % 60, n % 60) for n in range(2_000)]
    others = [event(before=moved.format(*at)) for at in times]
    yield "two thousand exceptions", calendar(event(f"RRULE:{EVER}"), *others)
    onward = "RECURRENCE-ID;RANGE=THISANDFUTURE:20260101T{0:02}{1:02}{2:02}Z\r\n"
    yield (
        "two thousand turns",
        calendar(event(f"RRULE:{EVER}"), *(event(before=onward.format(*at)) for at in times)),
    )


def query(start: str, end: str, data: str = "", more: str = "") -> bytes:
    span = f'start="{start}" end="{end}"'
    return (
        f"<C:calendar-query {CAL}><prop><getetag/><C:calendar-data>{data}</C:calendar-data></prop>"
        '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f"<C:time-range {span}/></C:comp-filter></C:comp-filter></C:filter>{more}"
        "</C:calendar-query>"
    ).encode()


MONTH = ("20260301T000000Z", "20260401T000000Z")
AGES = ("00010101T000000Z", "99991231T000000Z")


def questions() -> Iterator[tuple[str, bytes]]:
    """Reports on one calendar, by what they ask."""
    alarm = (
        '<C:calendar-query {0}><prop><getetag/></prop><C:filter><C:comp-filter name="VCALENDAR">'
        '<C:comp-filter name="VEVENT"><C:comp-filter name="VALARM"><C:time-range start="{1}" '
        'end="{2}"/></C:comp-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>'
    )
    for span in (MONTH, AGES):
        at = f'start="{span[0]}" end="{span[1]}"'
        yield f"what is in {span}", query(*span)
        yield f"instances in {span}", query(*span, f"<C:expand {at}/>")
        yield f"the series in {span}", query(*span, f"<C:limit-recurrence-set {at}/>")
        yield f"alarms in {span}", alarm.format(CAL, *span).encode()
        busy = f"<C:free-busy-query {CAL}><C:time-range {at}/></C:free-busy-query>"
        yield f"who is busy in {span}", busy.encode()


@pytest.fixture
def begun(besieged: Besieged) -> Iterator[None]:
    """Ana's calendars, which begin when she looks at them first; empty before and after."""
    assert ask(besieged, "PROPFIND", HOME, b"", "depth: 1").status == 207
    yield
    assert ask(besieged, "DELETE", ODD, b"").status in (204, 404)


def ask(besieged: Besieged, method: str, path: str, body: bytes, *headers: str) -> Reply:
    """One request, which has to be answered before a phone would hang up."""
    began = time.monotonic()
    reply = besieged.ask(method, path, body, *headers)
    assert time.monotonic() - began < PATIENT_S, (method, path, body[:300])
    return reply


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("method", ["MKCALENDAR", "REPORT", "PROPPATCH"])
def test_hostile_xml_is_400_in_words(unharmed: Besieged, method: str) -> None:
    path = f"{HOME}new/" if method == "MKCALENDAR" else CALENDAR
    for what, body in BAD_XML.items():
        reply = ask(unharmed, method, path, body, "depth: 1")
        assert reply.status in (400, 403) if what == "something else" else reply.status == 400, what
        assert "root:" not in reply.words, "a file of the server came back"


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(("what", "body"), list(objects()), ids=[what for what, _ in objects()])
def test_what_costs_too_much_is_refused_or_answered_in_time(
    unharmed: Besieged, what: str, body: bytes
) -> None:
    put = ask(unharmed, "PUT", ODD, body)
    if put.status != 201:
        assert (put.status, "valid-calendar-" in put.words) == (403, True), put.words[:300]
        return
    for question, report in questions():
        reply = ask(unharmed, "REPORT", CALENDAR, report, "depth: 1")
        assert reply.status in (200, 207, 507), (question, reply.status, reply.words[:300])
    assert unharmed.ask("GET", ODD).body == body


NESTED = '<C:comp-filter name="VEVENT">' * 300 + "</C:comp-filter>" * 300
MANY = '<C:prop-filter name="X-A"><C:text-match>x</C:text-match></C:prop-filter>' * 5_000
LONG = (
    f'<C:prop-filter name="SUMMARY"><C:text-match>{"x" * 1_000_000}</C:text-match></C:prop-filter>'
)


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(
    ("inside", "status"), [(NESTED, 400), (MANY, 400), (LONG, 400)], ids=["deep", "many", "long"]
)
def test_filters_without_measure_are_refused(unharmed: Besieged, inside: str, status: int) -> None:
    body = (
        f"<C:calendar-query {CAL}><prop><getetag/></prop><C:filter>"
        f'<C:comp-filter name="VCALENDAR">{inside}</C:comp-filter></C:filter></C:calendar-query>'
    ).encode()
    reply = ask(unharmed, "REPORT", CALENDAR, body, "depth: 1")
    assert reply.status == status, reply.words[:300]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("what", ZONES)
def test_a_hostile_zone_for_times_without_one(unharmed: Besieged, what: str) -> None:
    """A query brings one along; a calendar keeps one (5.2.2)."""
    floating = calendar(event("RRULE:FREQ=HOURLY", "DTSTART:20260101T090000"))
    assert ask(unharmed, "PUT", ODD, floating).status == 201
    hostile = calendar(zone(ZONES[what])).decode()
    asked = query(*AGES, more=f"<C:timezone>{hostile}</C:timezone>")
    assert ask(unharmed, "REPORT", CALENDAR, asked, "depth: 1").status == 207
    kept = (
        f"<propertyupdate {CAL}><set><prop><C:calendar-timezone>{{0}}</C:calendar-timezone>"
        "</prop></set></propertyupdate>"
    )
    told = ask(unharmed, "PROPPATCH", CALENDAR, kept.format(hostile).encode())
    assert told.status == 207
    for question, report in questions():
        reply = ask(unharmed, "REPORT", CALENDAR, report, "depth: 1")
        assert reply.status in (200, 207, 507), (question, reply.status)
    assert ask(unharmed, "PROPPATCH", CALENDAR, kept.format("").encode()).status == 207


@pytest.mark.usefixtures("begun")
def test_mkcalendar_without_measure(unharmed: Besieged) -> None:
    names = "".join(f'<C:comp name="V{n}"/>' for n in range(50_000))
    for inside, statuses in (
        (
            f"<C:supported-calendar-component-set>{names}</C:supported-calendar-component-set>",
            (403,),
        ),
        (f"<displayname>{'x' * 1_000_000}</displayname>", (403, 507)),
        ("".join(f'<x{n} xmlns="urn:x">y</x{n}>' for n in range(20_000)), (403, 507)),
        (f"<C:calendar-timezone>{'x' * 1_000_000}</C:calendar-timezone>", (403, 507)),
    ):
        body = f"<C:mkcalendar {CAL}><set><prop>{inside}</prop></set></C:mkcalendar>".encode()
        reply = ask(unharmed, "MKCALENDAR", f"{HOME}odd/", body)
        assert reply.status in statuses, (inside[:60], reply.status, reply.words[:200])
        assert unharmed.ask("PROPFIND", f"{HOME}odd/", b"", "depth: 0").status == 404


@pytest.mark.usefixtures("begun")
def test_a_search_holds_nobody_up(unharmed: Besieged) -> None:
    """Ben is answered while ana's longest question is."""
    body = calendar(event(f"RRULE:{EVER}"))
    assert ask(unharmed, "PUT", ODD, body).status == 201
    at = f'start="{AGES[0]}" end="{AGES[1]}"'
    with wire(unharmed.url) as slow, wire(unharmed.url) as other:
        report = query(*AGES, f"<C:expand {at}/>")
        slow.send(request("REPORT", CALENDAR, unharmed.ana, report, "depth: 1"))
        got = other.ask(request("GET", f"{unharmed.ben.book}0.vcf", unharmed.ben))
        assert got.status == 200
        assert slow.reply().status in (207, 507)
