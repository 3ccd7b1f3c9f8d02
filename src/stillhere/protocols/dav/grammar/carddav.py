"""CardDAV (RFC 6352): its names, preconditions and the addressbook-multiget report.

addressbook-query is in ``query``.
"""

from __future__ import annotations

from typing import NamedTuple

from lxml.etree import _Element

from stillhere.kinds.collation import COLLATIONS
from stillhere.kinds.contacts import VERSIONS
from stillhere.protocols.dav.grammar.webdav import Wanted, read_wanted
from stillhere.protocols.dav.grammar.xml import BadXML, C, D

ADDRESSBOOK = f"{C}addressbook"
ADDRESS_DATA = f"{C}address-data"
MULTIGET = f"{C}addressbook-multiget"

NO_UID_CONFLICT = f"{C}no-uid-conflict"
UNSUPPORTED_ADDRESS_DATA = f"{C}supported-address-data"
VALID_ADDRESS_DATA = f"{C}valid-address-data"
MAX_RESOURCE_SIZE = f"{C}max-resource-size"
COLLECTION_LOCATION = f"{C}addressbook-collection-location-ok"

SUPPORTED_ADDRESS_DATA = (
    '<C:address-data-type content-type="text/vcard" version="3.0"/>'
    '<C:address-data-type content-type="text/vcard" version="4.0"/>'
)
SUPPORTED_COLLATIONS = "".join(
    f"<C:supported-collation>{name}</C:supported-collation>" for name in COLLATIONS
)


class Unsupported(Exception):
    """The request is well formed and asks for what this server has not; 403 by ``precondition``.

    ``content`` is the XML that the precondition's element holds, ``detail`` is for people.
    """

    def __init__(self, precondition: str, content: str = "", detail: str = "") -> None:
        super().__init__(precondition)
        self.precondition = precondition
        self.content = content
        self.detail = detail


class Multiget(NamedTuple):
    """The properties wanted and the hrefs as they were sent, each once, in their order (8.7)."""

    wanted: Wanted
    hrefs: list[str]


def read_multiget(root: _Element, max_hrefs: int) -> Multiget:
    """The request. Raises BadXML, also when it names more than ``max_hrefs``; and Unsupported."""
    check_address_data(root)
    hrefs = list(dict.fromkeys((node.text or "").strip() for node in root.iterfind(f"{D}href")))
    if len(hrefs) > max_hrefs:
        raise BadXML(f"a multiget names at most {max_hrefs} hrefs", hint="ask in several requests")
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
