"""Records the service's lives, cuts the power after every operation, and looks for a loss.

    python tests/power.py [--all] [--ways N] [--minutes 30] [--seed S] [--json] [--keep DIR]

Prints a line for each recording and a summary; exits 1 if any promise was broken. Without
``--all`` it cuts after a sample of the operations. A seed repeats the same decisions (where the
power goes, what it leaves), on a recording that is made anew.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, groupby
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # it is run as a file

from tests.outage.cuts import PAIRS, Finding, Life, Recorded, Tally, cut, left_at, live, live_on
from tests.outage.judge import after_a_life, after_a_recovery, after_mending, after_two_places
from tests.rooms import quick_folder

TWICE = 40  # recordings that begin on what a first cut has left


class Play(NamedTuple):
    """A recording, and how much of it is tried: points, and ways for the disks to lose their
    power at each."""

    recorded: Recorded
    points: int | None
    ways: int


def main() -> int:
    """Plays everything; 0 only if nothing was found."""
    arguments = _parse()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="stillhere-power-"))
    began, total = time.monotonic(), Tally()
    recordings = 0
    with quick_folder() as quick:
        for play in _plays(quick / "lives", arguments.seed, arguments.ways, whole=arguments.all):
            started = time.monotonic()
            seed = f"{arguments.seed}:{recordings}"
            tally = cut(play.recorded, quick / "disks", seed, points=play.points, pairs=play.ways)
            _keep(tally, quick / "disks", folder / str(recordings))
            _tell(play.recorded.name, tally, time.monotonic() - started, arguments.json)
            _add(total, tally)
            shutil.rmtree(quick / "lives")
            recordings += 1
            if time.monotonic() - began > arguments.minutes * 60:
                break
    if not total.findings and arguments.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    took_s = round(time.monotonic() - began, 1)
    _summarise(recordings, total, arguments.seed, took_s, folder, arguments.json)
    return 1 if total.findings or not total.tries else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="cut after every operation")
    parser.add_argument(
        "--ways", type=int, default=3, help=f"for the disks, each time, of {len(PAIRS)}"
    )
    parser.add_argument("--seed", default=f"{random.getrandbits(32):08x}")
    parser.add_argument("--json", action="store_true", help="one JSON object, at the end")
    parser.add_argument("--keep", type=Path, help="folder for the disks of findings")
    parser.add_argument("--minutes", type=float, default=30.0, help="no new recording after these")
    return parser.parse_args()


def _plays(folder: Path, seed: str, ways: int, *, whole: bool) -> Iterator[Play]:
    """Whole lives first; then those that follow a process that was killed at each of its syncs;
    then those that follow a power cut."""
    numbers = count()

    def place() -> Path:
        return folder / str(next(numbers))

    points = None if whole else 60
    yield Play(live([Life("found_it")], place()), points, ways)
    yield Play(live([Life("work")], place()), points, ways)
    yield Play(live([Life("spool")], place()), points, ways)
    recovery = [Life("begin"), Life("recover")]
    yield Play(live(recovery, place(), after_a_recovery), points, ways)
    yield from _plays_of_copies(place, points, ways)
    for spoilt in ("without_unnamed", "without_links"):
        yield Play(live([Life("work", 0, spoilt)], place()), 60 if whole else 20, ways)
    for nth in count(1, 1 if whole else 7):
        after_a_kill = live([Life("begin", nth), Life("start")], place())
        yield Play(after_a_kill, 40 if whole else 10, ways)
        if after_a_kill.ended:
            break
    for nth in count(1, 2 if whole else 11):
        after_a_kill = live([Life("spool", nth), Life("start")], place())
        yield Play(after_a_kill, 20 if whole else 10, ways)
        if after_a_kill.ended:
            break
    for nth in count(1, 2 if whole else 13):
        lives = [Life("begin"), Life("recover", nth), Life("recover")]
        after_a_kill = live(lives, place(), after_a_recovery)
        yield Play(after_a_kill, 20 if whole else 5, ways)
        if after_a_kill.ended == 2:
            break
    for number in range(TWICE if whole else 4):
        again = f"{seed}:twice:{number}"
        if number % 2:
            trees, lines = left_at(live(recovery, place(), after_a_recovery), again)
            judge = after_a_recovery
        else:
            trees, lines = left_at(live([Life("begin")], place()), again)
            judge = after_a_life
        after = Life("recover" if number % 2 else "start")
        yield Play(live_on([after], place(), trees, lines, judge), 40 if whole else 10, ways)


def _plays_of_copies(place: Callable[[], Path], points: int | None, ways: int) -> Iterator[Play]:
    """The vault in two places, and a copy that heals it."""
    for life in ("seed", "part"):
        yield Play(live([Life(life)], place(), after_two_places), points, ways)
    recovery = [Life("two"), Life("recover")]
    yield Play(live(recovery, place(), after_a_recovery), points, ways)
    for loss in ("ruin", "raze"):
        yield Play(live([Life(loss), Life("mend")], place(), after_mending), points, ways)


def _keep(tally: Tally, found: Path, folder: Path) -> None:
    """Move the disks of findings to where they stay."""
    if tally.findings:
        shutil.copytree(found, folder)
    shutil.rmtree(found, ignore_errors=True)
    tally.findings = [
        finding._replace(kept=str(folder / Path(finding.kept).name)) for finding in tally.findings
    ]


def _add(total: Tally, tally: Tally) -> None:
    total.operations += tally.operations
    total.points += tally.points
    total.disks += tally.disks
    total.tries += tally.tries
    total.findings += tally.findings


def _tell(name: str, tally: Tally, took_s: float, as_json: bool) -> None:
    out = sys.stderr if as_json else sys.stdout
    print(
        f"{name:24} operations {tally.operations:5}  cut at {tally.points:5}  "
        f"disks {tally.disks:6}  ways back {tally.tries:6}  {took_s:6.1f} s  "
        f"{'ok' if not tally.findings else 'FOUND'}",
        file=out,
        flush=True,
    )
    for what, alike in groupby(sorted(tally.findings, key=_what), key=_what):
        found = list(alike)
        print(f"    {len(found)} × {what[1]}: {what[0][:300]}", file=out)
        print(f"        first: {found[0]}"[:1000], file=out, flush=True)


def _what(finding: Finding) -> tuple[str, str]:
    kept = finding.kept.rpartition("/")[0]
    return finding.what.replace(kept, "")[:60], finding.way


def _summarise(
    recordings: int, total: Tally, seed: str, took_s: float, folder: Path, as_json: bool
) -> None:
    summary = {
        "recordings": recordings,
        "seed": seed,
        "took_s": took_s,
        "operations": total.operations,
        "points": total.points,
        "disks": total.disks,
        "ways_back": total.tries,
        "findings": [finding._asdict() for finding in total.findings[:50]],
    }
    if total.findings:
        summary["kept"] = str(folder)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    print()
    for name, value in summary.items():
        print(f"{name:16} {len(value) if isinstance(value, list) else value}")


if __name__ == "__main__":
    sys.exit(main())
