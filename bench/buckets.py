"""PUT/s on 1 and 16 connections with the vault in a bucket of a store near and far.

A real SeaweedFS that syncs, on this machine, behind a proxy that makes every request 0, 1, 5 or
50 ms longer. Per round and latency: a fresh core and vault, then new cards over one connection,
and as many for each of 16. One after the other waits for the store each time; 16 at the same time
share a segment, and with it the wait.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from carddav import CONNECTIONS, put_all
from cards import make_cards
from options import Options, median_round
from peers import start_stillhere

sys.path.append(str(Path(__file__).parents[1]))  # for what starts the store

from tests.seaweed import Seaweed, environment, running

LATENCIES_MS = (0, 1, 5, 50)
BUCKET = "bench"
BUDGET_S = 6  # of one connection


def run(options: Options) -> dict[str, Any]:
    """Every latency in every round."""
    rounds: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-store-", dir=options.scratch) as scratch,
        running(Path(scratch)) as store,
    ):
        store.make_bucket(BUCKET)
        for number in range(options.rounds):
            measured: dict[str, float] = {}
            for latency in LATENCIES_MS:
                options.say(f"round {number + 1}: {latency} ms")
                measured |= _measure(store, latency, f"{number}-{latency}", options)
            rounds.append(measured)
    return {
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": [
            "The store is on the same machine and has its share of it: what 0 ms takes is its own.",
            "Group commit: a segment for whoever waits, one create in the store for a segment.",
        ],
    }


def _measure(store: Seaweed, latency: int, name: str, options: Options) -> dict[str, float]:
    single = 20 if options.quick else min(600, BUDGET_S * 1000 // (latency + 5))
    few, many = make_cards(seed=7, count=single), make_cards(seed=8, count=single * 4)
    with (
        tempfile.TemporaryDirectory(prefix="bench-bucket-", dir=options.scratch) as scratch,
        _delayed(store, latency) as variables,
        environment(variables),
        start_stillhere(Path(scratch), options.tools, f"s3://{BUCKET}/{name}") as server,
    ):
        found = put_all(server, server.make_book("one"), few, 1)
        found |= put_all(server, server.make_book("many"), many, CONNECTIONS)
    found["put_16_to_put_1"] = found["put_16_per_s"] / found["put_1_per_s"]
    return {f"{latency}_ms_{figure}": value for figure, value in found.items()}


@contextlib.contextmanager
def _delayed(store: Seaweed, latency: int) -> Iterator[dict[str, str]]:
    """The variables that lead to the store, by a way that is so many milliseconds longer."""
    command = [sys.executable, str(Path(__file__).with_name("delay.py")), str(store.port)]
    process = subprocess.Popen(
        [*command, str(latency)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = int(process.stdout.readline())
        yield store.variables | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


def table(result: dict[str, Any]) -> list[list[str]]:
    """A figure a line, a latency a column."""
    medians = result["medians"]
    figures = [name.removeprefix("0_ms_") for name in medians if name.startswith("0_ms_")]
    rows = [["", *(f"{latency} ms" for latency in LATENCIES_MS)]]
    return rows + [
        [figure, *(f"{medians[f'{latency}_ms_{figure}']:,.2f}" for latency in LATENCIES_MS)]
        for figure in figures
    ]
