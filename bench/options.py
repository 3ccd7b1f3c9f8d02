"""What a bench is told, and how its rounds become one figure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`tools` holds the peers' executables; `cache` keeps built vaults between runs."""

    rounds: int
    quick: bool
    tools: Path
    cache: Path
    scratch: Path

    def say(self, line: str) -> None:
        """Progress for the one who waits."""
        print(f"  {line}", flush=True)


def median_round(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over the rounds: of ratios too, each within its own round."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
