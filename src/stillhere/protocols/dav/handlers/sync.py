"""sync-collection (RFC 6578): what changed since a token, or everything there is.

no token                     a listing: held items are in it, unchanged, on its first page
a token that is not ours     400 with DAV:valid-sync-token
a token of a later epoch     this core is superseded: it closes for ever (guard 4)
a token beyond a past end    proof of a lost tail: kept as evidence, then every real change
                             since that end; 503 where the collection itself was in that tail
otherwise                    the changes since the token; held items are not in it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stillhere.protocols.dav.grammar import sync, webdav
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.grammar.sync import SyncCollection
from stillhere.protocols.dav.handlers.answer import (
    HELD_RETRY_S,
    Answer,
    missing,
    multistatus,
    precondition,
    unavailable,
)
from stillhere.protocols.dav.handlers.bounds import Bounds
from stillhere.protocols.dav.handlers.items import give_whole, item_writer
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.shelves import KINDS_IN
from stillhere.store import (
    LOST_TAIL,
    BadToken,
    Collection,
    Record,
    Shelf,
    ShelfWrite,
    State,
    epoch_of,
)

FEW = 100
"""Changes that are answered at once, and read together; more are answered in a thread."""


class Superseded(Exception):
    """This core is not the one that knows most."""


class NoCollection(Exception):
    """There is no collection of the name that is asked for."""


class LostTail(NamedTuple):
    """A device knows of changes of a past epoch that no recovery has found; it ended at ``end``."""

    end: int


class Page(NamedTuple):
    """Some members of a collection, and the position to go on from."""

    records: list[Record]
    position: int
    truncated: bool


async def sync_collection(request: Request, asked: SyncCollection) -> Answer:
    """Answers a sync-collection report on a collection."""
    if not asked.token:
        return await request.read_long(lambda shelf: _list(request, shelf, asked))
    account, name = request.seat.login.account, request.place.collection
    try:
        since = request.store.tokens.read(account, request.kind, name, asked.token)
    except BadToken:
        if request.read(lambda shelf: shelf.record("", name)) is None:
            return await _answer_nothing(request, asked)
        return precondition(400, sync.VALID_SYNC_TOKEN)
    try:
        found = request.read(lambda shelf: _look(request, shelf, asked, since))
    except NoCollection:
        return await _answer_nothing(request, asked)
    except Superseded:
        request.store.close_superseded()
        return unavailable("another core of this service has later changes", 3600)
    if isinstance(found, Answer):
        return found
    if found is not None:
        detail: dict[str, str | int] = {"collection": name, "token": since, "end": found.end}
        await request.write(lambda shelf: shelf.note(LOST_TAIL, detail))
        since = found.end
    return await request.read_long(lambda shelf: _delta(request, shelf, asked, since))


async def _answer_nothing(request: Request, asked: SyncCollection) -> Answer:
    """404 for a collection that there never was, or that was deleted; 503 for one that a token
    proves to have been in a lost tail: nobody knows what became of it since."""
    account, name, home = request.seat.login.account, request.place.collection, request.place.home
    assert home is not None
    for kind in KINDS_IN[home]:
        try:
            since = request.store.tokens.read(account, kind, name, asked.token)
        except BadToken:
            continue
        about = request.of_kind(kind)
        try:
            lost = about.read(lambda shelf: _find_lost(request, shelf, since))  # noqa: B023
        except Superseded:
            request.store.close_superseded()
            return unavailable("another core of this service has later changes", 3600)
        if lost is None:
            return missing()
        detail: dict[str, str | int] = {"collection": name, "token": since, "end": lost.end}
        await about.write(lambda shelf: _note_once(shelf, detail))  # noqa: B023
        return unavailable(
            "nothing of this collection was found yet; that there was one is proven",
            HELD_RETRY_S,
            safe="your device still has its copy, and keeps it",
            hint="tell whoever runs this service",
            reason="lost tail",
        )
    return missing()


def _find_lost(request: Request, shelf: Shelf, since: int) -> LostTail | None:
    """What a token proves to be missing of a collection that is not there and was not deleted."""
    name = request.place.collection
    if any(record.href == name for record in shelf.changes("", 0).records):
        return None
    return find_lost_tail(shelf, request.store.epoch, since)


def _note_once(shelf: ShelfWrite, detail: dict[str, str | int]) -> None:
    if not shelf.has_noted(LOST_TAIL, detail):
        shelf.note(LOST_TAIL, detail)


def find_lost_tail(shelf: Shelf, epoch: int, since: int) -> LostTail | None:
    """What a device's position proves to be missing here; None when nothing is.

    Raises Superseded for a position that only a later core, or a later state of this one, gave.
    """
    given = epoch_of(since)
    if given > epoch or (given == epoch and since > shelf.last_seq):
        raise Superseded
    if given == epoch:
        return None
    end = max((end for past, end in shelf.ends.items() if past <= given), default=0)
    return LostTail(end) if since > end else None


def _look(
    request: Request, shelf: Shelf, asked: SyncCollection, since: int
) -> Answer | LostTail | None:
    """The answer when it is short; None when it may be long. Raises NoCollection, Superseded."""
    if shelf.record("", request.place.collection) is None:
        raise NoCollection
    lost = find_lost_tail(shelf, request.store.epoch, since)
    if lost is None and shelf.last_seq - since <= FEW:
        return _delta(request, shelf, asked, since)
    return lost


def _list(request: Request, shelf: Shelf, asked: SyncCollection) -> Answer:
    """A first page has every held item, beyond the limit if need be: later pages are deltas."""
    collection = shelf.collection(request.place.collection)
    if collection is None:
        return missing()
    limit = min(asked.limit or request.limits.page, request.limits.page)
    records = sorted(shelf.records(collection.name), key=lambda record: (-record.state, record.seq))
    held = sum(record.state == State.HELD for record in records)
    size = max(limit, held + 1)
    page = Page(records[:size], collection.position, truncated=len(records) > size)
    if page.truncated:
        page = page._replace(position=page.records[-1].seq)
    return _answer(request, shelf, asked, collection, page)


def _delta(request: Request, shelf: Shelf, asked: SyncCollection, since: int) -> Answer:
    collection = shelf.collection(request.place.collection)
    if collection is None:
        return missing()
    limit = min(asked.limit or request.limits.page, request.limits.page)
    records, position, truncated = shelf.changes(collection.name, since, limit)
    if not truncated:
        position = max(collection.position, since)
    return _answer(request, shelf, asked, collection, Page(records, position, truncated))


def _answer(
    request: Request, shelf: Shelf, asked: SyncCollection, collection: Collection, page: Page
) -> Answer:
    subject = Subject(request, Level.COLLECTION, request.place.home, collection)
    responses: list[str | bytes] = list(_responses(shelf, subject, asked, page.records))
    if page.truncated:
        responses.append(webdav.truncated(subject.href))
    return multistatus(responses, sync.token_element(request.token(collection.name, page.position)))


def _responses(
    shelf: Shelf, subject: Subject, asked: SyncCollection, records: list[Record]
) -> Iterator[str | bytes]:
    data = subject.request.dialect.data in asked.wanted.names
    write = item_writer(subject, asked.wanted, give_whole if data else None)
    without_body = item_writer(subject, asked.wanted)
    bounds = Bounds(subject.request.limits)
    for start in range(0, len(records), FEW):
        some = records[start : start + FEW]
        bodies: dict[str, bytes | None] = {}
        if data:
            names = [record.href for record in some if record.state == State.PRESENT]
            bodies = {record.href: body for record, body in shelf.bodies(subject.name, names)}
        for record in some:
            body = bodies.get(record.href)
            response: str | bytes
            if record.state == State.DELETED:
                response = sync.removed(subject.href + write_name(record.href))
            else:
                response = without_body(record) if body is None else write(record, body)
            bounds.add(len(response))
            yield response
