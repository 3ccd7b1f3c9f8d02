"""PROPPATCH (RFC 4918, 9.2): names, descriptions and whatever else devices keep with a book."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.grammar.webdav import Outcome
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.properties import Subject, settle
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import ShelfWrite


async def proppatch(request: Request) -> Answer:
    """Sets and removes properties, all of them or none; only address books keep any."""
    instructions = webdav.read_proppatch(await request.xml())
    place = request.place
    if place.level is not Level.BOOK:
        return _refuse(request, Outcome({step.name: 403 for step in instructions}))

    def change(shelf: ShelfWrite) -> Answer:
        book = shelf.collection(place.book)
        if book is None:
            return missing()
        after, outcome = settle(book.properties, instructions, request.limits.properties)
        if after != book.properties:
            shelf.put_collection(place.book, after)
        href = Subject(request, Level.BOOK, book).href
        return multistatus([webdav.response(href, webdav.outcome_propstats(outcome))])

    return await request.write(change)


def _refuse(request: Request, outcome: Outcome) -> Answer:
    place = request.place
    if place.level is Level.CARD:
        record = request.read(lambda shelf: shelf.record(place.book, place.card))
        if record is None:
            return missing()
        href = f"{request.seat.home}{write_name(place.book)}/{write_name(place.card)}"
    else:
        href = Subject(request, place.level).href
    return multistatus([webdav.response(href, webdav.outcome_propstats(outcome))])
