"""CardDAV (RFC 6352): its names, preconditions and the addressbook-multiget report."""

from __future__ import annotations

from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.webdav import Wanted, read_wanted
from stillhere.protocols.dav.grammar.xml import BadXML, C, D

ADDRESSBOOK = f"{C}addressbook"
ADDRESS_DATA = f"{C}address-data"
MULTIGET = f"{C}addressbook-multiget"

NO_UID_CONFLICT = f"{C}no-uid-conflict"
VALID_ADDRESS_DATA = f"{C}valid-address-data"
MAX_RESOURCE_SIZE = f"{C}max-resource-size"
COLLECTION_LOCATION = f"{C}addressbook-collection-location-ok"

SUPPORTED_ADDRESS_DATA = (
    '<C:address-data-type content-type="text/vcard" version="3.0"/>'
    '<C:address-data-type content-type="text/vcard" version="4.0"/>'
)
SUPPORTED_COLLATIONS = (
    "<C:supported-collation>i;ascii-casemap</C:supported-collation>"
    "<C:supported-collation>i;unicode-casemap</C:supported-collation>"
)


class Multiget(NamedTuple):
    """The properties wanted and the hrefs as they were sent, each once, in their order (8.7)."""

    wanted: Wanted
    hrefs: list[str]


def read_multiget(root: _Element, max_hrefs: int) -> Multiget:
    """The request. Raises BadXML, also when it names more than ``max_hrefs``.

    Cards are given out whole and in the version they came in, whatever address-data asks for:
    nothing here rewrites a card.
    """
    hrefs = list(dict.fromkeys((node.text or "").strip() for node in root.iterfind(f"{D}href")))
    if len(hrefs) > max_hrefs:
        raise BadXML(f"a multiget names at most {max_hrefs} hrefs", hint="ask in several requests")
    return Multiget(read_wanted(root), hrefs)
