"""CardDAV (RFC 6352): its names, preconditions and the addressbook-multiget report.

addressbook-query is in ``query``.
"""

from __future__ import annotations

from lxml.etree import _Element

from stillhere.kinds.collation import COLLATIONS
from stillhere.kinds.contacts import VERSIONS
from stillhere.protocols.dav.grammar.dialect import Dialect, Multiget, Unsupported, read_hrefs
from stillhere.protocols.dav.grammar.paths import Home
from stillhere.protocols.dav.grammar.webdav import read_wanted
from stillhere.protocols.dav.grammar.xml import C, D, element

ADDRESS_DATA = f"{C}address-data"
UNSUPPORTED_ADDRESS_DATA = f"{C}supported-address-data"

CARDDAV = Dialect(
    home=Home.ADDRESSBOOKS,
    home_set=f"{C}addressbook-home-set",
    collection=f"{C}addressbook",
    data=ADDRESS_DATA,
    multiget=f"{C}addressbook-multiget",
    query=f"{C}addressbook-query",
    further_reports=(),
    no_uid_conflict=f"{C}no-uid-conflict",
    valid_data=f"{C}valid-address-data",
    max_resource_size=f"{C}max-resource-size",
    collection_location=f"{C}addressbook-collection-location-ok",
)

SUPPORTED_ADDRESS_DATA = (
    '<C:address-data-type content-type="text/vcard" version="3.0"/>'
    '<C:address-data-type content-type="text/vcard" version="4.0"/>'
)
SUPPORTED_COLLATIONS = "".join(element(f"{C}supported-collation", name) for name in COLLATIONS)


def read_multiget(root: _Element, max_hrefs: int) -> Multiget:
    """The request. Raises BadXML, also when it names more than ``max_hrefs``; and Unsupported."""
    check_address_data(root)
    hrefs = read_hrefs(root, max_hrefs)
    return Multiget(read_wanted(root), hrefs)


def check_address_data(root: _Element) -> None:
    """Raises Unsupported where a report asks for cards as something else than vCards (10.4).

    Cards are given out whole and in the version they came in, whatever else is asked for:
    nothing here rewrites a card.
    """
    for asked in root.iterfind(f"{D}prop/{ADDRESS_DATA}"):
        media_type = str(asked.get("content-type", "text/vcard")).partition(";")[0].strip().lower()
        if media_type not in ("text/vcard", "text/x-vcard") or (
            asked.get("version", "3.0") not in VERSIONS
        ):
            raise Unsupported(UNSUPPORTED_ADDRESS_DATA, detail="cards are given out as text/vcard")
