"""What CardDAV (RFC 6352) and CalDAV (RFC 4791) each call the things that they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.paths import Home
from stillhere.protocols.dav.grammar.webdav import Wanted
from stillhere.protocols.dav.grammar.xml import BadXML, D


@dataclass(frozen=True, slots=True)
class Dialect:
    """Names in Clark's notation: of properties, reports and preconditions."""

    home: Home
    home_set: str
    """The property of a person that leads to the home."""
    collection: str
    """The resource type of what is in a home."""
    data: str
    """The property that carries a body in a report."""
    multiget: str
    query: str
    further_reports: tuple[str, ...]
    no_uid_conflict: str
    valid_data: str
    max_resource_size: str
    collection_location: str


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
    """The properties wanted, and the hrefs as they were sent, each once, in their order."""

    wanted: Wanted
    hrefs: list[str]


def read_hrefs(root: _Element, most: int) -> list[str]:
    """The hrefs of a multiget (RFC 6352, 8.7; RFC 4791, 7.9). Raises BadXML for more than
    ``most``."""
    hrefs = list(dict.fromkeys((node.text or "").strip() for node in root.iterfind(f"{D}href")))
    if len(hrefs) > most:
        raise BadXML(f"a multiget names at most {most} hrefs", hint="ask in several requests")
    return hrefs
