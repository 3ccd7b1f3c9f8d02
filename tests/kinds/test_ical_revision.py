"""Which of two revisions is newer, and what one of them adds."""

from __future__ import annotations

import pytest
from tests.kinds.objects import calendar, record, zone

from stillhere.kinds.ical_revision import revision_of, says_nothing_new
from stillhere.kinds.item import BadItem

OLD = "LAST-MODIFIED:20260101T000000Z"
NEW = "LAST-MODIFIED:20260102T000000Z"
DAY = "RECURRENCE-ID:20260310T120000Z"


class TestRevision:
    @pytest.mark.parametrize(
        ("older", "newer"),
        [
            ([OLD], [NEW]),
            ([NEW], [OLD, "SEQUENCE:1"]),
            ([OLD, "SEQUENCE:9"], [OLD, "SEQUENCE:10"]),
            (["DTSTAMP:20260101T000000Z"], ["DTSTAMP:20260101T000001Z"]),
            ([OLD, "DTSTAMP:20270101T000000Z"], [NEW, "DTSTAMP:20260101T000000Z"]),
            (["BEGIN:VALARM", "SEQUENCE:5", NEW, "END:VALARM", OLD], [NEW]),
        ],
    )
    def test_knows_the_newer_one(self, older: list[str], newer: list[str]) -> None:
        assert "" < revision_of(calendar(record(*older))) < revision_of(calendar(record(*newer)))

    def test_a_changed_day_makes_the_series_newer(self) -> None:
        series = record(OLD)
        assert revision_of(calendar(series)) < revision_of(calendar(series, record(DAY, NEW)))

    @pytest.mark.parametrize("lines", [[], ["SEQUENCE:3"], ["LAST-MODIFIED:today"], ["CREATED:1"]])
    def test_is_empty_where_nobody_can_tell(self, lines: list[str]) -> None:
        assert revision_of(calendar(zone("A") + f"\n{NEW}", record(*lines))) == ""

    def test_refuses_what_is_no_object(self) -> None:
        with pytest.raises(BadItem):
            revision_of(b"junk")


MINE = calendar(record("SUMMARY:Lunch", "DTSTART;TZID=A:1", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a"))


class TestNothingNew:
    @pytest.mark.parametrize(
        "same",
        [
            MINE.replace(b"\r\n", b"\n").replace(b"Lunch", b"Lu\n nch"),
            MINE.replace(b"UID", b"DTSTAMP:20270101T000000Z\r\nSEQUENCE:7\r\nUID"),
            MINE.replace(b"SUMMARY:Lunch\r\n", b"").replace(b"END:VE", b"summary:Lunch\r\nEND:VE"),
            MINE.replace(b"SUMMARY:Lunch\r\n", b""),
            MINE.replace(b"-//tests", b"-//Other"),
            MINE.replace(b"BEGIN:VE", zone("A").replace("\n", "\r\n").encode() + b"\r\nBEGIN:VE"),
            MINE.replace(b"TZID=A", b'TZID="A"'),
        ],
    )
    def test_the_form_does_not_count(self, same: bytes) -> None:
        assert same != MINE
        assert says_nothing_new(same, MINE)

    @pytest.mark.parametrize(
        "other",
        [
            MINE.replace(b"Lunch", b"Dinner"),
            MINE.replace(b"TZID=A", b"TZID=B"),
            MINE.replace(b"ACCEPTED", b"DECLINED"),
            MINE.replace(b"END:VE", b"LOCATION:here\r\nEND:VE"),
            MINE.replace(b"END:VE", b"BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VE"),
            MINE.replace(b"VEVENT", b"VTODO"),
            MINE.replace(b"UID:1", b"UID:1\r\n" + DAY.encode()),
        ],
    )
    def test_everything_else_does(self, other: bytes) -> None:
        assert not says_nothing_new(other, MINE)
        assert says_nothing_new(other, other)

    def test_an_alarm_counts_as_a_whole(self) -> None:
        def alarms(*triggers: str) -> bytes:
            return calendar(record(*(f"BEGIN:VALARM\n{one}\nEND:VALARM" for one in triggers)))

        assert says_nothing_new(alarms("A:1"), alarms("A:2", "A:1"))
        assert not says_nothing_new(alarms("A:1\nB:2"), alarms("A:1", "B:2"))
