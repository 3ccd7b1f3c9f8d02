"""Which of two cards of one person is newer, as far as the cards tell, and what one adds."""

from __future__ import annotations

import re

from stillhere.kinds.vcard import properties

_REV = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d)(?:[.,]\d+)?Z?)?\Z")
_OF_THE_FORM = frozenset(("VERSION", "PRODID", "REV", "UID"))


def revision_of(card: bytes) -> str:
    """When the card was last changed by its REV (RFC 6350, 6.7.4), as 14 digits that compare;
    empty where it has none, or one with a time zone other than UTC."""
    for line in properties(card):
        if line.name == "REV" and (found := _REV.match(line.words())):
            return "".join(part or "00" for part in found.groups())
    return ""


def says_nothing_new(card: bytes, known: bytes) -> bool:
    """Whether everything that a card says is in the known one; the form does not count
    (version, order, parameters, encoding, folding)."""
    return _said(card) <= _said(known)


def _said(card: bytes) -> set[tuple[str, str]]:
    return {
        (line.name, line.words().strip("; "))
        for line in properties(card)
        if line.name not in _OF_THE_FORM
    }
