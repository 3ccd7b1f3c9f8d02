"""Import: carries a plan out, many items in one change of their shelf.

Phones may write to the same collection meanwhile: each group is planned inside its own write,
against what the collection has when its turn comes, so nothing is written over that the plan did
not see.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stillhere.protocols.exchange.into import Into, make_collection
from stillhere.protocols.exchange.plan import Known, Piece, Plan, Refused, plan, sort_out
from stillhere.protocols.exchange.read import into_groups
from stillhere.store import ShelfWrite, State, Store


@dataclass
class Imported:
    """What an import did: items by outcome, those that got a UID, those that were refused."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    given: list[Piece] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def load(
    store: Store,
    account: bytes,
    name: str | None,
    found: Iterable[Piece | Refused],
    *,
    most_bytes: int,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Imported:
    """Imports what was found in files into the collection `name`, made when it is not there; for
    None, each item into the first collection of its kind.

    `most_bytes` bounds one item. `tick` is told how many items are done, and of how many.
    When this raises (Closed, Unavailable, Fenced), the groups before stay in, and the same import
    can be run again.
    """
    pieces, refused, repeated = sort_out(found, most_bytes)
    into = Into(store, account, name, pieces)
    pieces, others = into.split(pieces)
    given = [piece for piece in pieces if piece.given]
    result = Imported(unchanged=repeated, given=given, refused=refused + others)
    targets: dict[str, _Target] = {}
    finished = 0
    for group in into_groups(pieces):
        kind = group[0].kind
        target = targets.setdefault(kind, _Target(into.collection(kind)))
        done = store.write(
            account,
            kind,
            lambda shelf: target.write(shelf, group),  # noqa: B023  waited for at once
            device="operator",
        ).result()
        result.unchanged += done.unchanged
        result.refused += done.refused
        for step in done.steps:
            if step.new:
                result.added += 1
            else:
                result.updated += 1
        finished += len(group)
        tick(finished, len(pieces))
    return result


class _Target:
    """The collection that is written to, and what it is known to hold at a position."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._position = -1
        self._known: dict[str, Known] = {}
        self._taken: set[str] = set()

    def write(self, shelf: ShelfWrite, pieces: list[Piece]) -> Plan:
        """Plans and drafts one group, in the writing thread."""
        if shelf.last_seq != self._position:
            self._list(shelf)
        steps = plan(pieces, self._known, self._taken)
        for piece, href, _ in steps.steps:
            shelf.whence = f"an import of {Path(piece.source).name}"
            record = shelf.put_item(self._name, href, piece.body, piece.item)
            self._known[piece.uid] = Known(href, record.digest)
            self._taken.add(href)
            # A body that healed a held record made more changes; the next group lists anew.
            self._position = record.seq
        return steps

    def _list(self, shelf: ShelfWrite) -> None:
        make_collection(shelf, self._name)
        records = shelf.records(self._name)
        self._known = {r.uid: Known(r.href, r.digest, r.state == State.HELD) for r in records}
        self._taken = {r.href for r in records}
        self._position = shelf.last_seq
