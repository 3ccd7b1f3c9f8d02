"""The span of an object: never too short, and exact where it says so."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kinds.objects import BERLIN, at, calendar, component, event, shown, todo

from stillhere.kinds.component import read_component
from stillhere.kinds.item import ALWAYS, MOMENTS, NO_SPAN, Span
from stillhere.kinds.recurrence import Series, overlap
from stillhere.kinds.span import span_of
from stillhere.kinds.starts import Budget, OutOfBudget
from stillhere.kinds.zones import Zones

ANY = ALWAYS._replace(exact=False)
ON = "DTSTART:20260105T090000Z"
LONG = "DTEND:20260105T100000Z"


def journal(text: str) -> bytes:
    return calendar(component("VJOURNAL", f"UID:u | {text}"))


def text_of(span: Span) -> str:
    """``20260105T09-20260105T10``, a question mark after it where it is not exact."""
    if span.ends <= span.starts:
        return "never"
    starts = "" if span.starts == -MOMENTS else shown(span.starts)
    ends = "" if span.ends == MOMENTS else shown(span.ends)
    return f"{starts}-{ends}{'' if span.exact else '?'}"


TABLE = [
    # a single event whose zone is known
    (event(f"{ON} | {LONG}"), "20260105T09-20260105T10"),
    (
        event("DTSTART;TZID=Europe/Berlin:20260705T090000 | DURATION:PT1H"),
        "20260705T07-20260705T08",
    ),
    # 14 hours more on both sides: another zone, no zone, a date
    (
        event("DTSTART;TZID=Berlin of ours:20260705T090000 | DURATION:PT1H", zones=BERLIN),
        "20260704T17-20260705T22?",
    ),
    (event("DTSTART:20260705T090000 | DURATION:PT1H"), "20260704T19-20260706?"),
    (event("DTSTART;VALUE=DATE:20260705"), "20260704T10-20260706T14?"),
    (event("DTSTART;VALUE=DATE:20260705 | DTEND;VALUE=DATE:20260708"), "20260704T10-20260708T14?"),
    # what repeats: from the first start to the last end
    (event(f"{ON} | {LONG} | RRULE:FREQ=DAILY"), "20260105T09-?"),
    (event(f"{ON} | {LONG} | RRULE:FREQ=DAILY;COUNT=3"), "20260105T09-20260107T10?"),
    (event(f"{ON} | {LONG} | RRULE:FREQ=DAILY;UNTIL=20260201T000000Z"), "20260105T09-20260201T01?"),
    (event(f"{ON} | {LONG} | RRULE:FREQ=SECONDLY;COUNT=86400"), "20260105T09-20260106T095959?"),
    (event(f"{ON} | {LONG} | RDATE:20250105T090000Z,20270105T090000Z"), "20250105T09-20270105T10?"),
    (
        event(f"{ON} | {LONG} | RDATE;VALUE=PERIOD:20270105T090000Z/PT5H"),
        "20260105T09-20270105T15?",
    ),
    (
        event(
            f"{ON} | {LONG} | RRULE:FREQ=DAILY;COUNT=3",
            "RECURRENCE-ID:20260106T090000Z | DTSTART:20250101T090000Z | DURATION:PT1H",
        ),
        "20250101T09-20260107T10?",
    ),
    (event("RECURRENCE-ID:20260106T090000Z | DTSTART:20260107T09 | DURATION:PT1H"), "-?"),
    (
        event("RECURRENCE-ID:20260106T090000Z | DTSTART:20260107T090000Z | DURATION:PT1H"),
        "20260107T09-20260107T10",
    ),
    # no time at all
    (event("SUMMARY:x"), "-"),
    (todo("SUMMARY:x"), "-"),
    (journal("SUMMARY:x"), "never"),
    (journal(ON), "20260105T09-20260105T090001"),
    (todo("CREATED:20260105T090000Z"), "20260105T09-"),
    (todo("DUE:20260105T090000Z"), "20260105T085959-20260105T09"),
    # what nobody can read may be any time
    (event("DTSTART:soon"), "-?"),
    (event(f"{ON} | RRULE:FREQ=NEVER"), "-?"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), TABLE)
def test_spans(body: bytes, expected: str) -> None:
    assert text_of(span_of(read_component(body))) == expected


def test_the_names_of_the_two_ends() -> None:
    assert span_of(read_component(todo("SUMMARY:x"))) == ALWAYS
    assert span_of(read_component(event("DTSTART:soon"))) == ANY
    assert span_of(read_component(journal("SUMMARY:x"))) == NO_SPAN


STARTS = st.sampled_from(
    (
        "DTSTART:20260328T233000Z", "DTSTART;TZID=Europe/Berlin:20260329T023000",
        "DTSTART;VALUE=DATE:20260329", "DTSTART:20260329T023000", "DUE:20260329T023000",
        "DTSTART;TZID=Berlin of ours:20260329T023000", "CREATED:20260329T023000Z",
        "COMPLETED:20260329T023000Z", "DTSTART;TZID=Asia/Tokyo:20260329T000000",
    )
)  # fmt: skip
ENDS = st.sampled_from(
    ("", "DURATION:PT1H", "DURATION:P1D", "DURATION:PT0S", "DTEND:20260330T000000Z",
     "DUE;VALUE=DATE:20260330", "DTEND;TZID=Europe/Berlin:20260329T030000", "DUE:20260329T020000Z")
)  # fmt: skip
REPEATS = st.sampled_from(
    ("", "RRULE:FREQ=DAILY;COUNT=4", "RRULE:FREQ=WEEKLY;UNTIL=20260501T000000Z",
     "RRULE:FREQ=MONTHLY",
     "RDATE:20260402T100000Z", "RDATE;VALUE=PERIOD:20260403T000000Z/P2D",
     "RRULE:FREQ=HOURLY;INTERVAL=7;COUNT=9", "RRULE:FREQ=DAILY;BYDAY=MO;UNTIL=20260429")
)  # fmt: skip
CHANGES = st.sampled_from(
    ("", "RECURRENCE-ID:20260402T100000Z | DTSTART:20250101T000000Z",
     "RECURRENCE-ID;VALUE=DATE:20260330 | DTSTART;VALUE=DATE:20260501",
     "RECURRENCE-ID;RANGE=THISANDFUTURE:20260330T003000Z | DTSTART:20260328T223000Z | DURATION:P3D")
)  # fmt: skip
ZONES = st.sampled_from((UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")))


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(("VEVENT", "VTODO", "VJOURNAL")),
    STARTS,
    ENDS,
    REPEATS,
    CHANGES,
    ZONES,
    st.integers(-40, 60 * 24),
    st.integers(1, 24 * 30),
)
def test_a_span_is_never_too_short_and_exact_where_it_says_so(
    name: str, start: str, end: str, repeat: str, change: str, zone: object, lo: int, size: int
) -> None:
    several = [component(name, f"UID:u | {start} | {end} | {repeat}")]
    several += [component(name, f"UID:u | {change}")] if change else []
    root = read_component(calendar(BERLIN, *several))
    span = span_of(root)
    low = at("20260327") + 3600 * lo
    high = low + 3600 * size
    series = Series(list(root.named(name)), Zones(root), zone)  # type: ignore[arg-type]
    try:
        has = any(True for _ in series.instances(low, high, Budget()))
    except OutOfBudget:
        return
    meets = span.starts < span.ends and overlap([(span.starts, span.ends)], low, high)
    assert has <= meets
    if span.exact:
        assert has == meets
