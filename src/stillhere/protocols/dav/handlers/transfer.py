"""COPY and MOVE (RFC 4918, 9.8 and 9.9) of an item or a collection, within one shelf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stillhere.kinds import KINDS
from stillhere.protocols.dav.grammar.caldav import SUPPORTED_COMPONENT
from stillhere.protocols.dav.grammar.conditional import Conditions
from stillhere.protocols.dav.grammar.dialect import Dialect
from stillhere.protocols.dav.grammar.paths import Level, Place, read_href, write_name
from stillhere.protocols.dav.grammar.xml import BadXML
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import (
    Answer,
    changed,
    held,
    missing,
    no_parent,
    precondition,
    refusal,
)
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.shelves import find_collection
from stillhere.store import Record, ShelfWrite, State


@dataclass(frozen=True, slots=True)
class Transfer:
    """What goes where; ``shallow`` a collection without its items (RFC 4918, 9.8.3);
    ``overwrite`` says whether something there may be replaced, ``component`` what a collection's
    own record is."""

    source: Place
    target: Place
    moves: bool
    shallow: bool
    overwrite: bool
    conditions: Conditions
    home: str
    dialect: Dialect
    component: str


async def transfer(request: Request) -> Answer:
    """Copies or moves; 503 for what is held, since nothing can stand in for its body."""
    source = request.place
    if source.level not in (Level.ITEM, Level.COLLECTION):
        return not_allowed(source.level)
    destination = request.headers.get(b"destination")
    if destination is None:
        return refusal(400, "Bad Request", "there is no Destination")
    target = read_href(destination.decode("latin-1"), request.host)
    if target.level is Level.NOWHERE:
        return refusal(502, "Bad Gateway", "the Destination is not on this server")
    if target.owner and not request.seat.owns(target.owner):
        return refusal(403, "Forbidden", "the Destination is not yours")
    elsewhere = target[:2] != source[:2]
    if elsewhere or (target.collection, target.item) == (source.collection, source.item):
        return refusal(403, "Forbidden", "this can't be put at that Destination")
    if source.level is Level.COLLECTION and request.depth(missing=None) not in (None, 0):
        raise BadXML("Depth is infinity for a collection")
    plan = Transfer(
        source,
        target,
        request.method == "MOVE",
        request.method == "COPY" and request.depth(missing=None) == 0,
        request.headers.get(b"overwrite", b"T").strip().upper() != b"F",
        request.conditions(),
        request.home,
        request.dialect,
        KINDS[request.kind].collection,
    )
    if source.level is Level.ITEM:
        return await _send(request, plan, _send_item)
    async with request.making:
        return await _send(request, plan, _send_collection)


async def _send(
    request: Request, plan: Transfer, send: Callable[[ShelfWrite, Transfer], Answer]
) -> Answer:
    kind = await find_collection(request.store, request.seat.login.account, plan.target)
    if kind not in (None, request.kind):
        return precondition(403, SUPPORTED_COMPONENT)
    return await request.write(lambda shelf: send(shelf, plan))


def _send_item(shelf: ShelfWrite, plan: Transfer) -> Answer:
    source, target = plan.source, plan.target
    found = shelf.body(source.collection, source.item)
    if found is None:
        return missing()
    record, body = found
    there = shelf.record(target.collection, target.item)
    refused = _refuse_item(shelf, plan, record, there)
    if refused is not None:
        return refused
    assert body is not None
    _put(shelf, target.collection, target.item, record, body)
    if plan.moves:
        shelf.delete(source.collection, source.item)
    return Answer(201 if there is None else 204)


def _refuse_item(
    shelf: ShelfWrite, plan: Transfer, record: Record, there: Record | None
) -> Answer | None:
    target = plan.target
    if not plan.conditions.allow_change(record.etag, record.modified):
        return changed()
    if shelf.record("", target.collection) is None:
        return no_parent()
    if there is not None and not plan.overwrite:
        return _occupied()
    if record.state == State.HELD or (there is not None and there.state == State.HELD):
        return held()
    twin = shelf.by_uid(target.collection, record.uid)
    leaves = plan.moves and twin is not None and (twin.collection, twin.href) == record[:2]
    if twin is not None and twin.href != target.item and not leaves:
        href = f"{plan.home}{write_name(target.collection)}/{write_name(twin.href)}"
        return precondition(409, plan.dialect.no_uid_conflict, f"<D:href>{href}</D:href>")
    return None


def _send_collection(shelf: ShelfWrite, plan: Transfer) -> Answer:
    source, target = plan.source, plan.target
    collection = shelf.collection(source.collection)
    if collection is None:
        return missing()
    there = shelf.collection(target.collection)
    if there is not None and not plan.overwrite:
        return _occupied()
    items = [] if plan.shallow else shelf.all_bodies(source.collection)
    replaced = shelf.records(target.collection)
    if any(r.state == State.HELD for r in (*(record for record, _ in items), *replaced)):
        return held()
    for record in replaced:
        shelf.delete(target.collection, record.href)
    shelf.put_collection(target.collection, collection.properties, plan.component)
    for record, body in items:
        assert body is not None
        _put(shelf, target.collection, record.href, record, body)
    if plan.moves:
        shelf.delete_collection(source.collection)
    return Answer(201 if there is None else 204)


def _put(shelf: ShelfWrite, collection: str, href: str, record: Record, body: bytes) -> None:
    shelf.put(
        collection,
        href,
        body,
        uid=record.uid,
        component=record.component,
        media_type=record.media_type,
        span=record.span,
    )


def _occupied() -> Answer:
    return changed("send it without Overwrite: F to replace what is there")
