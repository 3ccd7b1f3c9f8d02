"""Memory of a recovery: the summed PSS of its process tree, sampled until it is whole.

PSS (proportional set size) counts a page that processes share once in all, so that the sum is
what the machine must have for it. The page cache is not in it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from options import Options, median_round
from processes import summed_pss, tree
from vaults import Vault, build

SAMPLE_S = 0.2
PATIENCE_S = 600.0
MEGABYTE = 1e6


def run(options: Options) -> dict[str, Any]:
    """The peak for each size, `rounds` times, without anybody asking for anything."""
    sizes = (20, 100) if options.quick else (1_000, 10_000)
    vaults = {size: build(size, options) for size in sizes}
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for number in range(options.rounds):
        for size, vault in vaults.items():
            found = _measure(vault, options)
            options.say(f"round {number + 1}: {size:,} accounts: {found['peak_mb']:.0f} MB")
            rounds[size].append(found)
    pairs = zip(rounds[sizes[0]], rounds[sizes[-1]], strict=True)
    growth = [largest["peak_mb"] / least["peak_mb"] for least, largest in pairs]
    return {
        "rounds": rounds,
        "medians": {size: median_round(found) for size, found in rounds.items()},
        "largest_to_smallest": statistics.median(growth),
        "notes": [f"Sampled every {SAMPLE_S} s: a shorter peak may be missed."],
    }


def _measure(vault: Vault, options: Options) -> dict[str, float]:
    samples: list[int] = []
    processes = 1
    deadline = time.perf_counter() + PATIENCE_S
    with tempfile.TemporaryDirectory(prefix="bench-memory-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            while not watched.has_seen("whole"):
                if time.perf_counter() > deadline:
                    raise TimeoutError(f"not whole within {PATIENCE_S:.0f} s")
                if watched.process.poll() is not None:
                    watched.wait_for("whole")
                samples.append(summed_pss(watched.process.pid))
                processes = max(processes, len(tree(watched.process.pid)))
                time.sleep(SAMPLE_S)
            samples.append(summed_pss(watched.process.pid))
        finally:
            watched.end()
    return {
        "peak_mb": max(samples) / MEGABYTE,
        "when_whole_mb": samples[-1] / MEGABYTE,
        "processes": float(processes),
        "samples": float(len(samples)),
    }


def table(result: dict[str, Any]) -> list[list[str]]:
    """A size a line."""
    rows = [["accounts", "peak MB", "when whole MB", "processes"]]
    for size, found in result["medians"].items():
        row = [f"{size:,}", f"{found['peak_mb']:.0f}", f"{found['when_whole_mb']:.0f}"]
        rows.append([*row, f"{found['processes']:.0f}"])
    rows.append(["largest / smallest", f"{result['largest_to_smallest']:.2f}", "", ""])
    return rows
