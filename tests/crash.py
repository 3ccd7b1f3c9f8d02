"""Kills the real server again and again and looks for a lost write.

    python tests/crash.py --rounds 200 [--ack core] [--seed S] [--json] [--keep DIR]

Prints a line a round and a summary; exits 1 if any promise was broken. A seed repeats the same
decisions (what is written, when is killed, which way back), not the same interleaving.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # it is run as a file

from tests.crashing.model import Finding
from tests.crashing.rounds import Chain, Tally

CHAIN = 10  # rounds that share a vault, so that epochs and roll-ups pile up in it


def main() -> int:
    """Plays the rounds; 0 only if nothing was found."""
    arguments = _parse()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="stillhere-crash-"))
    began, tallies = time.monotonic(), []
    chain: Chain | None = None
    for number in range(arguments.rounds):
        if time.monotonic() - began > arguments.minutes * 60:
            break
        if number % CHAIN == 0 or chain is None:
            seed = f"{arguments.seed}:{number // CHAIN}"
            chain = _renew(chain, folder / f"chain-{number}", seed, arguments.ack)
        tally = chain.play(number)
        tallies.append(tally)
        _tell(number, tally, arguments.json)
        if tally.findings:
            chain.end()
            chain = None  # what was found would be found again in every later round
    if chain is not None:
        chain.end()
    found = sum(len(tally.findings) for tally in tallies)
    if not found and arguments.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    _summarise(tallies, arguments.seed, time.monotonic() - began, folder, arguments.json)
    return 1 if found or not tallies else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", default=f"{random.getrandbits(32):08x}")
    parser.add_argument("--ack", choices=("vault", "core"), default="vault")
    parser.add_argument("--json", action="store_true", help="one JSON object, at the end")
    parser.add_argument("--keep", type=Path, help="folder for homes and vaults, kept afterwards")
    parser.add_argument("--minutes", type=float, default=60.0, help="no new round after these")
    return parser.parse_args()


def _renew(chain: Chain | None, folder: Path, seed: str, ack: str) -> Chain:
    if chain is not None:
        chain.end()
        shutil.rmtree(chain.core.folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Chain(folder, seed, ack)


def _tell(number: int, tally: Tally, as_json: bool) -> None:
    out = sys.stderr if as_json else sys.stdout
    counts = tally.counts
    print(
        f"round {number:3}  {tally.way:8} kills {tally.kills}  compactions {tally.compactions}  "
        f"copies {tally.copies} lost {tally.lost}  "
        f"acknowledged {counts.acknowledged:5}  unanswered {counts.unanswered:2}  "
        f"503 {counts.unavailable:3}  records {tally.records:4}  tokens {tally.tokens:2}  "
        f"{tally.took_s:5.1f} s  {'ok' if not tally.findings else 'FOUND'}",
        file=out,
        flush=True,
    )
    for what, alike in groupby(sorted(tally.findings, key=_what), key=_what):
        found = list(alike)
        first = found[0]
        detail = f"{first.account} {first.href} {first.detail[:1000]}"
        print(f"    {len(found)} × {what}, first: {detail}", file=out, flush=True)


def _what(finding: Finding) -> str:
    return finding.what


def _summarise(tallies: list[Tally], seed: str, took_s: float, folder: Path, as_json: bool) -> None:
    summary = {
        "rounds": len(tallies),
        "seed": seed,
        "took_s": round(took_s, 1),
        "kills": sum(tally.kills for tally in tallies),
        "recoveries": sum(tally.way == "recover" for tally in tallies),
        "compactions": sum(tally.compactions for tally in tallies),
        "copies_changed": sum(tally.copies for tally in tallies),
        "copies_lost": sum(tally.lost for tally in tallies),
        "acknowledged": sum(tally.counts.acknowledged for tally in tallies),
        "unanswered": sum(tally.counts.unanswered for tally in tallies),
        "moves": sum(tally.counts.moves for tally in tallies),
        "calendars_changed": sum(tally.calendars for tally in tallies),
        "tokens_checked": sum(tally.tokens for tally in tallies),
        "findings": [
            asdict(finding) | {"seed": tally.seed}
            for tally in tallies
            for finding in tally.findings[:50]
        ],
    }
    if summary["findings"]:
        summary["kept"] = str(folder)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    print()
    for name, value in summary.items():
        print(f"{name:16} {len(value) if isinstance(value, list) else value}")


if __name__ == "__main__":
    sys.exit(main())
