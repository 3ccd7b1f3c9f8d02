"""What an import will do to a collection, as data: computed first, then carried out.

Pure: a plan is made from items and from what the collection lists, and says for each item where it
goes.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from stillhere.kinds import KINDS
from stillhere.kinds.item import Item

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Piece(NamedTuple):
    """One item of a file: where it stood, its bytes as they will be kept, and what is known of
    it; ``kind`` says on which kind of shelf it belongs.

    `given` says that it had no UID in the file and got this one.
    """

    source: str
    line: int
    kind: str
    body: bytes
    item: Item
    given: bool = False

    @property
    def uid(self) -> str:
        """Its UID, as it will be kept."""
        return self.item.uid


class Refused(NamedTuple):
    """One item that does not go in, and why."""

    source: str
    line: int
    reason: str


class Known(NamedTuple):
    """What the collection has under a UID: the name of the record, the digest of its body, and
    whether that is missing."""

    href: str
    digest: bytes
    held: bool = False


class Step(NamedTuple):
    """One item to write under `href`; `new` when the collection did not have its UID."""

    piece: Piece
    href: str
    new: bool


@dataclass
class Plan:
    """What to write, what would take too much away, and how many items are there already, byte
    for byte."""

    steps: list[Step] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unchanged: int = 0


def plan(pieces: Iterable[Piece], there: dict[str, Known], taken: set[str]) -> Plan:
    """Decides for each item: add, update, leave or refuse.

    `there` maps UIDs to what the collection has, `taken` holds every href in use; the UIDs of
    `pieces` differ (see `sort_out`).
    """
    result = Plan()
    names = set(taken)
    for piece in pieces:
        known = there.get(piece.uid)
        if known is None:
            href = name_for(piece, names)
            names.add(href)
            result.steps.append(Step(piece, href, new=True))
            continue
        same = known.digest == hashlib.sha256(piece.body).digest()
        if same and not known.held:
            result.unchanged += 1
        elif piece.item.is_part and not same:
            reason = f"it is single days of a series, and another {_word(piece)} here has its UID"
            result.refused.append(Refused(piece.source, piece.line, reason))
        else:
            # The same bytes, too, where they are missing: that is what heals them.
            result.steps.append(Step(piece, known.href, new=False))
    return result


def sort_out(
    found: Iterable[Piece | Refused], most_bytes: int
) -> tuple[list[Piece], list[Refused], int]:
    """The items that go in, those that do not, and how many were repeated byte for byte.

    Of two items with one UID and different bytes the second is refused, so that neither replaces
    the other unseen.
    """
    first: dict[tuple[str, str], Piece] = {}
    refused: list[Refused] = []
    repeated = 0
    for piece in found:
        if isinstance(piece, Refused):
            refused.append(piece)
            continue
        word = _word(piece)
        if len(piece.body) > most_bytes:
            reason = f"it has {len(piece.body):,} bytes, and a {word} may have {most_bytes:,}"
            refused.append(Refused(piece.source, piece.line, reason))
            continue
        earlier = first.setdefault((piece.kind, piece.uid), piece)
        if earlier is piece:
            continue
        if earlier.body == piece.body:
            repeated += 1
        else:
            where = f"{earlier.source}, line {earlier.line}"
            reason = f"its UID {piece.uid} is that of another {word} ({where})"
            refused.append(Refused(piece.source, piece.line, reason))
    return list(first.values()), refused, repeated


def name_for(piece: Piece, taken: set[str]) -> str:
    """An href for a new item: its UID where that is a plain name, else a digest of it."""
    uid, suffix = piece.uid, KINDS[piece.kind].extensions[0]
    stem = uid if _SAFE_NAME.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()[:32]
    href, number = f"{stem}{suffix}", 2
    while href in taken:
        href, number = f"{stem}-{number}{suffix}", number + 1
    return href


def _word(piece: Piece) -> str:
    return KINDS[piece.kind].words[0]
