"""PUT/s on 1 and 16 connections, and the five reads of a book, side by side with peers.

Per round and server: a fresh process with empty storage; `cards` new cards over one connection;
as many into a second book over 16; then the reads of the first book over one connection, after
one unmeasured of each. Every answer is checked: its status, and how many cards it names.
A read's figure is the median of its repetitions, in milliseconds.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dav
from cards import make_cards
from load import Connection, UnexpectedAnswer, drive
from options import Options, median_round
from peers import SERVERS, Server

NAME = "carddav"
CONNECTIONS = 16
READ_BUDGET_S = 3.0
READS_AT_MOST = 25
READS_AT_LEAST = 3
SOUGHT = "zo"
NAMED = re.compile(rb"\nFN:([^\r\n]*)")
HIGHER_IS_BETTER = ("put_1_per_s", "put_16_per_s")


def run(options: Options) -> dict[str, Any]:
    """Runs every server in every round; returns rounds, medians and ratios to ours."""
    count = 200 if options.quick else 1000
    cards = make_cards(seed=7, count=count)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
    absent = {name: why for name in SERVERS if (why := why_absent(name, options))}
    for number in range(options.rounds):
        for name in SERVERS:
            if name not in absent:
                options.say(f"round {number + 1}: {name}")
                rounds[name].append(_measure(name, options, cards))
    medians = {name: median_round(found) for name, found in rounds.items() if found}
    return {
        "cards": count,
        "rounds": rounds,
        "medians": medians,
        "times_stillhere_is_better": compare(rounds),
        "absent": absent,
        "notes": [
            "Stillhere answers a PUT once its segment is durable in the vault: fsync, link, fsync.",
            "Radicale: htpasswd plain, HTTP/1.0: a new connection for each request, fsync on.",
            "Xandikos: no log-in (it takes passwords over HTTPS only); a git commit for each PUT.",
            f"search_ms: addressbook-query, names that contain {SOUGHT!r}, ETags only.",
            "generator_share near 1.0 on a line of ours means that the generator was the limit.",
        ],
    }


def why_absent(name: str, options: Options) -> str:
    """Why a server can not be measured here; "" where it can."""
    if name == "stillhere" or (options.tools / name).exists():
        return ""
    return f"no {name} in {options.tools}"


def _measure(name: str, options: Options, cards: list[tuple[str, bytes]]) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=options.scratch) as scratch,
        SERVERS[name](Path(scratch), options.tools) as server,
    ):
        book = server.make_book("one")
        found = put_all(server, book, cards, 1) | put_all(
            server, server.make_book("many"), cards, CONNECTIONS
        )
        return found | _read_all(server, book, cards)


def put_all(
    server: Server, book: str, cards: list[tuple[str, bytes]], width: int
) -> dict[str, float]:
    """Put every card once; its figures carry the number of connections in their names."""
    requests = [dav.put(book + href, server.login, card) for href, card in cards]
    connections = [Connection(server.address) for _ in range(width)]
    done = drive(connections, [requests[one::width] for one in range(width)], expect=201)
    for connection in connections:
        connection.close()
    latencies = done.latencies()
    return {
        f"put_{width}_per_s": done.per_second,
        f"put_{width}_p50_ms": statistics.median(latencies) * 1e3,
        f"put_{width}_p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        f"put_{width}_generator_share": done.generator_share,
    }


def _read_all(server: Server, book: str, cards: list[tuple[str, bytes]]) -> dict[str, float]:
    hrefs = [book + href for href, _ in cards]
    connection = Connection(server.address)
    first = connection.ask(dav.sync(book, server.login), expect=207)
    token = dav.read_token(first.body)
    reads: dict[str, tuple[bytes, Callable[[bytes], int], int]] = {
        "initial_sync_ms": (dav.sync(book, server.login), dav.count_cards, len(hrefs)),
        "multiget_all_ms": (
            dav.multiget(book, server.login, hrefs),
            dav.count_bodies,
            len(hrefs),
        ),
        "propfind_ms": (dav.list_book(book, server.login), dav.count_cards, len(hrefs)),
        "search_ms": (dav.search(book, server.login, SOUGHT), dav.count_cards, _count(cards)),
        "no_change_sync_ms": (dav.sync(book, server.login, token), dav.count_cards, 0),
    }
    found = {name: time_read(connection, *read) for name, read in reads.items()}
    connection.close()
    return found


def _count(cards: list[tuple[str, bytes]]) -> int:
    """How many have what is sought in their names."""
    names = [NAMED.search(card.replace(b"\r\n ", b"")) for _, card in cards]
    return sum(SOUGHT in name[1].decode().lower() for name in names if name)


def time_read(
    connection: Connection, request: bytes, count: Callable[[bytes], int], expected: int
) -> float:
    times: list[float] = []
    deadline = time.perf_counter() + READ_BUDGET_S
    for repetition in range(READS_AT_MOST + 1):
        answer = connection.ask(request, expect=207)
        if count(answer.body) != expected:
            raise UnexpectedAnswer(f"{count(answer.body)} cards instead of {expected}")
        if repetition:
            times.append(answer.seconds * 1e3)
        if len(times) >= READS_AT_LEAST and time.perf_counter() > deadline:
            break
    return statistics.median(times)


def compare(rounds: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """How many times better ours is than each peer: within each round, then the median."""
    ours = rounds["stillhere"]
    compared = [name for name in ours[0] if name in HIGHER_IS_BETTER or "put" not in name]
    return {
        peer: {
            name: statistics.median(
                _times_better(name, mine, other) for mine, other in zip(ours, theirs, strict=True)
            )
            for name in compared
        }
        for peer, theirs in rounds.items()
        if peer != "stillhere" and theirs
    }


def _times_better(name: str, ours: dict[str, float], theirs: dict[str, float]) -> float:
    ratio = ours[name] / theirs[name]
    return ratio if name in HIGHER_IS_BETTER else 1 / ratio


def table(result: dict[str, Any]) -> list[list[str]]:
    """Rows for the printed table: a figure a line, a server a column."""
    medians, ratios = result["medians"], result["times_stillhere_is_better"]
    names = list(medians)
    rows = [["", *names, *(f"× {peer}" for peer in ratios)]]
    for figure in next(iter(medians.values())):
        row = [figure, *(f"{medians[name][figure]:,.2f}" for name in names)]
        row += [f"{ratios[peer].get(figure, float('nan')):.1f}" for peer in ratios]
        rows.append([cell.replace("nan", "") for cell in row])
    return rows
