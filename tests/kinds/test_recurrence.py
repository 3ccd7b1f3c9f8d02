"""Instances in a window: what repeats, what is left out, what is changed, and what it costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rruleset, rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kinds.objects import BERLIN, at, event, shown, todo

from stillhere.kinds.component import read_component
from stillhere.kinds.recurrence import UNREADABLE, Series
from stillhere.kinds.starts import Budget, OutOfBudget
from stillhere.kinds.zones import Zones

NEW_YORK = ZoneInfo("America/New_York")


def series(body: bytes, floating: object = UTC) -> Series:
    root = read_component(body)
    records = [one for one in root.components if one.name != "VTIMEZONE"]
    return Series(records, Zones(root), floating)  # type: ignore[arg-type]


def found(body: bytes, lo: str, hi: str, floating: object = UTC) -> list[str]:
    """The starts of the instances in a time, sorted."""
    instances = series(body, floating).instances(at(lo), at(hi), Budget(100_000))
    return [shown(start) for start in sorted(s for one in instances for s, _ in one.extents)]


WEEKLY = "DTSTART:20260105T090000Z | DTEND:20260105T100000Z | RRULE:FREQ=WEEKLY"
DAILY = "DTSTART;TZID=Europe/Berlin:20260323T090000 | DURATION:PT1H | RRULE:FREQ=DAILY"
ALL_DAY = "DTSTART;VALUE=DATE:20260105 | DTEND;VALUE=DATE:20260107 | RRULE:FREQ=MONTHLY"

TABLE = [
    # what a window has of it
    (event(WEEKLY), "20260101", "20260120", "20260105T09 20260112T09 20260119T09"),
    (event(WEEKLY), "20360101", "20360108", "20360107T09"),
    (event(WEEKLY), "20250101", "20260105T09", ""),
    (event(WEEKLY), "20260105T0959", "20260112T09", "20260105T09"),
    (event(WEEKLY), "20260105T10", "20260112T0901", "20260112T09"),
    # dates
    (event(ALL_DAY), "20260206", "20260207", "20260205"),
    (event(ALL_DAY), "20260207", "20260208", ""),
    (event(f"{ALL_DAY};BYHOUR=3,5"), "20260201", "20260301", "20260205"),
    # clocks are set on 29 March: nine o'clock is an hour earlier after it
    (event(DAILY), "20260328", "20260331", "20260328T08 20260329T07 20260330T07"),
    (
        event(DAILY.replace("Europe/Berlin", "Berlin of ours"), zones=BERLIN),
        "20260328",
        "20260331",
        "20260328T08 20260329T07 20260330T07",
    ),
    # a day by the calendar, 24 hours by the clock
    (
        event("DTSTART;TZID=Europe/Berlin:20260328T120000 | DURATION:P1D | RRULE:FREQ=YEARLY"),
        "20260329T1030",
        "20260330",
        "",
    ),
    (
        event("DTSTART;TZID=Europe/Berlin:20260328T120000 | DURATION:PT24H | RRULE:FREQ=YEARLY"),
        "20260329T1030",
        "20260330",
        "20260328T11",
    ),
    # an end in UTC
    (
        event(f"{DAILY};UNTIL=20260329T070000Z"),
        "20260301",
        "20260501",
        "20260323T08 20260324T08 20260325T08 20260326T08 20260327T08 20260328T08 20260329T07",
    ),
    (event(f"{DAILY};UNTIL=20260324T075959Z"), "20260301", "20260501", "20260323T08"),
    # left out
    (event(f"{WEEKLY} | EXDATE:20260112T090000Z"), "20260110", "20260120", "20260119T09"),
    (
        event(f"{WEEKLY} | EXDATE:20260105T090000Z,20260119T090000Z"),
        "20260101",
        "20260120",
        "20260112T09",
    ),
    (event(f"{WEEKLY} | EXDATE;VALUE=DATE:20260112"), "20260110", "20260120", "20260119T09"),
    (
        event(f"{WEEKLY} | EXDATE;TZID=America/New_York:20260112T040000"),
        "20260110",
        "20260120",
        "20260119T09",
    ),
    (event(f"{ALL_DAY} | EXDATE;VALUE=DATE:20260205"), "20260201", "20260301", ""),
    (
        event(f"{WEEKLY} | EXRULE:FREQ=WEEKLY;INTERVAL=2"),
        "20260101",
        "20260130",
        "20260112T09 20260126T09",
    ),
    # more of it
    (
        event("DTSTART:20260105T090000Z | RDATE:20260107T090000Z,20260105T090000Z"),
        "20260101",
        "20260201",
        "20260105T09 20260107T09",
    ),
    (
        event(f"{WEEKLY};COUNT=1 | RDATE;VALUE=PERIOD:20260107T090000Z/PT5H"),
        "20260107T13",
        "20260201",
        "20260107T09",
    ),
    (
        event(f"{WEEKLY};COUNT=2 | RRULE:FREQ=WEEKLY;COUNT=2;BYDAY=TU"),
        "20260101",
        "20260201",
        "20260105T09 20260106T09 20260112T09",
    ),
    # changed
    (
        event(WEEKLY, "RECURRENCE-ID:20260112T090000Z | DTSTART:20260113T150000Z"),
        "20260110",
        "20260120",
        "20260113T15 20260119T09",
    ),
    (
        event(WEEKLY, "RECURRENCE-ID;VALUE=DATE:20260112 | DTSTART:20260113T150000Z"),
        "20260110",
        "20260120",
        "20260113T15 20260119T09",
    ),
    (  # far away from where it was
        event(WEEKLY, "RECURRENCE-ID:20260112T090000Z | DTSTART:20270113T150000Z"),
        "20270113",
        "20270114",
        "20270113T15",
    ),
    (  # the whole series is not there, only what somebody was invited to
        event("RECURRENCE-ID:20260112T090000Z | DTSTART:20260112T090000Z"),
        "20260101",
        "20270101",
        "20260112T09",
    ),
    (
        event(
            WEEKLY,
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20260112T090000Z | DTSTART:20260113T150000Z"
            " | DURATION:P2D",
            "RECURRENCE-ID:20260126T090000Z | DTSTART:20260126T090000Z",
        ),
        "20260115T14",
        "20260204",
        "20260113T15 20260120T15 20260126T09 20260203T15",
    ),
    # from then on by the clock of another place, over a change of clocks, for the whole day
    (
        event(
            "DTSTART;TZID=Europe/Berlin:20260105T090000 | DURATION:PT1H | RRULE:FREQ=WEEKLY",
            "RECURRENCE-ID;TZID=Europe/Berlin;RANGE=THISANDFUTURE:20260112T090000"
            " | DTSTART;TZID=America/New_York:20260112T090000 | DURATION:PT1H",
        ),
        "20260119",
        "20260120",
        "20260119T14",
    ),
    (
        event(
            "DTSTART;TZID=Europe/Berlin:20260320T090000 | DURATION:PT1H | RRULE:FREQ=WEEKLY",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20260327T080000Z"
            " | DTSTART;TZID=Europe/Berlin:20260330T090000 | DURATION:PT1H",
        ),
        "20260401",
        "20260410",
        "20260406T07",
    ),
    (
        event(
            "DTSTART:20260105T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20260112T090000Z | DTSTART;VALUE=DATE:20260112",
        ),
        "20260114T18",
        "20260114T19",
        "20260114",
    ),
    (
        event(
            "DTSTART:20260105T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY",
            "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260112"
            " | DTSTART:20260112T100000Z | DURATION:PT1H",
        ),
        "20260114",
        "20260115",
        "20260114T10",
    ),
    # to-dos by their due date, as some programs write them
    (
        todo("DUE:20260105T090000Z | RRULE:FREQ=DAILY;COUNT=3"),
        "20260106",
        "20260107",
        "20260106T085959",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "lo", "hi", "expected"), TABLE)
def test_instances(body: bytes, lo: str, hi: str, expected: str) -> None:
    assert found(body, lo, hi) == expected.split()


def test_floating_times_are_in_the_zone_that_is_given() -> None:
    body = event("DTSTART:20260105T090000 | RRULE:FREQ=DAILY;COUNT=2")
    assert found(body, "20260101", "20260201") == ["20260105T09", "20260106T09"]
    assert found(body, "20260101", "20260201", NEW_YORK) == ["20260105T14", "20260106T14"]
    unknown = event("DTSTART;TZID=Nowhere:20260105T090000 | RRULE:FREQ=DAILY;COUNT=1")
    assert found(unknown, "20260101", "20260201", NEW_YORK) == ["20260105T14"]


def test_a_day_is_24_hours_though_the_first_one_was_23() -> None:
    body = event("DTSTART;VALUE=DATE:20260308 | RRULE:FREQ=DAILY")
    assert found(body, "20260316T0330", "20260316T0340", NEW_YORK) == ["20260315T04"]


def test_an_instance_says_by_which_component_it_is_and_in_place_of_which() -> None:
    body = event(WEEKLY, "RECURRENCE-ID:20260112T090000Z | DTSTART:20260113T150000Z | SUMMARY:x")
    instances = list(series(body).instances(at("20260110"), at("20260120"), Budget()))
    by_slot = {one.slot.local.day: one for one in instances if one.slot}
    assert by_slot[12].component.first("SUMMARY") is not None
    assert by_slot[19].component.first("SUMMARY") is None
    assert by_slot[12].ends(UTC) == at("20260113T15")
    assert by_slot[19].ends(UTC) == at("20260119T10")


@pytest.mark.parametrize(
    "text",
    [
        "DTSTART:soon", "DTSTART:20261341", "DTSTART:20260105T090000Z | DURATION:long",
        "DTSTART:20260105 | RRULE:FREQ=NEVER", "DTSTART:20260105 | EXDATE:soon | RRULE:FREQ=DAILY",
        "DTSTART:20260105 | RDATE:20260106/soon", "DTSTART:\udcff", "DTSTART:20260105T090000+01:00",
        f"DTSTART:20260105 | RDATE:20260105{',20260106' * 5000}\nRDATE:{',20260106' * 5000}",
        "DTSTART:99991231T000000Z | DURATION:P9999999W", "RECURRENCE-ID:soon | DTSTART:20260101",
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_told(text: str) -> None:
    body = event(text.replace("\udcff", "?")).replace(b"?", b"\xff")
    with pytest.raises(UNREADABLE):
        list(series(body).instances(at("20260101"), at("20270101"), Budget()))


@pytest.mark.parametrize(
    "text",
    [
        "DTSTART:19000101T000000Z | RRULE:FREQ=SECONDLY",
        "DTSTART;TZID=Europe/Berlin:19000101T000000 | RRULE:FREQ=SECONDLY",
        "DTSTART:19000101T000000Z | DURATION:P9999W | RRULE:FREQ=SECONDLY",
        "DTSTART:19000101T000000Z | RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "DTSTART:19000101T000000Z | RRULE:FREQ=SECONDLY | EXRULE:FREQ=SECONDLY",
        f"DTSTART:19000101T000000Z | RRULE:FREQ=MINUTELY | EXDATE:19000101{',20261001' * 9999}",
        "DTSTART:20260101T000000Z | RRULE:FREQ=SECONDLY" + "".join(
            f" | EXDATE:202609{1 + n % 30:02}T{n % 24:02}0000Z" for n in range(2000)
        ),
    ],
)  # fmt: skip
def test_a_billion_instances_cost_no_more_than_a_few(text: str) -> None:
    began = time.process_time()
    try:
        one = list(
            islice(series(event(text)).instances(at("20261001"), at("20261101"), Budget()), 1)
        )
    except OutOfBudget:
        one = []
    took = time.process_time() - began
    assert took < 0.5, f"{took} s"  # some 10 ms
    assert ("SECONDLY" in text and "EXRULE" not in text and "Berlin" not in text) <= bool(one)


def test_more_rules_than_anybody_writes_are_not_followed() -> None:
    rules = "".join(
        f" | RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT={n}" for n in range(2, 3000)
    )
    with pytest.raises(ValueError, match="rules"):
        series(event(f"DTSTART:20260101T000000Z{rules}"))


RULES = (
    "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=DAILY;COUNT=40",
    "FREQ=HOURLY;INTERVAL=5", "FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=DAILY;INTERVAL=3;UNTIL=20260501T000000Z",
)  # fmt: skip
CLOCK = st.datetimes(datetime(2026, 3, 1), datetime(2026, 6, 1)).map(  # noqa: DTZ001
    lambda one: one.replace(microsecond=0)
)


@settings(deadline=None, max_examples=60)
@given(
    CLOCK,
    st.lists(st.sampled_from(RULES), min_size=1, max_size=2, unique=True),
    st.lists(CLOCK, max_size=3),
    st.lists(st.integers(0, 30), max_size=5),
    st.sampled_from(("Europe/Berlin", "America/New_York", "Asia/Tokyo")),
)
def test_instances_are_those_of_dateutil(
    first: datetime, rules: list[str], more: list[datetime], less: list[int], name: str
) -> None:
    zone = ZoneInfo(name)
    theirs = rruleset()
    theirs.rdate(first)
    for rule in rules:
        until = rule.replace("20260501T000000Z", "20260501T020000")
        theirs.rrule(rrulestr(until, dtstart=first))
    for one in more:
        theirs.rdate(one)
    lo, hi = datetime(2026, 3, 1), datetime(2026, 7, 1)  # noqa: DTZ001
    everything = theirs.between(lo, hi, inc=True)
    for nth in less:
        theirs.exdate(everything[nth % len(everything)])
    left = theirs.between(lo, hi, inc=True)
    lines = [f"DTSTART;TZID={name}:{first:%Y%m%dT%H%M%S}", *(f"RRULE:{rule}" for rule in rules)]
    lines += [f"RDATE;TZID={name}:{one:%Y%m%dT%H%M%S}" for one in more]
    lines += [f"EXDATE;TZID={name}:{everything[n % len(everything)]:%Y%m%dT%H%M%S}" for n in less]
    body = event("\n".join(lines).replace("20260501T000000Z", _utc("20260501T020000", zone)))
    ours = series(body).instances(at("20260228"), at("20260702"), Budget(100_000))
    starts = {start for one in ours for start, _ in one.extents}
    expected = {int(one.replace(tzinfo=zone).timestamp()) for one in left}
    assert _inner(starts) == _inner(expected)


def _inner(starts: set[int]) -> set[int]:
    """Those that both windows have, whatever the zone."""
    return {one for one in starts if at("20260302") <= one < at("20260630")}


def _utc(local: str, zone: ZoneInfo) -> str:
    moment = datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}"
