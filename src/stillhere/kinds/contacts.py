"""Contacts: vCards 2.1, 3.0 and 4.0 (RFC 2426, RFC 6350), kept as the bytes that came.

What is read of a card is what the service needs: that it is one whole card, its UID, and a few
words to show. A card without FN or N is kept: real programs write such cards. A card is refused
when it could not be given back through every door: when its bytes are not text, or hold control
characters, which no XML can carry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stillhere.kinds.item import MAX_UID, BadItem, Item, Kind, Piece
from stillhere.kinds.lines import (
    UTF16,
    Line,
    decode_text,
    refuse_controls,
    refuse_other_than_utf8,
)
from stillhere.kinds.revision import revision_of, says_nothing_new
from stillhere.kinds.vcard import BEGIN, END, logical_lines, opens_agent

COMPONENT = "VCARD"
OLD_MEDIA_TYPE = "text/x-vcard"
"""Of cards of version 2.1, the only ones that may not be in UTF-8."""

_PLAIN = re.compile(
    rb"BEGIN:VCARD(?P<eol>\r?\n)VERSION:(?P<version>[34]\.0)(?P=eol).*(?P=eol)END:VCARD\s*\Z",
    re.DOTALL,
)
VERSIONS = ("2.1", "3.0", "4.0")
_KINDS = ("KIND", "X-ADDRESSBOOKSERVER-KIND")


class Card(NamedTuple):
    """What is known of a card; ``uid`` and ``name`` are empty when it has none."""

    uid: str
    name: str
    version: str
    kind: str

    @property
    def media_type(self) -> str:
        """The content type to give the card out with (RFC 6350, 10.1)."""
        return OLD_MEDIA_TYPE if self.version == "2.1" else "text/vcard; charset=utf-8"


def parse(data: bytes) -> Card:
    """What one card says of itself. Raises BadItem when it is not one whole card in text.

    A byte order mark before the card and blank lines around it are let pass. Cards of version
    2.1 may be in any character set; later versions are UTF-8.
    """
    refuse_controls(data)
    card = _parse_plain(data) or _parse_any(data)
    if card.version != "2.1" and not data.isascii():
        refuse_other_than_utf8(data, "card")
    if len(card.uid) > MAX_UID:
        raise BadItem(f"the UID is longer than {MAX_UID} characters")
    return card


def split_cards(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every card of a file with the number of its first line, byte for byte.

    A card ends with the line end of its END:VCARD. Bytes between cards that are not blank, and
    cards that are cut off, come out as pieces of their own, which ``parse`` refuses with a
    reason: joined, the pieces are the file without its byte order mark and blank lines.
    """
    if data.startswith(UTF16):
        yield 1, data
        return
    first: Line | None = None  # where the piece at hand began
    depth = end = 0
    agent = False
    for line in logical_lines(data):
        begins = bool(BEGIN.match(line.text))
        if begins and first and not (depth and agent):
            yield first.number, data[first.start : end]
            first, depth = None, 0
        if line.text.strip():
            first = first or line
            end = line.end
            agent = opens_agent(line.text)
        depth += begins
        if depth and END.match(line.text):
            depth -= 1
            if first and not depth:
                yield first.number, data[first.start : end]
                first = None
    if first:
        yield first.number, data[first.start : end]


def give_uid(card: bytes, uid: str) -> bytes:
    """The card with a UID line after its VERSION, in the card's own line ending.

    Nothing else changes. Raises BadItem for bytes without BEGIN:VCARD.
    """
    begin: Line | None = None
    depth = 0
    for line in logical_lines(card):
        ends = bool(END.match(line.text))
        if BEGIN.match(line.text):
            begin = begin or line
            depth += 1
        elif begin and depth == 1 and (ends or line.name == "VERSION"):
            place = begin.end if ends else line.end
            eol = card[begin.start + len(begin.text) : begin.end]
            return card[:place] + b"UID:" + uid.encode() + eol + card[place:]
        depth -= ends
    raise BadItem("this is not a vCard: it has no BEGIN:VCARD and VERSION")


def text_of(data: bytes) -> str:
    """The card as characters that XML can carry; exact for every card in UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return decode_text(data, data)


def _parse_item(data: bytes) -> Item:
    card = parse(data)
    return Item(card.uid, card.name, COMPONENT, card.media_type)


def _split(data: bytes) -> Iterator[Piece]:
    for line, piece in split_cards(data):
        first = next(logical_lines(piece)).text
        yield Piece(COMPONENT if BEGIN.match(first) else "", line, piece)


def _join(cards: Iterable[bytes]) -> Iterator[bytes]:
    for card in cards:
        yield card if card.endswith((b"\n", b"\r")) else card + b"\r\n"


def _parse_plain(data: bytes) -> Card | None:
    """The answer for a card as nearly every program writes it, without walking its lines."""
    plain = _PLAIN.match(data)
    if plain is None or data.count(b"\r") != data.count(b"\r\n"):
        return None  # a lone CR ends a line too
    folded = data.upper()
    if folded.count(b"\nBEGIN:VCARD") or folded.count(b"END:VCARD") != 1 or b"KIND" in folded:
        return None
    uid, name = _value(data, b"\nUID:"), _value(data, b"\nFN:")
    if not (uid and name):
        return None
    return Card(uid, name, plain["version"].decode(), "individual")


def _value(data: bytes, start: bytes) -> str:
    """The value of a line that starts so; empty when it needs a closer look."""
    at = data.find(start)
    if at < 0:
        return ""
    at += len(start)
    end = data.find(b"\n", at)
    if data[end + 1 : end + 2] in (b" ", b"\t") or b"\\" in data[at:end]:
        return ""
    text = data[at:end].decode(errors="replace").strip()
    return text if text.isprintable() else ""


def _parse_any(data: bytes) -> Card:
    if data.startswith(UTF16):
        raise BadItem("this file is UTF-16", hint="save it as UTF-8")
    found: dict[str, Line] = {}
    depth = 0
    ended = agent = False
    for line in logical_lines(data):
        if not line.text.strip():
            continue
        if ended:
            raise BadItem("there is more after END:VCARD", line=line.number)
        if BEGIN.match(line.text):
            if depth and not agent:
                raise BadItem("a card begins inside another one", line=line.number)
            depth += 1
        elif not depth:
            raise BadItem("this is not a vCard: it does not begin with BEGIN:VCARD")
        elif END.match(line.text):
            depth -= 1
            ended = not depth
        elif depth == 1 and line.value.strip():
            found.setdefault(line.name, line)
        agent = opens_agent(line.text)
    if not ended:
        raise BadItem("the card has no END:VCARD" if depth else "there is no card")
    return _describe(found)


def _describe(found: dict[str, Line]) -> Card:
    version = found["VERSION"].value.strip().decode(errors="replace") if "VERSION" in found else ""
    if version not in VERSIONS:
        raise BadItem(
            f"VERSION {version[:20]!r} is not known" if version else "the card has no VERSION",
            hint=f"known are {', '.join(VERSIONS)}",
        )
    kind = next((found[name].words() for name in _KINDS if name in found), "individual")
    uid = found["UID"].words() if "UID" in found else ""
    name = found["FN"].words() if "FN" in found else ""
    return Card(uid, name, version, kind.lower())


KIND = Kind(
    name="contacts",
    component=COMPONENT,
    collection="ADDRESSBOOK",
    at_once=True,
    media_type="text/vcard; charset=utf-8",
    extensions=(".vcf", ".vcard"),
    words=("contact", "contacts"),
    collection_words=("address book", "address books"),
    in_body=("names", "numbers", "addresses", "everything else in the card"),
    first=("contacts", {"{DAV:}displayname": "Contacts"}),
    parse=_parse_item,
    split=_split,
    join=_join,
    give_uid=give_uid,
    revision_of=revision_of,
    says_nothing_new=says_nothing_new,
)
