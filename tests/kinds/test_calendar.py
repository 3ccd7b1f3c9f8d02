"""Events, to-dos and notes of real programs and of strangers: kept, or refused with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.objects import calendar, fill_in, real_files, record, zone

from stillhere.kinds import KINDS, kind_of
from stillhere.kinds.ical import give_uid
from stillhere.kinds.item import BadItem, Kind, NotOneItem, OtherComponent

EVENTS, TASKS, NOTES = KINDS["calendar"], KINDS["tasks"], KINDS["notes"]
PLAIN = calendar(record("SUMMARY:Lunch", "DTSTART:20260310T120000Z"))
DAY = "RECURRENCE-ID:20260310T120000Z"

REFUSED: dict[str, tuple[type[BadItem], int, str]] = {
    "ccs_availability_2.ics": (OtherComponent, 23, "it is a VAVAILABILITY, not a VEVENT"),
    "ccs_calendaruserproxy_9.ics": (NotOneItem, 5, "it has a METHOD"),
    "ccs_errors_34.ics": (NotOneItem, 41, "it says the same RECURRENCE-ID twice"),
    "ccs_errors_42.ics": (BadItem, 28, "line 28 holds a control character"),
}
"""The files of ../shared/data/calendar that are not kept, where that shows, and why."""


class TestParse:
    @pytest.mark.parametrize("kind", [EVENTS, TASKS, NOTES], ids=lambda kind: kind.name)
    def test_says_what_an_item_says(self, kind: Kind) -> None:
        found = kind.parse(calendar(record("SUMMARY:Lunch", uid="4f", name=kind.component)))
        assert found[:4] == ("4f", "Lunch", kind.component, kind.media_type)

    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_takes_every_line_ending(self, eol: str) -> None:
        found = EVENTS.parse(calendar(record("SUMMARY:Lu", " nch"), eol=eol))
        assert (found.uid, found.name) == ("1", "Lunch")

    @pytest.mark.parametrize(
        ("lines", "uid"),
        [
            (["UID:urn:uuid:4f", " bf-77"], "urn:uuid:4fbf-77"),
            (['UID;X-P="a:b":x1'], "x1"),
            (["uid:  x3  "], "x3"),
            (["UID:a\\,b"], "a,b"),
            (["UID:", "UID:x4"], "x4"),
            (["BEGIN:VALARM", "UID:no", "END:VALARM", "UID:x5"], "x5"),
            (["BEGIN:VALARM", "UID:no", "END:VALARM"], ""),
            (["X-UID:no"], ""),
        ],
    )
    def test_finds_the_uid(self, lines: list[str], uid: str) -> None:
        assert EVENTS.parse(calendar(record(*lines, uid=""))).uid == uid

    @pytest.mark.parametrize(
        ("records", "name"),
        [
            ([record("SUMMARY:A\\, b\\nc")], "A, b\nc"),
            ([record(DAY, "SUMMARY:day"), record("SUMMARY:series")], "series"),
            ([record(DAY, "SUMMARY:day"), record("RECURRENCE-ID:2", "SUMMARY:other")], "day"),
            ([record("DESCRIPTION:first\\nsecond")], "first"),
            ([record("SUMMARY: ", "DESCRIPTION:first")], "first"),
            ([record("BEGIN:VALARM", "SUMMARY:no", "END:VALARM")], ""),
        ],
    )
    def test_finds_what_a_person_would_call_it(self, records: list[str], name: str) -> None:
        assert EVENTS.parse(calendar(*records)).name == name

    @pytest.mark.parametrize(
        "data",
        [
            b"\xef\xbb\xbf" + PLAIN + b"\r\n\r\n",
            PLAIN.replace(b"VERSION:2.0\r\n", b"").replace(b"PRODID:-//T//EN\r\n", b""),
            PLAIN.replace(b"DTSTART:20260310T120000Z\r\n", b""),
            PLAIN.replace(b"DTSTART:20260310T120000Z", b"DTSTART;TZID=Nowhere:tomorrow"),
            PLAIN.replace(b"SUMMARY", b"no property\r\nSUMMARY"),
            calendar("CALSCALE:OTHER", "X-WR-CALNAME:x", zone("A"), zone("A"), record()),
            calendar("BEGIN:X-MORE", "END:X-MORE", record()),
            calendar(record(), record(DAY), record(DAY.replace("ID", "ID;RANGE=THISANDFUTURE"))),
        ],
    )
    def test_keeps_what_is_odd_and_harms_nobody(self, data: bytes) -> None:
        assert EVENTS.parse(data).uid == "1"

    @pytest.mark.parametrize(
        ("data", "error", "line", "reason"),
        [
            (b"", BadItem, 1, "no calendar object"),
            (b"BEGIN:VCARD\r\nEND:VCARD\r\n", BadItem, 1, "not an iCalendar object"),
            (PLAIN + PLAIN, BadItem, 10, "more after END:VCALENDAR"),
            (PLAIN[:-16], BadItem, 1, "no END"),
            (PLAIN.replace(b"2.0", b"1.0"), BadItem, 2, "'1.0' is not known; "),
            (PLAIN.replace(b"Lun", b"L\x07n"), BadItem, 6, "line 6 holds a control"),
            (PLAIN.replace(b"Lun", "L\uffffn".encode()), BadItem, 6, "line 6 holds a control"),
            (PLAIN.replace(b"Lun", b"L\xfcn"), BadItem, 6, "line 6 is not UTF-8"),
            (PLAIN.replace(b"Lun", "Lü".encode()[:2] + b"\r\n " + "ü".encode()[1:]), BadItem, 6,
             "line 6 is not UTF-8"),
            (PLAIN.decode().encode("utf-16"), BadItem, 1, "UTF-16"),
            (PLAIN.replace(b"UID:1", b"UID:" + b"x" * 2000), BadItem, 1, "longer than 1024"),
            (PLAIN.replace(b"VERSION", b"METHOD:PUBLISH\r\nVERSION"), NotOneItem, 2, "a METHOD"),
            (calendar(), NotOneItem, 1, "no event, to-do or note"),
            (calendar(zone("A")), NotOneItem, 1, "no event, to-do or note"),
            (calendar(record(), record(name="VTODO")), NotOneItem, 7, "a VEVENT and a VTODO"),
            (calendar(record(), record(name="VFREEBUSY")), NotOneItem, 7, "VEVENT and a VFREEBUSY"),
            (calendar(record(), record(DAY, uid="2")), NotOneItem, 7, "the UIDs 1 and 2"),
            (calendar(record(), record(DAY, uid="")), NotOneItem, 7, "has no UID"),
            (calendar(record(uid=""), record(DAY, uid="")), NotOneItem, 4, "has no UID"),
            (calendar(zone("A"), record(), record()), NotOneItem, 15, "two of one UID"),
            (calendar(record(), record(DAY), record(DAY)), NotOneItem, 11, "RECURRENCE-ID twice"),
            (calendar(record(name="VFREEBUSY")), OtherComponent, 4, "a VFREEBUSY, not a VEVENT"),
            (calendar(zone("A"), record(name="VTODO")), OtherComponent, 12, "a VTODO, not a VEV"),
            (calendar(record("BEGIN:VTODO", "END:VTODO")), BadItem, 6, "a VTODO begins inside"),
        ],
    )  # fmt: skip
    def test_says_why_and_where_it_refuses(
        self, data: bytes, error: type[BadItem], line: int, reason: str
    ) -> None:
        with pytest.raises(BadItem, match=re.escape(reason)) as refused:
            EVENTS.parse(data)
        assert (type(refused.value), refused.value.line) == (error, line)

    def test_says_which_component_it_is_instead(self) -> None:
        with pytest.raises(OtherComponent) as refused:
            NOTES.parse(PLAIN)
        assert refused.value.component == "VEVENT"
        assert kind_of(refused.value.component) is EVENTS

    @given(
        st.lists(
            st.sampled_from(
                [
                    *(b"BEGIN:VEVENT", b"END:VEVENT", b"BEGIN:VTODO", b"END:VTODO", b"UID:1"),
                    *(b"BEGIN:X-A", b"END:X-A", b"RECURRENCE-ID:1", b"METHOD:X", b"VERSION:3"),
                    *(b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"BEGIN:VCALENDAR", b"UID:2"),
                    *(b" a", b"\xff", b""),
                ]
            )
        )
    )
    def test_only_ever_refuses_with_a_reason(self, lines: list[bytes]) -> None:
        inside = b"\n".join(lines)
        for data in (inside, b"BEGIN:VCALENDAR\n" + inside + b"\nEND:VCALENDAR"):
            try:
                found = EVENTS.parse(data)
            except BadItem:
                continue
            assert found.component == "VEVENT"


class TestGiveUid:
    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_adds_one_line_in_the_objects_own_ending(self, eol: str) -> None:
        bare = calendar(zone("A"), record("SUMMARY:x", uid=""), eol=eol)
        begin = f"BEGIN:VEVENT{eol}".encode()
        assert give_uid(bare, "u1") == bare.replace(begin, begin + f"UID:u1{eol}".encode())
        assert EVENTS.parse(give_uid(bare, "u1")).uid == "u1"

    @pytest.mark.parametrize("data", [b"junk", PLAIN, calendar(zone("A"))])
    def test_refuses_what_has_nothing_without_one(self, data: bytes) -> None:
        with pytest.raises(BadItem):
            give_uid(data, "u1")


class TestFilesOfRealPrograms:
    """Every file of ../shared/data/calendar: kept byte for byte, or refused for a reason; as it
    is, with its marks, and with these filled in."""

    @pytest.mark.parametrize("filled", [False, True])
    def test_all(self, shared_data: Path, filled: bool) -> None:
        files = real_files(shared_data)
        assert len(files) > 100
        for file in files:
            data = file.read_bytes()
            self.check(file.name, fill_in(data) if filled else data)

    def check(self, name: str, data: bytes) -> None:
        component = b"VTODO" if b"BEGIN:VTODO" in data else b"VEVENT"
        kind = kind_of(component.decode())
        assert kind
        if name in REFUSED:
            error, line, reason = REFUSED[name]
            with pytest.raises(BadItem, match=reason) as refused:
                kind.parse(data)
            assert (type(refused.value), refused.value.line) == (error, line), name
            return
        found = kind.parse(data)
        assert b"UID:" + found.uid.encode() in data, name
        assert b"SUMMARY:" + found.name.encode() in data, name
        [piece] = kind.split(data)
        assert (piece.component, piece.body) == (kind.component, data), name
        assert data.splitlines()[piece.line - 1] == b"BEGIN:" + component, name
