"""calendar-query and calendar-multiget (RFC 4791, 7.8 and 7.9): the items of a calendar that pass
a filter, or that are named, with as much of their data as is asked for."""

from __future__ import annotations

from datetime import UTC, tzinfo

from stillhere.kinds.calendar_filter import passes, window
from stillhere.kinds.expand import CalendarData, give
from stillhere.kinds.zones import read_zone
from stillhere.protocols.dav.grammar.calendar_query import CalendarMultiget, CalendarQuery
from stillhere.protocols.dav.grammar.webdav import CALENDAR_TIMEZONE
from stillhere.protocols.dav.grammar.xml import escape_bytes
from stillhere.protocols.dav.handlers.answer import Answer
from stillhere.protocols.dav.handlers.items import Content, give_whole
from stillhere.protocols.dav.handlers.multiget import FEW, multiget
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.search import Search, answer_search
from stillhere.store import Collection, Record


async def calendar_query(request: Request, asked: CalendarQuery) -> Answer:
    """Answers for a calendar, or for one item."""
    within = window(asked.filter)

    def search_in(calendar: Collection) -> Search:
        zone = zone_of(calendar, asked.zone)

        def passes_filter(record: Record, body: bytes | None) -> bool:
            return passes(asked.filter, record.component, record.uid, record.span, body, zone)

        return Search(
            passes_filter,
            asked.wanted,
            asked.limit,
            _giving(asked.data, zone),
            None if within is None else within.bounds,
        )

    return await answer_search(request, search_in)


async def calendar_multiget(request: Request, asked: CalendarMultiget) -> Answer:
    """Gives the items that were asked for."""
    return await multiget(
        request,
        asked.items,
        lambda calendar: _giving(asked.data, zone_of(calendar)),
        at_once=FEW if asked.data == CalendarData() else 0,
    )


def zone_of(calendar: Collection, asked: str = "") -> tzinfo:
    """The zone of times that name none: the one asked for, else the calendar's (5.2.2), else
    UTC."""
    text = asked or calendar.properties.get(CALENDAR_TIMEZONE, "")
    return (read_zone(text.encode()) if text else None) or UTC


def _giving(wanted: CalendarData, zone: tzinfo) -> Content:
    if wanted == CalendarData():
        return give_whole
    return lambda _, body: escape_bytes(give(body, wanted, zone))
