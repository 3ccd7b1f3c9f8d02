"""CalDAV (RFC 4791): the reports on calendars.

calendar-query (7.8) with its filter (9.7 to 9.9), calendar-multiget (7.9) and free-busy-query
(7.10). What they ask of each item is read in ``calendar_data``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml.etree import _Element

from stillhere.kinds.calendar_filter import CompFilter, PropFilter, TimeRange
from stillhere.kinds.collation import ASCII, COLLATIONS
from stillhere.kinds.expand import CalendarData
from stillhere.kinds.search import ParamFilter, TextMatch
from stillhere.protocols.dav.grammar.calendar_data import (
    TIME_RANGE,
    invalid,
    read_calendar_data,
    read_time_range,
)
from stillhere.protocols.dav.grammar.dialect import Multiget, Unsupported, read_hrefs
from stillhere.protocols.dav.grammar.filters import check_size, conditions, text
from stillhere.protocols.dav.grammar.webdav import Wanted, read_nresults, read_wanted
from stillhere.protocols.dav.grammar.xml import CAL, BadXML, serialize

SUPPORTED_FILTER = f"{CAL}supported-filter"
SUPPORTED_COLLATION = f"{CAL}supported-collation"

_FILTER = f"{CAL}filter"
_COMP_FILTER = f"{CAL}comp-filter"
_PROP_FILTER = f"{CAL}prop-filter"
_PARAM_FILTER = f"{CAL}param-filter"
_TEXT_MATCH = f"{CAL}text-match"
_IS_NOT_DEFINED = f"{CAL}is-not-defined"
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class CalendarQuery(NamedTuple):
    """The properties wanted of the items that pass, and what of their data; ``zone`` is the
    iCalendar object of a time zone for times that have none, "" for the calendar's; ``limit`` is
    the most of them, or None."""

    wanted: Wanted
    data: CalendarData
    filter: CompFilter
    zone: str
    limit: int | None


class CalendarMultiget(NamedTuple):
    """The items that are wanted by name, and what of their data."""

    items: Multiget
    data: CalendarData


def read_calendar_query(root: _Element) -> CalendarQuery:
    """The request. Raises BadXML, and Unsupported for a filter that nothing here can answer.

    No filter at all lets every item pass.
    """
    filters = root.findall(_FILTER)
    if len(filters) > 1:
        raise BadXML("a query has one CALDAV:filter")
    return CalendarQuery(
        read_wanted(root),
        read_calendar_data(root),
        _read_filter(filters[0]) if filters else CompFilter("VCALENDAR"),
        root.findtext(f"{CAL}timezone") or "",
        read_nresults(root.findtext(f"{CAL}limit/{CAL}nresults")),
    )


def read_calendar_multiget(root: _Element, max_hrefs: int) -> CalendarMultiget:
    """The request. Raises BadXML, also when it names more than ``max_hrefs``; and Unsupported."""
    data = read_calendar_data(root)
    return CalendarMultiget(Multiget(read_wanted(root), read_hrefs(root, max_hrefs)), data)


def read_free_busy_query(root: _Element) -> TimeRange:
    """The time that a free-busy-query asks about. Raises BadXML."""
    ranges = root.findall(TIME_RANGE)
    if len(ranges) != 1:
        raise BadXML("a free-busy-query has one CALDAV:time-range")
    return read_time_range(ranges[0], both=True)


def _read_filter(node: _Element) -> CompFilter:
    check_size(node)
    inside = list(_inside(node, _COMP_FILTER))
    if len(inside) != 1:
        raise invalid("a filter has one comp-filter")
    wanted = _read_comp_filter(inside[0])
    if wanted.name != "VCALENDAR":
        raise invalid("the outermost comp-filter is for VCALENDAR")
    return wanted


def _read_comp_filter(node: _Element) -> CompFilter:
    inside = list(_inside(node, _COMP_FILTER, _PROP_FILTER, TIME_RANGE, _IS_NOT_DEFINED))
    if _is_undefined(inside):
        return CompFilter(_read_name(node), defined=False)
    return CompFilter(
        _read_name(node),
        time_range=_read_range(inside),
        properties=tuple(_read_prop_filter(one) for one in inside if one.tag == _PROP_FILTER),
        components=tuple(_read_comp_filter(one) for one in inside if one.tag == _COMP_FILTER),
    )


def _read_prop_filter(node: _Element) -> PropFilter:
    inside = list(_inside(node, TIME_RANGE, _TEXT_MATCH, _PARAM_FILTER, _IS_NOT_DEFINED))
    if _is_undefined(inside):
        return PropFilter(_read_name(node), defined=False)
    matches = [_read_text_match(one) for one in inside if one.tag == _TEXT_MATCH]
    if len(matches) > 1:
        raise invalid("a prop-filter has one text-match at most")
    return PropFilter(
        _read_name(node),
        time_range=_read_range(inside),
        match=matches[0] if matches else None,
        params=tuple(_read_param_filter(one) for one in inside if one.tag == _PARAM_FILTER),
    )


def _read_param_filter(node: _Element) -> ParamFilter:
    inside = list(_inside(node, _TEXT_MATCH, _IS_NOT_DEFINED))
    if _is_undefined(inside):
        return ParamFilter(_read_name(node), defined=False)
    if len(inside) > 1:
        raise invalid("a param-filter has one condition at most")
    return ParamFilter(_read_name(node), match=_read_text_match(inside[0]) if inside else None)


def _read_text_match(node: _Element) -> TextMatch:
    collation = str(node.get("collation") or "default")
    if collation == "default":  # RFC 4790, 3.1: the protocol says what it is; 9.7.5 does
        collation = ASCII
    if collation not in COLLATIONS:
        raise Unsupported(SUPPORTED_COLLATION, detail=f"known are {', '.join(COLLATIONS)}")
    negate = str(node.get("negate-condition", "no"))
    if negate not in ("yes", "no"):
        raise BadXML("negate-condition is yes or no")
    return TextMatch(text(node), collation=collation, negate=negate == "yes")


def _read_range(inside: list[_Element]) -> TimeRange | None:
    ranges = [read_time_range(one) for one in inside if one.tag == TIME_RANGE]
    if len(ranges) > 1:
        raise invalid("a filter has one time-range at most")
    return ranges[0] if ranges else None


def _is_undefined(inside: list[_Element]) -> bool:
    undefined = any(one.tag == _IS_NOT_DEFINED for one in inside)
    if undefined and len(inside) > 1:
        raise invalid("is-not-defined stands alone")
    return undefined


def _read_name(node: _Element) -> str:
    name = str(node.get("name") or "")
    if _NAME.fullmatch(name) is None:
        raise invalid("a filter has no name, or one that nothing can have")
    return name.upper()


def _inside(node: _Element, *tags: str) -> Iterator[_Element]:
    """The conditions in a filter, all of which have to hold."""
    if str(node.get("test", "allof")) != "allof":
        raise Unsupported(SUPPORTED_FILTER, serialize(node), "every condition has to hold here")
    return conditions(node, *tags)
