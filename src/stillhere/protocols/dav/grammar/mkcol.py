"""Extended MKCOL (RFC 5689): a collection that is made with its type and properties at once."""

from __future__ import annotations

from typing import NamedTuple

from stillhere.protocols.dav.grammar.webdav import (
    Instruction,
    Outcome,
    outcome_propstats,
    read_settings,
)
from stillhere.protocols.dav.grammar.xml import DECLARATION, NAMESPACES, BadXML, D, children, parse

RESOURCETYPE = f"{D}resourcetype"


class Mkcol(NamedTuple):
    """What is to be made: the names in its DAV:resourcetype, and its properties."""

    types: frozenset[str]
    settings: list[Instruction]


def read_mkcol(body: bytes) -> Mkcol:
    """The request of an extended MKCOL; an empty body is a plain one. Raises BadXML."""
    types: set[str] = set()
    settings: list[Instruction] = []
    if not body.strip():
        return Mkcol(frozenset(), settings)
    root = parse(body)
    if root.tag != f"{D}mkcol":
        raise BadXML("this is not a DAV:mkcol")
    for step in root.iterfind(f"{D}set"):
        settings += [s for s in read_settings(step) if s.name != RESOURCETYPE]
        for given in step.iterfind(f"{D}prop/{RESOURCETYPE}"):
            types.update(str(child.tag) for child in children(given))
    return Mkcol(frozenset(types), settings)


def mkcol_response(outcome: Outcome) -> bytes:
    """The DAV:mkcol-response of a refused MKCOL (section 5.2)."""
    return (
        f"{DECLARATION}<D:mkcol-response {NAMESPACES}>{outcome_propstats(outcome)}"
        "</D:mkcol-response>\n"
    ).encode()
