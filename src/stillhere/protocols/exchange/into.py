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
        self._kinds: dict[str, str] = {}
        for kind in dict.fromkeys(piece.kind for piece in pieces):
            first = kind if name is None else pieces[0].kind
            self._kinds[kind] = _kind_of(store, account, self.collection(kind), first)

    def split(self, pieces: Iterable[Piece]) -> tuple[list[Piece], list[Refused]]:
        """The items that have a place, and those that have none."""
        fit: list[Piece] = []
        others: list[Refused] = []
        for piece in pieces:
            kind = self._kinds[piece.kind]
            if kind == piece.kind:
                fit.append(piece)
            else:
                taken, word = KINDS[kind].words[1], KINDS[piece.kind].words[0]
                reason = f"{self.collection(piece.kind)} is for {taken}, and this is a {word}"
                others.append(Refused(piece.source, piece.line, reason))
        return fit, others

    def collection(self, kind: str) -> str:
        """The name of the collection that items of a kind go into."""
        return self._name or KINDS[kind].first[0]


def _kind_of(store: Store, account: bytes, name: str, first: str) -> str:
    """The kind of the collection of this name, ``first`` where there is none; of one in each
    home, that in the home of ``first``."""
    for kind in (first, *KINDS):
        if KINDS[kind].collection == KINDS[first].collection:
            with store.read(account, kind) as shelf:
                if shelf.record("", name) is not None:
                    return kind
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
