"""free-busy-query (RFC 4791, 7.10): when somebody is busy, and nothing else of their events."""

from __future__ import annotations

from time import time

from stillhere.kinds.busy import FreeBusy
from stillhere.kinds.calendar_filter import TimeRange
from stillhere.kinds.ical_file import PRODID
from stillhere.protocols.dav.handlers.answer import Answer, held, missing
from stillhere.protocols.dav.handlers.bounds import Bounds
from stillhere.protocols.dav.handlers.calendar_query import zone_of
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Shelf

_CALENDAR = ((b"content-type", b"text/calendar; charset=utf-8; component=VFREEBUSY"),)


async def free_busy_query(request: Request, asked: TimeRange) -> Answer:
    """Answers with one VFREEBUSY. An event that is held counts as tentative where its roster
    entry tells when it is; where that does not, the answer is 503 (guard 3)."""
    return await request.read_long(lambda shelf: _look(request, shelf, asked))


def _look(request: Request, shelf: Shelf, asked: TimeRange) -> Answer:
    calendar = shelf.collection(request.place.collection)
    if calendar is None:
        return missing()
    found = FreeBusy(*asked.bounds, zone_of(calendar))
    bounds = Bounds(request.limits)
    for record, body in shelf.each_body(calendar.name, asked.bounds):
        bounds.go_on()
        if body is not None:
            found.add(body)
        elif not found.add_held(record.component, record.span):
            return held()
    return Answer(200, _CALENDAR, found.write(PRODID, int(time())))
