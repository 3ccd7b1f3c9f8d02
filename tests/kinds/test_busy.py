"""When somebody is busy: which events count, as what, and how their times are put together."""

from __future__ import annotations

import time
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from tests.kinds.objects import at, calendar, component, event, shown, todo

from stillhere.kinds.busy import BUSY, TENTATIVE, UNAVAILABLE, FreeBusy
from stillhere.kinds.item import Span

NINE = "DTSTART:20260105T090000Z | DTEND:20260105T100000Z"
DAILY = "DTSTART:20250105T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY"
LATER = "RECURRENCE-ID:20260105T090000Z | DTSTART:20260105T150000Z | DURATION:PT1H"


def found(*bodies: bytes, zone: object = UTC, sort: str = BUSY) -> str:
    """The periods of 5 January 2026."""
    busy = FreeBusy(at("20260105"), at("20260106"), zone)  # type: ignore[arg-type]
    for body in bodies:
        busy.add(body)
    return " ".join(f"{shown(starts)}-{shown(ends)}" for starts, ends in busy.periods(sort))


@pytest.mark.parametrize(
    ("body", "busy", "tentative"),
    [
        (event(NINE), "20260105T09-20260105T10", ""),
        (event(f"{NINE} | TRANSP:OPAQUE | STATUS:CONFIRMED"), "20260105T09-20260105T10", ""),
        (event(f"{NINE} | TRANSP:Transparent"), "", ""),
        (event(f"{NINE} | STATUS:CANCELLED"), "", ""),
        (event(f"{NINE} | STATUS:TENTATIVE"), "", "20260105T09-20260105T10"),
        (event("DTSTART;VALUE=DATE:20260104 | DTEND;VALUE=DATE:20260107"), "20260105-20260106", ""),
        (event("DTSTART:20260105T090000Z"), "", ""),
        (event("SUMMARY:x"), "", ""),
        (event("DTSTART:soon"), "", ""),
        (event("DTSTART:20260104T233000Z | DURATION:PT1H"), "20260105-20260105T0030", ""),
        (event(DAILY), "20260105T09-20260105T10", ""),
        (event(DAILY, f"{LATER} | STATUS:TENTATIVE"), "", "20260105T15-20260105T16"),
        (event(f"{DAILY} | TRANSP:TRANSPARENT", LATER), "20260105T15-20260105T16", ""),
        (todo("DTSTART:20260105T090000Z | DUE:20260105T100000Z"), "", ""),
        (b"no object", "", ""),
    ],
)
def test_what_counts(body: bytes, busy: str, tentative: str) -> None:
    assert found(body) == busy
    assert found(body, sort=TENTATIVE) == tentative


def test_periods_that_meet_are_one() -> None:
    bodies = [
        event(f"DTSTART:20260105T{hour:02}0000Z | DURATION:PT{length}M")
        for hour, length in ((11, 60), (9, 90), (10, 60), (14, 10), (9, 5))
    ]
    assert found(*bodies) == "20260105T09-20260105T12 20260105T14-20260105T1410"


def test_floating_times_are_in_the_zone_that_is_given() -> None:
    body = event("DTSTART:20260105T090000 | DURATION:PT1H")
    zone = ZoneInfo("America/New_York")
    assert found(body, zone=zone) == "20260105T14-20260105T15"


def test_stored_periods_count_by_their_type() -> None:
    body = calendar(
        component(
            "VFREEBUSY",
            "UID:u | FREEBUSY:20260105T100000Z/PT1H,20260108T100000Z/PT1H"
            " | FREEBUSY;FBTYPE=FREE:20260105T120000Z/PT1H"
            " | FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260105T140000Z/20260105T150000Z"
            " | FREEBUSY;FBTYPE=X-OTHER:20260105T160000Z/PT1H",
        )
    )
    assert found(body) == "20260105T10-20260105T11 20260105T16-20260105T17"
    assert found(body, sort=UNAVAILABLE) == "20260105T14-20260105T15"


def test_an_event_whose_body_is_not_found_is_tentative_where_it_is_known_when() -> None:
    busy = FreeBusy(at("20260105"), at("20260106"), UTC)
    assert busy.add_held("VEVENT", Span(at("20260105T09"), at("20260105T10")))
    assert busy.add_held("VEVENT", Span(at("20250105T09"), at("20250105T10"), exact=False))
    assert busy.add_held("VTODO", Span(at("20250105T09"), at("20270105T10"), exact=False))
    assert not busy.add_held("VEVENT", Span(at("20250105T09"), at("20270105T10"), exact=False))
    assert busy.periods(TENTATIVE) == [(at("20260105T09"), at("20260105T10"))]
    assert busy.periods(BUSY) == []


def test_the_answer() -> None:
    busy = FreeBusy(at("20260105"), at("20260106"), UTC)
    for text in (NINE, f"{NINE} | STATUS:TENTATIVE", "DTSTART:20260105T140000Z | DURATION:PT1H"):
        busy.add(event(text))
    assert busy.write("-//Tests", at("20260101T08")).decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tests",
        "BEGIN:VFREEBUSY",
        "DTSTAMP:20260101T080000Z",
        "DTSTART:20260105T000000Z",
        "DTEND:20260106T000000Z",
        "FREEBUSY;FBTYPE=BUSY:20260105T090000Z/20260105T100000Z,20260105T140000Z/202",
        " 60105T150000Z",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260105T090000Z/20260105T100000Z",
        "END:VFREEBUSY",
        "END:VCALENDAR",
        "",
    ]


def test_an_event_with_more_instances_than_are_looked_at_is_busy_all_the_time() -> None:
    began = time.process_time()
    assert found(event("DTSTART:19000101T000000Z | RRULE:FREQ=SECONDLY")) == "20260105-20260106"
    took = time.process_time() - began
    assert took < 1, f"{took} s"  # some 50 ms
