"""How far a recovery is, how fast, when each stage will be over, and what became of what was said.

Values and pure functions; every time is given, in milliseconds since 1970.
A stage is "contacts proven" (everything of that kind is proven and near; its parts are buckets of
the vault) or "contacts" (everybody's shelf of that kind is in the core; its parts are people).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt
from statistics import stdev
from typing import TypeVar

from stillhere.status.expected import FIRST_CONTACT

Item = TypeVar("Item")

PROVEN = " proven"
"""What the name of a stage ends with that proves a kind, and brings it near."""
WINDOW_MS = 180_000  # rates are those of the last three minutes of a stage
LEAST_RATES = 3
ONE_IN_TEN = 1.2816  # of a normal distribution is beyond so many standard deviations
STEADY = 0.1  # of the whole must have gone otherwise than expected, to count for half
SLOWEST = 10.0  # how many times slower than its mean a stage is ever forecast to go on
MOST_SAMPLES, RECENT = 120, 60  # of them, those that are kept however close they are
MOST_FORECASTS = 8  # of one stage
AGAIN = 0.1  # a forecast is told anew when it moved by so much of the time it speaks of


@dataclass(frozen=True)
class KindCount:
    """One kind over everybody, as the core has it.

    `shelves` are there, `closed` of them since what must be on them is not proven; of the
    records that must exist `proven` are found, each by its digest, and of `held` no copy of the
    body is found yet. `lost` counts changes that a device knows and no copy has, `partial` the
    shelves that are open though something on them is held.
    """

    kind: str
    shelves: int
    closed: int
    proven: int
    held: int
    lost: int
    partial: int = 0


@dataclass(frozen=True)
class StageCount:
    """A stage: parts done, of how many (0: not known yet), and records proven or taken in."""

    stage: str
    done: int
    total: int
    records: int


@dataclass(frozen=True)
class Sample:
    """How far it was at `seen_at`."""

    seen_at: int
    stages: tuple[StageCount, ...]
    kinds: tuple[KindCount, ...]


@dataclass(frozen=True)
class Forecast:
    """Said at `made_at`: the stage is over by `p50_at` as likely as not, and by `p90_at` in nine
    of ten cases. `basis` is what the rates were measured on."""

    stage: str
    made_at: int
    p50_at: int
    p90_at: int
    basis: str


@dataclass(frozen=True)
class Reached:
    """A stage was over at `over_at`."""

    stage: str
    over_at: int


@dataclass(frozen=True)
class Pace:
    """What a stage would take, in seconds, as likely as not and in nine of ten cases, and when it
    would be over in nine of ten, from the beginning: `basis` says what that was measured on."""

    stage: str
    p50_s: float
    p90_s: float
    by_s: float
    basis: str


@dataclass(frozen=True)
class Progress:
    """One recovery, from `began_at`: samples, what was forecast from them, and what happened.

    `recovery` tells one recovery from another; one that is interrupted and goes on is the same.
    `paces` are what was known of its stages beforehand.
    """

    recovery: str
    began_at: int
    paces: tuple[Pace, ...] = ()
    samples: tuple[Sample, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    reached: tuple[Reached, ...] = ()
    whole_at: int | None = None

    @property
    def last(self) -> Sample | None:
        """The newest sample."""
        return self.samples[-1] if self.samples else None

    def reached_at(self, stage: str) -> int | None:
        """When a stage was over; None while it is not."""
        return next((reached.over_at for reached in self.reached if reached.stage == stage), None)


def observe(progress: Progress, sample: Sample) -> Progress:
    """The progress with one more sample, and what is forecast from it."""
    seen = replace(progress, samples=_keep(progress.samples, sample))
    made = tuple(forecast for forecast in forecast_all(seen) if _is_news(seen, forecast))
    return replace(seen, forecasts=_thin_each((*seen.forecasts, *made)))


def reach(progress: Progress, stage: str, at: int) -> Progress:
    """The progress with a stage that is over; the first time counts."""
    if progress.reached_at(stage) is not None:
        return progress
    return replace(progress, reached=(*progress.reached, Reached(stage, at)))


def forecast_all(progress: Progress) -> list[Forecast]:
    """When each stage that is not over will be, one after the other, as of the newest sample.

    A stage of which no rate is known has no forecast, and neither have those after it. One that
    has no rate of its own yet is expected as before the recovery, and to go as much slower as
    what went so far; its p90 is not before the one that was known beforehand.
    """
    sample = progress.last
    if sample is None:
        return []
    found, now = [], sample.seen_at
    p50 = p90 = latest_said = 0.0
    gone = _Gone(progress)
    for count in sample.stages:
        pace = next((pace for pace in progress.paces if pace.stage == count.stage), None)
        over = progress.reached_at(count.stage)
        if over is not None:
            gone.stage(over, pace)
            continue
        left = _from_rates(progress, count, pace)
        said = 0.0
        if left is not None:
            gone.part(left.p50, count, pace)
        elif pace is not None:
            left = _from_pace(count, pace, gone.slower)
            said = progress.began_at + 1000 * pace.by_s - now
        else:
            break
        p50, p90 = p50 + left.p50, p90 + left.p90
        latest_said = max(latest_said, said)
        by = now + round(max(p90, latest_said))
        found.append(Forecast(count.stage, now, now + round(p50), by, left.basis))
    return found


def latest(progress: Progress, stage: str) -> Forecast | None:
    """What was said last about a stage that is not over."""
    if progress.reached_at(stage) is not None:
        return None
    return next((f for f in reversed(progress.forecasts) if f.stage == stage), None)


def rate_of(progress: Progress, stage: str) -> float | None:
    """Records a second in a stage, over the last minutes of it; None where it is not measured."""
    seen = [(s.seen_at, c.records) for s in _window(progress, stage) for c in _of(s, stage)]
    if len(seen) < 2 or seen[-1][0] == seen[0][0]:
        return None
    return max(0.0, (seen[-1][1] - seen[0][1]) * 1000 / (seen[-1][0] - seen[0][0]))


def _keep(samples: Sequence[Sample], sample: Sample) -> tuple[Sample, ...]:
    return _thin([*samples, sample], MOST_SAMPLES, RECENT, lambda each: each.seen_at)


@dataclass(frozen=True)
class _Left:
    """Milliseconds that a stage still takes."""

    p50: float
    p90: float
    basis: str


def _from_rates(progress: Progress, count: StageCount, pace: Pace | None) -> _Left | None:
    """From the stage's own rate; None while there is none. Where the spread of whole recoveries
    is known, it goes for what is left of this one too: the next minutes may be unlike the last."""
    steps = list(_steps(progress, count.stage))
    rates = [parts / time for parts, time in steps]
    if not count.total or len(rates) < LEAST_RATES or max(rates) <= 0:
        return None
    left = max(0, count.total - count.done)
    elapsed = sum(time for _, time in steps)
    usual = sum(parts for parts, _ in steps) / elapsed
    to_come = max(1.0, left / usual / (elapsed / len(steps)))
    # a prediction interval: the mean of as many steps as are to come, of which those that
    # were seen say the spread
    margin = ONE_IN_TEN * stdev(rates) * sqrt(1 / len(rates) + 1 / to_come)
    slow = left / max(usual - margin, usual / SLOWEST)
    if pace is not None and pace.p50_s > 0:
        slow = max(slow, left / usual * pace.p90_s / pace.p50_s)
    return _Left(left / usual, slow, "its own rate in the last minutes")


def _from_pace(count: StageCount, pace: Pace, slower: float) -> _Left:
    """From what was measured beforehand, and how it went so far. A start that was fast makes no
    promise of the rest: p90 stays."""
    share = 1000 * _share_left(count)
    p50 = pace.p50_s * share * slower
    return _Left(p50, max(p50, pace.p90_s * share * max(1.0, slower)), pace.basis)


class _Gone:
    """How long what is over took, or what is under way will take, beside what was planned."""

    def __init__(self, progress: Progress) -> None:
        self._over = progress.samples[0].seen_at
        self._planned = STEADY * 1000 * sum(pace.p50_s for pace in progress.paces)
        self._took = self._planned
        for pace in progress.paces:
            if pace.stage == FIRST_CONTACT:
                self._took += self._over - progress.began_at
                self._planned += 1000 * pace.p50_s

    def stage(self, over: int, pace: Pace | None) -> None:
        """The next stage is over."""
        if pace is not None:
            self._took += max(0, over - self._over)
            self._planned += 1000 * pace.p50_s
        self._over = max(self._over, over)

    def part(self, left: float, count: StageCount, pace: Pace | None) -> None:
        """What is left of the next stage takes so many milliseconds, by its own rate."""
        if pace is not None:
            self._took += left
            self._planned += 1000 * pace.p50_s * _share_left(count)

    @property
    def slower(self) -> float:
        """How many times as long as planned it takes."""
        if not self._planned:
            return 1.0
        return min(SLOWEST, max(1 / SLOWEST, self._took / self._planned))


def _share_left(count: StageCount) -> float:
    return 1 - min(1.0, count.done / count.total) if count.total else 1.0


def _steps(progress: Progress, stage: str) -> Iterable[tuple[int, int]]:
    """Parts done and milliseconds between one sample and the next, while the stage was at work;
    where a recovery began anew, nothing was done."""
    seen = [(s.seen_at, c.done) for s in _window(progress, stage) for c in _of(s, stage)]
    for (at, done), (later, more) in pairwise(seen):
        if later > at and more >= done:
            yield more - done, later - at


def _window(progress: Progress, stage: str) -> list[Sample]:
    """The samples of the last minutes in which the stage was at work."""
    at_work = [s for s in progress.samples if any(c.total for c in _of(s, stage))]
    return [s for s in at_work if s.seen_at >= at_work[-1].seen_at - WINDOW_MS] if at_work else []


def _of(sample: Sample, stage: str) -> list[StageCount]:
    return [count for count in sample.stages if count.stage == stage]


def _is_news(progress: Progress, forecast: Forecast) -> bool:
    """Whether a forecast says something else than the last one of its stage."""
    before = latest(progress, forecast.stage)
    if before is None:
        return True
    moved = max(abs(forecast.p50_at - before.p50_at), abs(forecast.p90_at - before.p90_at))
    return moved > max(1000, AGAIN * (before.p90_at - before.made_at))


def _thin(
    items: Sequence[Item], most: int, recent: int, time_of: Callable[[Item], int]
) -> tuple[Item, ...]:
    """As many as are kept: the first, the `recent` last, and of the others those that lie evenly
    in time: the one goes whose absence leaves the smallest gap."""
    kept = list(items)
    while len(kept) > most:
        gaps = {
            number: time_of(kept[number + 1]) - time_of(kept[number - 1])
            for number in range(1, len(kept) - recent)
        }
        del kept[min(gaps, key=lambda number: gaps[number])]
    return tuple(kept)


def _thin_each(forecasts: Sequence[Forecast]) -> tuple[Forecast, ...]:
    kept: list[Forecast] = []
    for stage in dict.fromkeys(forecast.stage for forecast in forecasts):
        of_it = [forecast for forecast in forecasts if forecast.stage == stage]
        kept += _thin(of_it, MOST_FORECASTS, 1, lambda forecast: forecast.made_at)
    return tuple(kept)
