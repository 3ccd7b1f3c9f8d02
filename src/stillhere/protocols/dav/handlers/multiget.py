"""addressbook-multiget (RFC 6352, 8.7) and calendar-multiget (RFC 4791, 7.9): many items by name,
with their bodies."""

from __future__ import annotations

from collections.abc import Callable

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.dialect import Multiget
from stillhere.protocols.dav.grammar.paths import BadPath, Level, is_plain, read_href
from stillhere.protocols.dav.grammar.xml import escape
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.bounds import Bounds
from stillhere.protocols.dav.handlers.items import Content, item_writer
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Collection, Shelf

FEW = 60
"""Items that are read together, and given at once where they are given as they are."""


async def multiget(
    request: Request,
    asked: Multiget,
    giving: Callable[[Collection], Content],
    at_once: int = FEW,
) -> Answer:
    """Gives the items that were asked for, and 404 for names that are none; ``giving``
    says what is given of a body. More than ``at_once`` are given in a thread.

    Held items are left out: a device skips what is left out, and takes anything else for the
    item (guard 3).
    """
    if len(asked.hrefs) <= at_once:
        return request.read(lambda shelf: _give(request, shelf, asked, giving))
    return await request.read_long(lambda shelf: _give(request, shelf, asked, giving))


def _give(
    request: Request, shelf: Shelf, asked: Multiget, giving: Callable[[Collection], Content]
) -> Answer:
    collection = shelf.collection(request.place.collection)
    if collection is None:
        return missing()
    subject = Subject(request, Level.COLLECTION, request.place.home, collection)
    path = subject.href
    names = {href: _name(request, href, path) for href in asked.hrefs}
    wanted = list({name for name in names.values() if name})
    write = item_writer(subject, asked.wanted, giving(collection))
    bounds = Bounds(request.limits)
    written: dict[str, bytes] = {}
    for start in range(0, len(wanted), FEW):
        for record, body in shelf.bodies(collection.name, wanted[start : start + FEW]):
            bounds.go_on()
            written[record.href] = b"" if body is None else write(record, body)
            bounds.add(len(written[record.href]))
    return multistatus(
        written[name] if name in written else webdav.response(escape(href), webdav.status_line(404))
        for href, name in names.items()
    )


def _name(request: Request, href: str, path: str) -> str:
    """The name of the item that an href means; empty for what is not in the collection."""
    if href.startswith(path) and is_plain(href, len(path)):
        return href[len(path) :]
    try:
        place = read_href(href, request.host)
    except BadPath:
        return ""
    here = request.place
    inside = place[:2] == (Level.ITEM, here.home) and place.collection == here.collection
    return place.item if inside and request.seat.owns(place.owner) else ""
