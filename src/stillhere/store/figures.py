"""The core in figures: what is kept, of which kind, and what is closed or held."""

from __future__ import annotations

from typing import NamedTuple

from stillhere.store.core import Core


class KindFigures(NamedTuple):
    """One kind: its shelves, those closed, records present, records held, bytes of bodies,
    and the time of the last change (milliseconds since 1970, 0 for none)."""

    kind: str
    shelves: int
    closed: int
    records: int
    held: int
    size: int
    last_change: int


def read_figures(core: Core) -> list[KindFigures]:
    """The figures of every kind, by name. Reads the whole core once."""
    rows = core.reader().execute(
        "SELECT s.kind, count(DISTINCT s.id),"
        " count(DISTINCT CASE WHEN s.closed <> '' THEN s.id END),"
        " coalesce(sum(r.state = 0 AND r.collection <> ''), 0), coalesce(sum(r.state = 2), 0),"
        " coalesce(sum(CASE WHEN r.state = 0 THEN r.size END), 0), coalesce(max(r.modified), 0)"
        " FROM shelves s LEFT JOIN records r ON r.shelf = s.id"
        " WHERE s.last_seq > 0 GROUP BY s.kind ORDER BY s.kind"
    )
    return [KindFigures(*row) for row in rows]
