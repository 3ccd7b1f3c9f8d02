"""How long a run will take, from how long others like it took: p50 and p90. Pure.

A run's time is a sum of parts that grow with different things: what comes once, what comes with
each account, with each record. `predict` is told what each part would cost by some measurement,
and corrects each by what past runs took, so that small runs and large ones teach of each other;
where they do not tell the parts apart, the measurement does. p90 rests on how each past run
compared with what the others would have foretold: a bound by their order alone, whatever the
distribution is (Wilks 1941, https://doi.org/10.1214/aoms/1177731788).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

UNMEASURED = 3.0
"""How many times as long as p50 p90 is where no past runs say it."""
LEAST = 3  # past runs that say anything of how they differ
NINE_OF_TEN = 0.9
SURE = 0.75  # that p90 is not beaten more often than it says
ENOUGH = 14  # runs of which the slowest is that sure: 1 - 0.9¹⁴ > 0.75
FIRM = 0.05  # how much the measurement weighs, in past runs
ROUNDS = 40  # of a fit
CLOSE = 1e-6  # what changes by less has converged

Parts = tuple[float, ...]
"""Seconds of each part by a measurement; of one prediction all have as many."""


@dataclass(frozen=True)
class Run:
    """A past run: its parts by the measurement, and the seconds that it took."""

    parts: Parts
    seconds: float


@dataclass(frozen=True)
class Span:
    """Seconds, as likely as not and in nine of ten cases."""

    p50_s: float
    p90_s: float


def predict(parts: Parts, past: Sequence[Run]) -> Span:
    """What a run with these parts will take."""
    past = [run for run in past if run.seconds > 0 and sum(run.parts) > 0]
    expected = _expect(parts, past)
    ratios = _ratios(past) if len(past) >= LEAST else []
    usual = median(ratios) if ratios else 1.0
    return Span(expected * usual, expected * max(usual, _slow(ratios)))


def _expect(parts: Parts, past: Sequence[Run]) -> float:
    return sum(cost * part for cost, part in zip(_fit(past, len(parts)), parts, strict=True))


def _ratios(past: Sequence[Run]) -> list[float]:
    """How many times as long as the others had let expect each run took, ascending."""
    found = []
    for number, run in enumerate(past):
        expected = _expect(run.parts, [*past[:number], *past[number + 1 :]])
        if expected > 0:
            found.append(run.seconds / expected)
    return sorted(found)


def _slow(ratios: Sequence[float]) -> float:
    """What nine of ten ratios to come are surely not beyond. Of few not even the largest is that:
    the fewer, the further beyond it, and never as near as if the few were all that can happen."""
    if len(ratios) >= ENOUGH:
        return ratios[_rank(len(ratios)) - 1]
    unknown = (ENOUGH - len(ratios)) / ENOUGH
    largest = max(ratios, default=1.0)
    return float(max(UNMEASURED**unknown, largest * UNMEASURED ** (unknown / 2)))


def _rank(runs: int) -> int:
    """Of so many, in order, the first that bounds nine of ten to come as surely as is wanted."""
    below = 0.0
    for rank in range(1, runs):
        fewer = comb(runs, rank - 1)
        below += fewer * NINE_OF_TEN ** (rank - 1) * (1 - NINE_OF_TEN) ** (runs - rank + 1)
        if below >= SURE:
            return rank
    return runs


def _fit(past: Sequence[Run], parts: int) -> list[float]:
    """How many times its measurement each part costs: never less than nothing, and as many times
    as runs usually took where they do not tell the parts apart. Least squares of relative errors,
    a coordinate at a time."""
    if not past:
        return [1.0] * parts
    usual = median(run.seconds / sum(run.parts) for run in past)
    rows = [[usual * part / run.seconds for part in run.parts] for run in past]
    squares = [
        [sum(row[i] * row[j] for row in rows) + FIRM * (i == j) for j in range(parts)]
        for i in range(parts)
    ]
    wanted = [sum(row[i] for row in rows) + FIRM for i in range(parts)]
    costs = [1.0] * parts
    for _ in range(ROUNDS):
        before = list(costs)
        for i in range(parts):
            others = sum(squares[i][j] * costs[j] for j in range(parts) if j != i)
            costs[i] = max(0.0, (wanted[i] - others) / squares[i][i])
        if all(abs(cost - old) < CLOSE for cost, old in zip(costs, before, strict=True)):
            break
    return [usual * cost for cost in costs]
