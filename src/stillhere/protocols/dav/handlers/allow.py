"""OPTIONS (RFC 9110, 9.3.7; RFC 4918, 10.1), and the answer to methods that a resource lacks."""

from __future__ import annotations

from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.answer import Answer, refusal
from stillhere.protocols.dav.handlers.request import Request

DAV = b"1, 3, addressbook, extended-mkcol, calendar-access"
_LOOK = b"OPTIONS, PROPFIND, PROPPATCH, REPORT"
_ALLOWED = {
    Level.COLLECTION: _LOOK + b", MKCOL, MKCALENDAR, DELETE, COPY, MOVE",
    Level.ITEM: _LOOK + b", GET, HEAD, PUT, DELETE, COPY, MOVE",
}


async def options(request: Request) -> Answer:
    """Says what there is; the same for names that exist and that do not."""
    allowed = _ALLOWED.get(request.place.level, _LOOK)
    return Answer(200, ((b"dav", DAV), (b"allow", allowed)))


def not_allowed(level: Level) -> Answer:
    """405 with the methods that are there."""
    return refusal(
        405,
        "Method Not Allowed",
        "this is not possible here",
        headers=((b"allow", _ALLOWED.get(level, _LOOK)),),
    )
