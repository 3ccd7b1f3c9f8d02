"""Growth: how a recovery's stages and its memory grow with the number of accounts.

Memory is the summed PSS of the process tree, sampled until the core is whole.

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
PER_ACCOUNT = ("mirrored_us", "account_us", "contacts_us")


def run(options: Options) -> dict[str, Any]:
    """The peak for each size, `rounds` times, without anybody asking for anything."""
    sizes = (20, 100) if options.quick else (1_000, 10_000, 30_000)
    vaults = {size: build(size, options) for size in sizes}
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for number in range(options.rounds):
        for size, vault in vaults.items():
            found = _measure(vault, options)
            options.say(
                f"round {number + 1}: {size:,} accounts: {found['peak_mb']:.0f} MB, "
                f"whole after {found['whole_s']:.1f} s"
            )
            rounds[size].append(found)
    pairs = list(zip(rounds[sizes[-2]], rounds[sizes[-1]], strict=True))
    return {
        "rounds": rounds,
        "medians": {size: median_round(found) for size, found in rounds.items()},
        "last_step": {
            name: statistics.median(large[name] / middle[name] for middle, large in pairs)
            for name in ("peak_mb", *PER_ACCOUNT)
        },
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
    events = {one.get("kind", one["event"]): one for one in watched.seen}
    accounts = len(vault.people)
    mirroring = events["mirrored"]["at_s"] - events["serving"]["at_s"]
    return {
        "whole_s": float(events["whole"]["at_s"]),
        "mirrored_us": mirroring / accounts * 1e6,
        "account_us": events["account"]["seconds"] / accounts * 1e6,
        "contacts_us": events["contacts"]["seconds"] / accounts * 1e6,
        "peak_mb": max(samples) / MEGABYTE,
        "when_whole_mb": samples[-1] / MEGABYTE,
        "processes": float(processes),
        "samples": float(len(samples)),
    }


def table(result: dict[str, Any]) -> list[list[str]]:
    """A size a line."""
    names = ("whole_s", "peak_mb", *PER_ACCOUNT)
    rows = [["accounts", "whole s", "peak MB", "µs/account: mirror", "account", "contacts"]]
    for size, found in result["medians"].items():
        rows.append([f"{size:,}", *(f"{found[name]:.1f}" for name in names)])
    steps = (f"{result['last_step'][name]:.2f}×" for name in ("peak_mb", *PER_ACCOUNT))
    rows.append(["last step", "", *steps])
    return rows
