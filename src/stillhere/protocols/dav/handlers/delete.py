"""DELETE (RFC 4918, 9.6): a card, or an address book with everything in it."""

from __future__ import annotations

from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import Answer, changed, missing
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import ShelfWrite


async def delete(request: Request) -> Answer:
    """Deletes, held cards included; tombstones stay, so that devices hear of it."""
    place = request.place
    conditions = request.conditions()

    def delete_card(shelf: ShelfWrite) -> Answer:
        record = shelf.record(place.book, place.card)
        if record is None:
            return missing()
        if not conditions.allow_change(record.etag, record.modified):
            return changed()
        shelf.delete(place.book, place.card)
        return Answer(204)

    def delete_book(shelf: ShelfWrite) -> Answer:
        book = shelf.record("", place.book)
        if book is None:
            return missing()
        if not conditions.allow_change(book.etag, book.modified):
            return changed()
        shelf.delete_collection(place.book)
        return Answer(204)

    if place.level is Level.CARD:
        return await request.write(delete_card)
    if place.level is Level.BOOK:
        return await request.write(delete_book)
    return not_allowed(place.level)
