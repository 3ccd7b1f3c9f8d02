"""Where in a calendar file what stands: its objects and their components, not looked into.

A file that is cut off or broken in one place is taken apart around that: a component of a kind
never stands inside another one, so where one begins before the last has ended, that one is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from stillhere.kinds.component import OUTERMOST, ROOT
from stillhere.kinds.lines import Line, content_lines


class Stray(NamedTuple):
    """Lines of a file, ``data[start:end]``, that belong to no object; ``number`` is the first."""

    number: int
    start: int
    end: int


@dataclass
class Part:
    """One component of an object, ``data[begin.start:end]``; ``whole`` when it has its END.

    ``own`` are its first lines by name that have a value, without those of components in it.
    """

    name: str
    begin: Line
    end: int
    whole: bool = False
    own: dict[str, Line] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """Its UID; empty when it has none."""
        return self.own["UID"].words() if "UID" in self.own else ""


@dataclass
class Object:
    """One VCALENDAR: its BEGIN and END (None when it is cut off), properties and components."""

    begin: Line
    end: Line | None = None
    properties: list[Line] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


def outline(data: bytes) -> Iterator[Object | Stray]:
    """The objects of a file in their order, and what stands between them, blank lines left out."""
    walk = _Walk()
    for line in content_lines(data):
        if line.text.strip():
            yield from walk.take(line)
    yield from walk.close()


class _Walk:
    """What is open on the way through a file."""

    def __init__(self) -> None:
        self._stray: Stray | None = None
        self._object: Object | None = None
        self._open: list[str] = []  # names of the components that are open in the object

    def take(self, line: Line) -> Iterator[Object | Stray]:
        """Goes on by one line; gives what ended before it, or with it."""
        border, name = _border(line)
        if border == "BEGIN" and name == ROOT:
            yield from self.close()
            self._object = Object(line)
        elif self._object is None:
            first = self._stray or Stray(line.number, line.start, line.end)
            self._stray = first._replace(end=line.end)
        elif border == "END" and name == ROOT:
            self._object.end = line
            yield from self.close()
        else:
            self._take_inside(self._object, line, border, name)

    def close(self) -> Iterator[Object | Stray]:
        """Gives what is open."""
        if self._stray:
            yield self._stray
        if self._object:
            yield self._object
        self._stray = self._object = None
        self._open = []

    def _take_inside(self, calendar: Object, line: Line, border: str, name: str) -> None:
        if border == "BEGIN":
            if not self._open or name in OUTERMOST:
                self._open = []
                calendar.parts.append(Part(name, line, line.end))
            self._open.append(name)
        elif not self._open:
            calendar.properties.append(line)
            return
        part = calendar.parts[-1]
        part.end = line.end
        if border == "END":
            self._end(part, name)
        elif border != "BEGIN" and len(self._open) == 1 and line.value.strip():
            part.own.setdefault(line.name, line)

    def _end(self, part: Part, name: str) -> None:
        # An END of something else is broken: the part then is what there is until its own END.
        if self._open[-1] == name:
            self._open.pop()
            part.whole = not self._open
        elif name == part.name:
            self._open = []


def _border(line: Line) -> tuple[str, str]:
    """BEGIN or END and what of, in capitals; twice nothing for another line."""
    if line.text[:1] in b"BbEe" and (found := line.name) in ("BEGIN", "END"):
        return found, line.value.strip().decode(errors="replace").upper()
    return "", ""
