"""PROPFIND (RFC 4918, 9.1): one resource, or it and its members."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.grammar.webdav import Wanted
from stillhere.protocols.dav.grammar.xml import D
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus, precondition
from stillhere.protocols.dav.handlers.cards import card_writer
from stillhere.protocols.dav.handlers.properties import Subject, describe
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Shelf

_MEMBERS = {
    Level.ROOT: (Level.PRINCIPALS, Level.HOMES),
    Level.PRINCIPALS: (Level.PRINCIPAL,),
    Level.HOMES: (Level.HOME,),
}


async def propfind(request: Request) -> Answer:
    """Answers with properties. Held cards are listed like any other, unchanged (guard 3)."""
    depth = request.depth(missing=None)
    wanted = webdav.read_propfind(await request.xml())
    level = request.place.level
    if level is Level.CARD:
        return request.read(lambda shelf: _card(request, shelf, wanted))
    if depth is None:
        return precondition(403, f"{D}propfind-finite-depth")
    if level is Level.BOOK and depth:
        return await request.read_long(lambda shelf: _book(request, shelf, wanted, depth=1))
    if level is Level.BOOK:
        return request.read(lambda shelf: _book(request, shelf, wanted, depth=0))
    subjects = [Subject(request, level)]
    if depth and level is Level.HOME:
        books = request.read(lambda shelf: shelf.collections())
        subjects += [Subject(request, Level.BOOK, book) for book in books]
    elif depth:
        subjects += [Subject(request, member) for member in _MEMBERS.get(level, ())]
    return multistatus(webdav.response(s.href, describe(s, wanted)) for s in subjects)


def _book(request: Request, shelf: Shelf, wanted: Wanted, depth: int) -> Answer:
    book = shelf.collection(request.place.book)
    if book is None:
        return missing()
    subject = Subject(request, Level.BOOK, book)
    responses: list[str | bytes] = [webdav.response(subject.href, describe(subject, wanted))]
    if depth:
        write = card_writer(subject, wanted)
        responses += [write(record) for record in shelf.records(book.name)]
    return multistatus(responses)


def _card(request: Request, shelf: Shelf, wanted: Wanted) -> Answer:
    book = shelf.collection(request.place.book)
    record = shelf.record(request.place.book, request.place.card)
    if book is None or record is None:
        return missing()
    return multistatus([card_writer(Subject(request, Level.BOOK, book), wanted)(record)])
