"""MKCOL, plain (RFC 4918, 9.3) and extended (RFC 5689), and MKCALENDAR (RFC 4791, 5.3.1): a new
collection in one's home."""

from __future__ import annotations

from collections.abc import Callable

from stillhere.kinds import KINDS
from stillhere.protocols.dav.grammar.caldav import (
    SUPPORTED_COMPONENT,
    mkcalendar_response,
    read_mkcalendar,
)
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE, Mkcol, mkcol_response, read_mkcol
from stillhere.protocols.dav.grammar.paths import Home, Level
from stillhere.protocols.dav.grammar.webdav import Outcome, outcome_propstats
from stillhere.protocols.dav.grammar.xml import D
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import (
    Answer,
    no_parent,
    precondition,
    refusal,
    with_xml,
)
from stillhere.protocols.dav.handlers.properties import settle
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.shelves import KINDS_IN, find_collection
from stillhere.store import ShelfWrite

Respond = Callable[[str], bytes]


async def mkcol(request: Request) -> Answer:
    """Makes an address book, or a calendar. Elsewhere than directly in a home there can be none."""
    return await _make(request, read_mkcol(await request.xml()), mkcol_response)


async def mkcalendar(request: Request) -> Answer:
    """Makes a calendar: for events, unless its request names another component first."""
    if request.place.home is Home.ADDRESSBOOKS:
        return not_allowed(request.place.level)
    return await _make(request, read_mkcalendar(await request.xml()), mkcalendar_response)


async def _make(request: Request, wanted: Mkcol, respond: Respond) -> Answer:
    place = request.place
    if place.level is Level.ITEM:
        found = request.read(lambda shelf: shelf.collection(place.collection))
        return (
            no_parent() if found is None else precondition(403, request.dialect.collection_location)
        )
    if place.level is Level.NOWHERE:
        return no_parent()
    if place.level is not Level.COLLECTION:
        return _exists()
    if wanted.types - {f"{D}collection", request.dialect.collection}:
        names = [RESOURCETYPE, *(step.name for step in wanted.settings)]
        statuses = dict.fromkeys(names, 424) | {RESOURCETYPE: 403}
        outcome = Outcome(statuses, f"{D}valid-resourcetype")
        return with_xml(403, respond(outcome_propstats(outcome)))
    kept, outcome = settle({}, wanted.settings, request.limits.properties)
    if not outcome.done:
        return with_xml(403, respond(outcome_propstats(outcome)))
    kind = _kind_for(request, wanted.components)
    if kind is None:
        return precondition(403, SUPPORTED_COMPONENT)

    def make(shelf: ShelfWrite) -> Answer:
        if shelf.record("", place.collection) is not None:
            return _exists()
        shelf.put_collection(place.collection, kept, KINDS[kind].collection)
        return Answer(201)

    async with request.making:
        if await find_collection(request.store, request.seat.login.account, place) is not None:
            return _exists()
        return await request.of_kind(kind).write(make)


def _kind_for(request: Request, components: tuple[str, ...]) -> str | None:
    """The kind of the first component that a collection is to take; without any, the first kind
    of the home. None where there is no such kind."""
    assert request.place.home is not None
    kinds = KINDS_IN[request.place.home]
    if not components:
        return kinds[0]
    by_component = {KINDS[kind].component: kind for kind in kinds}
    return next((by_component[name] for name in components if name in by_component), None)


def _exists() -> Answer:
    return refusal(
        405,
        "Method Not Allowed",
        "there is something of this name already",
        headers=((b"allow", b"OPTIONS, PROPFIND"),),
    )
