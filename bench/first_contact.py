"""First contact: from the start of `recover --serve` on a blank home to the first full answer.

The answer is the multiget of one whole address book of 200 contacts, for an account that nobody
asked for before, log-in included. It must not grow with the number of accounts.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import dav
from load import Answer, Connection, UnexpectedAnswer
from options import Options, median_round
from vaults import Vault, build

SIZES = (100, 10_000, 30_000)
QUICK_SIZES = (20, 100)
PATIENCE_S = 60.0


def run(options: Options) -> dict[str, Any]:
    """Every size in every round."""
    sizes = QUICK_SIZES if options.quick else SIZES
    vaults = {size: build(size, options) for size in sizes}
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for number in range(options.rounds):
        for size, vault in vaults.items():
            found = _measure(vault, options)
            options.say(f"round {number + 1}: {size:,} accounts: {found['first_contact_s']:.3f} s")
            rounds[size].append(found)
    pairs = zip(rounds[sizes[0]], rounds[sizes[-1]], strict=True)
    growth = [largest["first_contact_s"] / least["first_contact_s"] for least, largest in pairs]
    return {
        "rounds": rounds,
        "medians": {size: median_round(found) for size, found in rounds.items()},
        "largest_to_smallest": statistics.median(growth),
        "notes": [
            "Includes Python's start, the check of the kit, the seal and the log-in.",
            "The vault's files are in the page cache.",
        ],
    }


def _measure(vault: Vault, options: Options) -> dict[str, float]:
    person = vault.people[0]
    request = person.ask_for_all()
    with tempfile.TemporaryDirectory(prefix="bench-first-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            address = watched.address()
            serving = time.perf_counter()
            refusals, answer = _ask_until_answered(Connection(address), request)
            answered = time.perf_counter()
        finally:
            watched.end()
    if dav.count_bodies(answer.body) != person.book:
        raise UnexpectedAnswer(f"{dav.count_bodies(answer.body)} contacts instead of {person.book}")
    return {
        "first_contact_s": answered - watched.started,
        "serving_s": serving - watched.started,
        "answer_ms": (answered - serving) * 1e3,
        "refusals": float(refusals),
    }


def _ask_until_answered(connection: Connection, request: bytes) -> tuple[int, Answer]:
    deadline = time.perf_counter() + PATIENCE_S
    refusals = 0
    while True:
        answer = connection.ask(request)
        if answer.status == 207:
            connection.close()
            return refusals, answer
        if answer.status != 503 or time.perf_counter() > deadline:
            raise UnexpectedAnswer(f"{answer.status}: {answer.body[:300]!r}")
        refusals += 1
        time.sleep(0.02)


def table(result: dict[str, Any]) -> list[list[str]]:
    """A size a line."""
    rows = [["accounts", "first contact s", "serving s", "answer ms", "503 before"]]
    for size, found in result["medians"].items():
        row = [f"{size:,}", f"{found['first_contact_s']:.3f}", f"{found['serving_s']:.3f}"]
        rows.append([*row, f"{found['answer_ms']:.1f}", f"{found['refusals']:.0f}"])
    rows.append(["largest / smallest", f"{result['largest_to_smallest']:.2f}", "", "", ""])
    return rows
