"""Changes that only a damaged core has: acknowledged, and lost before any vault had them.

find the rows whose positions lie beyond where the recovery found the end of their epoch
    of a shelf that was not proven, those that are newer than what is there
    the newest of each record that can still be read, with its body proven
write them as changes of today, in the order in which they were made
    what was changed since the recovery stays: the older revision goes into the history
    what was deleted is deleted, whichever revision of it the vault still had

Only rows that a page's own array of cells names come here. What may let somebody in has to lie on
a page that is just as SQLite left it, and to be what a core writes to the last field (login.py);
nobody is called otherwise than they were.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import msgspec

from stillhere.errors import Closed, Damaged, NotFound
from stillhere.kinds import KINDS
from stillhere.kinds.item import BadItem
from stillhere.recovery.accept import last_word, read_words, stands_in
from stillhere.recovery.salvage.heal import whence_of
from stillhere.recovery.salvage.login import PROFILE, may_let_in
from stillhere.recovery.salvage.rows import RecordRow
from stillhere.recovery.salvage.scan import Salvage, Shelf
from stillhere.store.accounts import ACCOUNT, CREDENTIALS, DEVICES, begin
from stillhere.store.core import Core
from stillhere.store.draft import ShelfWrite
from stillhere.store.pages import read_positions
from stillhere.store.records import ACCEPTED, HEALED, SALVAGED, Op, Record, State, epoch_of
from stillhere.store.schema import snapshot
from stillhere.store.shelf import find_shelf
from stillhere.store.store import Store

AT_ONCE = 64 << 20  # bytes of bodies that are taken in one reading of the file
MAX_NAME = 255  # bytes
_CONTROL = re.compile("[\x00-\x1f\x7f]")
IN_A_WRITE = 200  # changes, so that others need not wait long

Name = tuple[str, str]
Restored = dict[Name, tuple[int, int]]
"""Records whose changes were brought back: the position of the change that did it, and the one
that was lost."""


class Merged(NamedTuple):
    """Of ``found`` changes beyond the end, so many are there again: as revisions that are seen
    (``written``), as deletions, and in the history only; ``closed`` ones are of shelves that are
    closed, and come in when these are open and the file is searched again. The others were there
    already, or could not be taken."""

    found: int = 0
    written: int = 0
    deleted: int = 0
    history: int = 0
    closed: int = 0

    def plus(self, other: Merged) -> Merged:
        """Both together."""
        return Merged(*map(sum, zip(self, other, strict=True)))


def merge(store: Store, salvage: Salvage, only: Shelf | None = None) -> Merged:
    """Merge what the file has beyond the recovered end, or what it has for ``only`` one shelf,
    which may be closed. Raises Unavailable, Fenced; what was merged until then stays, and is not
    merged again."""
    whence = whence_of(salvage)
    newest = _find(store.core, store.epoch, salvage)
    if only is not None:
        newest = {only: newest.get(only, {})}
    merged = Merged(found=sum(map(len, newest.values())))
    for batch in _batches(newest):
        rows: dict[Shelf, dict[Name, RecordRow]] = defaultdict(dict)
        index = salvage.index()
        for row in salvage.rows():
            shelf = index.shelf(row.shelf)
            name = row.record[:2]
            if shelf in batch and newest[shelf].get(name) == row.record:
                rows[shelf][name] = _as_its_body_says(shelf[1], row)
        for shelf, found in rows.items():
            restored = _read_restored(store.core, shelf)
            ordered = sorted(found.values(), key=_in_order)
            for first in range(0, len(ordered), IN_A_WRITE):
                rows_now = ordered[first : first + IN_A_WRITE]
                write = partial(_merge, restored, rows_now, whence)
                with suppress(NotFound):  # erased since
                    try:
                        done = store.write(
                            *shelf, write, device="operator", closed=shelf == only
                        ).result()
                    except Closed:
                        done = Merged(closed=len(rows_now))
                    merged = merged.plus(done)
    return merged


def _as_its_body_says(kind: str, row: RecordRow) -> RecordRow:
    """A record whose body says what it is and when: that is proven, and what stands beside it is
    not. What can't be read as one of its kind stays as it was found."""
    if kind not in KINDS or not row.record.collection or row.body is None:
        return row
    try:
        item = KINDS[kind].parse(row.body)
    except BadItem:
        return row
    span = item.span
    return row._replace(
        record=row.record._replace(
            uid=item.uid,
            component=item.component,
            media_type=item.media_type,
            starts=span.starts,
            ends=span.ends,
            exact=int(span.exact),
        )
    )


class _Known(NamedTuple):
    """How much of a shelf is known: the recovered end of every past epoch, and, of one that was
    not proven, where each of its records was changed last (None: the ends say all)."""

    ends: dict[int, int]
    positions: dict[Name, int] | None

    def lacks(self, record: Record) -> bool:
        """Whether this state of a record is newer than what is known; of one that was changed in
        a later epoch nobody knows what it was before."""
        epoch = epoch_of(record.seq)
        if self.positions is None:
            return self.ends.get(epoch, 0) < record.seq
        last = self.positions.get(record[:2], 0)
        return last < record.seq or epoch < epoch_of(last)


def _find(core: Core, epoch: int, salvage: Salvage) -> dict[Shelf, dict[Name, Record]]:
    """The newest state of each record that was changed beyond what is known, by shelf."""
    index = salvage.index()
    known: dict[int, _Known | None] = {}
    newest: dict[Shelf, dict[Name, Record]] = defaultdict(dict)
    for row in salvage.rows():
        shelf, record = index.shelf(row.shelf), row.record
        if shelf is None or not 0 < epoch_of(record.seq) < epoch or not _is_plain(record):
            continue
        if row.shelf not in known:
            known[row.shelf] = _read_known(core, shelf)
        here = known[row.shelf]
        if here is None or not here.lacks(record) or record.seq > index.last(row.shelf):
            continue
        if shelf[1] == ACCOUNT and not may_let_in(salvage, row):
            continue
        before = newest[shelf].get(record[:2])
        if before is None or before.seq < record.seq:
            newest[shelf][record[:2]] = record
    return newest


def _is_plain(record: Record) -> bool:
    """Whether a record is called what a door lets it be called: nothing proves its names, and a
    bit that fell over may have made of one what nobody could ask for, or no answer can carry."""
    uid = record.uid.replace("\t", "").replace("\n", "")  # which a value may have
    text = "".join((*record[:2], uid, record.component, record.media_type))
    names = record[:2] if record.collection else record[1:2]
    return _CONTROL.search(text) is None and all(
        0 < len(name.encode()) <= MAX_NAME and "/" not in name and name not in (".", "..")
        for name in names
    )


def _read_known(core: Core, shelf: Shelf) -> _Known | None:
    sql = core.reader()
    with snapshot(sql), suppress(Damaged):
        row = find_shelf(sql, *shelf)
        if row is None:
            return None
        if row.closed or last_word(read_words(sql, *shelf)).get("what") == ACCEPTED:
            return _Known(row.ends, read_positions(sql, row))
        return _Known(row.ends, None)
    return None


def _in_order(row: RecordRow) -> tuple[bool, int]:
    """Collections before what is in them, though they may have been changed after it; what was
    deleted in between, in its turn."""
    record = row.record
    return bool(record.collection) or record.state == State.DELETED, record.seq


def _batches(newest: dict[Shelf, dict[Name, Record]]) -> Iterator[set[Shelf]]:
    """Shelves of about as many bytes as may be in memory."""
    batch: set[Shelf] = set()
    size = 0
    for shelf, records in newest.items():
        batch.add(shelf)
        size += sum(record.size for record in records.values())
        if size >= AT_ONCE:
            yield batch
            batch, size = set(), 0
    if batch:
        yield batch


def _read_restored(core: Core, shelf: Shelf) -> Restored:
    """What the shelf's notes say of records that were brought back."""
    restored: Restored = {}
    rows = core.reader().execute(
        "SELECT n.seq, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
        " WHERE s.account = ? AND s.kind = ? AND n.op = ? ORDER BY n.seq",
        (*shelf, int(Op.NOTE)),
    )
    for seq, body in rows:
        said = msgspec.msgpack.decode(body)
        if said.get("what") == SALVAGED or (said.get("what") == HEALED and said.get("same")):
            name = said["collection"], said["href"]
            restored[name] = (said.get("at", seq - 1), said.get("was", 0))
    return restored


def _merge(restored: Restored, rows: list[RecordRow], whence: str, shelf: ShelfWrite) -> Merged:
    shelf.whence = whence
    books = _find_books(shelf, rows)
    since = _read_since(shelf, books, min(row.record.seq for row in rows))
    gone: set[Name] = set()
    merged = Merged()
    for _, record, body, _ in rows:
        name = record[:2]
        now = shelf.record(*name)
        last = max(since.get(name, 0), now.seq if now is not None else 0)
        brought, was = restored.get(name, (0, 0))
        again = last == brought and was < record.seq
        free = again or (last < record.seq and epoch_of(last) <= epoch_of(record.seq))
        free = free or (now is not None and stands_in(now))
        if record.state == State.DELETED:
            # one that the vault never had leaves its tombstone too: a phone may have it
            if free and record.collection in books and _is_empty(shelf, record, gone):
                gone.add(name)
                books -= set() if record.collection else {record.href}
                merged = merged.plus(Merged(deleted=1))
                _note(shelf, record, shelf.delete(*name), deleted=1)
        elif body is None or (now is not None and _is_settled(shelf, now, record)):
            continue
        elif free and record.collection in books and not _is_taken(shelf, record, gone):
            put = shelf.put(
                *name,
                body,
                uid=record.uid,
                component=record.component,
                media_type=record.media_type,
                span=record.span,
            )
            if not record.collection:
                books.add(record.href)
            merged = merged.plus(Merged(written=1))
            _note(shelf, record, put.seq)
        elif not shelf.has_kept(body):
            shelf.keep_conflict(*name, body)
            merged = merged.plus(Merged(history=1))
    return merged


def _find_books(shelf: ShelfWrite, rows: list[RecordRow]) -> set[str]:
    """The collections that rows can go into. A shelf that has had none gets its first one where
    they lie in that: its own record may be what is lost."""
    books = {collection.name for collection in shelf.collections()} | {""}
    if shelf.kind == ACCOUNT:
        return books | {CREDENTIALS, DEVICES}  # which have no records of their own
    first, _ = KINDS[shelf.kind].first
    if not shelf.position("") and any(row.record.collection == first for row in rows):
        begin(KINDS[shelf.kind], shelf)
        books.add(first)
    return books


def _read_since(shelf: ShelfWrite, books: set[str], first: int) -> dict[Name, int]:
    """Where what was changed at a position or after it was changed last, tombstones included."""
    changed = (record for book in books for record in shelf.changes(book, first - 1).records)
    return {record[:2]: record.seq for record in changed}


def _is_settled(shelf: ShelfWrite, now: Record, record: Record) -> bool:
    """Whether there is nothing to do: these bytes are there, or it is a name that somebody has."""
    return now.digest == record.digest or (shelf.kind == ACCOUNT and now[:2] == PROFILE)


def _is_empty(shelf: ShelfWrite, tombstone: Record, gone: set[Name]) -> bool:
    """Whether nothing is lost with a record: a collection goes only without anything in it."""
    return bool(tombstone.collection) or all(
        record[:2] in gone for record in shelf.records(tombstone.href)
    )


def _is_taken(shelf: ShelfWrite, record: Record, gone: set[Name]) -> bool:
    """Whether another record has its UID."""
    if not record.uid or not record.collection:
        return False
    other = shelf.by_uid(record.collection, record.uid)
    return other is not None and other.href != record.href and other[:2] not in gone


def _note(shelf: ShelfWrite, record: Record, at: int, **more: int) -> None:
    """Say whence a change came, the position that it ``was`` at, and where it is now."""
    about: dict[str, str | int] = {"collection": record.collection, "href": record.href}
    about |= {"uid": record.uid, "was": record.seq, "at": at, "whence": shelf.whence}
    shelf.note(SALVAGED, {**about, **more})
