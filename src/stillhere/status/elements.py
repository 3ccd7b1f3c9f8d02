"""Pieces that every page is made of: a time, a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from stillhere.status.markup import el


def when(at_ms: int) -> Element:
    """A time for readers anywhere: "30 November 2026, 12:40:05 UTC"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return el(
        "time", f"{at.day} {at:%B %Y, %H:%M:%S} UTC", datetime=at.isoformat(timespec="seconds")
    )


def clock(at_ms: int) -> Element:
    """A time of a day that the reader knows: "12:40:05"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return el("time", f"{at:%H:%M:%S}", datetime=at.isoformat(timespec="seconds"))


def stamp(at_ms: int) -> str:
    """A time for programs (RFC 3339)."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cells(
    caption: Element,
    heads: Sequence[str],
    rows: Sequence[Sequence[Element | str]],
    *,
    left: Sequence[int] = (0,),
) -> Element:
    """A table with its caption; columns that are not `left` are figures, and end flush."""
    kinds = [None if n in left else "n" for n in range(len(heads))]
    head = el("tr", *(el("th", name, scope="col", class_=kinds[n]) for n, name in enumerate(heads)))
    body = el("tbody")
    for row in rows:
        line = el("tr", el("th", row[0], scope="row"))
        for n, cell in enumerate(row[1:], 1):
            line.append(el("td", cell, class_=kinds[n]))
        body.append(line)
    return el("table", caption, el("thead", head), body)
