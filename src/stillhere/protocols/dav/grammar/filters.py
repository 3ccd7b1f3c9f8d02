"""What the filters of addressbook-query (RFC 6352, 10.5) and calendar-query (RFC 4791, 9.7) have in
common: names of the same words, each in its own namespace."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.dialect import Unsupported
from stillhere.protocols.dav.grammar.xml import children, serialize


def conditions(node: _Element, *tags: str) -> Iterator[_Element]:
    """The conditions in a filter, or in a part of one. To leave one out would answer another
    question: Unsupported is raised for one that is none of ``tags``."""
    namespace = str(node.tag).rpartition("}")[0] + "}"
    for child in children(node):
        if child.tag not in tags:
            shown = "" if node.tag == f"{namespace}filter" else serialize(node)
            raise Unsupported(f"{namespace}supported-filter", shown, f"{child.tag!s} is not known")
        yield child


def text(node: _Element) -> str:
    """All of its text."""
    return "".join(node.itertext())
