"""Whatever an object says of its times: an answer, in time, and no error."""

from __future__ import annotations

import time
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kinds.objects import at, calendar, component, fill_in, real_files

from stillhere.errors import BadInput
from stillhere.kinds.busy import FreeBusy
from stillhere.kinds.calendar_filter import CompFilter, PropFilter, TimeRange, passes
from stillhere.kinds.component import read_component
from stillhere.kinds.expand import CalendarData, Selection, give
from stillhere.kinds.item import Span
from stillhere.kinds.span import span_of

NAMES = st.sampled_from(
    ("DTSTART", "DTEND", "DUE", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
     "COMPLETED", "CREATED", "TRIGGER", "REPEAT", "FREEBUSY", "TZID", "TZOFFSETFROM", "TZOFFSETTO",
     "STATUS", "X-LIC-LOCATION")
)  # fmt: skip
PARAMETERS = st.sampled_from(
    ("", ";VALUE=DATE", ";TZID=Europe/Berlin", ";TZID=Mine", ";TZID=", ";RANGE=THISANDFUTURE",
     ";VALUE=PERIOD", ";RELATED=END", ';TZID="a:b"', ";TZID", ";TZID=America")
)  # fmt: skip
VALUES = st.sampled_from(
    ("20260329T023000", "20260329T023000Z", "20260329", "00010101T000000Z", "99991231T235959",
     "00010101", "99991231", "20261341", "20260230T250000Z", "PT1H", "-P9999999W", "P", "PT",
     "P1DT24H", "20260329T000000Z/PT1H", "20260329/20260401", "/", ",", "99991231T235959Z/P9W",
     "FREQ=DAILY", "FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;COUNT=5",
     "FREQ=WEEKLY;UNTIL=00010101T000000Z", "FREQ=WEEKLY;UNTIL=99991231T235959Z", "FREQ=MONTHLY;;",
     "FREQ=YEARLY;BYWEEKNO=-53;BYSETPOS=-366", "FREQ=HOURLY;INTERVAL=999999999999", "FREQ=",
     "+0100", "-2359", "+9900", "999999999", "-5", "٣", "Mine", "Europe/Berlin", "CANCELLED", "")
)  # fmt: skip
LINES = st.tuples(NAMES, PARAMETERS, VALUES).map(lambda one: f"{one[0]}{one[1]}:{one[2]}")
INNER = st.builds(
    component, st.sampled_from(("VALARM", "STANDARD", "DAYLIGHT")), st.lists(LINES).map("\n".join)
)
COMPONENTS = st.builds(
    component,
    st.sampled_from(("VEVENT", "VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "X-A")),
    st.lists(LINES | INNER, max_size=8).map("\n".join),
)
RANGES = st.sampled_from(
    (
        TimeRange(at("20260301"), at("20260401")),
        TimeRange(None, at("20260329")),
        TimeRange(at("20260329"), None),
        TimeRange(),
    )
)
ZONES = st.sampled_from((UTC, ZoneInfo("America/New_York")))
ZONE = component(
    "VTIMEZONE",
    "TZID:Mine\n"
    + component("STANDARD", "DTSTART:00010101T000000\nTZOFFSETFROM:+2300\nTZOFFSETTO:-2300"),
)


def answer(body: bytes, name: str, when: TimeRange, zone: object) -> None:
    """Everything that is ever asked about an object."""
    try:
        root = read_component(body)
    except BadInput:
        return
    span = span_of(root)
    assert isinstance(span, Span)
    alarm = CompFilter("VALARM", time_range=when)
    stamp = PropFilter("DTSTART", time_range=when)
    for inner in (
        CompFilter(name, time_range=when),
        CompFilter(name, components=(alarm,)),
        CompFilter(name, properties=(stamp,)),
    ):
        sought = CompFilter("VCALENDAR", components=(inner,))
        passes(sought, name, "u", span._replace(exact=False), body, zone)  # type: ignore[arg-type]
    everything = Selection("VCALENDAR")
    for wanted in (
        CalendarData(everything, expand=when),
        CalendarData(everything, limit_recurrence_set=when, limit_freebusy_set=when),
    ):
        read_component(give(body, wanted, zone))  # type: ignore[arg-type]
    busy = FreeBusy(at("20260301"), at("20260401"), zone)  # type: ignore[arg-type]
    busy.add(body)
    read_component(busy.write("-//x", at("20260301")))


@settings(deadline=None, max_examples=250)
@given(
    st.lists(COMPONENTS, min_size=1, max_size=3),
    st.sampled_from(("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")),
    RANGES,
    ZONES,
)
def test_nonsense_has_an_answer(
    components: list[str], name: str, when: TimeRange, zone: object
) -> None:
    body = calendar(ZONE, *components)
    began = time.process_time()
    answer(body, name, when, zone)
    took = time.process_time() - began
    assert took < 5, f"{took} s"


@pytest.mark.real
@pytest.mark.parametrize("filled_in", [True, False])
def test_real_files_have_an_answer(shared_data: Path, filled_in: bool) -> None:
    files = real_files(shared_data)
    assert files
    for file in files:
        body = file.read_bytes()
        body = fill_in(body) if filled_in else body
        for when in (TimeRange(at("20260301"), at("20260401")), TimeRange(None, at("20260701"))):
            answer(body, "VEVENT", when, UTC)


@pytest.mark.real
def test_a_year_has_all_that_real_files_hold(shared_data: Path) -> None:
    """They are of around that day, so a filter for the years around it has each event."""
    sought = CompFilter(
        "VCALENDAR",
        components=(CompFilter("VEVENT", time_range=TimeRange(at("20200101"), at("20320101"))),),
    )
    for file in real_files(shared_data):
        body = fill_in(file.read_bytes())
        try:
            root = read_component(body)
        except BadInput:
            continue
        if any(root.named("VEVENT")):
            span = span_of(root)._replace(exact=False)
            assert passes(sought, "VEVENT", "", span, body, UTC), file.name
