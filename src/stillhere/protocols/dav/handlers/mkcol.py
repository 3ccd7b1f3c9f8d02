"""MKCOL, plain (RFC 4918, 9.3) and extended (RFC 5689): a new address book in one's home."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import carddav
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE, mkcol_response, read_mkcol
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.grammar.webdav import Outcome
from stillhere.protocols.dav.grammar.xml import D
from stillhere.protocols.dav.handlers.answer import (
    Answer,
    no_parent,
    precondition,
    refusal,
    with_xml,
)
from stillhere.protocols.dav.handlers.properties import settle
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import ShelfWrite


async def mkcol(request: Request) -> Answer:
    """Makes an address book. Elsewhere than directly in a home there can be none."""
    wanted = read_mkcol(await request.xml())
    place = request.place
    if place.level is Level.CARD:
        found = request.read(lambda shelf: shelf.collection(place.book))
        return no_parent() if found is None else precondition(403, carddav.COLLECTION_LOCATION)
    if place.level is Level.NOWHERE:
        return no_parent()
    if place.level is not Level.BOOK:
        return _exists()
    if wanted.types - {f"{D}collection", carddav.ADDRESSBOOK}:
        names = [RESOURCETYPE, *(step.name for step in wanted.settings)]
        statuses = dict.fromkeys(names, 424) | {RESOURCETYPE: 403}
        return with_xml(403, mkcol_response(Outcome(statuses, f"{D}valid-resourcetype")))
    kept, outcome = settle({}, wanted.settings, request.limits.properties)
    if not outcome.done:
        return with_xml(403, mkcol_response(outcome))

    def make(shelf: ShelfWrite) -> Answer:
        if shelf.record("", place.book) is not None:
            return _exists()
        shelf.put_collection(place.book, kept)
        return Answer(201)

    return await request.write(make)


def _exists() -> Answer:
    return refusal(
        405,
        "Method Not Allowed",
        "there is something of this name already",
        headers=((b"allow", b"OPTIONS, PROPFIND"),),
    )
