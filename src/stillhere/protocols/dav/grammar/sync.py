"""Collection synchronization (RFC 6578): the sync-collection report."""

from __future__ import annotations

from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.webdav import (
    Wanted,
    read_nresults,
    read_wanted,
    response,
    status_line,
)
from stillhere.protocols.dav.grammar.xml import BadXML, D, element, escape

REPORT = f"{D}sync-collection"
SYNC_TOKEN = f"{D}sync-token"
VALID_SYNC_TOKEN = f"{D}valid-sync-token"


class SyncCollection(NamedTuple):
    """What a device asks for: changes since ``token`` (everything when it is empty).

    ``limit`` is the most members that it takes in one answer, or None.
    """

    token: str
    limit: int | None
    wanted: Wanted


def read_sync_collection(root: _Element) -> SyncCollection:
    """The request. Raises BadXML.

    The Depth header and a missing DAV:sync-level are let pass, as older devices send them: a
    collection has one level only.
    """
    token = (root.findtext(SYNC_TOKEN) or "").strip()
    level = (root.findtext(f"{D}sync-level") or "1").strip()
    if level not in ("1", "infinite"):
        raise BadXML("DAV:sync-level is 1 or infinite")
    limit = read_nresults(root.findtext(f"{D}limit/{D}nresults"))
    return SyncCollection(token, limit, read_wanted(root))


def removed(href: str) -> str:
    """The response for a member that is gone (3.5)."""
    return response(href, status_line(404))


def token_element(token: str) -> str:
    """The DAV:sync-token that ends the answer."""
    return element(SYNC_TOKEN, escape(token))
