"""CalDAV (RFC 4791): its names and preconditions, and MKCALENDAR.

The reports are in ``calendar_query``.
"""

from __future__ import annotations

from collections.abc import Iterable

from stillhere.kinds.collation import COLLATIONS
from stillhere.protocols.dav.grammar.dialect import Dialect
from stillhere.protocols.dav.grammar.mkcol import Mkcol, read_made
from stillhere.protocols.dav.grammar.paths import Home
from stillhere.protocols.dav.grammar.xml import (
    CAL,
    DECLARATION,
    NAMESPACES,
    BadXML,
    element,
    escape,
    parse,
)

CALENDAR_DATA = f"{CAL}calendar-data"
FREE_BUSY_QUERY = f"{CAL}free-busy-query"
COMPONENT_SET = f"{CAL}supported-calendar-component-set"
SUPPORTED_COMPONENT = f"{CAL}supported-calendar-component"
VALID_OBJECT = f"{CAL}valid-calendar-object-resource"
VALID_CALENDAR_DATA = f"{CAL}valid-calendar-data"

CALDAV = Dialect(
    home=Home.CALENDARS,
    home_set=f"{CAL}calendar-home-set",
    collection=f"{CAL}calendar",
    data=CALENDAR_DATA,
    multiget=f"{CAL}calendar-multiget",
    query=f"{CAL}calendar-query",
    further_reports=(FREE_BUSY_QUERY,),
    no_uid_conflict=f"{CAL}no-uid-conflict",
    valid_data=VALID_CALENDAR_DATA,
    max_resource_size=f"{CAL}max-resource-size",
    collection_location=f"{CAL}calendar-collection-location-ok",
)

SUPPORTED_CALENDAR_DATA = '<CAL:calendar-data content-type="text/calendar" version="2.0"/>'
SUPPORTED_COLLATIONS = "".join(element(f"{CAL}supported-collation", name) for name in COLLATIONS)


def component_set(components: Iterable[str]) -> str:
    """The content of CALDAV:supported-calendar-component-set (5.2.3)."""
    return "".join(f'<CAL:comp name="{escape(name)}"/>' for name in components)


def read_mkcalendar(body: bytes) -> Mkcol:
    """The request of a MKCALENDAR (5.3.1); its body may be empty. Raises BadXML."""
    if not body.strip():
        return Mkcol(frozenset({CALDAV.collection}), [])
    root = parse(body)
    if root.tag != f"{CAL}mkcalendar":
        raise BadXML("this is not a CALDAV:mkcalendar")
    made = read_made(root)
    return made._replace(types=made.types | {CALDAV.collection})


def mkcalendar_response(propstats: str) -> bytes:
    """The CALDAV:mkcalendar-response of one that is refused."""
    return (
        f"{DECLARATION}<CAL:mkcalendar-response {NAMESPACES}>{propstats}"
        "</CAL:mkcalendar-response>\n"
    ).encode()
