"""What an import will do to an address book, as data: computed first, then carried out.

Pure: a plan is made from cards and from what the book lists, and says for each card where it goes.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Card(NamedTuple):
    """One card of a file: where it stood, its bytes as they will be kept, and its UID.

    `given` says that the file's card had no UID and got this one.
    """

    source: str
    line: int
    body: bytes
    uid: str
    media_type: str
    given: bool = False


class Refused(NamedTuple):
    """One card that does not go in, and why."""

    source: str
    line: int
    reason: str


class Known(NamedTuple):
    """What the book has under a UID: the name of the record and the digest of its body."""

    href: str
    digest: bytes


class Step(NamedTuple):
    """One card to write under `href`; `new` when the book did not have its UID."""

    card: Card
    href: str
    new: bool


@dataclass
class Plan:
    """What to write, and how many cards are there already, byte for byte."""

    steps: list[Step] = field(default_factory=list)
    unchanged: int = 0


def plan(cards: Iterable[Card], book: dict[str, Known], taken: set[str]) -> Plan:
    """Decides for each card: add, update or leave.

    `book` maps UIDs to what the book has, `taken` holds every href in use; the UIDs of `cards`
    differ (see `sort_out`).
    """
    result = Plan()
    names = set(taken)
    for card in cards:
        known = book.get(card.uid)
        if known is None:
            href = name_for(card.uid, names)
            names.add(href)
            result.steps.append(Step(card, href, new=True))
        elif known.digest == hashlib.sha256(card.body).digest():
            result.unchanged += 1
        else:
            result.steps.append(Step(card, known.href, new=False))
    return result


def sort_out(
    found: Iterable[Card | Refused], most_bytes: int
) -> tuple[list[Card], list[Refused], int]:
    """The cards that go in, those that do not, and how many were repeated byte for byte.

    Of two cards with one UID and different bytes the second is refused, so that neither replaces
    the other unseen.
    """
    first: dict[str, Card] = {}
    refused: list[Refused] = []
    repeated = 0
    for card in found:
        if isinstance(card, Refused):
            refused.append(card)
            continue
        if len(card.body) > most_bytes:
            reason = f"it has {len(card.body):,} bytes, and a card may have {most_bytes:,}"
            refused.append(Refused(card.source, card.line, reason))
            continue
        earlier = first.setdefault(card.uid, card)
        if earlier is card:
            continue
        if earlier.body == card.body:
            repeated += 1
        else:
            where = f"{earlier.source}, line {earlier.line}"
            reason = f"its UID {card.uid} is that of another card ({where})"
            refused.append(Refused(card.source, card.line, reason))
    return list(first.values()), refused, repeated


def name_for(uid: str, taken: set[str]) -> str:
    """An href for a new card: its UID where that is a plain name, else a digest of it."""
    stem = uid if _SAFE_NAME.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()[:32]
    href, number = f"{stem}.vcf", 2
    while href in taken:
        href, number = f"{stem}-{number}.vcf", number + 1
    return href
