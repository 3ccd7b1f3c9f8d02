"""What addressbook-query and calendar-query have in common: the items that pass a filter.

A held item is in the answer as in any listing, with its ETag and without its data, unless its
roster entry decides that it is not looked for (guard 3). A device that uses queries as listings
takes what is left out for deleted: so the answer is cut short only where the device asked for
that, and otherwise it is whole, or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.grammar.webdav import Wanted
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.bounds import Bounds
from stillhere.protocols.dav.handlers.items import Content, item_writer
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Collection, Record, Shelf


class Search(NamedTuple):
    """What is looked for in one collection, and what is wanted of each item that is found.

    ``within`` is a time, in seconds since 1970, that no item outside of passes; ``limit`` the
    most items, or None; ``data`` what is given of a body."""

    passes: Callable[[Record, bytes | None], bool]
    wanted: Wanted
    limit: int | None
    data: Content
    within: tuple[int, int] | None = None


async def answer_search(request: Request, search_in: Callable[[Collection], Search]) -> Answer:
    """Answers for a collection, or for one item.

    The Depth header is let pass: a collection has one level, and Depth 0 would make every answer
    an empty one.
    """
    return await request.read_long(lambda shelf: _search(request, shelf, search_in))


def _search(request: Request, shelf: Shelf, search_in: Callable[[Collection], Search]) -> Answer:
    place = request.place
    collection = shelf.collection(place.collection)
    if collection is None:
        return missing()
    subject = Subject(request, Level.COLLECTION, place.home, collection)
    search = search_in(collection)
    if place.level is Level.COLLECTION:
        found = shelf.each_body(collection.name, search.within)
        return _answer(subject, subject.href, found, search)
    item = shelf.body(collection.name, place.item)
    if item is None:
        return missing()
    return _answer(subject, subject.href + write_name(place.item), [item], search)


def _answer(
    subject: Subject, href: str, items: Iterable[tuple[Record, bytes | None]], search: Search
) -> Answer:
    write = item_writer(subject, search.wanted, search.data)
    write_held = item_writer(subject, search.wanted)
    bounds = Bounds(subject.request.limits)
    responses: list[str | bytes] = []
    for record, body in items:
        bounds.go_on()
        if not search.passes(record, body):
            continue
        if len(responses) == search.limit:
            responses.append(webdav.truncated(href))
            break
        response = write_held(record) if body is None else write(record, body)
        bounds.add(len(response))
        responses.append(response)
    return multistatus(responses)
