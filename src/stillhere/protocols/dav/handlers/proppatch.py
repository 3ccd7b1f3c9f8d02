"""PROPPATCH (RFC 4918, 9.2): names, colours and whatever else devices keep with a collection."""

from __future__ import annotations

from stillhere.kinds import KINDS
from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.grammar.webdav import Outcome
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.protocols.dav.handlers.properties import settle
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import ShelfWrite


async def proppatch(request: Request) -> Answer:
    """Sets and removes properties, all of them or none; only collections keep any."""
    instructions = webdav.read_proppatch(await request.xml())
    place = request.place
    if place.level is not Level.COLLECTION:
        return _refuse(request, Outcome({step.name: 403 for step in instructions}))

    def change(shelf: ShelfWrite) -> Answer:
        collection = shelf.collection(place.collection)
        if collection is None:
            return missing()
        after, outcome = settle(collection.properties, instructions, request.limits.properties)
        if after != collection.properties:
            shelf.put_collection(place.collection, after, KINDS[request.kind].collection)
        href = Subject(request, Level.COLLECTION, place.home, collection).href
        return multistatus([webdav.response(href, webdav.outcome_propstats(outcome))])

    return await request.write(change)


def _refuse(request: Request, outcome: Outcome) -> Answer:
    place = request.place
    if place.level is Level.ITEM:
        record = request.read(lambda shelf: shelf.record(place.collection, place.item))
        if record is None:
            return missing()
        href = f"{request.home}{write_name(place.collection)}/{write_name(place.item)}"
    else:
        href = Subject(request, place.level, place.home).href
    return multistatus([webdav.response(href, webdav.outcome_propstats(outcome))])
