"""CardDAV (RFC 6352): the addressbook-query report (8.6) and its filter (10.5)."""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml.etree import _Element

from stillhere.kinds.collation import COLLATIONS, UNICODE
from stillhere.kinds.search import Filter, How, ParamFilter, PropFilter, TextMatch
from stillhere.protocols.dav.grammar.carddav import check_address_data
from stillhere.protocols.dav.grammar.dialect import Unsupported
from stillhere.protocols.dav.grammar.filters import check_size, conditions, text
from stillhere.protocols.dav.grammar.webdav import Wanted, read_nresults, read_wanted
from stillhere.protocols.dav.grammar.xml import BadXML, C

SUPPORTED_COLLATION = f"{C}supported-collation"

_FILTER = f"{C}filter"
_PROP_FILTER = f"{C}prop-filter"
_PARAM_FILTER = f"{C}param-filter"
_TEXT_MATCH = f"{C}text-match"
_IS_NOT_DEFINED = f"{C}is-not-defined"

_NAME = re.compile(r"(?:(?P<group>[A-Za-z0-9_-]+)\.)?(?P<name>[A-Za-z0-9_-]+)")
_HOW = {how.value: how for how in How}


class Query(NamedTuple):
    """The properties wanted of the cards that pass; ``limit`` is the most of them, or None."""

    wanted: Wanted
    filter: Filter
    limit: int | None


def read_query(root: _Element) -> Query:
    """The request. Raises BadXML, and Unsupported for a filter that nothing here can answer.

    No filter at all lets every card pass: programs that want all cards leave it out.
    """
    check_address_data(root)
    filters = root.findall(_FILTER)
    if len(filters) > 1:
        raise BadXML("a query has one CARDDAV:filter")
    limit = read_nresults(root.findtext(f"{C}limit/{C}nresults"))
    return Query(read_wanted(root), _read_filter(filters[0]) if filters else Filter(), limit)


def _read_filter(node: _Element) -> Filter:
    check_size(node)
    properties = tuple(map(_read_prop_filter, conditions(node, _PROP_FILTER)))
    return Filter(_read_test(node), properties)


def _read_prop_filter(node: _Element) -> PropFilter:
    group, name = _read_name(node)
    tests: list[TextMatch | ParamFilter] = []
    defined = True
    for child in conditions(node, _TEXT_MATCH, _PARAM_FILTER, _IS_NOT_DEFINED):
        if child.tag == _TEXT_MATCH:
            tests.append(_read_text_match(child))
        elif child.tag == _PARAM_FILTER:
            tests.append(_read_param_filter(child))
        else:
            defined = False
    if tests and not defined:
        raise BadXML("CARDDAV:is-not-defined stands alone")
    return PropFilter(name, group, defined, _read_test(node), tuple(tests))


def _read_param_filter(node: _Element) -> ParamFilter:
    group, name = _read_name(node)
    inside = list(conditions(node, _TEXT_MATCH, _IS_NOT_DEFINED))
    if group or len(inside) > 1:
        raise BadXML("a CARDDAV:param-filter has a name, and one condition at most")
    if not inside:
        return ParamFilter(name)
    if inside[0].tag == _IS_NOT_DEFINED:
        return ParamFilter(name, defined=False)
    return ParamFilter(name, match=_read_text_match(inside[0]))


def _read_text_match(node: _Element) -> TextMatch:
    collation = str(node.get("collation") or "default")
    # RFC 4790, 3.1: the protocol says what "default" is; RFC 6352, 8.3 does.
    if collation == "default":
        collation = UNICODE
    if collation not in COLLATIONS:
        raise Unsupported(SUPPORTED_COLLATION, detail=f"known are {', '.join(COLLATIONS)}")
    how = _read_choice(node, "match-type", "contains", *_HOW)
    negate = _read_choice(node, "negate-condition", "no", "yes") == "yes"
    return TextMatch(text(node), _HOW[how], collation, negate)


def _read_test(node: _Element) -> bool:
    return _read_choice(node, "test", "anyof", "allof") == "allof"


def _read_choice(node: _Element, attribute: str, default: str, *others: str) -> str:
    """An attribute that is one of a few words."""
    value = str(node.get(attribute, default))
    if value not in (default, *others):
        raise BadXML(f"{attribute} is one of {', '.join(dict.fromkeys((default, *others)))}")
    return value


def _read_name(node: _Element) -> tuple[str, str]:
    """Group and name, in capitals: case is of no meaning in either (RFC 6350, 3.3)."""
    name = _NAME.fullmatch(str(node.get("name") or ""))
    if name is None:
        raise BadXML("a filter has no name, or one that no property or parameter can have")
    return (name["group"] or "").upper(), name["name"].upper()
