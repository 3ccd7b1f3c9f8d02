"""REPORT (RFC 3253, 3.6): which report is asked for, and whether this resource has it."""

from __future__ import annotations

from lxml.etree import _Element

from stillhere.protocols.dav.grammar import carddav, query, sync, versioning, xml
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.answer import Answer, missing, precondition
from stillhere.protocols.dav.handlers.expand import expand_property
from stillhere.protocols.dav.handlers.multiget import multiget
from stillhere.protocols.dav.handlers.query import addressbook_query
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.sync import sync_collection


async def report(request: Request) -> Answer:
    """Hands the report on; 403 by name for what is not there, be it the report or a part of it."""
    root = xml.parse(await request.xml())
    try:
        return await _hand_on(request, root)
    except carddav.Unsupported as error:
        return precondition(403, error.precondition, error.content, detail=error.detail)


async def _hand_on(request: Request, root: _Element) -> Answer:
    level = request.place.level
    if level is Level.NOWHERE:
        return missing()
    if level is Level.BOOK and root.tag == sync.REPORT:
        return await sync_collection(request, sync.read_sync_collection(root))
    if level in (Level.BOOK, Level.CARD) and root.tag == carddav.MULTIGET:
        asked = carddav.read_multiget(root, request.limits.hrefs)
        return await multiget(request, asked)
    if level in (Level.BOOK, Level.CARD) and root.tag == query.REPORT:
        return await addressbook_query(request, query.read_query(root))
    if level is not Level.CARD and root.tag == versioning.EXPAND_PROPERTY:
        return await expand_property(request, versioning.read_expand_property(root))
    return precondition(403, versioning.SUPPORTED_REPORT)
