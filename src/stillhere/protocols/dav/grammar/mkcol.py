"""Extended MKCOL (RFC 5689): a collection that is made with its type and properties at once."""

from __future__ import annotations

from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.webdav import Instruction, read_settings
from stillhere.protocols.dav.grammar.xml import (
    CAL,
    DECLARATION,
    NAMESPACES,
    BadXML,
    D,
    children,
    parse,
)

RESOURCETYPE = f"{D}resourcetype"
_COMPONENTS = f"{CAL}supported-calendar-component-set"


class Mkcol(NamedTuple):
    """What is to be made: the names in its DAV:resourcetype, its properties, and for a calendar
    the components that it is to take (RFC 4791, 5.2.3), in their order."""

    types: frozenset[str]
    settings: list[Instruction]
    components: tuple[str, ...] = ()


def read_mkcol(body: bytes) -> Mkcol:
    """The request of an extended MKCOL; an empty body is a plain one. Raises BadXML."""
    if not body.strip():
        return Mkcol(frozenset(), [])
    root = parse(body)
    if root.tag != f"{D}mkcol":
        raise BadXML("this is not a DAV:mkcol")
    return read_made(root)


def read_made(root: _Element) -> Mkcol:
    """What is in every DAV:set of a request that makes a collection."""
    types: set[str] = set()
    components: list[str] = []
    settings: list[Instruction] = []
    for step in root.iterfind(f"{D}set"):
        settings += [s for s in read_settings(step) if s.name not in (RESOURCETYPE, _COMPONENTS)]
        for given in step.iterfind(f"{D}prop/{RESOURCETYPE}"):
            types.update(str(child.tag) for child in children(given))
        named = step.iterfind(f"{D}prop/{_COMPONENTS}/{CAL}comp")
        components += [str(one.get("name") or "").upper() for one in named]
    return Mkcol(frozenset(types), settings, tuple(components))


def mkcol_response(propstats: str) -> bytes:
    """The DAV:mkcol-response of one that is refused (section 5.2)."""
    return (
        f"{DECLARATION}<D:mkcol-response {NAMESPACES}>{propstats}</D:mkcol-response>\n"
    ).encode()
