"""addressbook-multiget (RFC 6352, 8.7): many cards by name, with their bodies."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.carddav import Multiget
from stillhere.protocols.dav.grammar.paths import BadPath, Level, is_plain, read_href
from stillhere.protocols.dav.grammar.xml import escape
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.cards import card_writer
from stillhere.protocols.dav.handlers.properties import Subject
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Shelf

FEW = 60
"""Cards that are given at once; more are given in a thread."""


async def multiget(request: Request, asked: Multiget) -> Answer:
    """Gives the cards that were asked for, and 404 for names that are none.

    Held cards are left out: a device skips what is left out, and takes anything else for the
    card (guard 3).
    """
    if len(asked.hrefs) <= FEW:
        return request.read(lambda shelf: _give(request, shelf, asked))
    return await request.read_long(lambda shelf: _give(request, shelf, asked))


def _give(request: Request, shelf: Shelf, asked: Multiget) -> Answer:
    book = shelf.collection(request.place.book)
    if book is None:
        return missing()
    subject = Subject(request, Level.BOOK, book)
    path = subject.href
    names = {href: _name(request, href, path) for href in asked.hrefs}
    wanted = list({name for name in names.values() if name})
    found = {record.href: (record, body) for record, body in shelf.bodies(book.name, wanted)}
    write = card_writer(subject, asked.wanted, data=True)
    responses: list[str | bytes] = []
    for href, name in names.items():
        record, body = found.get(name, (None, None))
        if record is None:
            responses.append(webdav.response(escape(href), webdav.status_line(404)))
        elif body is not None:
            responses.append(write(record, body))
    return multistatus(responses)


def _name(request: Request, href: str, book: str) -> str:
    """The name of the card that an href means; empty for what is not in the address book."""
    if href.startswith(book) and is_plain(href, len(book)):
        return href[len(book) :]
    try:
        place = read_href(href, request.host)
    except BadPath:
        return ""
    inside = place.level is Level.CARD and place.book == request.place.book
    return place.card if inside and request.seat.owns(place.owner) else ""
