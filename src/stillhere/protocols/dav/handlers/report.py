"""REPORT (RFC 3253, 3.6): which report is asked for, and whether this resource has it."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import carddav, sync, versioning, xml
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers.answer import Answer, missing, precondition
from stillhere.protocols.dav.handlers.expand import expand_property
from stillhere.protocols.dav.handlers.multiget import multiget
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.sync import sync_collection


async def report(request: Request) -> Answer:
    """Hands the report on; 403 with DAV:supported-report for one that is not there."""
    root = xml.parse(await request.xml())
    level = request.place.level
    if level is Level.NOWHERE:
        return missing()
    if level is Level.BOOK and root.tag == sync.REPORT:
        return await sync_collection(request, sync.read_sync_collection(root))
    if level in (Level.BOOK, Level.CARD) and root.tag == carddav.MULTIGET:
        asked = carddav.read_multiget(root, request.limits.hrefs)
        return await multiget(request, asked)
    if level is not Level.CARD and root.tag == versioning.EXPAND_PROPERTY:
        return await expand_property(request, versioning.read_expand_property(root))
    return precondition(403, versioning.SUPPORTED_REPORT)
