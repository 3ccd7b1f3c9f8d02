"""What the filters of addressbook-query (RFC 6352, 10.5) and calendar-query (RFC 4791, 9.7) have in
common: names of the same words, each in its own namespace."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.dialect import Unsupported
from stillhere.protocols.dav.grammar.xml import BadXML, children, serialize

MAX_CONDITIONS = 100
"""Filters and text matches of one query."""
MAX_TEXT = 10_000
"""Characters of all texts of one query together."""

_CONDITIONS = ("comp-filter", "prop-filter", "param-filter", "text-match")


def check_size(node: _Element) -> None:
    """Raises BadXML for a filter that has too many conditions, or too much text in them."""
    namespace = _namespace(node)
    found = list(node.iter(*(namespace + name for name in _CONDITIONS)))
    texts = sum(len(text(one)) for one in found if one.tag == f"{namespace}text-match")
    if len(found) > MAX_CONDITIONS or texts > MAX_TEXT:
        raise BadXML(
            f"a filter has at most {MAX_CONDITIONS} conditions, and {MAX_TEXT} characters in them",
            hint="ask in several requests",
        )


def conditions(node: _Element, *tags: str) -> Iterator[_Element]:
    """The conditions in a filter, or in a part of one. To leave one out would answer another
    question: Unsupported is raised for one that is none of ``tags``."""
    namespace = _namespace(node)
    for child in children(node):
        if child.tag not in tags:
            shown = "" if node.tag == f"{namespace}filter" else serialize(node)
            raise Unsupported(f"{namespace}supported-filter", shown, f"{child.tag!s} is not known")
        yield child


def text(node: _Element) -> str:
    """All of its text."""
    return "".join(node.itertext())


def _namespace(node: _Element) -> str:
    return str(node.tag).rpartition("}")[0] + "}"
