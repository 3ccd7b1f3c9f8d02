"""Merging the export of a device: what it knows comes in, and nothing that is newer is lost.

A device that has seen changes which no recovery found may be the last to have them. Of each card
of its export

    the UID is not here                     added
    the UID was deleted here                it stays deleted; other bytes are kept in the history
    the same bytes are here                 proven
    its body is missing here                healed, by the same bytes or as another revision
    both have a REV                         the newer one counts, an older one goes into the history
    it says nothing that ours does not      left: exports write cards in another form
    the device was ahead when the core was
    lost, and ours has not changed since    a new revision; ours goes into the history
    otherwise                               ours stays, and the device's is kept in the history
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from stillhere.kinds.contacts import COMPONENT
from stillhere.kinds.revision import revision_of, says_nothing_new
from stillhere.protocols.exchange.plan import Card, Refused, name_for, sort_out
from stillhere.protocols.exchange.read import into_groups
from stillhere.store import EXPORTED, Record, ShelfWrite, State, Store


class Source(NamedTuple):
    """The device of an export: its id, what it is called, and the recovered end that it has
    shown to be ahead of (None: it has not)."""

    device: str
    name: str
    end: int | None


class Fate(Enum):
    """What becomes of one card of an export."""

    ADD = "added"
    REVISE = "updated"
    HEAL = "healed"
    LEAVE = "unchanged"
    KEEP = "kept in the history"
    STAY_DELETED = "deleted here"


@dataclass
class Merged:
    """What a merge did: cards by their fate, and those that were refused."""

    fates: list[tuple[Card, Fate]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repeated: int = 0

    def count(self, fate: Fate) -> int:
        """How many cards had this fate; repeated ones are unchanged."""
        same = sum(found is fate for _, found in self.fates)
        return same + self.repeated if fate is Fate.LEAVE else same


def decide(card: bytes, ours: Record | None, body: bytes | None, end: int | None) -> Fate:
    """The fate of a card by what is here under its UID (the table above). Pure."""
    if ours is None:
        return Fate.ADD
    same = ours.digest == sha256(card).digest()
    if ours.state == State.DELETED:
        return Fate.STAY_DELETED
    if ours.state == State.HELD:
        return Fate.HEAL
    assert body is not None
    if same:
        return Fate.LEAVE
    theirs, mine = revision_of(card), revision_of(body)
    if theirs and mine and theirs > mine:
        return Fate.REVISE
    if (theirs and theirs == mine) or says_nothing_new(card, body):
        return Fate.LEAVE
    if theirs and mine:
        return Fate.KEEP
    return Fate.REVISE if end is not None and ours.seq <= end else Fate.KEEP


def merge(
    store: Store,
    account: bytes,
    book: str,
    source: Source,
    found: Iterable[Card | Refused],
    *,
    most_bytes: int,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Merged:
    """Merge an export into the address book ``book``, made when it is not there, and note that
    it was. ``most_bytes`` bounds one card.

    When this raises (Closed, Unavailable, Fenced), the groups before stay in, and the same merge
    can be run again."""
    cards, refused, repeated = sort_out(found, most_bytes)
    result = Merged([], refused, repeated)
    for group in into_groups(cards):
        result.fates += store.write(
            account,
            "contacts",
            lambda shelf: _write(shelf, book, source, group),  # noqa: B023  waited for at once
            device="operator",
        ).result()
        tick(len(result.fates), len(cards))
    said: dict[str, str | int] = {"collection": book, "device": source.device}
    store.write(
        account, "contacts", lambda shelf: shelf.note(EXPORTED, said), device="operator"
    ).result()
    return result


def _write(
    shelf: ShelfWrite, book: str, source: Source, cards: list[Card]
) -> list[tuple[Card, Fate]]:
    """Decides and drafts one group, in the writing thread."""
    shelf.whence = f"an export of {source.name}"
    if shelf.collection(book) is None:
        shelf.put_collection(book, {"{DAV:}displayname": book})
    gone = {r.uid: r for r in shelf.changes(book, 0).records if r.state == State.DELETED}
    records = shelf.records(book)
    known = gone | {record.uid: record for record in records}
    taken = {record.href for record in records}
    fates = []
    for card in cards:
        ours = known.get(card.uid)
        body = None
        if ours is not None and ours.state == State.PRESENT:
            body = (shelf.body(book, ours.href) or (ours, None))[1]
        fate = decide(card.body, ours, body, source.end)
        fates.append((card, fate))
        if fate in (Fate.KEEP, Fate.STAY_DELETED):
            _keep(shelf, book, card, ours)
        elif fate is not Fate.LEAVE:
            href = name_for(card.uid, taken) if ours is None else ours.href
            taken.add(href)
            shelf.put(
                book,
                href,
                card.body,
                uid=card.uid,
                component=COMPONENT,
                media_type=card.media_type,
            )
    return fates


def _keep(shelf: ShelfWrite, book: str, card: Card, ours: Record | None) -> None:
    """Keep a card that lost in the history, once, unless it is there as what was deleted."""
    assert ours is not None
    if ours.digest != sha256(card.body).digest() and not shelf.has_kept(card.body):
        shelf.keep_conflict(book, ours.href, card.body)
