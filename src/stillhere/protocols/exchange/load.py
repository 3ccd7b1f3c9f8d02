"""Import: carries a plan out, many cards in one change of the shelf.

Phones may write to the same book meanwhile: each group is planned inside its own write, against
what the book has when its turn comes, so nothing is written over that the plan did not see.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stillhere.kinds.contacts import COMPONENT
from stillhere.protocols.exchange.plan import Card, Known, Plan, Refused, plan, sort_out
from stillhere.protocols.exchange.read import into_groups
from stillhere.store import ShelfWrite, State, Store


@dataclass
class Imported:
    """What an import did: cards by outcome, those that got a UID, those that were refused."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    given: list[Card] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def load(
    store: Store,
    account: bytes,
    book: str,
    found: Iterable[Card | Refused],
    *,
    most_bytes: int,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Imported:
    """Imports what was found in files into the address book `book`, made when it is not there.

    `most_bytes` bounds one card. `tick` is told how many cards are done, and of how many.
    When this raises (Closed, Unavailable, Fenced), the groups before stay in, and the same import
    can be run again.
    """
    cards, refused, repeated = sort_out(found, most_bytes)
    given = [card for card in cards if card.given]
    result = Imported(unchanged=repeated, given=given, refused=refused)
    target, finished = _Book(book), 0
    for group in into_groups(cards):
        done = store.write(
            account,
            "contacts",
            lambda shelf: target.write(shelf, group),  # noqa: B023  waited for at once
            device="operator",
        ).result()
        result.unchanged += done.unchanged
        for step in done.steps:
            if step.new:
                result.added += 1
            else:
                result.updated += 1
        finished += len(group)
        tick(finished, len(cards))
    return result


class _Book:
    """The address book that is written to, and what it is known to hold at a position."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._position = -1
        self._known: dict[str, Known] = {}
        self._taken: set[str] = set()

    def write(self, shelf: ShelfWrite, cards: list[Card]) -> Plan:
        """Plans and drafts one group, in the writing thread."""
        if shelf.last_seq != self._position:
            self._list(shelf)
        steps = plan(cards, self._known, self._taken)
        for card, href, _ in steps.steps:
            shelf.whence = f"an import of {Path(card.source).name}"
            record = shelf.put(
                self._name,
                href,
                card.body,
                uid=card.uid,
                component=COMPONENT,
                media_type=card.media_type,
            )
            self._known[card.uid] = Known(href, record.digest)
            self._taken.add(href)
            # A body that healed a held record made more changes; the next group lists anew.
            self._position = record.seq
        return steps

    def _list(self, shelf: ShelfWrite) -> None:
        if shelf.collection(self._name) is None:
            shelf.put_collection(self._name, {"{DAV:}displayname": self._name})
        records = shelf.records(self._name)
        # An unchanged held body must be written once more: that is what heals it.
        self._known = {
            r.uid: Known(r.href, r.digest if r.state == State.PRESENT else b"") for r in records
        }
        self._taken = {r.href for r in records}
        self._position = shelf.last_seq
