"""PUT (RFC 9110, 9.3.4; RFC 6352, 5.1 and 6.3.2): a card comes in and is kept as it is.

In this order, under the shelf's own lock:

    the address book is not there                    409
    the same bytes are there                         done, whatever the conditions say (guard 5)
    the conditions do not hold                       412; the bytes that lost are kept
    the UID is that of a held card elsewhere         that card is healed, and the sender told where
    the UID is in use, or would change               409 no-uid-conflict; the bytes are kept
    otherwise                                        stored; held twins of these bytes are healed
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from stillhere.kinds import contacts
from stillhere.kinds.item import BadItem
from stillhere.protocols.dav.grammar import carddav
from stillhere.protocols.dav.grammar.conditional import Conditions
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
    """A card that was sent, what is known of it, and the conditions it was sent under."""

    book: str
    href: str
    body: bytes
    digest: bytes
    card: contacts.Card
    conditions: Conditions
    home: str


async def put(request: Request) -> Answer:
    """Stores a card; the ETag in the answer is that of the bytes that were sent."""
    place = request.place
    if place.level is not Level.CARD:
        return not_allowed(place.level)
    body = await _read_body(request)
    card = _read_card(body)
    upload = Upload(
        place.book,
        place.card,
        body,
        sha256(body).digest(),
        card,
        request.conditions(),
        request.seat.home,
    )
    return await request.write(lambda shelf: store(shelf, upload))


def store(shelf: ShelfWrite, upload: Upload) -> Answer:
    """The answer to an upload, and its draft on the shelf."""
    if shelf.record("", upload.book) is None:
        return no_parent()
    current = shelf.record(upload.book, upload.href)
    if current is not None and current.digest == upload.digest:
        if current.state == State.HELD:
            _keep(shelf, upload, upload.href)
        return _done(204, current.etag)
    if not _allowed(current, upload):
        shelf.keep_conflict(upload.book, upload.href, upload.body)
        return changed("fetch the card again, and edit that; yours is kept in your history")
    if current is not None and current.uid == upload.card.uid:
        return _done(204, _keep(shelf, upload, upload.href).etag)
    other = shelf.by_uid(upload.book, upload.card.uid)
    if current is not None and current.uid:
        return _conflict(shelf, upload, other or current)
    if other is None:
        return _done(201 if current is None else 204, _keep(shelf, upload, upload.href).etag)
    if other.state != State.HELD:
        return _conflict(shelf, upload, other)
    return _heal_elsewhere(shelf, upload, other)


def _allowed(current: Record | None, upload: Upload) -> bool:
    """Whether the conditions hold; a card that is new to its sender may heal one that is held."""
    conditions = upload.conditions
    if current is None:
        return conditions.allow_change(None, 0)
    if current.state == State.HELD and current.uid == upload.card.uid:
        conditions = conditions._replace(if_none_match=None)
    return conditions.allow_change(current.etag, current.modified)


def _keep(shelf: ShelfWrite, upload: Upload, href: str) -> Record:
    card = upload.card
    return shelf.put(
        upload.book,
        href,
        upload.body,
        uid=card.uid,
        component=contacts.COMPONENT,
        media_type=card.media_type,
    )


def _heal_elsewhere(shelf: ShelfWrite, upload: Upload, held: Record) -> Answer:
    """Heals the held card; a tombstone tells the sender that its own name came to nothing."""
    _keep(shelf, upload, held.href)
    shelf.delete(upload.book, upload.href)
    # No ETag: it would be taken for one of the name that was sent (RFC 9110, 8.8.3).
    return Answer(201, ((b"content-location", _href(upload, held.href).encode()),))


def _conflict(shelf: ShelfWrite, upload: Upload, other: Record) -> Answer:
    shelf.keep_conflict(upload.book, other.href, upload.body)
    href = f"<D:href>{_href(upload, other.href)}</D:href>"
    return precondition(409, carddav.NO_UID_CONFLICT, href)


def _href(upload: Upload, href: str) -> str:
    return f"{upload.home}{write_name(upload.book)}/{write_name(href)}"


def _done(status: int, etag: str) -> Answer:
    return Answer(status, ((b"etag", etag.encode()),))


async def _read_body(request: Request) -> bytes:
    if b"content-range" in request.headers:
        raise Refused(refusal(400, "Bad Request", "a card is sent whole, without Content-Range"))
    if request.headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused(refusal(415, "Unsupported Media Type", "a card is sent without encoding"))
    return await request.body(request.limits.card, _too_large)


def _too_large(limit: int) -> Answer:
    detail = f"a card has at most {limit} bytes"
    return precondition(403, carddav.MAX_RESOURCE_SIZE, detail=detail)


def _read_card(body: bytes) -> contacts.Card:
    try:
        card = contacts.parse(body)
        if not card.uid:
            raise BadItem("the card has no UID")
    except BadItem as error:
        raise Refused(precondition(403, carddav.VALID_ADDRESS_DATA, detail=error.what)) from error
    return card
