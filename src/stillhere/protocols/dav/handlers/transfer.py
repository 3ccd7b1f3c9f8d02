"""COPY and MOVE (RFC 4918, 9.8 and 9.9) of a card or an address book, within one's own shelf."""

from __future__ import annotations

from dataclasses import dataclass

from stillhere.protocols.dav.grammar import carddav
from stillhere.protocols.dav.grammar.conditional import Conditions
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
from stillhere.store import Record, ShelfWrite, State


@dataclass(frozen=True, slots=True)
class Transfer:
    """What goes where; ``overwrite`` says whether something there may be replaced."""

    source: Place
    target: Place
    moves: bool
    overwrite: bool
    conditions: Conditions
    home: str


async def transfer(request: Request) -> Answer:
    """Copies or moves; 503 for what is held, since nothing can stand in for its body."""
    source = request.place
    if source.level not in (Level.CARD, Level.BOOK):
        return not_allowed(source.level)
    destination = request.headers.get(b"destination")
    if destination is None:
        return refusal(400, "Bad Request", "there is no Destination")
    target = read_href(destination.decode("latin-1"), request.host)
    if target.level is Level.NOWHERE:
        return refusal(502, "Bad Gateway", "the Destination is not on this server")
    if target.owner and not request.seat.owns(target.owner):
        return refusal(403, "Forbidden", "the Destination is not yours")
    if target.level is not source.level or (target.book, target.card) == (source.book, source.card):
        return refusal(403, "Forbidden", "this can't be put at that Destination")
    if source.level is Level.BOOK and request.depth(missing=None) not in (None, 0):
        raise BadXML("Depth is infinity for an address book")
    plan = Transfer(
        source,
        target,
        request.method == "MOVE",
        request.headers.get(b"overwrite", b"T").strip().upper() != b"F",
        request.conditions(),
        request.seat.home,
    )
    send = _send_card if source.level is Level.CARD else _send_book
    return await request.write(lambda shelf: send(shelf, plan))


def _send_card(shelf: ShelfWrite, plan: Transfer) -> Answer:
    source, target = plan.source, plan.target
    found = shelf.body(source.book, source.card)
    if found is None:
        return missing()
    record, body = found
    there = shelf.record(target.book, target.card)
    refused = _refuse_card(shelf, plan, record, there)
    if refused is not None:
        return refused
    assert body is not None
    _put(shelf, target.book, target.card, record, body)
    if plan.moves:
        shelf.delete(source.book, source.card)
    return Answer(201 if there is None else 204)


def _refuse_card(
    shelf: ShelfWrite, plan: Transfer, record: Record, there: Record | None
) -> Answer | None:
    target = plan.target
    if not plan.conditions.allow_change(record.etag, record.modified):
        return changed()
    if shelf.record("", target.book) is None:
        return no_parent()
    if there is not None and not plan.overwrite:
        return _occupied()
    if record.state == State.HELD or (there is not None and there.state == State.HELD):
        return held()
    twin = shelf.by_uid(target.book, record.uid)
    leaves = plan.moves and twin is not None and (twin.collection, twin.href) == record[:2]
    if twin is not None and twin.href != target.card and not leaves:
        href = f"{plan.home}{write_name(target.book)}/{write_name(twin.href)}"
        return precondition(409, carddav.NO_UID_CONFLICT, f"<D:href>{href}</D:href>")
    return None


def _send_book(shelf: ShelfWrite, plan: Transfer) -> Answer:
    source, target = plan.source, plan.target
    book = shelf.collection(source.book)
    if book is None:
        return missing()
    there = shelf.collection(target.book)
    if there is not None and not plan.overwrite:
        return _occupied()
    cards = shelf.all_bodies(source.book)
    replaced = shelf.records(target.book)
    if any(r.state == State.HELD for r in (*(record for record, _ in cards), *replaced)):
        return held()
    for record in replaced:
        shelf.delete(target.book, record.href)
    shelf.put_collection(target.book, book.properties)
    for record, body in cards:
        assert body is not None
        _put(shelf, target.book, record.href, record, body)
    if plan.moves:
        shelf.delete_collection(source.book)
    return Answer(201 if there is None else 204)


def _put(shelf: ShelfWrite, book: str, href: str, record: Record, body: bytes) -> None:
    shelf.put(
        book,
        href,
        body,
        uid=record.uid,
        component=record.component,
        media_type=record.media_type,
        span=record.span,
    )


def _occupied() -> Answer:
    return changed("send it without Overwrite: F to replace what is there")
