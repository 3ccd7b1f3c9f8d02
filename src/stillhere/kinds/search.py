"""Searching cards: does a card pass a filter (RFC 6352, 10.5)?

The same questions are put to three sources, cheapest first, and each may answer None: "not from
what I know".

    a held card        only its UID is known; it passes what that does not decide (guard 3)
    the bytes          a text that is nowhere in them is in no value, a line that begins with a
                       name is a property: most cards of most searches are decided here
    the card's lines   decide everything that is left

A property passes by itself: with "allof" one and the same EMAIL has to pass every test, and a
negated text-match asks for an EMAIL that is different, not for a card without such an EMAIL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple, Protocol

from stillhere.kinds.collation import COLLATIONS, OCTET, UNICODE, fold_unicode, sketch_unicode
from stillhere.kinds.lines import Property, unfold
from stillhere.kinds.vcard import properties

Answer = bool | None

_LISTS = ("CATEGORIES", "NICKNAME")
_LISTED = re.compile(rb"(?:\\.|[^\\,])+", re.DOTALL)


class How(Enum):
    """Where in a value the text has to be."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


class Values:
    """Some texts that are compared, often with many others."""

    def __init__(self, texts: list[str]) -> None:
        self._folded = {OCTET: texts}

    def fold(self, collation: str) -> list[str]:
        """The texts as a collation compares them."""
        if collation not in self._folded:
            self._folded[collation] = list(map(COLLATIONS[collation], self._folded[OCTET]))
        return self._folded[collation]


@dataclass(frozen=True)
class TextMatch:
    """A text that a value has, or with ``negate`` has not (10.5.4)."""

    text: str
    how: How = How.CONTAINS
    collation: str = UNICODE
    negate: bool = False

    @cached_property
    def folded(self) -> str:
        """The text as its collation compares it."""
        return COLLATIONS[self.collation](self.text)

    def accepts(self, values: Values) -> bool:
        """Whether any of the values has the text; the opposite of that with ``negate``."""
        has, sought = _HAS[self.how], self.folded
        for value in values.fold(self.collation):
            if has(value, sought):
                return not self.negate
        return self.negate


class ParamFilter(NamedTuple):
    """What a property's parameter has to be; not ``defined``: that it has none (10.5.2)."""

    name: str
    defined: bool = True
    match: TextMatch | None = None


class PropFilter(NamedTuple):
    """What one property of a card has to be; not ``defined``: that there is none (10.5.1).

    ``name`` and ``group`` are in capitals; without a group, properties in any group count.
    """

    name: str
    group: str = ""
    defined: bool = True
    all_of: bool = False
    tests: tuple[TextMatch | ParamFilter, ...] = ()


class Filter(NamedTuple):
    """What a card has to be; one without properties lets every card pass."""

    all_of: bool = False
    properties: tuple[PropFilter, ...] = ()


def passes(wanted: Filter, uid: str, body: bytes | None) -> bool:
    """Whether a card is looked for; ``body`` is None for one that is held."""
    if body is None:
        return _judge(wanted, Roster(uid)) is not False
    answer = judge_bytes(wanted, body)
    return bool(_judge(wanted, Lines(body)) if answer is None else answer)


def judge_bytes(wanted: Filter, body: bytes) -> Answer:
    """What a card's bytes say without being taken apart into lines."""
    try:
        return _judge(wanted, Text(body))
    except UnicodeDecodeError:
        return None


class Source(Protocol):
    """What is known of one card."""

    def judge(self, wanted: PropFilter) -> Answer:
        """Whether the card passes; None where that is not known."""
        ...


class Roster:
    """What the roster knows of a held card."""

    def __init__(self, uid: str) -> None:
        self._uid = uid

    def judge(self, wanted: PropFilter) -> Answer:
        """Decides only what asks for the UID, of which a card has one."""
        if wanted.name != "UID" or wanted.group or not self._uid:
            return None
        if not wanted.defined or not wanted.tests:
            return wanted.defined
        return _combine((self._test(test) for test in wanted.tests), wanted.all_of)

    def _test(self, test: TextMatch | ParamFilter) -> Answer:
        return test.accepts(Values([self._uid])) if isinstance(test, TextMatch) else None


class Text:
    """A card's text; its answers are those that ``Lines`` would give.

    Raises UnicodeDecodeError for a card in another character set, which its lines name.
    """

    def __init__(self, body: bytes) -> None:
        unfolded = unfold(body)
        self._names = unfolded.upper()
        self._lines = self._names if unfolded is body else body.upper()
        self._coded = b"QUOTED-PRINTABLE" in self._names
        self._carets = b"^" in unfolded
        # Escapes become the character after the backslash, or a line break, in which no text
        # that is asked about here has a part.
        self._text = unfolded.replace(b"\\", b"").decode()
        self._folded: dict[Callable[[str], str], str] = {}

    def judge(self, wanted: PropFilter) -> Answer:
        """Decides by names and texts that are nowhere, and by names that begin a line."""
        if self._coded:
            return None
        exists = self._has(wanted)
        if not wanted.defined:
            return None if exists is None else not exists
        if exists is False or not wanted.tests:
            return exists
        # What any property of that name would answer.
        answer = _combine((self._test(test) for test in wanted.tests), wanted.all_of)
        return exists if answer else answer

    def _has(self, wanted: PropFilter) -> Answer:
        name = (f"{wanted.group}.{wanted.name}" if wanted.group else wanted.name).encode()
        if name not in self._names:
            return False
        if b"\n%b:" % name in self._lines and b"AGENT" not in self._names and name not in _FRAME:
            return True
        return None

    def _test(self, test: TextMatch | ParamFilter) -> Answer:
        if isinstance(test, TextMatch):
            return test.negate if self._lacks(test) else None
        match = test.match if test.defined else None
        if match and not match.negate and not self._carets and self._lacks(match):
            return False
        return None

    def _lacks(self, match: TextMatch) -> bool:
        """Whether no value can have the text."""
        if "\\" in match.folded or "\n" in match.folded:
            return False
        fold, sought = COLLATIONS[match.collation], match.folded
        if fold is fold_unicode and sought.isascii():
            fold, sought = sketch_unicode, sought.upper()
        if fold not in self._folded:
            self._folded[fold] = fold(self._text)
        return sought not in self._folded[fold]


class Lines:
    """A card's lines, taken apart."""

    def __init__(self, card: bytes) -> None:
        self._found: dict[str, list[_Line]] = {}
        for one in properties(card):
            self._found.setdefault(one.name, []).append(_Line(one))

    def judge(self, wanted: PropFilter) -> bool:
        """Decides everything."""
        found = self._found.get(wanted.name, [])
        if wanted.group:
            found = [line for line in found if line.group == wanted.group]
        if not wanted.defined or not wanted.tests:
            return bool(found) == wanted.defined
        return any(_combine(map(line.test, wanted.tests), wanted.all_of) for line in found)


class _Line:
    """One property of a card, read as far as it is asked about."""

    def __init__(self, one: Property) -> None:
        self._one = one
        self.group = one.group

    def test(self, test: TextMatch | ParamFilter) -> bool:
        if isinstance(test, TextMatch):
            return test.accepts(self._values)
        values = self._parameters.get(test.name)
        if values is None or not test.defined:
            return (values is not None) == test.defined
        return test.match is None or test.match.accepts(values)

    @cached_property
    def _values(self) -> Values:
        """The value as a whole, and each of those in it where a property is a list."""
        one = self._one
        texts = [one.words()]
        if one.name in _LISTS and b"," in one.value:
            texts += [one._replace(value=part).words() for part in _LISTED.findall(one.value)]
        return Values(texts)

    @cached_property
    def _parameters(self) -> dict[str, Values]:
        return {name: Values(texts) for name, texts in self._one.read_parameters().items()}


def _judge(wanted: Filter, source: Source) -> Answer:
    if not wanted.properties:
        return True
    return _combine(map(source.judge, wanted.properties), wanted.all_of)


def _combine(answers: Iterable[Answer], all_of: bool) -> Answer:
    """And, or or, of answers some of which may not be known; there is at least one."""
    unknown = False
    for answer in answers:
        if answer is None:
            unknown = True
        elif answer is not all_of:
            return answer
    return None if unknown else all_of


_FRAME = (b"BEGIN", b"END")
_HAS: dict[How, Callable[[str, str], bool]] = {
    How.EQUALS: str.__eq__,
    How.CONTAINS: str.__contains__,
    How.STARTS_WITH: str.startswith,
    How.ENDS_WITH: str.endswith,
}
