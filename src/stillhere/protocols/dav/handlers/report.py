"""REPORT (RFC 3253, 3.6): which report is asked for, and whether this resource has it."""

from __future__ import annotations

from lxml.etree import _Element

from stillhere.protocols.dav.grammar import carddav, query, sync, versioning, xml
from stillhere.protocols.dav.grammar.caldav import CALDAV
from stillhere.protocols.dav.grammar.carddav import CARDDAV
from stillhere.protocols.dav.grammar.dialect import Multiget, Unsupported, read_hrefs
from stillhere.protocols.dav.grammar.paths import Home, Level
from stillhere.protocols.dav.grammar.webdav import read_wanted
from stillhere.protocols.dav.handlers.answer import Answer, missing, precondition
from stillhere.protocols.dav.handlers.expand import expand_property
from stillhere.protocols.dav.handlers.items import give_whole
from stillhere.protocols.dav.handlers.multiget import multiget
from stillhere.protocols.dav.handlers.query import addressbook_query
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.sync import sync_collection


async def report(request: Request) -> Answer:
    """Hands the report on; 403 by name for what is not there, be it the report or a part of it."""
    root = xml.parse(await request.xml())
    try:
        return await _hand_on(request, root)
    except Unsupported as error:
        return precondition(403, error.precondition, error.content, detail=error.detail)


async def _hand_on(request: Request, root: _Element) -> Answer:
    place = request.place
    if place.level is Level.NOWHERE:
        return missing()
    if place.level is not Level.ITEM and root.tag == versioning.EXPAND_PROPERTY:
        return await expand_property(request, versioning.read_expand_property(root))
    if place.level is Level.COLLECTION and root.tag == sync.REPORT:
        return await sync_collection(request, sync.read_sync_collection(root))
    if place.level in (Level.COLLECTION, Level.ITEM):
        match place.home, root.tag:
            case Home.ADDRESSBOOKS, CARDDAV.multiget:
                asked = carddav.read_multiget(root, request.limits.hrefs)
                return await multiget(request, asked, give_whole)
            case Home.CALENDARS, CALDAV.multiget:
                wanted, hrefs = read_wanted(root), read_hrefs(root, request.limits.hrefs)
                return await multiget(request, Multiget(wanted, hrefs), give_whole)
            case Home.ADDRESSBOOKS, CARDDAV.query:
                return await addressbook_query(request, query.read_query(root))
    return precondition(403, versioning.SUPPORTED_REPORT)
