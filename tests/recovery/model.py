"""What a shelf must hold, kept beside the real one in plain dictionaries.

The model gives out positions by the rule of design.md (``epoch << 40 | counter``), so it knows
every sync token and every delta without asking the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from stillhere.kinds import KINDS
from stillhere.kinds.item import NO_SPAN, Span
from stillhere.store import Shelf, ShelfWrite, State

TIMES = ((-5_000, 6_000), (12_000, 10**10))
"""Time ranges that a listing is asked for."""


class Put(NamedTuple):
    """A record and its body."""

    collection: str
    href: str
    body: bytes


class Delete(NamedTuple):
    """A record's end, whether it is there or not."""

    collection: str
    href: str


class Conflict(NamedTuple):
    """A revision that lost and is kept."""

    collection: str
    href: str
    body: bytes


class Note(NamedTuple):
    """A piece of evidence."""

    what: str


class PutCollection(NamedTuple):
    """A collection with its display name."""

    name: str
    title: str


class DeleteCollection(NamedTuple):
    """A collection's end and that of everything in it; alone in its draft."""

    name: str


Act = Put | Delete | Conflict | Note | PutCollection | DeleteCollection


class Row(NamedTuple):
    """A record (or a tombstone, without a body) and the position of its last change."""

    seq: int
    body: bytes | None


@dataclass
class Book:
    """One shelf as it must be.

    ``seqs`` has every position that was given out, ``revisions`` every body that was ever
    acknowledged, ``ends`` the last position of every past epoch as the core must know it."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    seqs: list[int] = field(default_factory=list)
    revisions: set[bytes] = field(default_factory=set)
    ends: dict[int, int] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The position of the last change."""
        return self.seqs[-1] if self.seqs else 0

    def apply(self, acts: Iterable[Act], epoch: int) -> None:
        """What one draft does."""
        for act in acts:
            if isinstance(act, Put):
                self._set(act.collection, act.href, act.body, epoch)
            elif isinstance(act, Delete):
                self._set(act.collection, act.href, None, epoch)
            elif isinstance(act, Conflict):
                self._take(epoch)
                self.revisions.add(act.body)
            elif isinstance(act, Note):
                self._take(epoch)
            elif isinstance(act, PutCollection):
                self._set("", act.name, _properties(act.title), epoch)
            else:
                for href in self.present(act.name):
                    self._set(act.name, href, None, epoch)
                self._set("", act.name, None, epoch)

    def present(self, collection: str) -> dict[str, bytes]:
        """href → body of what is there."""
        return {
            href: row.body
            for (place, href), row in sorted(self.rows.items())
            if place == collection and row.body is not None
        }

    def collections(self) -> set[str]:
        """Every name that records were ever filed under."""
        return {place for place, _ in self.rows}

    def position(self, collection: str) -> int:
        """Where a sync token of this collection stands now."""
        return max((row.seq for (at, _), row in self.rows.items() if at == collection), default=0)

    def delta(self, collection: str, since: int) -> list[tuple[str, int, bytes | None]]:
        """(href, position, body) of everything that changed after ``since``, oldest first."""
        changed = [
            (row.seq, href, row.body)
            for (place, href), row in self.rows.items()
            if place == collection and row.seq > since
        ]
        return [(href, seq, body) for seq, href, body in sorted(changed)]

    def end_epoch(self, epoch: int) -> None:
        """A recovery begins ``epoch``: where each one before it ended is known from now on."""
        self.ends = {
            past: max((seq for seq in self.seqs if seq >> 40 <= past), default=0)
            for past in range(1, epoch)
        }

    def _set(self, collection: str, href: str, body: bytes | None, epoch: int) -> None:
        self.rows[collection, href] = Row(self._take(epoch), body)
        if body is not None:
            self.revisions.add(body)

    def _take(self, epoch: int) -> int:
        last = self.last
        self.seqs.append(last + 1 if last >> 40 == epoch else epoch << 40 | 1)
        return self.seqs[-1]


def draft(shelf: ShelfWrite, acts: Iterable[Act]) -> None:
    """The same acts on a real shelf."""
    kind = KINDS[shelf.kind]
    for act in acts:
        if isinstance(act, Put):
            shelf.put(
                act.collection,
                act.href,
                act.body,
                uid=uid_of(act.href),
                component=kind.component,
                media_type=kind.media_type,
                span=span_of(act.body),
            )
        elif isinstance(act, Delete):
            shelf.delete(act.collection, act.href)
        elif isinstance(act, Conflict):
            shelf.keep_conflict(act.collection, act.href, act.body)
        elif isinstance(act, Note):
            shelf.note(act.what, {"position": 7})
        elif isinstance(act, PutCollection):
            shelf.put_collection(act.name, {"{DAV:}displayname": act.title}, kind.collection)
        else:
            shelf.delete_collection(act.name)


def differences(shelf: Shelf, book: Book) -> list[str]:
    """Where an open shelf is not what the book says. Empty when nothing is missing or wrong."""
    found: list[str] = []
    for record, body in shelf.everything():
        row = book.rows.get((record.collection, record.href))
        name = f"{record.collection}/{record.href}"
        if row is None:
            found.append(f"{name} was never acknowledged")
        elif record.state == State.HELD:
            found.append(f"{name} is held")
        elif (record.seq, body) != row:
            found.append(f"{name} is {(record.seq, body)}, acknowledged was {row}")
        elif body is not None and record.component != _component_of(shelf, record.collection):
            found.append(f"{name} is a {record.component}")
        elif body is not None and record.span != (span_of(body) if record.collection else NO_SPAN):
            found.append(f"{name} is at {record.span}")
    there = {(record.collection, record.href) for record, _ in shelf.everything()}
    found += [f"{key} is missing" for key in sorted(book.rows.keys() - there)]
    if shelf.last_seq != book.last:
        found.append(f"the last position is {shelf.last_seq}, it was {book.last}")
    if _known(shelf.ends) != _known(book.ends):
        found.append(f"the ends are {shelf.ends}, they were {book.ends}")
    found += _listing_differences(shelf, book)
    return found


def delta_of(shelf: Shelf, collection: str, since: int) -> list[tuple[str, int, bytes | None]]:
    """A real delta in the words of ``Book.delta``, fetched in pages of three."""
    changed: list[tuple[str, int, bytes | None]] = []
    truncated = True
    while truncated:
        page = shelf.changes(collection, since, 3)
        for record in page.records:
            found = shelf.body(collection, record.href)
            body = found[1] if found is not None else None
            changed.append((record.href, record.seq, body))
        since, truncated = page.position, page.truncated
    return changed


def uid_of(href: str) -> str:
    """The UID that a record under this name has."""
    return href.rpartition(".")[0] or href


def span_of(body: bytes) -> Span:
    """When a record with this body is: every second one, and some of those for long."""
    if len(body) % 2:
        return NO_SPAN
    starts = 1000 * len(body) - 9_000
    return Span(starts, starts + (500 if len(body) % 4 else 1 << 24), len(body) % 3 == 0)


def _known(ends: dict[int, int]) -> dict[int, int]:
    """Without epochs in which nothing was written: of these a blank shelf says nothing."""
    return {epoch: end for epoch, end in ends.items() if end}


def _component_of(shelf: Shelf, collection: str) -> str:
    kind = KINDS[shelf.kind]
    return kind.component if collection else kind.collection


def _listing_differences(shelf: Shelf, book: Book) -> list[str]:
    found = []
    for name in sorted(book.collections() - {""}):
        listed = {record.href: body for record, body in shelf.all_bodies(name)}
        if listed != book.present(name):
            found.append(f"{name} lists {sorted(listed)}, not {sorted(book.present(name))}")
        for times in TIMES:
            wanted = {href: body for href, body in listed.items() if _is_at(times, body or b"")}
            at = {record.href: body for record, body in shelf.each_body(name, times)}
            if at != wanted or [r.href for r in shelf.overlapping(name, *times)] != [*wanted]:
                found.append(f"{name} lists {sorted(at)} within {times}, not {sorted(wanted)}")
        for href in listed:
            named = shelf.by_uid(name, uid_of(href))
            if named is None or named.href != href:
                found.append(f"{name}/{href} is not found by its UID, but {named}")
        if shelf.position(name) != book.position(name):
            found.append(f"{name} is at {shelf.position(name)}, not {book.position(name)}")
    titles = {one.name: one.properties for one in shelf.collections()}
    expected = {href: msgspec.msgpack.decode(body) for href, body in book.present("").items()}
    if titles != expected:
        found.append(f"the collections are {titles}, not {expected}")
    return found


def _is_at(times: tuple[int, int], body: bytes) -> bool:
    span = span_of(body)
    return span.starts < times[1] and times[0] < span.ends and span != NO_SPAN


def _properties(title: str) -> bytes:
    return msgspec.msgpack.encode({"{DAV:}displayname": title})
