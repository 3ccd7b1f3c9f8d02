"""Cards: whatever is taken can be given back through every door, and nothing else is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree
from tests.fuzz import Check

from stillhere.kinds import contacts
from stillhere.kinds.collation import COLLATIONS
from stillhere.kinds.item import BadItem
from stillhere.kinds.lines import BOM
from stillhere.kinds.search import (
    Filter,
    How,
    Lines,
    ParamFilter,
    PropFilter,
    TextMatch,
    _judge,
    judge_bytes,
)
from stillhere.protocols.dav.grammar.xml import escape, escape_bytes, parse

UID = "a-uid-that-no-card-has"
TESTS = [
    *(TextMatch("Zo", how, collation) for how in How for collation in COLLATIONS),
    TextMatch("ë", negate=True),
    TextMatch("a,b\nc"),
    ParamFilter("TYPE", match=TextMatch("work")),
    ParamFilter("CHARSET", defined=False),
]
FILTERS = [
    Filter(properties=(PropFilter(name, group, tests=(test,)),))
    for test in TESTS
    for name, group in (("FN", ""), ("N", ""), ("FN", "ITEM1"))
]
FILTERS += [
    Filter(properties=(PropFilter(name, defined=defined),))
    for name in ("FN", "NOTE", "KIND", "BEGIN")
    for defined in (True, False)
]


@contextmanager
def opened(folder: Path) -> Iterator[Check]:
    yield check


def check(data: bytes) -> None:
    _check_card(data)
    pieces = list(contacts.split_cards(data))
    rest = data.removeprefix(BOM)
    for number, piece in pieces:
        assert number >= 1
        at = rest.find(piece)
        assert at >= 0, "a piece is not in the file, or not in its order"
        assert not rest[:at].strip(), "something was left out between the pieces"
        rest = rest[at + len(piece) :]
        _check_card(piece)
    assert not rest.strip(), "something was left out at the end"


def _check_card(data: bytes) -> None:
    try:
        card = contacts.parse(data)
    except BadItem:
        return
    again = contacts._parse_any(data)
    assert (again.uid, again.name, again.version) == (card.uid, card.name, card.version)
    _check_xml(data, card)
    _check_searches(data)
    if not card.uid:
        named = contacts.give_uid(data, UID)
        assert contacts.parse(named).uid == UID
        assert named.replace(f"UID:{UID}".encode(), b"", 1) != named


def _check_searches(data: bytes) -> None:
    """What a search reads from a card's bytes is what it would read from its lines."""
    lines = Lines(data)
    for wanted in FILTERS:
        quick = judge_bytes(wanted, data)
        assert quick in (None, _judge(wanted, lines)), wanted


def _check_xml(data: bytes, card: contacts.Card) -> None:
    """What a report gives out is XML, and holds the card to the byte where it is in UTF-8."""
    old = card.media_type == contacts.OLD_MEDIA_TYPE
    text = contacts.text_of(data)
    given = escape(text).encode() if old else escape_bytes(data)
    assert parse(b"<a>" + given + b"</a>").text == text
    assert old or text.encode() == data
    for words in (card.uid, card.name, card.kind):
        etree.Element("a").text = words


def seeds() -> Iterator[bytes]:
    plain = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a-1\r\nFN:Zoë\r\nN:;Zoë;;;\r\nEND:VCARD\r\n"
    yield plain.encode()
    yield plain.replace("\r\n", "\n").encode()
    yield plain.replace("\r\n", "\r\r\n").encode()
    yield b"\xef\xbb\xbf" + (plain + "\r\n" + plain).encode()
    yield plain.replace("UID:a-1\r\n", "").encode()
    yield plain.replace("3.0", "4.0").replace("FN:Zoë", 'item1.FN;X="a:b;c":Z\\no\r\n ë').encode()
    yield (
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Zo=EB=\n=20B\n"
        "AGENT:\nBEGIN:VCARD\nVERSION:2.1\nFN:Other\nEND:VCARD\nUID;CHARSET=cp1252:Zo\xeb\nEND:VCARD"
    ).encode("latin-1")
    yield plain.replace("FN", "KIND:group\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nFN").encode()
    yield plain.encode("utf-16")
