"""Which of two revisions of an event, to-do or note is newer, as far as they tell, and what one
of them adds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillhere.kinds.component import Component, read_component
from stillhere.kinds.ical import is_record
from stillhere.kinds.lines import Property

_MOMENT = re.compile(rb"\s*(\d{8})T(\d{6})Z?\s*\Z", re.IGNORECASE)
_NUMBER = re.compile(rb"\s*(\d{1,10})\s*\Z")
_OF_THE_FORM = frozenset(("UID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE"))


def revision_of(data: bytes) -> str:
    """SEQUENCE, then when it was last changed: ten and fourteen digits, the greatest of its
    components; empty where nothing in it has a time.

    SEQUENCE counts first, as between calendars (RFC 5546, 2.1.5). LAST-MODIFIED is when it was
    changed; DTSTAMP says so only where that is missing, since some programs write into it when
    they made the file. Raises BadItem for bytes that are no object.
    """
    return max(map(_revision, _records(data)), default="")


def says_nothing_new(data: bytes, known: bytes) -> bool:
    """Whether everything that an item says is in the known one; the form does not count (order,
    folding, time zones' rules, when it was written), and a parameter does: it may be an answer.

    Raises BadItem for bytes that are no object.
    """
    return _said(data) <= _said(known)


def _revision(record: Component) -> str:
    changed = record.first("LAST-MODIFIED") or record.first("DTSTAMP")
    moment = _MOMENT.match(changed.value) if changed else None
    sequence = record.first("SEQUENCE")
    number = _NUMBER.match(sequence.value) if sequence else None
    if not moment:
        return ""
    return f"{int(number[1]) if number else 0:010}{moment[1].decode()}{moment[2].decode()}"


def _records(data: bytes) -> Iterator[Component]:
    return (one for one in read_component(data).components if is_record(one.name))


def _said(data: bytes) -> set[object]:
    """What an item says, each thing with the day of the series that it is about."""
    return {
        (record.name, _day(record), fact) for record in _records(data) for fact in _facts(record)
    }


def _day(record: Component) -> object:
    return _fact(one) if (one := record.first("RECURRENCE-ID")) else None


def _facts(component: Component) -> Iterator[object]:
    for one in component.properties:
        if one.name not in _OF_THE_FORM:
            yield _fact(one)
    for inner in component.components:
        # An alarm says something as a whole.
        yield inner.name, frozenset(_facts(inner))


def _fact(one: Property) -> object:
    parameters = one.read_parameters().items() if one.parameters else ()
    return one.name, one.words(), frozenset((name, tuple(values)) for name, values in parameters)
