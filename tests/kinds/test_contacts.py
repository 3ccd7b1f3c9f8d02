"""Cards of real programs and of strangers: kept as they are, or refused with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.kinds import contacts
from stillhere.kinds.contacts import Card, give_uid, parse, split_cards, text_of
from stillhere.kinds.item import BadItem

PLAIN = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lovelace;Ada;;;\r\nFN:Ada Lovelace\r\n"
    b"UID:4f1d\r\nEND:VCARD\r\n"
)
AGENT = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN:Boss;The\r\nAGENT:\r\n"
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN:Helper;A\r\nUID:inner\r\nEND:VCARD\r\n"
    b"UID:outer\r\nEND:VCARD\r\n"
)
SOFT = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN:Quoted;One\r\n"
    b"NOTE;ENCODING=QUOTED-PRINTABLE:a card ends with=0D=0A=\r\nEND:VCARD\r\n"
    b"UID:soft\r\nEND:VCARD\r\n"
)

REFUSED = {"ccs_vcarderrors_8.vcf": "line 11 holds a control character"}
SEVERAL = {"John_Doe_ANDROID.vcf": 6, "ccs_sharing_bulk_8.vcf": 5}


def card(*lines: str, eol: str = "\r\n") -> bytes:
    return (eol.join(("BEGIN:VCARD", *lines, "END:VCARD")) + eol).encode()


class TestParse:
    def test_words_have_no_control_characters(self) -> None:
        hidden = card("VERSION:2.1", "FN;ENCODING=QUOTED-PRINTABLE:a=1B[2Jb=00c", "UID:u")
        assert parse(hidden).name == "a\ufffd[2Jb\ufffdc"

    def test_a_lone_cr_ends_a_line_too(self) -> None:
        assert parse(card("VERSION:3.0", "UID:a\rX:b", "FN:Zo\rë")).uid == "a"

    def test_says_what_a_card_says(self) -> None:
        assert parse(PLAIN) == Card("4f1d", "Ada Lovelace", "3.0", "individual")

    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_takes_every_line_ending(self, eol: str) -> None:
        found = parse(card("VERSION:4.0", "FN:Ada", "UID:1", eol=eol))
        assert (found.uid, found.name, found.version) == ("1", "Ada", "4.0")

    @pytest.mark.parametrize(
        ("lines", "uid"),
        [
            (["UID:urn:uuid:4f", " bf-77"], "urn:uuid:4fbf-77"),
            (['UID;VALUE=text;X-P="a:b":x1'], "x1"),
            (["item1.uid:x2"], "x2"),
            (["UID:  x3  "], "x3"),
            (["UID:a\\,b"], "a,b"),
            (["UID:", "UID:x4"], "x4"),
            (["NOTE:no", " UID:folded", "UID:x5"], "x5"),
            (["X-ABUID:no"], ""),
        ],
    )
    def test_finds_the_uid(self, lines: list[str], uid: str) -> None:
        assert parse(card("VERSION:3.0", "FN:A", *lines)).uid == uid

    @pytest.mark.parametrize("line", ["KIND:Group", "X-ADDRESSBOOKSERVER-KIND:group"])
    def test_tells_groups(self, line: str) -> None:
        assert parse(card("VERSION:3.0", "FN:All", "UID:1", line)).kind == "group"

    def test_takes_a_card_without_name(self) -> None:
        assert parse(card("VERSION:2.1", "TEL:1", "UID:1")).name == ""

    @pytest.mark.parametrize(
        "charset", ["undefined", "unicode_escape", "cp037", "punycode", "UTF-16", "gb18030", "hex"]
    )
    def test_a_charset_that_is_none_makes_no_text_that_xml_cannot_carry(self, charset: str) -> None:
        data = card("VERSION:2.1", f"UID;CHARSET={charset}:-7\\ud800\\x01Y").replace(
            b"Y", b"\xff\xfe\x841\xa49"
        )
        for text in (parse(data).uid, text_of(data)):
            assert text.encode().decode() == text
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)

    def test_reads_names_in_old_character_sets(self) -> None:
        data = card("VERSION:2.1", "UID:1", "FN;CHARSET=ISO-8859-1:X").replace(b"X", b"J\xf6rg")
        assert parse(data).name == "Jörg"
        assert "Jörg" in text_of(data)

    def test_reads_quoted_printable_names(self) -> None:
        lines = ["FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91=20=", "=C3=91", "UID:1"]
        assert parse(card("VERSION:2.1", *lines)).name == "Ñ Ñ"

    def test_looks_past_the_card_of_an_agent(self) -> None:
        assert parse(AGENT).uid == "outer"

    def test_looks_past_quoted_text_that_looks_like_an_end(self) -> None:
        assert parse(SOFT).uid == "soft"

    def test_takes_a_byte_order_mark_and_blank_lines(self) -> None:
        assert parse(b"\xef\xbb\xbf" + PLAIN + b"\r\n\r\n").uid == "4f1d"

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "no card"),
            (b"hello", "not a vCard"),
            (PLAIN + PLAIN, "more after"),
            (PLAIN + b"junk", "more after"),
            (PLAIN[:-12], "no END"),
            (PLAIN.replace(b"END:", b"BEGIN:"), "inside another"),
            (PLAIN.replace(b"VERSION:3.0\r\n", b""), "no VERSION"),
            (PLAIN.replace(b"3.0", b"5.0"), "'5.0' is not known"),
            (PLAIN.replace(b"Ada", b"A\x07da"), "line 3 holds a control"),
            (PLAIN.replace(b"Ada", "A\ufffeda".encode()), "line 3 holds a control"),
            (PLAIN.replace(b"Ada", b"J\xf6rg"), "line 3 is not UTF-8"),
            (PLAIN.replace(b"4f1d", b"x" * 2000), "longer than"),
            (PLAIN.decode().encode("utf-16"), "UTF-16"),
        ],
    )
    def test_says_why_it_refuses(self, data: bytes, reason: str) -> None:
        with pytest.raises(BadItem, match=re.escape(reason)):
            parse(data)

    @given(st.binary(max_size=200))
    def test_only_ever_refuses_with_a_reason(self, data: bytes) -> None:
        for wrapped in (data, b"BEGIN:VCARD\nVERSION:2.1\n" + data + b"\nEND:VCARD"):
            try:
                found = parse(wrapped)
            except BadItem:
                continue
            assert found.version in ("2.1", "3.0", "4.0")
            text_of(wrapped)


class TestSplit:
    def test_gives_each_card_byte_for_byte(self) -> None:
        file = PLAIN + b"\r\n" + AGENT + SOFT + PLAIN.replace(b"\r\n", b"\n")
        pieces = list(split_cards(file))
        assert [piece for _, piece in pieces] == [
            PLAIN,
            AGENT,
            SOFT,
            PLAIN.replace(b"\r\n", b"\n"),
        ]
        assert [line for line, _ in pieces] == [1, 8, 19, 26]

    @pytest.mark.parametrize("eol", [b"\n", b"\r", b"\r\n", b"\r\r\n"])
    def test_takes_every_line_ending_and_a_byte_order_mark(self, eol: bytes) -> None:
        one = PLAIN.replace(b"\r\n", eol)
        assert [p for _, p in split_cards(b"\xef\xbb\xbf" + one + eol + one)] == [one, one]

    def test_takes_a_last_line_without_end(self) -> None:
        assert [p for _, p in split_cards(PLAIN + PLAIN.rstrip())] == [PLAIN, PLAIN.rstrip()]

    def test_sets_apart_what_is_no_card(self) -> None:
        cut = PLAIN[:-12]
        pieces = list(split_cards(b"junk\r\nmore junk\r\n\r\n" + PLAIN + cut + PLAIN + cut))
        assert pieces == [
            (1, b"junk\r\nmore junk\r\n"),
            (4, PLAIN),
            (10, cut),
            (15, PLAIN),
            (21, cut),
        ]

    def test_recovers_from_a_soft_break_before_the_end(self) -> None:
        broken = PLAIN.replace(b"FN:", b"FN;ENCODING=QUOTED-PRINTABLE:").replace(
            b"UID:4f1d\r\nEND", b"NOTE;QUOTED-PRINTABLE:x=\r\nEND"
        )
        assert [p for _, p in split_cards(broken + PLAIN)] == [broken, PLAIN]

    def test_refuses_utf16_with_a_reason(self) -> None:
        [(line, piece)] = split_cards(PLAIN.decode().encode("utf-16"))
        assert line == 1
        with pytest.raises(BadItem, match="UTF-16"):
            parse(piece)

    def test_takes_time_in_proportion(self) -> None:
        for noise in (b"\r" * 300_000, b"=\r\n" * 100_000, b" \n" * 100_000, b"a.b;" * 80_000):
            list(split_cards(b"BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:" + noise + b"\nEND:VCARD"))

    @given(st.lists(st.sampled_from([PLAIN, AGENT, SOFT, b"\r\n", b"junk\n", PLAIN[:-12]])))
    def test_loses_no_byte(self, parts: list[bytes]) -> None:
        file = b"".join(parts)
        joined = b"".join(piece for _, piece in split_cards(file))
        assert joined.replace(b"\r\n", b"") == file.replace(b"\r\n", b"")


class TestGiveUid:
    @pytest.mark.parametrize("eol", ["\n", "\r", "\r\n", "\r\r\n"])
    def test_adds_one_line_in_the_cards_own_ending(self, eol: str) -> None:
        bare = card("VERSION:4.0", "FN:A", eol=eol)
        assert give_uid(bare, "u1") == bare.replace(
            f"4.0{eol}".encode(), f"4.0{eol}UID:u1{eol}".encode()
        )

    def test_goes_to_the_outer_card(self) -> None:
        assert parse(give_uid(AGENT.replace(b"UID:outer\r\n", b""), "new")).uid == "new"
        late = AGENT.replace(b"UID:outer\r\n", b"").replace(b"VERSION:2.1\r\n", b"", 1)
        late = late.replace(b"END:VCARD\r\nEND", b"END:VCARD\r\nVERSION:2.1\r\nEND")
        assert parse(give_uid(late, "new")).uid == "new"

    def test_refuses_what_is_no_card(self) -> None:
        with pytest.raises(BadItem):
            give_uid(b"junk", "u1")


class TestFilesOfRealPrograms:
    """Every file of ../shared/data/contacts: kept byte for byte, or refused for a reason."""

    def test_all(self, shared_data: Path) -> None:
        files = sorted((shared_data / "contacts").glob("*.vcf"))
        assert len(files) > 50
        for file in files:
            data = file.read_bytes()
            pieces = list(split_cards(data))
            assert len(pieces) == SEVERAL.get(file.name, 1), file.name
            kept = b"".join(piece for _, piece in pieces)
            assert data.removesuffix(b"\r\n") in (kept, kept.removesuffix(b"\r\n")), file.name
            for _, piece in pieces:
                self.check(file.name, piece)

    def check(self, name: str, piece: bytes) -> None:
        if name in REFUSED:
            with pytest.raises(BadItem, match=REFUSED[name]):
                parse(piece)
            return
        found = parse(piece)
        if not found.uid:
            whole = give_uid(piece, "given")
            assert parse(whole) == found._replace(uid="given")
            assert len(whole) - len(piece) <= len("UID:given\r\r\n")
        assert text_of(piece).encode() == piece


def test_knows_its_place_among_the_kinds() -> None:
    from stillhere.kinds import RECOVERY_ORDER

    assert RECOVERY_ORDER[:2] == ("account", "contacts")
    assert contacts.__name__.rpartition(".")[2] in RECOVERY_ORDER
