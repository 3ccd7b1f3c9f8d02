"""Calendar files of many items: taken apart by UID, put together, and read again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.objects import calendar, fill_in, real_files, record, zone

from stillhere.kinds import KINDS, kind_of
from stillhere.kinds.ical_file import join, split
from stillhere.kinds.item import BadItem, Piece
from stillhere.kinds.outline import Object, outline

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//EN\r\n"
DAY = "RECURRENCE-ID:20260310T120000Z"


def bodies(data: bytes) -> list[bytes]:
    return [piece.body for piece in split(data)]


def items(data: bytes) -> list[tuple[str, str]]:
    """(component, UID) of each piece, or (component, "refused")."""
    found = []
    for piece in split(data):
        kind = kind_of(piece.component)
        try:
            if kind is None:
                raise BadItem(f"{piece.component} is of no kind")
            found.append((piece.component, kind.parse(piece.body).uid))
        except BadItem:
            found.append((piece.component, "refused"))
    return found


def lines_of(data: bytes) -> set[bytes]:
    """The components of an object's items, without the time zones, byte for byte."""
    [found] = outline(data)
    assert isinstance(found, Object)
    return {data[p.begin.start : p.end] for p in found.parts if p.name != "VTIMEZONE"}


class TestSplit:
    def test_gives_each_item_its_lines_byte_for_byte(self) -> None:
        file = calendar(
            "X-WR-CALNAME:Mine",
            record("SUMMARY:one", " folded", uid="1"),
            record("SUMMARY:two", "X-UNKNOWN;A=\"b\":c", uid="2", name="VTODO"),
        )  # fmt: skip
        assert bodies(file) == [
            calendar(record("SUMMARY:one", " folded", uid="1")),
            calendar(record("SUMMARY:two", 'X-UNKNOWN;A="b":c', uid="2", name="VTODO")),
        ]

    def test_keeps_the_days_of_a_series_with_it(self) -> None:
        series, day, other = record("RRULE:FREQ=DAILY"), record(DAY), record(uid="2")
        assert bodies(calendar(day, other, series)) == [calendar(day, series), calendar(other)]

    def test_keeps_apart_what_has_the_same_uid_twice(self) -> None:
        first, again, day = record("SUMMARY:1"), record("SUMMARY:2"), record(DAY)
        assert bodies(calendar(first, again, day)) == [calendar(first), calendar(again, day)]
        todo = record(name="VTODO")
        assert bodies(calendar(first, todo, day)) == [calendar(first, day), calendar(todo)]

    def test_an_item_without_uid_stands_alone(self) -> None:
        one, two = record("SUMMARY:1", uid=""), record("SUMMARY:2", uid="")
        assert bodies(calendar(one, two)) == [calendar(one), calendar(two)]

    def test_carries_the_time_zones_along_that_an_item_names(self) -> None:
        a, b, c = zone("A"), zone("B;c"), zone("C")
        one = record("DTSTART;TZID=A:20260310T1200", "DTEND;X=y;tz", ' id="B;c":2', uid="1")
        two = record("DTSTART;TZID=Unknown:20260310T1200", uid="2")
        expected = [calendar(a, b, one), calendar(two)]
        assert bodies(calendar(a, b, c, one, two)) == expected
        assert bodies(calendar(one, two, c, a, b)) == expected

    @pytest.mark.parametrize(
        "line",
        ["METHOD:PUBLISH", "X-WR-TIMEZONE:A", "NAME:n", "COLOR:red", "x-wr-calname:n", "UID:7"],
    )
    def test_leaves_out_what_is_said_of_the_file(self, line: str) -> None:
        one, two = record(uid="1"), record(uid="2")
        assert bodies(calendar(line, one, two)) == [calendar(one), calendar(two)]

    @pytest.mark.parametrize("line", ["CALSCALE:GREGORIAN", "X-CALENDARSERVER-ACCESS:PRIVATE"])
    def test_keeps_what_is_said_of_every_item(self, line: str) -> None:
        one, two = record(uid="1"), record(uid="2")
        assert bodies(calendar(line, one, two)) == [calendar(line, one), calendar(line, two)]

    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_one_item_is_the_whole_object(self, eol: str) -> None:
        one = calendar("X-WR-CALNAME:x", zone("A"), record(), record(DAY), eol=eol)
        two = calendar(record(uid="2"), eol=eol)
        file = b"\xef\xbb\xbf" + eol.encode() + one + eol.encode() + two.rstrip()
        assert bodies(file) == [one, two.rstrip()]

    def test_a_message_becomes_the_item_it_is_about(self) -> None:
        file = calendar("METHOD:REQUEST", zone("A"), record("DTSTART;TZID=A:1"))
        assert bodies(file) == [calendar(zone("A"), record("DTSTART;TZID=A:1"))]

    def test_reads_around_what_is_broken(self) -> None:
        one, two, cut = record(uid="1"), record(uid="2"), "BEGIN:VEVENT\nUID:cut\nBEGIN:VALARM"
        assert items(b"junk\r\n" + calendar(one, cut, two)) == [
            ("", "refused"),
            ("VEVENT", "1"),
            ("VEVENT", "refused"),
            ("VEVENT", "2"),
        ]
        assert items(calendar(one, two, cut)[:-15]) == [
            ("VEVENT", "1"),
            ("VEVENT", "2"),
            ("VEVENT", "refused"),
        ]
        assert items(calendar(one)[:-15] + calendar(two)) == [("VEVENT", "1"), ("VEVENT", "2")]
        [whole] = bodies(calendar(one)[:-15])
        assert whole == calendar(one)
        assert bodies(calendar(one, two, "X:1")[:-17]) == [
            calendar("X:1", one),
            calendar("X:1", two),
        ]

    def test_says_what_is_of_no_kind(self) -> None:
        file = calendar(record(), "BEGIN:X-A\nEND:X-A", record(name="VFREEBUSY"), "BEGIN:VTIMEZONE")
        assert items(file) == [
            ("VEVENT", "1"),
            ("VFREEBUSY", "refused"),
            ("X-A", "refused"),
            ("VTIMEZONE", "refused"),
        ]

    def test_of_nothing_there_is_nothing(self) -> None:
        for file in (b"", b"\r\n", calendar(), calendar(zone("A"))):
            assert items(file) == []

    def test_refuses_utf16_with_a_reason(self) -> None:
        [piece] = split(calendar(record()).decode().encode("utf-16"))
        with pytest.raises(BadItem, match="UTF-16"):
            KINDS["calendar"].parse(piece.body)

    def test_knows_the_lines_of_the_file(self) -> None:
        one = record("DTSTART;TZID=A:1", "SUMMARY:a", " b", uid="1")
        file = calendar("METHOD:X", one, record("SUMMARY:x", uid="2"), zone("A"))
        pieces = list(split(file))
        assert [piece.line for piece in pieces] == [5, 11]
        for piece in pieces:
            for number, line in enumerate(piece.body.splitlines(), 1):
                assert file.splitlines()[piece.find_line(number) - 1] == line
        assert Piece("VCARD", 7, b"").find_line(3) == 9

    def test_takes_time_in_proportion(self) -> None:
        for noise in (b"\r" * 200_000, b" \n" * 100_000, b";TZID=" * 50_000, b"X:\n" * 50_000):
            broken = calendar("METHOD:X", record()).replace(b"UID:1", noise)
            list(split(calendar(record()) + broken))
        many = "\n".join(record(uid=str(n)) for n in range(5000))
        assert len(list(split(calendar(zone("A"), many)))) == 5000

    @given(
        st.lists(
            st.sampled_from(
                [
                    *(b"BEGIN:VEVENT", b"END:VEVENT", b"BEGIN:VCALENDAR", b"END:VCALENDAR"),
                    *(b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"TZID:A", b"X;TZID=A:", b"UID:1"),
                    *(b"BEGIN:X", b"END:X", b"RECURRENCE-ID:1", b"junk", b" A", b""),
                ]
            )
        )
    )
    def test_loses_no_component(self, lines: list[bytes]) -> None:
        file = b"\n".join(lines)
        pieces = list(split(file))
        found = b"".join(piece.body for piece in pieces)
        assert found.count(b"BEGIN:VEVENT") == file.count(b"BEGIN:VEVENT")
        for piece in pieces:
            places = [piece.find_line(n) for n in range(1, piece.body.count(b"\n") + 1)]
            assert all(1 <= place <= len(lines) + 1 for place in places)


class TestJoin:
    def check(self, objects: list[bytes]) -> bytes:
        """The file of these objects, whose items say the same when it is read again."""
        file = b"".join(join(objects))
        assert sum(map(len, join(objects))) == len(file)
        again = bodies(file)
        assert [lines_of(body) for body in again] == [lines_of(body) for body in objects]
        assert items(file) == [pair for body in objects for pair in items(body)]
        return file

    def test_makes_one_calendar_with_each_time_zone_once(self) -> None:
        one = record("DTSTART;TZID=A:1", uid="1")
        two = record("DTSTART;TZID=A:1", "DTEND;TZID=B:1", uid="2")
        todo = record(uid="3", name="VTODO")
        objects = [
            calendar(zone("A"), one),
            calendar(zone("A"), zone("B"), two, eol="\n"),
            calendar("X-WR-CALNAME:x", todo).rstrip(),
        ]
        file = self.check(objects)
        assert file.count(b"BEGIN:VCALENDAR") == 1
        assert file.count(b"TZID:A") == file.count(b"TZID:B") == 1
        assert file.startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Stillhere")

    def test_keeps_time_zones_apart_that_differ(self) -> None:
        one, two = record("DTSTART;TZID=A:1", uid="1"), record("DTSTART;TZID=A:1", uid="2")
        other = calendar(zone("A", "+0200"), two)
        file = self.check([calendar(zone("A"), one), other])
        assert file.endswith(other)
        assert file.count(b"BEGIN:VCALENDAR") == 2
        file = self.check([calendar(zone("A"), one), calendar(zone("A"), two, eol="\n")])
        assert file.count(b"TZID:A") == 1

    def test_takes_the_first_of_the_time_zones_that_everybody_knows(self) -> None:
        lines = "DTSTART;TZID=Europe/Berlin:1"
        first = calendar(zone("Europe/Berlin"), record(lines, uid="1"))
        second = calendar(zone("Europe/Berlin", "+0099"), record(lines, uid="2"))
        assert self.check([first, second]).count(b"TZID:Europe/Berlin") == 1

    @pytest.mark.parametrize("line", ["CALSCALE:OTHER", "X-CALENDARSERVER-ACCESS:PRIVATE"])
    def test_keeps_apart_what_says_something_of_its_own(self, line: str) -> None:
        private = calendar(line, record(uid="1"))
        file = self.check([calendar(record(uid="2")), private])
        assert file.endswith(private)

    def test_of_nothing_is_an_empty_calendar(self) -> None:
        assert items(b"".join(join([]))) == []

    def test_gives_every_file_of_real_programs_back(self, shared_data: Path) -> None:
        files = [fill_in(file.read_bytes()) for file in real_files(shared_data)]
        whole = [data for data in files if len(items(data)) == 1 and items(data)[0][1] != "refused"]
        assert len(whole) > 100
        # One UID is in many of them, as they are tests of one server.
        named = [data.replace(b"\nUID:", b"\nUID:%d-" % n) for n, data in enumerate(whole)]
        file = self.check_in_any_order(named)
        assert file.count(b"\nTZID:US/Eastern") <= 2

    def check_in_any_order(self, objects: Iterable[bytes]) -> bytes:
        file = b"".join(join(objects))
        again = {frozenset(lines_of(body)) for body in bodies(file)}
        assert again == {frozenset(lines_of(body)) for body in objects}
        return file
