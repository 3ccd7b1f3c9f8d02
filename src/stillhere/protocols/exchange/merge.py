"""Merging the export of a device: what it knows comes in, and nothing that is newer is lost.

A device that has seen changes which no recovery found may be the last to have them. Of each item
of its export

    the UID is not here                     added
    the UID was deleted here                it stays deleted; other bytes are kept in the history
    the same bytes are here                 proven
    it is single days of a series           kept in the history; a series is not written over
    its body is missing here                healed, by the same bytes or as another revision
    both tell when they were changed        a newer one counts
    it says nothing that ours does not      left: exports write items in another form
    both tell                               one that is not newer goes into the history
    the device was ahead when the core was
    lost, and ours has not changed since    a new revision; ours goes into the history
    otherwise                               ours stays, and the device's is kept in the history
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from stillhere.kinds import KINDS
from stillhere.kinds.item import Kind
from stillhere.protocols.exchange.into import Into, make_collection
from stillhere.protocols.exchange.plan import Piece, Refused, name_for, sort_out
from stillhere.protocols.exchange.read import into_groups
from stillhere.store import EXPORTED, Record, ShelfWrite, State, Store


class Source(NamedTuple):
    """The device of an export: its id, what it is called, and the recovered ends that it has
    shown to be ahead of, by kind and collection."""

    device: str
    name: str
    ends: dict[tuple[str, str], int]


class Fate(Enum):
    """What becomes of one item of an export."""

    ADD = "added"
    REVISE = "updated"
    HEAL = "healed"
    LEAVE = "unchanged"
    KEEP = "kept in the history"
    STAY_DELETED = "deleted here"


@dataclass
class Merged:
    """What a merge did: items by their fate, and those that were refused."""

    fates: list[tuple[Piece, Fate]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repeated: int = 0

    def count(self, fate: Fate) -> int:
        """How many items had this fate; repeated ones are unchanged."""
        same = sum(found is fate for _, found in self.fates)
        return same + self.repeated if fate is Fate.LEAVE else same


def decide(
    kind: Kind, item: bytes, ours: Record | None, body: bytes | None, end: int | None
) -> Fate:
    """The fate of an item by what is here under its UID (the table above). Pure."""
    if ours is None:
        return Fate.ADD
    same = ours.digest == sha256(item).digest()
    if ours.state == State.DELETED:
        return Fate.STAY_DELETED
    if not same and kind.parse(item).is_part and not (body and kind.parse(body).is_part):
        return Fate.KEEP
    if ours.state == State.HELD:
        return Fate.HEAL
    assert body is not None
    if same:
        return Fate.LEAVE
    theirs, mine = kind.revision_of(item), kind.revision_of(body)
    if theirs and mine and theirs > mine:
        return Fate.REVISE
    if kind.says_nothing_new(item, body):
        return Fate.LEAVE
    if theirs and mine:
        return Fate.KEEP
    return Fate.REVISE if end is not None and ours.seq <= end else Fate.KEEP


def merge(
    store: Store,
    account: bytes,
    name: str | None,
    source: Source,
    found: Iterable[Piece | Refused],
    *,
    most_bytes: int,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> Merged:
    """Merge an export into the collection ``name``, made when it is not there, else into the
    first of each kind; and note that it was. ``most_bytes`` bounds one item.

    When this raises (Closed, Unavailable, Fenced), the groups before stay in, and the same merge
    can be run again."""
    pieces, refused, repeated = sort_out(found, most_bytes)
    into = Into(store, account, name, pieces)
    pieces, others = into.split(pieces)
    result = Merged([], refused + others, repeated)
    for group in into_groups(pieces):
        kind = group[0].kind
        collection = into.collection(kind)
        result.fates += store.write(
            account,
            kind,
            lambda shelf: _write(shelf, collection, source, group),  # noqa: B023  waited for at once
            device="operator",
        ).result()
        tick(len(result.fates), len(pieces))
    for kind in dict.fromkeys(piece.kind for piece in pieces):
        said: dict[str, str | int] = {
            "collection": into.collection(kind),
            "device": source.device,
        }
        store.write(account, kind, partial(_note, said), device="operator").result()
    return result


def _note(said: dict[str, str | int], shelf: ShelfWrite) -> None:
    shelf.note(EXPORTED, said)


def _write(
    shelf: ShelfWrite, collection: str, source: Source, pieces: list[Piece]
) -> list[tuple[Piece, Fate]]:
    """Decides and drafts one group, in the writing thread."""
    shelf.whence = f"an export of {source.name}"
    make_collection(shelf, collection)
    changed = shelf.changes(collection, 0).records
    gone = {record.uid: record for record in changed if record.state == State.DELETED}
    records = shelf.records(collection)
    known = gone | {record.uid: record for record in records}
    taken = {record.href for record in records}
    fates = []
    end = source.ends.get((shelf.kind, collection))
    for piece in pieces:
        ours = known.get(piece.uid)
        body = None
        if ours is not None and ours.state == State.PRESENT:
            body = (shelf.body(collection, ours.href) or (ours, None))[1]
        fate = decide(KINDS[shelf.kind], piece.body, ours, body, end)
        fates.append((piece, fate))
        if fate in (Fate.KEEP, Fate.STAY_DELETED):
            _keep(shelf, collection, piece, ours)
        elif fate is not Fate.LEAVE:
            href = name_for(piece, taken) if ours is None else ours.href
            taken.add(href)
            shelf.put_item(collection, href, piece.body, piece.item)
    return fates


def _keep(shelf: ShelfWrite, collection: str, piece: Piece, ours: Record | None) -> None:
    """Keep an item that lost in the history, once, unless it is there as what was deleted."""
    assert ours is not None
    if ours.digest != sha256(piece.body).digest() and not shelf.has_kept(piece.body):
        shelf.keep_conflict(collection, ours.href, piece.body)
