"""iCalendar objects as trees: read as tolerantly as real files need, written as RFC 5545 says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.kinds import component
from stillhere.kinds.component import Component, fold, read_component, write_component
from stillhere.kinds.item import BadItem
from stillhere.kinds.lines import Property, content_lines

EVENT = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Lunch\r\n"
    b"BEGIN:VALARM\r\nACTION:AUDIO\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def event(*lines: str, eol: str = "\r\n") -> Component:
    whole = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", "")
    return read_component(eol.join(whole).encode()).components[0]


class TestRead:
    def test_makes_a_tree(self) -> None:
        assert read_component(EVENT) == Component(
            "VCALENDAR",
            [Property("", "VERSION", b"", b"2.0")],
            [
                Component(
                    "VEVENT",
                    [Property("", "UID", b"", b"1"), Property("", "SUMMARY", b"", b"Lunch")],
                    [Component("VALARM", [Property("", "ACTION", b"", b"AUDIO")])],
                )
            ],
        )

    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_takes_every_line_ending_and_fold(self, eol: str) -> None:
        found = event(f"SUMMARY:one{eol}  two{eol}\tthree", f"UID:{eol} 7", eol=eol)
        assert found.properties == [
            Property("", "SUMMARY", b"", b"one twothree"),
            Property("", "UID", b"", b"7"),
        ]

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("dtstart;tzid=Here:1", Property("", "DTSTART", b";tzid=Here", b"1")),
            ('X;A="b:c;d":e:f', Property("", "X", b';A="b:c;d"', b"e:f")),
            ('X;A="b",c="d":', Property("", "X", b';A="b",c="d"', b"")),
            ("item1.X-Y: z ", Property("ITEM1", "X-Y", b"", b" z ")),
            ("SUMMARY:ü", Property("", "SUMMARY", b"", "ü".encode())),
        ],
    )
    def test_reads_a_property(self, line: str, expected: Property) -> None:
        assert event(line).properties == [expected]

    @pytest.mark.parametrize("line", ["no property", 'X;A="b:c', "a b:c", ";A=b:c", "", " ", ":"])
    def test_lets_lines_pass_that_are_no_properties(self, line: str) -> None:
        assert [one.name for one in event("UID:1", "X:", line, "Y:").properties] == [
            "UID",
            "X",
            "Y",
        ]

    def test_lets_names_be_written_as_they_like(self) -> None:
        data = EVENT.replace(b"BEGIN:VEVENT", b"begin:vEvent ").replace(b"VALARM", b"Valarm")
        assert read_component(data) == read_component(EVENT)

    def test_takes_a_byte_order_mark_and_blank_lines(self) -> None:
        assert read_component(b"\xef\xbb\xbf\r\n" + EVENT + b"\r\n\n") == read_component(EVENT)

    @pytest.mark.parametrize(
        ("data", "line", "reason"),
        [
            (b"", 1, "no calendar object"),
            (b"\r\n\r\n", 1, "no calendar object"),
            (b"hello", 1, "does not begin with BEGIN:VCALENDAR"),
            (b"\n\nBEGIN:VCARD\n", 3, "does not begin with BEGIN:VCALENDAR"),
            (b"UID:1\r\n" + EVENT, 1, "does not begin with BEGIN:VCALENDAR"),
            (EVENT + b"\r\nX:1\r\n", 12, "more after END:VCALENDAR"),
            (EVENT + b"junk", 11, "more after END:VCALENDAR"),
            (EVENT + EVENT, 11, "more after END:VCALENDAR"),
            (EVENT.replace(b"BEGIN:VEVENT", b"BEGIN:VCALENDAR"), 3, "a VCALENDAR begins inside"),
            (EVENT.replace(b"END:VALARM\r\n", b""), 8, "END:VALARM is missing"),
            (EVENT.replace(b"SUMMARY:", b"SUMMARY:a\r\n b\r\n c").replace(b"END:VEVENT\r\n", b""),
             11, "END:VEVENT is missing"),
            (EVENT.replace(b"VALARM", b"VEVENT"), 6, "a VEVENT begins inside another"),
            (EVENT[:-16], 1, "VCALENDAR has no END"),
            (EVENT[:60], 1, "VEVENT has no END"),
        ],
    )  # fmt: skip
    def test_says_why_and_where_it_refuses(self, data: bytes, line: int, reason: str) -> None:
        with pytest.raises(BadItem, match=reason) as refused:
            read_component(data)
        assert refused.value.line == line

    def test_refuses_what_is_too_deep_or_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deep = b"BEGIN:VCALENDAR\n" + b"BEGIN:X\n" * 20 + b"END:X\n" * 20 + b"END:VCALENDAR\n"
        with pytest.raises(BadItem, match="deeper than 16"):
            read_component(deep)
        monkeypatch.setattr(component, "MAX_COMPONENTS", 3)
        read_component(EVENT)
        with pytest.raises(BadItem, match="more than 3"):
            read_component(EVENT.replace(b"BEGIN:VEVENT", b"BEGIN:X\nEND:X\nBEGIN:VEVENT"))
        with pytest.raises(BadItem, match="more than 100,000 lines"):
            read_component(EVENT.replace(b"UID:1", b"X:\n" * 100_000))

    def test_takes_time_in_proportion(self) -> None:
        for noise in (b";A" * 150_000, b';"' * 150_000, b'"' * 300_000, b"a." * 150_000, b"\n" * 9):
            read_component(EVENT.replace(b"UID:1", b"X;" + noise))

    @given(st.binary(max_size=200))
    def test_only_ever_refuses_with_a_reason(self, data: bytes) -> None:
        for wrapped in (data, b"BEGIN:VCALENDAR\n" + data + b"\nEND:VCALENDAR"):
            try:
                found = read_component(wrapped)
            except BadItem:
                continue
            assert found.name == "VCALENDAR"


class TestComponent:
    def test_finds_by_name(self) -> None:
        calendar = read_component(EVENT)
        [found] = calendar.named("VTODO", "VEVENT")
        assert found.first("UID") == Property("", "UID", b"", b"1")
        assert found.first("DTSTART") is None
        twice = event("ATTENDEE:a", "X:", "ATTENDEE:b")
        assert [one.value for one in twice.all("ATTENDEE")] == [b"a", b"b"]


class TestProperty:
    @pytest.mark.parametrize(
        ("parameters", "name", "expected"),
        [
            (b"", "TZID", ""),
            (b";VALUE=DATE", "TZID", ""),
            (b";tzid=Europe/Berlin;X=y", "TZID", "Europe/Berlin"),
            (b';TZID="a;b:c"', "TZID", "a;b:c"),
            (b";MEMBER=a,b", "MEMBER", "a"),
        ],
    )
    def test_gives_one_parameter(self, parameters: bytes, name: str, expected: str) -> None:
        assert Property("", "DTSTART", parameters, b"").parameter(name) == expected


class TestWrite:
    def test_writes_what_was_read(self) -> None:
        assert write_component(read_component(EVENT)) == EVENT

    def test_folds_and_cuts_no_character(self) -> None:
        text = "SUMMARY:" + "ä🙂x" * 60
        written = fold(text.encode())
        assert all(len(line) <= 75 for line in written.split(b"\r\n"))
        assert b"".join(written.decode().encode().split(b"\r\n ")) == text.encode() + b"\r\n"
        assert fold(b"a" * 75) == b"a" * 75 + b"\r\n"
        assert fold(b"a" * 150) == b"a" * 75 + b"\r\n " + b"a" * 74 + b"\r\n " + b"a\r\n"

    @given(st.lists(st.text('aä🙂;:,\\ "', max_size=120), max_size=4))
    def test_gives_back_every_value(self, values: list[str]) -> None:
        found = event(*(f"X-P;A=b:{value}" for value in values))
        whole = Component("VCALENDAR", [], [found])
        assert read_component(write_component(whole)) == whole
        assert [one.value.decode() for one in found.properties] == values


LINES = st.lists(st.sampled_from(["A:b", "BEGIN:X", "END:X", "", " c", "\td", "no", "é"]))


class TestContentLines:
    @given(LINES, st.sampled_from(["\n", "\r", "\r\n", "\r\r\n"]))
    def test_cover_the_file_and_count_its_lines(self, lines: list[str], eol: str) -> None:
        data = eol.join(lines).encode()
        found = list(content_lines(data))
        assert b"".join(data[line.start : line.end] for line in found) == data
        for line in found:
            before = re.split(r"\r{0,2}\n|\r", data[: line.start].decode())
            assert line.number == len(before)

    @given(LINES, st.sampled_from(["\n", "\r", "\r\n", "\r\r\n"]))
    def test_are_those_that_the_tree_has(self, lines: list[str], eol: str) -> None:
        inside = [line for line in lines if not line.startswith(("BEGIN", "END"))]
        whole = ["BEGIN:VCALENDAR", "X:", *inside, "END:VCALENDAR"]
        data = eol.join(whole).encode()
        values = [line.value for line in list(content_lines(data))[1:-1] if line.name]
        assert [one.value for one in read_component(data).properties] == values
