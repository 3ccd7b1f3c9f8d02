"""Measures Stillhere beside its peers: `python bench/run.py [--only NAME...] [--quick]`.

A figure counts only as a ratio within one run on one machine, as the median of at least three
rounds. Each bench prints a table and writes bench/results/NAME.json (not with --quick, which
only shows that everything runs).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from options import Options

BENCHES = (
    "first_contact",
    "knock",
    "stage",
    "restore",
    "carddav",
    "calendars",
    "write_path",
    "buckets",
    "growth",
    "guesses",
    "salvage",
    "forecast",
)
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Runs the benches asked for, in order; the exit code is 1 if one of them failed."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="stillhere-bench-") as scratch:
        options = Options(
            rounds=arguments.rounds,
            quick=arguments.quick,
            tools=arguments.tools,
            cache=arguments.cache,
            scratch=arguments.scratch or Path(scratch),
        )
        options.cache.mkdir(parents=True, exist_ok=True)
        asked = arguments.only or BENCHES
        failed = [name for name in asked if not _run_one(name, options)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHES, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3, help="at least 3 for a figure to count")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument(
        "--tools", type=Path, default=Path(sys.executable).parent, help="where the peers' are"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "stillhere-bench-cache"
    )
    parser.add_argument("--scratch", type=Path, help="folder for servers' files (disk to measure)")
    return parser.parse_args()


def _run_one(name: str, options: Options) -> bool:
    print(f"{name}", flush=True)
    bench = importlib.import_module(name)
    began = time.perf_counter()
    try:
        result: dict[str, Any] = bench.run(options)
    except Exception as error:  # noqa: BLE001  the other benches still run
        print(f"  failed: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    result |= {
        "bench": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "took_s": round(time.perf_counter() - began, 1),
        "quick": options.quick,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }
    _print_table(bench.table(result))
    for note in result["notes"]:
        print(f"  · {note}")
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(_round(result), indent=1) + "\n")
    return True


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  " + row[0].ljust(widths[0]) + "  " + "  ".join(cells[1:]))


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _round(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_round(one) for one in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
