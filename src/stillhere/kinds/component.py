"""An iCalendar object (RFC 5545) as a tree of components, read and written.

Read as tolerantly as real files need: a line that is no property counts for nothing, and what a
property says is not looked at. Only how components nest has to hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from stillhere.kinds.item import BadItem
from stillhere.kinds.lines import BOM, Property, content_lines, unfold

ROOT = "VCALENDAR"

ZONE = "VTIMEZONE"
OUTERMOST = frozenset(("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY", ZONE))
"""Components that never stand inside another one than the root."""

MAX_DEPTH = 16
MAX_COMPONENTS = 10_000
MAX_LINES = 100_000
"""Of one object, unfolded."""

_LONGEST_LINE = 75
_LONGEST_NAME = 99
_CONTENT = re.compile(
    rb"^(?:([A-Z0-9_-]{1,99})\.)?([A-Z0-9_-]{1,99})[ \t]*"
    rb"((?:;[^\":\n]*(?:\"[^\"\n]*\"[^\":\n]*)*)?):(.*)$|^.*\S.*$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(slots=True)
class Component:
    """One component: its name in capitals, its properties and the components in it, in order."""

    name: str
    properties: list[Property] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)

    def first(self, name: str) -> Property | None:
        """Its first property of that name (in capitals)."""
        for one in self.properties:
            if one.name == name:
                return one
        return None

    def all(self, name: str) -> list[Property]:
        """Its properties of that name (in capitals)."""
        return [one for one in self.properties if one.name == name]

    def named(self, *names: str) -> Iterator[Component]:
        """The components right below it that have one of these names (in capitals)."""
        return (one for one in self.components if one.name in names)


def read_component(data: bytes) -> Component:
    """The object's VCALENDAR. Raises BadItem for bytes that are not one whole object.

    A byte order mark before it and blank lines around it are let pass.
    """
    text = unfold(data.removeprefix(BOM)).replace(b"\r", b"\n")
    if text.count(b"\n") > MAX_LINES:
        raise BadItem(f"the object has more than {MAX_LINES:,} lines")
    top = here = Component("")  # holds the root, and nothing else
    above: list[Component] = []
    count = 0
    for nth, (group, head, parameters, value) in enumerate(_CONTENT.findall(text)):
        name = _capitals(head)
        if here is top and (top.components or name != "BEGIN"):
            raise _refusal(data, nth, _AFTER if top.components else _OUTSIDE)
        if name == "BEGIN":
            inner = Component(_capitals(value.strip()[:_LONGEST_NAME]))
            count += 1
            _refuse_begin(data, nth, inner.name, len(above), count)
            here.components.append(inner)
            above.append(here)
            here = inner
        elif name == "END":
            if _capitals(value.strip()[:_LONGEST_NAME]) != here.name:
                raise _refusal(data, nth, f"END:{here.name} is missing before another one")
            here = above.pop()
        elif head:
            prefix = _capitals(group) if group else ""
            here.properties.append(Property(prefix, name, parameters, value))
    if not top.components:
        raise BadItem("there is no calendar object")
    if here is not top:
        raise BadItem(f"the object is cut off: {here.name} has no END")
    return top.components[0]


def write_component(component: Component) -> bytes:
    """The component with CRLF, and lines folded to 75 bytes (RFC 5545, 3.1)."""
    return b"".join(_write(component))


def fold(line: bytes) -> bytes:
    """One content line with its ending; no character is cut."""
    if len(line) <= _LONGEST_LINE:
        return line + b"\r\n"
    parts = []
    start, room = 0, _LONGEST_LINE
    while len(line) - start > room:
        end = start + room
        while line[end] & 0xC0 == 0x80 and end > start + 1:
            end -= 1
        parts.append(line[start:end])
        start, room = end, _LONGEST_LINE - 1
    return b"\r\n ".join((*parts, line[start:])) + b"\r\n"


def _write(component: Component) -> Iterator[bytes]:
    name = component.name.encode()
    yield b"BEGIN:%b\r\n" % name
    for one in component.properties:
        group = f"{one.group}." if one.group else ""
        yield fold(b"%b%b:%b" % (f"{group}{one.name}".encode(), one.parameters, one.value))
    for inner in component.components:
        yield from _write(inner)
    yield b"END:%b\r\n" % name


_OUTSIDE = "this is not an iCalendar object: it does not begin with BEGIN:VCALENDAR"
_AFTER = "there is more after END:VCALENDAR"


def _refuse_begin(data: bytes, nth: int, name: str, depth: int, count: int) -> None:
    """Raises BadItem where a component can't begin; it is the ``count``-th one."""
    if not depth and name != ROOT:
        raise _refusal(data, nth, _OUTSIDE)
    if depth > MAX_DEPTH or count > MAX_COMPONENTS:
        what = f"deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else f"more than {MAX_COMPONENTS:,}"
        raise _refusal(data, nth, f"the object's components are {what}")
    if (depth and name == ROOT) or (depth > 1 and name in OUTERMOST):
        raise _refusal(data, nth, f"a {name} begins inside another component")


def _refusal(data: bytes, nth: int, what: str) -> BadItem:
    """What is wrong with the content line that has ``nth`` before it, blank ones not counted."""
    lines = (line for line in content_lines(data) if line.text.strip())
    found = next((line.number for place, line in enumerate(lines) if place == nth), 1)
    return BadItem(what, line=found)


@lru_cache(4096)
def _capitals(name: bytes) -> str:
    return name.decode(errors="replace").upper()
