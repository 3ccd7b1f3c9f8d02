"""REPORT (RFC 3253, 3.6): which report is asked for, and whether this resource has it."""

from __future__ import annotations

from lxml.etree import _Element

from stillhere.protocols.dav.grammar import carddav, query, sync, versioning, xml
from stillhere.protocols.dav.grammar.caldav import CALDAV, FREE_BUSY_QUERY
from stillhere.protocols.dav.grammar.carddav import CARDDAV
from stillhere.protocols.dav.grammar.dialect import Unsupported
from stillhere.protocols.dav.grammar.paths import Home, Level
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
    level, home = request.place.level, request.place.home
    if level is Level.NOWHERE:
        return missing()
    if level is not Level.ITEM and root.tag == versioning.EXPAND_PROPERTY:
        return await expand_property(request, versioning.read_expand_property(root))
    if level is Level.COLLECTION and root.tag == sync.REPORT:
        return await sync_collection(request, sync.read_sync_collection(root))
    if level in (Level.COLLECTION, Level.ITEM) and home is Home.ADDRESSBOOKS:
        return await _ask_book(request, root)
    if level in (Level.COLLECTION, Level.ITEM) and home is Home.CALENDARS:
        return await _ask_calendar(request, root)
    return precondition(403, versioning.SUPPORTED_REPORT)


async def _ask_book(request: Request, root: _Element) -> Answer:
    match root.tag:
        case CARDDAV.multiget:
            asked = carddav.read_multiget(root, request.limits.hrefs)
            return await multiget(request, asked, lambda _: give_whole)
        case CARDDAV.query:
            return await addressbook_query(request, query.read_query(root))
    return precondition(403, versioning.SUPPORTED_REPORT)


async def _ask_calendar(request: Request, root: _Element) -> Answer:
    # Only here: a recovery that brings contacts back starts without the filters of calendars.
    from stillhere.protocols.dav.grammar import calendar_query as calendars
    from stillhere.protocols.dav.handlers.busy import free_busy_query
    from stillhere.protocols.dav.handlers.calendar_query import calendar_multiget, calendar_query

    match root.tag:
        case CALDAV.multiget:
            asked = calendars.read_calendar_multiget(root, request.limits.hrefs)
            return await calendar_multiget(request, asked)
        case CALDAV.query:
            return await calendar_query(request, calendars.read_calendar_query(root))
        case _ if root.tag == FREE_BUSY_QUERY and request.place.level is Level.COLLECTION:
            return await free_busy_query(request, calendars.read_free_busy_query(root))
    return precondition(403, versioning.SUPPORTED_REPORT)
