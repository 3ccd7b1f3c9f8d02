"""A knock on a closed shelf beside the same multiget on an open one, 20 phones at once.

While the bulk of a recovery runs, bursts of 20 phones, each its own kept-alive connection and an
account that nobody asked for before: all log in (measured apart), then all ask for their whole
book at once, which opens their shelves, then all ask for it again. When the recovery is whole,
the same multigets once more. Half of the bursts come while the vault is mirrored, half while
shelves are taken into the core. The knocks counted are those answered before the contacts stage
was over, from the accounts that the bulk comes to last.

An open shelf is a page in all of them, as nobody writes: stage.py reads one beside its rows.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import dav
from cards import BOOK
from load import Connection, Run, UnexpectedAnswer, drive
from options import Options, median_round
from processes import Watched
from vaults import Person, Vault, build

PHONES = 20
BURSTS_AT_MOST = 20
NOT_THEIRS = 403
PHASES = ("log_in", "knock", "open_in_bulk", "open_when_whole")

Latencies = dict[str, list[float]]


def run(options: Options) -> dict[str, Any]:
    """Bursts during a recovery, `rounds` times."""
    vault = build(200 if options.quick else 10_000, options)
    rounds = []
    for number in range(options.rounds):
        found = _measure(vault, options)
        rounds.append(found)
        options.say(f"round {number + 1}: {found['knocks']:.0f} knocks")
    return {
        "accounts": len(vault.people),
        "phones": PHONES,
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": [
            "Twenty requests arrive at one moment: every latency includes waiting for others.",
            "The ratio is against open shelves while the bulk runs; open_when_whole is without.",
        ],
    }


def _measure(vault: Vault, options: Options) -> dict[str, float]:
    latencies: Latencies = {phase: [] for phase in PHASES}
    alike = vault.people[1:]  # the first has a larger book
    waiting = sorted(alike, key=lambda person: person.account, reverse=True)
    shares: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-knock-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            connections = [Connection(watched.address()) for _ in range(PHONES)]
            asked = _knock_during_the_bulk(watched, connections, waiting, latencies, shares)
            watched.wait_for("whole", timeout=600)
            for people in asked:
                done = _burst(connections, [person.ask_for_all() for person in people])
                latencies["open_when_whole"] += done.latencies()
        finally:
            watched.end()
    found = {"knocks": float(len(latencies["knock"]))}
    for phase, seconds in latencies.items():
        seconds.sort()
        found[f"{phase}_p50_ms"] = statistics.median(seconds) * 1e3
        found[f"{phase}_p99_ms"] = seconds[int(len(seconds) * 0.99)] * 1e3
    for share in ("p50", "p99"):
        ratio = found[f"knock_{share}_ms"] / found[f"open_in_bulk_{share}_ms"]
        found[f"knock_to_open_{share}"] = ratio
    return found | {"generator_share": statistics.median(shares)}


def _knock_during_the_bulk(
    watched: Watched,
    connections: list[Connection],
    waiting: list[Person],
    latencies: Latencies,
    shares: list[float],
) -> list[list[Person]]:
    """Fills `latencies`; returns the bursts that were counted. Raises RuntimeError for none."""
    counted: list[list[Person]] = []
    for number in range(min(BURSTS_AT_MOST, len(waiting) // PHONES)):
        if number == BURSTS_AT_MOST // 2:
            watched.wait_for("mirrored", timeout=600)
        people = waiting[number * PHONES : (number + 1) * PHONES]
        books = [person.ask_for_all() for person in people]
        log_ins = [[person.log_in()] for person in people]
        log_in = drive(connections, log_ins, expect=NOT_THEIRS)
        knock = _burst(connections, books)
        if _contacts_are_in(watched):
            break
        again = _burst(connections, books)
        for phase, done in zip(PHASES, (log_in, knock, again), strict=False):
            latencies[phase] += done.latencies()
        shares.append(again.generator_share)
        counted.append(people)
    if not counted:
        raise RuntimeError("the contacts stage was over before the first burst: more accounts")
    return counted


def _burst(connections: list[Connection], requests: list[bytes]) -> Run:
    done = drive(connections, [[request] for request in requests], expect=207)
    for (answer,) in done.answers:
        if dav.count_bodies(answer.body) != BOOK:
            raise UnexpectedAnswer(f"{dav.count_bodies(answer.body)} contacts, not {BOOK}")
    return done


def _contacts_are_in(watched: Watched) -> bool:
    watched.has_seen("whole")
    return any(
        one.get("event") == "stage" and one.get("kind") == "contacts" for one in watched.seen
    )


def table(result: dict[str, Any]) -> list[list[str]]:
    """A phase a line."""
    medians = result["medians"]
    rows = [["20 phones at once", "p50 ms", "p99 ms"]]
    rows += [
        [phase, f"{medians[f'{phase}_p50_ms']:.1f}", f"{medians[f'{phase}_p99_ms']:.1f}"]
        for phase in PHASES
    ]
    ratios = [medians["knock_to_open_p50"], medians["knock_to_open_p99"]]
    rows.append(["knock / open_in_bulk", *(f"{ratio:.2f}" for ratio in ratios)])
    rows.append(["knocks", f"{medians['knocks']:.0f}", ""])
    return rows
