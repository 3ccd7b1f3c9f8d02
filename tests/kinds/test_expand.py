"""What reports give of an object: instances, parts of a series, chosen properties."""

from __future__ import annotations

import time
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from tests.kinds.objects import BERLIN, at, calendar, component, event, todo

from stillhere.kinds.calendar_filter import TimeRange
from stillhere.kinds.component import Component, read_component
from stillhere.kinds.expand import (
    MOST_BYTES,
    MOST_INSTANCES,
    CalendarData,
    Selection,
    expand,
    give,
    limit_freebusy_set,
    limit_recurrence_set,
    select,
)

TOKYO = ZoneInfo("Asia/Tokyo")
MEETING = event(  # RFC 4791, appendix B, abcd2.ics
    "DTSTART;TZID=US/Eastern:20060102T120000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=5"
    " | SUMMARY:Event #2",
    "DTSTART;TZID=US/Eastern:20060104T140000 | DURATION:PT1H"
    " | RECURRENCE-ID;TZID=US/Eastern:20060104T120000 | SUMMARY:Event #2 bis",
    zones=BERLIN,
)


def ranged(start: str, end: str) -> TimeRange:
    return TimeRange(at(start), at(end))


def said(one: Component, *names: str) -> str:
    """``NAME;PARAMETERS:VALUE`` of the properties that have a name, and of all without names."""
    return " | ".join(
        f"{found.name}{found.parameters.decode()}:{found.value.decode()}"
        for found in one.properties
        if found.name in names or (not names and found.name != "UID")
    )


def expanded(body: bytes, start: str, end: str, zone: ZoneInfo | None = None) -> list[str]:
    whole = expand(read_component(body), ranged(start, end), zone or UTC)
    return [said(one) for one in whole.components]


class TestExpand:
    def test_the_example_of_the_rfc(self) -> None:  # 7.8.3
        assert expanded(MEETING, "20060103", "20060105") == [
            (
                "DTSTART:20060103T170000Z | DURATION:PT1H | RECURRENCE-ID:20060103T170000Z"
                " | SUMMARY:Event #2"
            ),
            (
                "DTSTART:20060104T190000Z | DURATION:PT1H | RECURRENCE-ID:20060104T170000Z"
                " | SUMMARY:Event #2 bis"
            ),
        ]

    def test_the_frame_stays_and_the_zones_go(self) -> None:
        whole = expand(read_component(MEETING), ranged("20060103", "20060105"), UTC)
        assert said(whole, "VERSION") == "VERSION:2.0"
        assert {one.name for one in whole.components} == {"VEVENT"}

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (
                event(
                    "DTSTART;TZID=Europe/Berlin:20060103T090000\nDTEND;TZID=Asia/Tokyo:20060103T180000"
                ),
                "DTSTART:20060103T080000Z | DTEND:20060103T090000Z",
            ),
            (event("DTSTART;VALUE=DATE:20060103"), "DTSTART;VALUE=DATE:20060103"),
            (
                event("DTSTART;VALUE=DATE:20051203 | DURATION:P2D | RRULE:FREQ=MONTHLY"),
                "DTSTART;VALUE=DATE:20060103 | DURATION:P2D | RECURRENCE-ID;VALUE=DATE:20060103",
            ),
            (
                event("DTSTART;VALUE=DATE:20060103 | DTEND;VALUE=DATE:20060105"),
                "DTSTART;VALUE=DATE:20060103 | DTEND;VALUE=DATE:20060105",
            ),
            (
                event("DTSTART:20051203T090000 | DTEND:20051203T100000 | RRULE:FREQ=MONTHLY"),
                "DTSTART:20060103T090000 | DTEND:20060103T100000 | RECURRENCE-ID:20060103T090000",
            ),
            (
                event(
                    "DTSTART:20060102T090000Z | DTEND:20060102T100000Z"
                    " | RDATE;VALUE=PERIOD:20060103T090000Z/PT3H"
                ),
                (
                    "DTSTART:20060103T090000Z | DTEND:20060103T120000Z"
                    " | RECURRENCE-ID:20060103T090000Z"
                ),
            ),
            (
                event(
                    "DTSTART:20060103T090000Z"
                    ' | X-AT;TZID=Asia/Tokyo;X-P="a;b":20060103T090000,20060104T090000'
                ),
                'DTSTART:20060103T090000Z | X-AT;X-P="a;b":20060103T000000Z,20060104T000000Z',
            ),
            (event("DTSTART;TZID=Nowhere:20060103T090000"), "DTSTART:20060103T090000"),
            (
                todo("DUE;TZID=Asia/Tokyo:20060102T090000 | RRULE:FREQ=DAILY | STATUS:COMPLETED"),
                "DUE:20060104T000000Z | RECURRENCE-ID:20060104T000000Z | STATUS:COMPLETED",
            ),
            (
                todo("DTSTART:20060103T090000Z | DUE;VALUE=DATE:20060104"),
                "DTSTART:20060103T090000Z | DUE:20060104T000000Z",
            ),
            (event("DTSTART:20060203T090000Z"), ""),
        ],
    )
    def test_times_are_in_utc_dates_and_floating_times_stay(
        self, body: bytes, expected: str
    ) -> None:
        assert expanded(body, "20060103", "20060104T01") == ([expected] if expected else [])

    def test_a_change_from_then_on_is_in_what_follows(self) -> None:
        body = event(
            "DTSTART:20060102T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=4",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20060104T090000Z | DTSTART:20060104T100000Z"
            " | DURATION:PT2H | SUMMARY:longer",
        )
        assert expanded(body, "20060103", "20060201") == [
            "DTSTART:20060103T090000Z | DURATION:PT1H | RECURRENCE-ID:20060103T090000Z",
            (
                "DTSTART:20060104T100000Z | DURATION:PT2H | RECURRENCE-ID:20060104T090000Z"
                " | SUMMARY:longer"
            ),
            (
                "DTSTART:20060105T100000Z | DURATION:PT2H | RECURRENCE-ID:20060105T090000Z"
                " | SUMMARY:longer"
            ),
        ]

    def test_alarms_stay_with_each(self) -> None:
        alarm = component("VALARM", "TRIGGER:-PT5M")
        body = event(f"DTSTART:20060102T090000Z | RRULE:FREQ=DAILY;COUNT=3\n{alarm}")
        whole = expand(read_component(body), ranged("20060101", "20060201"), UTC)
        assert [len(one.components) for one in whole.components] == [1, 1, 1]

    def test_what_nobody_can_read_is_given_as_it_is(self) -> None:
        whole = read_component(event("DTSTART:soon | RRULE:FREQ=DAILY"))
        assert expand(whole, ranged("20060101", "20060201"), UTC) == whole

    def test_what_is_long_is_cut_before_that(self) -> None:
        alarms = component("VALARM", f"TRIGGER:-PT5M | DESCRIPTION:{'x' * 100_000}")
        body = event(f"DTSTART:20200101T000000Z | RRULE:FREQ=DAILY\n{alarms}")
        given = give(body, CalendarData(expand=ranged("20260101", "20300101")), UTC)
        assert MOST_BYTES <= len(given) < 1.1 * MOST_BYTES

    @pytest.mark.parametrize("zone", ["", ";TZID=Europe/Berlin"])
    def test_what_has_too_many_instances_is_cut(self, zone: str) -> None:
        body = event(f"DTSTART{zone}:19000101T000000{'' if zone else 'Z'} | RRULE:FREQ=SECONDLY")
        began = time.process_time()
        found = expanded(body, "20060101", "20070101")
        took = time.process_time() - began
        assert len(found) == MOST_INSTANCES
        assert took < 2, f"{took} s"  # some 0.1 s; without an end, for ever

    def test_what_has_many_parts_is_cut_sooner(self) -> None:
        """Each instance has all of its component's alarms: some text would be given much of."""
        alarms = "\n".join([component("VALARM", "TRIGGER:-PT5M")] * 1_000)
        body = event(f"DTSTART:20060101T000000Z | RRULE:FREQ=DAILY\n{alarms}")
        whole = expand(read_component(body), ranged("20060101", "20160101"), UTC)
        assert 1 < len(whole.components) < MOST_INSTANCES // 10

    def test_an_end_after_all_years_is_the_last_that_can_be_written(self) -> None:
        body = event("DTSTART:20060101T000000 | DTEND:99991231T235959 | RRULE:FREQ=DAILY;COUNT=2")
        assert expanded(body, "20060102", "20060103") == [
            "DTSTART:20060101T000000 | DTEND:99991231T235959 | RECURRENCE-ID:20060101T000000",
            "DTSTART:20060102T000000 | DTEND:99991231T235959 | RECURRENCE-ID:20060102T000000",
        ]


class TestLimitRecurrenceSet:
    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            ("20060103", "20060105", 2),
            ("20060104T17", "20060104T18", 2),  # where it would be
            ("20060104T19", "20060104T20", 2),  # where it is
            ("20060105", "20060106", 1),
            ("20060104T18", "20060104T19", 1),
        ],
    )
    def test_leaves_the_changes_that_matter(self, start: str, end: str, expected: int) -> None:
        limited = limit_recurrence_set(read_component(MEETING), ranged(start, end), UTC)
        assert [one.name for one in limited.components] == ["VTIMEZONE"] + ["VEVENT"] * expected
        assert limited.components[1].first("RRULE")

    def test_leaves_what_changes_all_that_follows(self) -> None:
        body = MEETING.replace(b"RECURRENCE-ID;", b"RECURRENCE-ID;RANGE=THISANDFUTURE;")
        later = limit_recurrence_set(read_component(body), ranged("20060105", "20060106"), UTC)
        before = limit_recurrence_set(read_component(body), ranged("20060103", "20060104"), UTC)
        assert (len(later.components), len(before.components)) == (3, 2)


def test_limit_freebusy_set_leaves_the_periods_in_a_time() -> None:
    body = calendar(
        component(
            "VFREEBUSY",
            "UID:u | FREEBUSY:20060102T100000Z/PT1H,20060103T100000Z/20060103T110000Z"
            " | FREEBUSY;FBTYPE=FREE:20060102T150000Z/PT1H | COMMENT:x",
        )
    )
    limited = limit_freebusy_set(read_component(body), ranged("20060103", "20060104"), UTC)
    assert said(limited.components[0]) == ("FREEBUSY:20060103T100000Z/20060103T110000Z | COMMENT:x")


class TestSelect:
    def chosen(self, selection: Selection) -> Component:
        return select(read_component(MEETING), selection)

    def test_the_example_of_the_rfc(self) -> None:  # 7.8.1
        event = Selection("VEVENT", frozenset(("SUMMARY", "UID", "DTSTART")))
        whole = self.chosen(
            Selection("VCALENDAR", frozenset(("VERSION",)), (event, Selection("VTIMEZONE")))
        )
        assert said(whole) == "VERSION:2.0"
        assert said(whole.components[1]) == (
            "DTSTART;TZID=US/Eastern:20060102T120000 | SUMMARY:Event #2"
        )
        assert whole.components[0] == read_component(MEETING).components[0]

    def test_all_properties_or_all_components(self) -> None:
        whole = self.chosen(Selection("VCALENDAR", frozenset(("VERSION",)), None))
        assert len(whole.components) == 3
        whole = self.chosen(Selection("VCALENDAR", None))
        assert whole.components == []
        assert said(whole) == "VERSION:2.0 | PRODID:-//tests"

    def test_a_name_without_its_value(self) -> None:
        names = frozenset(("SUMMARY", "DTSTART"))
        event = Selection("VEVENT", names, empty=frozenset(("SUMMARY",)))
        whole = self.chosen(Selection("VCALENDAR", None, (event,)))
        assert said(whole.components[0]) == "DTSTART;TZID=US/Eastern:20060102T120000 | SUMMARY:"


class TestGive:
    def test_byte_for_byte_where_nothing_is_asked_for(self) -> None:
        assert give(b"anything", CalendarData(), UTC) == b"anything"

    def test_one_after_the_other(self) -> None:
        selection = Selection(
            "VCALENDAR", frozenset(), (Selection("VEVENT", frozenset(("DTSTART",))),)
        )
        wanted = CalendarData(selection, expand=ranged("20060103", "20060104"))
        assert give(MEETING, wanted, UTC) == (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20060103T170000Z\r\nEND:VEVENT\r\n"
            b"END:VCALENDAR\r\n"
        )

    def test_what_is_no_object_is_given_as_it_is(self) -> None:
        assert give(b"x", CalendarData(Selection("VCALENDAR")), UTC) == b"x"


def test_dates_are_in_the_calendars_zone() -> None:
    body = event("DTSTART;VALUE=DATE:20060103")
    assert expanded(body, "20060103T15", "20060103T16") == ["DTSTART;VALUE=DATE:20060103"]
    assert expanded(body, "20060103T15", "20060103T16", TOKYO) == []
