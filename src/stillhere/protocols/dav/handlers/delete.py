"""DELETE (RFC 4918, 9.6): an item, or a collection with everything in it."""

from __future__ import annotations

from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.allow import not_allowed
from stillhere.protocols.dav.handlers.answer import Answer, changed, missing
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import ShelfWrite


async def delete(request: Request) -> Answer:
    """Deletes, held items included; tombstones stay, so that devices hear of it."""
    place = request.place
    conditions = request.conditions()

    def delete_item(shelf: ShelfWrite) -> Answer:
        record = shelf.record(place.collection, place.item)
        if record is None:
            return missing()
        if not conditions.allow_change(record.etag, record.modified):
            return changed()
        shelf.delete(place.collection, place.item)
        return Answer(204)

    def delete_collection(shelf: ShelfWrite) -> Answer:
        collection = shelf.record("", place.collection)
        if collection is None:
            return missing()
        if not conditions.allow_change(collection.etag, collection.modified):
            return changed()
        shelf.delete_collection(place.collection)
        return Answer(204)

    if place.level is Level.ITEM:
        return await request.write(delete_item)
    if place.level is Level.COLLECTION:
        return await request.write(delete_collection)
    return not_allowed(place.level)
