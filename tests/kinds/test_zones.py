# ruff: noqa: DTZ001 - clocks show times without a zone
"""Time zones by the names that programs give them, and by what objects say of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from tests.kinds.objects import BERLIN, calendar, component

from stillhere.kinds.component import read_component
from stillhere.kinds.moments import local_of, seconds_of
from stillhere.kinds.span import span_of
from stillhere.kinds.windows import PLACES
from stillhere.kinds.zones import DefinedZone, Zones, known, read_zone


def defined(text: str, name: str = "Berlin of ours") -> tzinfo:
    zone = Zones(read_component(calendar(text))).find(name)
    assert zone is not None
    return zone


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("US/Eastern", "US/Eastern"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Eastern Standard Time (Mexico)", "America/Cancun"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/America/Indiana/Knox", "America/Indiana/Knox"),
        ("/citadel.org/20190914_1/Europe/Lisbon", "Europe/Lisbon"),
    ],
)
def test_names_that_mean_a_zone_of_the_database(name: str, place: str) -> None:
    zone = known(name)
    assert isinstance(zone, ZoneInfo)
    assert zone.key == place


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC"])
def test_utc_is_utc(name: str) -> None:
    assert known(name) is UTC


@pytest.mark.parametrize(
    "name",
    ["", "Berlin", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b", "x" * 5000, "é", "//", "/"],
)
def test_names_that_mean_none(name: str) -> None:
    assert known(name) is None


def test_every_place_of_windows_is_there() -> None:
    assert len(PLACES) == 139
    assert [name for name in PLACES if known(name) is None] == []


class TestDefinition:
    def test_says_what_the_database_does(self) -> None:
        ours, theirs = defined(BERLIN), ZoneInfo("Europe/Berlin")
        assert isinstance(ours, DefinedZone)
        for hours in range(0, 24 * 366 * 30, 5):
            local = datetime(1998, 1, 1) + timedelta(hours=hours, minutes=hours % 60)
            assert seconds_of(local, ours) == seconds_of(local, theirs), local
            assert local_of(local, ours) == local_of(local, theirs), local

    @pytest.mark.parametrize(
        ("local", "utc"),
        [
            (datetime(2026, 3, 29, 1, 59), datetime(2026, 3, 29, 0, 59)),
            (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 30)),  # it does not exist
            (datetime(2026, 3, 29, 3, 0), datetime(2026, 3, 29, 1, 0)),
            (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30)),  # the first of two
            (datetime(2026, 10, 25, 3, 0), datetime(2026, 10, 25, 2, 0)),
        ],
    )
    @pytest.mark.parametrize("zone", [defined(BERLIN), ZoneInfo("Europe/Berlin")])
    def test_hours_that_are_not_there_and_hours_that_are_twice(
        self, zone: tzinfo, local: datetime, utc: datetime
    ) -> None:
        assert seconds_of(local, zone) == seconds_of(utc, UTC)

    def test_a_name_of_the_database_means_that_whatever_the_object_says(self) -> None:
        text = BERLIN.replace("Berlin of ours", "Asia/Tokyo")
        assert defined(text, "Asia/Tokyo") is known("Asia/Tokyo")

    def test_a_place_that_libical_notes_counts(self) -> None:
        text = BERLIN.replace("BEGIN:DAYLIGHT", "X-LIC-LOCATION:Europe/Berlin\nBEGIN:DAYLIGHT")
        assert defined(text) is known("Europe/Berlin")

    def test_is_nothing_where_the_object_has_none_of_that_name(self) -> None:
        assert Zones(read_component(calendar(BERLIN))).find("Rome of ours") is None

    def test_dates_that_are_written_out(self) -> None:
        zone = defined(
            "BEGIN:VTIMEZONE\nTZID:Berlin of ours\nBEGIN:STANDARD\nDTSTART:18000101T000000\n"
            "TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:STANDARD\nBEGIN:DAYLIGHT\n"
            "DTSTART:20000101T000000\nRDATE:20100101T000000,20200101T000000\n"
            "TZOFFSETFROM:+0200\nTZOFFSETTO:+0300\nEND:DAYLIGHT\nEND:VTIMEZONE"
        )
        offsets = [zone.utcoffset(datetime(year, 6, 1)) for year in (1700, 1900, 2005, 2026)]
        assert offsets == [timedelta(hours=n) for n in (1, 2, 3, 3)]

    def test_a_rule_that_ended_counts_on(self) -> None:
        zone = defined(BERLIN.replace("BYMONTH=10", "BYMONTH=10;UNTIL=20021231T000000Z"))
        assert zone.utcoffset(datetime(2002, 12, 1)) == timedelta(hours=1)
        assert zone.utcoffset(datetime(2019, 12, 1)) == timedelta(hours=2)

    @pytest.mark.parametrize(
        "broken", ["TZOFFSETTO:+9900", "TZOFFSETTO:soon", "DTSTART:soon", "RRULE:FREQ=SECONDLY"]
    )
    def test_a_part_that_can_not_be_read_counts_for_nothing(self, broken: str) -> None:
        name = broken.partition(":")[0]
        text = "\n".join(broken if line.startswith(name) else line for line in BERLIN.splitlines())
        assert Zones(read_component(calendar(text))).find("Berlin of ours") is None


def test_the_zone_of_a_calendar_property() -> None:
    zone = read_zone(calendar(BERLIN))
    assert zone is not None
    assert zone.utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)
    assert read_zone(calendar(BERLIN.replace("Berlin of ours", "Asia/Tokyo"))) is known(
        "Asia/Tokyo"
    )
    assert read_zone(calendar()) is None
    assert read_zone(b"no object") is None


def test_no_definition_costs_more_than_its_steps() -> None:
    every = ",".join(f"{n}{day}" for n in range(1, 54) for day in ("MO", "TU", "WE", "TH"))
    part = (
        "BEGIN:STANDARD\nDTSTART:19000101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0{n}00\n"
        f"RRULE:FREQ=YEARLY;BYDAY={every}\nEND:STANDARD\n"
    )
    parts = "".join(part.replace("{n}", str(n % 10)) for n in range(400))
    zone = defined(f"BEGIN:VTIMEZONE\nTZID:Berlin of ours\n{parts}END:VTIMEZONE")
    began = time.process_time()
    for year in range(1950, 2100):
        zone.utcoffset(datetime(year, 6, 1))
    took = time.process_time() - began
    assert took < 2, f"{took} s"  # some 0.1 s; without a bound, minutes


def test_many_definitions_cost_no_more_than_some() -> None:
    week = "MO,TU,WE,TH,FR,SA,SU"
    zones = [
        component(
            "VTIMEZONE",
            f"TZID:Z{n}\n"
            + component(
                "STANDARD",
                f"DTSTART:19700101T00{n // 60:02}{n % 60:02} | TZOFFSETFROM:+0100"
                f" | TZOFFSETTO:+0200 | RRULE:FREQ=YEARLY;BYDAY={week}",
            ),
        )
        for n in range(3000)
    ]
    dates = (f"RDATE;TZID=Z{n}:20260101T000000,20300101T000000" for n in range(3000))
    body = calendar(*zones, component("VEVENT", "DTSTART:20200101T000000Z\n" + "\n".join(dates)))
    root = read_component(body)
    began = time.process_time()
    span_of(root)
    took = time.process_time() - began
    assert took < 2, f"{took} s"  # some 0.1 s; without a bound, 7 s


def test_who_asks_about_many_years_leaves_some_for_others() -> None:
    theirs = defined(BERLIN)
    for year in range(9998, 0, -1):
        theirs.utcoffset(datetime(year, 7, 1))
    assert defined(BERLIN).utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)
    assert defined(BERLIN).utcoffset(datetime(2026, 12, 1)) == timedelta(hours=1)
