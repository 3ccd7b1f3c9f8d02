"""PUT (RFC 9110, 9.3.4; RFC 6352, 6.3.2; RFC 4791, 5.3.2): an item comes in and is kept as it is.

In this order, under the shelf's own lock:

    the collection is not there                      409
    the same bytes are there                         done, whatever the conditions say (guard 5)
    the conditions do not hold                       412; the bytes that lost are kept
    the UID is that of a held item elsewhere         that item is healed, and the sender told where
    the UID is in use, or would change               409 no-uid-conflict; the bytes are kept
    otherwise                                        stored; held twins of these bytes are healed
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from stillhere.kinds import KINDS
from stillhere.kinds.item import BadItem, Item, NotOneItem, OtherComponent
from stillhere.protocols.dav.grammar import caldav
from stillhere.protocols.dav.grammar.conditional import Conditions
from stillhere.protocols.dav.grammar.dialect import Dialect
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import (
    Answer,
    Refused,
    changed,
    no_parent,
    precondition,
    refusal,
)
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Record, ShelfWrite, State


class Upload(NamedTuple):
    """An item that was sent, what is known of it, and the conditions it was sent under."""

    collection: str
    href: str
    body: bytes
    digest: bytes
    item: Item
    conditions: Conditions
    home: str
    dialect: Dialect


async def put(request: Request) -> Answer:
    """Stores an item; the ETag in the answer is that of the bytes that were sent."""
    place = request.place
    if place.level is not Level.ITEM:
        return not_allowed(place.level)
    body = await _read_body(request)
    item = _read_item(request, body)
    upload = Upload(
        place.collection,
        place.item,
        body,
        sha256(body).digest(),
        item,
        request.conditions(),
        request.home,
        request.dialect,
    )
    return await request.write(lambda shelf: store(shelf, upload))


def store(shelf: ShelfWrite, upload: Upload) -> Answer:
    """The answer to an upload, and its draft on the shelf."""
    if shelf.record("", upload.collection) is None:
        return no_parent()
    current = shelf.record(upload.collection, upload.href)
    if current is not None and current.digest == upload.digest:
        if current.state == State.HELD:
            _keep(shelf, upload, upload.href)
        return _done(204, current.etag)
    if not _allowed(current, upload):
        shelf.keep_conflict(upload.collection, upload.href, upload.body)
        return changed("fetch it again, and edit that; yours is kept in your history")
    if current is not None and current.uid == upload.item.uid:
        return _done(204, _keep(shelf, upload, upload.href).etag)
    other = shelf.by_uid(upload.collection, upload.item.uid)
    if current is not None and current.uid:
        return _conflict(shelf, upload, other or current)
    if other is None:
        return _done(201 if current is None else 204, _keep(shelf, upload, upload.href).etag)
    if other.state != State.HELD:
        return _conflict(shelf, upload, other)
    return _heal_elsewhere(shelf, upload, other)


def _allowed(current: Record | None, upload: Upload) -> bool:
    """Whether the conditions hold; an item that is new to its sender may heal one that is held."""
    conditions = upload.conditions
    if current is None:
        return conditions.allow_change(None, 0)
    if current.state == State.HELD and current.uid == upload.item.uid:
        conditions = conditions._replace(if_none_match=None)
    return conditions.allow_change(current.etag, current.modified)


def _keep(shelf: ShelfWrite, upload: Upload, href: str) -> Record:
    return shelf.put_item(upload.collection, href, upload.body, upload.item)


def _heal_elsewhere(shelf: ShelfWrite, upload: Upload, held: Record) -> Answer:
    """Heals the held item; a tombstone tells the sender that its own name came to nothing."""
    _keep(shelf, upload, held.href)
    shelf.delete(upload.collection, upload.href)
    # No ETag: it would be taken for one of the name that was sent (RFC 9110, 8.8.3).
    return Answer(201, ((b"content-location", _href(upload, held.href).encode()),))


def _conflict(shelf: ShelfWrite, upload: Upload, other: Record) -> Answer:
    shelf.keep_conflict(upload.collection, other.href, upload.body)
    href = f"<D:href>{_href(upload, other.href)}</D:href>"
    return precondition(409, upload.dialect.no_uid_conflict, href)


def _href(upload: Upload, href: str) -> str:
    return f"{upload.home}{write_name(upload.collection)}/{write_name(href)}"


def _done(status: int, etag: str) -> Answer:
    return Answer(status, ((b"etag", etag.encode()),))


async def _read_body(request: Request) -> bytes:
    if b"content-range" in request.headers:
        raise Refused(refusal(400, "Bad Request", "it is sent whole, without Content-Range"))
    if request.headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused(refusal(415, "Unsupported Media Type", "it is sent without encoding"))
    name = request.dialect.max_resource_size

    def too_large(limit: int) -> Answer:
        return precondition(403, name, detail=f"an item has at most {limit} bytes")

    return await request.body(request.limits.item, too_large)


def _read_item(request: Request, body: bytes) -> Item:
    name = request.dialect.valid_data
    try:
        item = KINDS[request.kind].parse(body)
        if not item.uid:
            raise BadItem("there is no UID")
    except BadItem as error:
        if isinstance(error, OtherComponent):
            name = caldav.SUPPORTED_COMPONENT
        elif isinstance(error, NotOneItem):
            name = caldav.VALID_OBJECT
        raise Refused(precondition(403, name, detail=error.what)) from error
    return item
