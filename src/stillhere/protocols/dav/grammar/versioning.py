"""Reports (RFC 3253, 3.1.5 and 3.8): the supported-report-set and expand-property."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.xml import DAV, BadXML, D, element, is_name

EXPAND_PROPERTY = f"{D}expand-property"
SUPPORTED_REPORT = f"{D}supported-report"
MAX_DEPTH = 4
MAX_EXPANDED = 100

_PROPERTY = f"{D}property"


class Expand(NamedTuple):
    """A property wanted, and what is wanted of the resources that it refers to."""

    name: str
    inside: tuple[Expand, ...]


def read_expand_property(root: _Element) -> tuple[Expand, ...]:
    """The properties of an expand-property report. Raises BadXML."""
    if len(list(root.iter(_PROPERTY))) > MAX_EXPANDED:
        raise BadXML(f"an expand-property names at most {MAX_EXPANDED} properties")
    return _read(root, 0)


def report_set_content(reports: Iterable[str]) -> str:
    """The content of DAV:supported-report-set."""
    return "".join(
        f"<D:supported-report><D:report>{element(name)}</D:report></D:supported-report>"
        for name in reports
    )


def _read(parent: _Element, depth: int) -> tuple[Expand, ...]:
    if depth > MAX_DEPTH:
        raise BadXML(f"an expand-property goes at most {MAX_DEPTH} levels deep")
    return tuple(Expand(_name(node), _read(node, depth + 1)) for node in parent.iterfind(_PROPERTY))


def _name(node: _Element) -> str:
    local, namespace = str(node.get("name") or ""), str(node.get("namespace") or DAV)
    name = f"{{{namespace}}}{local}"
    if not is_name(name):
        raise BadXML("a DAV:property has no name, or one that XML can't have")
    return name
