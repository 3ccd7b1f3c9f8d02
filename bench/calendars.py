"""A month of 10,000 events of which 500 recur, and sync and multiget of 1,000, beside peers.

Per round and server: a fresh process; both calendars come in by the server's own quickest way
(`stillhere import`, files in Radicale's folder, a commit into Xandikos' repository);
then the reads over one connection, after one unmeasured of each, in which peers fill their caches.
Every answer is checked: its status, and how many events it names, which the generator knows.
A read's figure is the median of its repetitions, in milliseconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dav
from calendar_peers import SERVERS, CalendarServer
from carddav import compare, table, time_read, why_absent
from events import MONTH, Event, make_events
from load import Connection
from options import Options, median_round

NAME = "calendars"
__all__ = ["NAME", "run", "table"]


def run(options: Options) -> dict[str, Any]:
    """Runs every server in every round; returns rounds, medians and ratios to ours."""
    many, few = (1_000, 100) if options.quick else (10_000, 1_000)
    year = make_events(seed=5, count=many, recurring=many // 20)
    small = make_events(seed=6, count=few, recurring=few // 20)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
    absent = {name: why for name in SERVERS if (why := why_absent(name, options))}
    for number in range(options.rounds):
        for name in SERVERS:
            if name not in absent:
                options.say(f"round {number + 1}: {name}")
                rounds[name].append(_measure(name, options, year, small))
    return {
        "events": many,
        "recurring": many // 20,
        "in_month": sum(event.in_month for event in year),
        "rounds": rounds,
        "medians": {name: median_round(found) for name, found in rounds.items() if found},
        "times_stillhere_is_better": compare(rounds),
        "absent": absent,
        "notes": [
            f"month_*: calendar-query, {MONTH[0]:%B %Y}, ETags only, and with the events' data.",
            "sync_ms, multiget_ms: of a calendar with a tenth as many events.",
            "Radicale and Xandikos as they come; both keep what they know of items.",
        ],
    }


def _measure(
    name: str, options: Options, year: list[Event], small: list[Event]
) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=options.scratch) as scratch,
        SERVERS[name](Path(scratch), options.tools, {"year": year, "small": small}) as server,
    ):
        return _read_all(server, year, small)


def _read_all(server: CalendarServer, year: list[Event], small: list[Event]) -> dict[str, float]:
    login, connection = server.login, Connection(server.address)
    month, few = server.calendars["year"], server.calendars["small"]
    expected = sum(event.in_month for event in year)
    hrefs = [few + event.href for event in small]
    reads: dict[str, tuple[bytes, Callable[[bytes], int], int]] = {
        "month_etags_ms": (dav.month(month, login, *MONTH), dav.count_events, expected),
        "month_data_ms": (dav.month(month, login, *MONTH, data=True), dav.count_events, expected),
        "sync_ms": (dav.sync(few, login), dav.count_events, len(small)),
        "multiget_ms": (dav.calendar_multiget(few, login, hrefs), dav.count_events, len(small)),
    }
    found = {name: time_read(connection, *read) for name, read in reads.items()}
    connection.close()
    return found
