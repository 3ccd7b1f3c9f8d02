"""The time that an iCalendar object takes up, worked out when it is written."""

from __future__ import annotations

from stillhere.kinds.component import Component
from stillhere.kinds.item import ALWAYS, Span


def span_of(calendar: Component) -> Span:
    """A span that every time range has which has an instance of the object (a VCALENDAR)."""
    assert calendar.name == "VCALENDAR"
    return ALWAYS._replace(exact=False)
