"""What every kind says of a record: one item, what is known of it, and what a kind can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from stillhere.errors import BadInput

MAX_UID = 1024
"""The longest UID that is taken, in characters."""

MOMENTS = 1 << 40
"""Beyond every moment that a date can name, in seconds from 1970: where open ends are."""


class Span(NamedTuple):
    """The time that an item takes up: ``[starts, ends)`` in seconds since 1970, UTC.

    A time range that does not overlap it does not have the item. With ``exact``, one that
    overlaps it has: the item's body need not be looked at.
    """

    starts: int = 0
    ends: int = 0
    exact: bool = True


NO_SPAN = Span()
"""Of what is in no time range, as contacts are."""

ALWAYS = Span(-MOMENTS, MOMENTS)
"""Of what is in every time range."""


class Item(NamedTuple):
    """What is known of one record; ``uid`` and ``name`` are empty when it has none.

    ``name`` is what a person would call it, ``media_type`` what to give it out as. One that
    ``is_part`` is single days of a series without the series.
    """

    uid: str
    name: str
    component: str
    media_type: str
    span: Span = NO_SPAN
    is_part: bool = False


class Piece(NamedTuple):
    """One part of a file, as it would be kept: its component's name ("" for no item of any
    kind), the line of the file where it begins (from 1), and its bytes.

    Where these are put together from several places, ``places`` are pairs of line numbers, in
    order: where a run of lines begins in the bytes, and where in the file.
    """

    component: str
    line: int
    body: bytes
    places: tuple[tuple[int, int], ...] = ()

    def find_line(self, line: int) -> int:
        """The line of the file that is this one of the bytes (both from 1)."""
        places = self.places or ((1, self.line),)
        here, there = next(place for place in reversed(places) if place[0] <= line)
        return there + line - here


class BadItem(BadInput):
    """These bytes are not an item that can be kept; ``line`` (from 1) is where that shows."""

    def __init__(self, what: str, *, line: int = 1, hint: str = "") -> None:
        super().__init__(what, safe="nothing was changed", hint=hint)
        self.line = line


class NotOneItem(BadItem):
    """They can be read, but are not one item as calendars keep it (RFC 4791, 4.1)."""


class OtherComponent(BadItem):
    """They are an item of another kind: ``component`` says what."""

    def __init__(self, what: str, component: str, *, line: int = 1) -> None:
        super().__init__(what, line=line)
        self.component = component


@dataclass(frozen=True)
class Kind:
    """One kind of records. Its functions are pure, and raise BadItem for what they can't read.

    ``component`` is what a record is (``VCARD``), ``collection`` the component of a collection's
    own record. ``first`` is the collection that a shelf begins with, its name and properties: with
    the account where ``at_once``, else when a device first looks for one.
    ``words`` and ``collection_words`` are what people call one and several of them; ``in_body``
    is what only an item's body says, so that it is not known where that is lost. A file whose
    name ends in one of ``extensions`` may hold items; the first is for files that are written.
    """

    name: str
    component: str
    collection: str
    at_once: bool
    media_type: str
    extensions: tuple[str, ...]
    words: tuple[str, str]
    collection_words: tuple[str, str]
    in_body: tuple[str, ...]
    first: tuple[str, dict[str, str]]
    parse: Callable[[bytes], Item] = field(repr=False)
    """What one item says of itself."""
    split: Callable[[bytes], Iterator[Piece]] = field(repr=False)
    """Every item of a file, those of other kinds that such a file may hold included."""
    join: Callable[[Iterable[bytes]], Iterator[bytes]] = field(repr=False)
    """A file of many items, part by part; read again, its items say the same."""
    give_uid: Callable[[bytes, str], bytes] = field(repr=False)
    """An item that has no UID with one, and nothing else changed."""
    revision_of: Callable[[bytes], str] = field(repr=False)
    """When an item was last changed as far as it tells: compares as text; "" when it does not."""
    says_nothing_new: Callable[[bytes, bytes], bool] = field(repr=False)
    """Whether everything that an item says is in the known one."""
