"""WebDAV (RFC 4918): PROPFIND and PROPPATCH bodies, Depth, Overwrite, and multistatus answers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from lxml.etree import _Element

from stillhere.protocols.dav.grammar.xml import (
    CAL,
    DECLARATION,
    NAMESPACES,
    BadXML,
    C,
    D,
    children,
    element,
    escape,
    parse,
    serialize,
)

MAX_PROPERTIES = 200
MAX_NAME_CHARACTERS = 16_384
"""All names of one request together: each may come back with every member of a collection."""

WITHIN_LIMITS = f"{D}number-of-matches-within-limits"
DISPLAYNAME = f"{D}displayname"
BOOK_DESCRIPTION = f"{C}addressbook-description"
CALENDAR_DESCRIPTION = f"{CAL}calendar-description"
CALENDAR_TIMEZONE = f"{CAL}calendar-timezone"
TEXT_PROPERTIES = frozenset(
    {DISPLAYNAME, BOOK_DESCRIPTION, CALENDAR_DESCRIPTION, CALENDAR_TIMEZONE}
)
"""Properties that a device sets and that are kept as text; others are kept as XML."""

_STATUS = {
    200: "HTTP/1.1 200 OK",
    403: "HTTP/1.1 403 Forbidden",
    404: "HTTP/1.1 404 Not Found",
    424: "HTTP/1.1 424 Failed Dependency",
    507: "HTTP/1.1 507 Insufficient Storage",
}


class Ask(Enum):
    """What a request wants to know of each resource."""

    NAMED = 1
    ALL = 2
    NAMES = 3


class Wanted(NamedTuple):
    """The properties that a request asks for; with ALL, ``names`` are wanted besides."""

    ask: Ask
    names: tuple[str, ...] = ()


class Instruction(NamedTuple):
    """One step of a PROPPATCH, in document order; ``value`` is None where it is removed."""

    name: str
    value: str | None


class Outcome(NamedTuple):
    """What became of the properties of one PROPPATCH or MKCOL: a status for each."""

    statuses: dict[str, int]
    precondition: str = ""

    @property
    def done(self) -> bool:
        """Whether every property was set or removed."""
        return all(status == 200 for status in self.statuses.values())


def read_propfind(body: bytes) -> Wanted:
    """What a PROPFIND asks for; an empty body asks for all (9.1). Raises BadXML."""
    if not body.strip():
        return Wanted(Ask.ALL)
    root = parse(body)
    if root.tag != f"{D}propfind":
        raise BadXML("this is not a DAV:propfind")
    return read_wanted(root)


def read_wanted(parent: _Element) -> Wanted:
    """The DAV:prop, DAV:allprop or DAV:propname of a request; all, where it names none."""
    if parent.find(f"{D}propname") is not None:
        return Wanted(Ask.NAMES)
    named = parent.find(f"{D}prop")
    if named is not None:
        return Wanted(Ask.NAMED, _names(named))
    include = parent.find(f"{D}include")
    return Wanted(Ask.ALL, () if include is None else _names(include))


def read_proppatch(body: bytes) -> list[Instruction]:
    """The steps of a DAV:propertyupdate (9.2). Raises BadXML."""
    root = parse(body)
    if root.tag != f"{D}propertyupdate":
        raise BadXML("this is not a DAV:propertyupdate")
    steps: list[Instruction] = []
    for step in children(root):
        if step.tag == f"{D}set":
            steps += read_settings(step)
        elif step.tag == f"{D}remove":
            steps += [Instruction(name, None) for name in _names(_prop_of(step))]
    if not steps or len(steps) > MAX_PROPERTIES:
        raise BadXML(f"a propertyupdate names 1 to {MAX_PROPERTIES} properties")
    return steps


def read_settings(step: _Element) -> list[Instruction]:
    """The properties that a DAV:set sets, with their values."""
    return [Instruction(str(child.tag), _value(child)) for child in children(_prop_of(step))]


def read_depth(header: bytes | None, missing: int | None) -> int | None:
    """0, 1, or None for infinity (10.2). Raises BadXML for anything else."""
    if header is None:
        return missing
    value = header.strip().lower()
    if value in (b"0", b"1"):
        return int(value)
    if value == b"infinity":
        return None
    raise BadXML("Depth is 0, 1 or infinity")


def read_nresults(text: str | None) -> int | None:
    """The most responses that a device takes in one answer (RFC 5323, 5.17). Raises BadXML."""
    if text is None:
        return None
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise BadXML("nresults is a number from 1")
    return limit


def status_line(status: int) -> str:
    """A DAV:status element."""
    return f"<D:status>{_STATUS[status]}</D:status>"


def propstat(found: str, missing: str) -> str:
    """The DAV:propstat elements of a response, from the elements found and not found."""
    parts = ""
    if found or not missing:
        parts = f"<D:propstat><D:prop>{found}</D:prop>{status_line(200)}</D:propstat>"
    if missing:
        parts += f"<D:propstat><D:prop>{missing}</D:prop>{status_line(404)}</D:propstat>"
    return parts


def response(href: str, content: str) -> str:
    """One DAV:response; ``href`` is percent-encoded and safe in XML."""
    return f"<D:response><D:href>{href}</D:href>{content}</D:response>"


def truncated(href: str) -> str:
    """The response for the request's own resource that says there is more (RFC 6578, 3.6)."""
    reason = f"<D:error>{element(WITHIN_LIMITS)}</D:error>"
    return response(href, status_line(507) + reason)


def multistatus(responses: Iterable[str | bytes], after: str = "") -> bytes:
    """The body of a 207; long listings are in bytes already."""
    parts = [
        response if isinstance(response, bytes) else response.encode() for response in responses
    ]
    head = f"{DECLARATION}<D:multistatus {NAMESPACES}>".encode()
    return b"".join([head, *parts, after.encode(), b"</D:multistatus>\n"])


def error(precondition: str, content: str = "", detail: str = "") -> bytes:
    """A DAV:error that names a precondition by its Clark name (16); ``detail`` is for people."""
    inner = element(precondition, content)
    if detail:
        inner += f"<D:responsedescription>{escape(detail)}</D:responsedescription>"
    return f"{DECLARATION}<D:error {NAMESPACES}>{inner}</D:error>\n".encode()


def outcome_propstats(outcome: Outcome) -> str:
    """A PROPPATCH's DAV:propstat elements, one per status that occurs."""
    parts: list[str] = []
    for status in sorted(set(outcome.statuses.values())):
        names = [name for name, found in outcome.statuses.items() if found == status]
        refused = f"<D:error>{element(outcome.precondition)}</D:error>"
        parts.append(
            f"<D:propstat><D:prop>{''.join(map(element, names))}</D:prop>{status_line(status)}"
            f"{refused if status == 403 and outcome.precondition else ''}</D:propstat>"
        )
    return "".join(parts)


def _names(parent: _Element) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(str(child.tag) for child in children(parent)))
    if len(names) > MAX_PROPERTIES or sum(map(len, names)) > MAX_NAME_CHARACTERS:
        raise BadXML(f"a request names at most {MAX_PROPERTIES} properties")
    return names


def _prop_of(step: _Element) -> _Element:
    prop = step.find(f"{D}prop")
    if prop is None:
        raise BadXML("there is no DAV:prop")
    return prop


def _value(child: _Element) -> str:
    if child.tag in TEXT_PROPERTIES:
        return "".join(child.itertext())
    return serialize(child)
