"""Where an import goes: a collection by name has one kind of items, and what is of another kind
does not fit into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stillhere.kinds import KINDS
from stillhere.protocols.exchange.plan import Piece, Refused
from stillhere.store import ShelfWrite, Store


class Into:
    """The collections that items go into: the one of a name, or the first of each kind."""

    def __init__(
        self, store: Store, account: bytes, name: str | None, pieces: Sequence[Piece]
    ) -> None:
        """A collection that is not there yet is to be of the first item's kind.

        Raises Closed."""
        self._name = name
        self._kind = None if name is None else _kind_of(store, account, name, pieces)

    def split(self, pieces: Iterable[Piece]) -> tuple[list[Piece], list[Refused]]:
        """The items that have a place, and those that have none."""
        fit: list[Piece] = []
        others: list[Refused] = []
        for piece in pieces:
            if self._kind in (None, piece.kind):
                fit.append(piece)
            else:
                assert self._kind is not None
                taken, word = KINDS[self._kind].words[1], KINDS[piece.kind].words[0]
                reason = f"{self._name} is for {taken}, and this is a {word}"
                others.append(Refused(piece.source, piece.line, reason))
        return fit, others

    def collection(self, kind: str) -> str:
        """The name of the collection that items of a kind go into."""
        return self._name or KINDS[kind].first[0]


def _kind_of(store: Store, account: bytes, name: str, pieces: Sequence[Piece]) -> str | None:
    """The kind of the collection of this name; of two, the one that the first item goes into."""
    first = pieces[0].kind if pieces else None
    there = []
    for kind in KINDS:
        with store.read(account, kind) as shelf:
            if shelf.record("", name) is not None:
                there.append(kind)
    if first is None or first in there:
        return first
    homes = {KINDS[kind].collection for kind in there}
    if KINDS[first].collection in homes:
        return next(kind for kind in there if KINDS[kind].collection == KINDS[first].collection)
    return first


def make_collection(shelf: ShelfWrite, name: str) -> None:
    """Have a collection of this name on a shelf, called as it is when it begins with one."""
    if shelf.collection(name) is not None:
        return
    kind = KINDS[shelf.kind]
    first, properties = kind.first
    shelf.put_collection(
        name, properties if name == first else {"{DAV:}displayname": name}, kind.collection
    )
