"""PROPFIND (RFC 4918, 9.1): one resource, or it and its members."""

from __future__ import annotations

from collections.abc import Iterator

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Home, Level
from stillhere.protocols.dav.grammar.webdav import Wanted
from stillhere.protocols.dav.grammar.xml import D
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus, precondition
from stillhere.protocols.dav.handlers.items import item_writer
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.protocols.dav.handlers.properties import describe
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.shelves import begin_first, enter_all
from stillhere.store import Shelf


async def propfind(request: Request) -> Answer:
    """Answers with properties. Held items are listed like any other, unchanged (guard 3)."""
    depth = request.depth(missing=None)
    wanted = webdav.read_propfind(await request.xml())
    level = request.place.level
    if level is Level.ITEM:
        return request.read(lambda shelf: _item(request, shelf, wanted))
    if depth is None:
        return precondition(403, f"{D}propfind-finite-depth")
    if level is Level.COLLECTION and depth:
        return await request.read_long(lambda shelf: _collection(request, shelf, wanted, depth=1))
    if level is Level.COLLECTION:
        return request.read(lambda shelf: _collection(request, shelf, wanted, depth=0))
    subjects = [Subject(request, level, request.place.home)]
    if depth and level is Level.HOME:
        subjects += await _in_home(request)
    elif depth:
        subjects += _members(request)
    return multistatus(webdav.response(s.href, describe(s, wanted)) for s in subjects)


def _members(request: Request) -> Iterator[Subject]:
    match request.place.level:
        case Level.ROOT:
            yield Subject(request, Level.PRINCIPALS)
            yield from (Subject(request, Level.HOMES, home) for home in Home)
        case Level.PRINCIPALS:
            yield Subject(request, Level.PRINCIPAL)
        case Level.HOMES:
            yield Subject(request, Level.HOME, request.place.home)


async def _in_home(request: Request) -> list[Subject]:
    """Every collection of a home, from shelves all of which are open."""
    home = request.place.home
    assert home is not None
    kinds = await enter_all(request.store, request.seat.login.account, home)
    shelves = [request.of_kind(kind) for kind in kinds]
    for about in shelves:
        if not about.read(lambda shelf: shelf.position("")):
            await begin_first(about.store, about.seat.login, home, about.kind, about.making)
    return [
        Subject(about, Level.COLLECTION, home, each)
        for about in shelves
        for each in about.read(lambda shelf: shelf.collections())
    ]


def _collection(request: Request, shelf: Shelf, wanted: Wanted, depth: int) -> Answer:
    collection = shelf.collection(request.place.collection)
    if collection is None:
        return missing()
    subject = Subject(request, Level.COLLECTION, request.place.home, collection)
    responses: list[str | bytes] = [webdav.response(subject.href, describe(subject, wanted))]
    if depth:
        write = item_writer(subject, wanted)
        responses += [write(record) for record in shelf.records(collection.name)]
    return multistatus(responses)


def _item(request: Request, shelf: Shelf, wanted: Wanted) -> Answer:
    place = request.place
    collection = shelf.collection(place.collection)
    record = shelf.record(place.collection, place.item)
    if collection is None or record is None:
        return missing()
    subject = Subject(request, Level.COLLECTION, place.home, collection)
    return multistatus([item_writer(subject, wanted)(record)])
