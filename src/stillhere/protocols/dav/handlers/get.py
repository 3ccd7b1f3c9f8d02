"""GET and HEAD (RFC 9110, 9.3.1): one item, byte for byte as it came."""

from __future__ import annotations

from stillhere.protocols.dav.grammar.conditional import http_date
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import Answer, held, missing
from stillhere.protocols.dav.handlers.request import Request


async def get(request: Request) -> Answer:
    """Gives an item; a held one is 503, never 404 and never something in its place (guard 3)."""
    place = request.place
    if place.level is not Level.ITEM:
        return not_allowed(place.level)
    found = request.read(lambda shelf: shelf.body(place.collection, place.item))
    if found is None:
        return missing()
    record, body = found
    if body is None:
        return held()
    headers = (
        (b"etag", record.etag.encode()),
        (b"last-modified", http_date(record.modified).encode()),
    )
    if request.conditions().is_fresh(record.etag, record.modified):
        return Answer(304, headers)
    return Answer(200, (*headers, (b"content-type", record.media_type.encode())), body)
