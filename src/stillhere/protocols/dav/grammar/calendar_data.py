"""CalDAV (RFC 4791): what a report asks for of each item (CALDAV:calendar-data, 9.6), and ranges
of time (9.9)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime

from lxml.etree import _Element

from stillhere.kinds.calendar_filter import TimeRange
from stillhere.kinds.expand import CalendarData, Selection
from stillhere.protocols.dav.grammar.caldav import CALENDAR_DATA
from stillhere.protocols.dav.grammar.dialect import Unsupported
from stillhere.protocols.dav.grammar.xml import CAL, BadXML, D, children

VALID_FILTER = f"{CAL}valid-filter"
UNSUPPORTED_CALENDAR_DATA = f"{CAL}supported-calendar-data"
TIME_RANGE = f"{CAL}time-range"
MAX_NAMES = 200
"""Components and properties that one request may choose."""

_COMP, _PROP = f"{CAL}comp", f"{CAL}prop"
_MOMENT = re.compile(r"(\d{8})T(\d{6})Z")


def read_calendar_data(root: _Element) -> CalendarData:
    """What a report asks for of each item: all of it, as it came, where it says nothing.

    Raises BadXML, and Unsupported for another form than iCalendar 2.0 or an invalid range."""
    asked = root.find(f"{D}prop/{CALENDAR_DATA}")
    if asked is None:
        return CalendarData()
    media_type = str(asked.get("content-type", "text/calendar")).partition(";")[0].strip().lower()
    if media_type != "text/calendar" or asked.get("version", "2.0") != "2.0":
        raise Unsupported(UNSUPPORTED_CALENDAR_DATA, detail="items are given out as text/calendar")
    if len(list(asked.iter(_COMP, _PROP))) > MAX_NAMES:
        raise BadXML(f"calendar-data names at most {MAX_NAMES} components and properties")
    chosen = asked.find(_COMP)
    expand, series, busy = (
        None if (node := asked.find(f"{CAL}{name}")) is None else read_time_range(node, both=True)
        for name in ("expand", "limit-recurrence-set", "limit-freebusy-set")
    )
    if expand is not None and series is not None:
        raise BadXML("calendar-data has expand or limit-recurrence-set, not both")
    return CalendarData(None if chosen is None else _read_selection(chosen), expand, series, busy)


def _read_selection(node: _Element) -> Selection:
    inside = children(node)
    names = {one.tag for one in inside}
    properties = [one for one in inside if one.tag == _PROP]
    components = [one for one in inside if one.tag == _COMP]
    return Selection(
        _read_name(node),
        None if f"{CAL}allprop" in names else frozenset(map(_read_name, properties)),
        None if f"{CAL}allcomp" in names else tuple(map(_read_selection, components)),
        frozenset(_read_name(one) for one in properties if one.get("novalue") == "yes"),
    )


def _read_name(node: _Element) -> str:
    name = str(node.get("name") or "").upper()
    if not name:
        raise BadXML("calendar-data chooses something without a name")
    return name


def read_time_range(node: _Element, *, both: bool = False) -> TimeRange:
    """A range of time in UTC (9.9), with ``both`` ends where they are needed.

    Raises Unsupported with CALDAV:valid-filter for one that is none."""
    start, end = (_read_moment(node.get(name)) for name in ("start", "end"))
    if (start is None or end is None) and (both or start is end):
        raise invalid("a time-range has a start and an end")
    if start is not None and end is not None and start >= end:
        raise invalid("a time-range ends after it starts")
    return TimeRange(start, end)


def _read_moment(text: str | None) -> int | None:
    if text is None:
        return None
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        moment = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S")  # noqa: DTZ007 (UTC)
    except ValueError:
        raise invalid("a time-range is in UTC, as 20261130T000000Z") from None
    return timegm(moment.timetuple())


def invalid(detail: str) -> Unsupported:
    """What refuses a filter that says nothing that could be looked for."""
    return Unsupported(VALID_FILTER, detail=detail)
