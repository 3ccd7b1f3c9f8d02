"""What a sample says of the whole: ranges that hold with a stated certainty, whenever asked.

A stratum is a number of shelves of which some were drawn at random, without putting them back.

    count_range   how many shelves of a stratum have something, when so many of those drawn had it
    sum_range     how many records they have of it, when each shelf's largest number is known

Both are exact: they take no distribution for granted, they hold for a stratum of any size, and
they are one figure when everything was looked at. They hold at all times together: whoever looks
after each draw, and stops when they like, is misled no more often than ``error`` says. (A set of
likelihoods against a mixture of priors: Robbins 1970; Waudby-Smith and Ramdas 2020, "Confidence
sequences for sampling without replacement".)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import exp, lgamma, log
from typing import NamedTuple

_PRIORS = ((0.1, 1.0), (0.5, 0.5), (1.0, 0.1))  # few have it, nobody knows, nearly all have it
_FIRST = 0.5  # the share of the error for "how many have any at all", which matters most


class Range(NamedTuple):
    """From ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether it is one figure."""
        return self.low == self.high


class Looked(NamedTuple):
    """What one shelf that was drawn has: at least ``low`` and at most ``high`` of what is
    counted, out of ``most``, which was known before."""

    most: int
    low: int
    high: int


def add(ranges: Iterable[Range]) -> Range:
    """The range of a sum. It is as certain as all its parts are together."""
    pairs = list(ranges)
    return Range(sum(low for low, _ in pairs), sum(high for _, high in pairs))


@lru_cache(maxsize=1 << 14)
def count_range(total: int, drawn: int, hits: int, error: float) -> Range:
    """How many of ``total`` have something that ``hits`` of the ``drawn`` had.

    Never one figure while there is one that was not drawn, however unlikely the others are."""
    least, most = hits, total - (drawn - hits)
    if drawn in (0, total):
        return Range(least, most)
    bar = log(error) + _log_mixture(drawn, hits)

    def fits(count: int) -> bool:
        return _log_likelihood(total, drawn, hits, count) > bar

    best = min(max(hits * (total + 1) // drawn, least), most)
    low, high = _last_fit(best, least, fits), _last_fit(best, most, fits)
    return Range(min(low, max(best - 1, least)), max(high, min(best + 1, most)))


def sum_range(looked: Sequence[Looked], unlooked: Sequence[int], error: float) -> Range:
    """How much all shelves of a stratum have together: those drawn, and those not ``unlooked``
    at yet, of which the most that each can have is known."""
    seen = add(Range(one.low, one.high) for one in looked)
    if not unlooked:
        return seen
    lacking = [Looked(one.most, one.most - one.high, one.most - one.low) for one in looked]
    most, everything = sorted(unlooked, reverse=True), sum(unlooked)
    has = _rest(looked, most, error / 2)
    lacks = _rest(lacking, most, error / 2)
    high = min(has.high, everything - lacks.low)
    low = min(max(has.low, everything - lacks.high), high)
    return Range(seen.low + low, seen.high + high)


def _rest(looked: Sequence[Looked], most: Sequence[int], error: float) -> Range:
    """How much the shelves not looked at have together, whose ``most`` come largest first.

    Step by step: how many have more than that. The largest shelves may be those that do."""
    steps = _steps(most[0])
    caps = sorted([*most, *(one.most for one in looked)])
    drawn = sorted(one.most for one in looked)
    lows, highs = sorted(one.low for one in looked), sorted(one.high for one in looked)
    more_at_least, more_at_most = [], []
    for number, step in enumerate(steps):
        share = error
        if len(steps) > 1:
            share *= _FIRST if not number else (1 - _FIRST) / (len(steps) - 1)
        total, among = _above(caps, step), _above(drawn, step)
        low, high = _above(lows, step), _above(highs, step)
        more_at_least.append(count_range(total, among, low, share).low - high)
        more_at_most.append(count_range(total, among, high, share).high - high)
    return Range(_least(steps, more_at_least), _largest(steps, more_at_most, most))


def _least(steps: Sequence[int], counts: Sequence[int]) -> int:
    """The least sum, when at least so many are above each step."""
    total = reached = 0
    for number in range(len(steps) - 1, -1, -1):
        reached = max(reached, counts[number])
        below = steps[number - 1] if number else -1
        total += reached * (steps[number] - below)
    return total


def _largest(steps: Sequence[int], counts: Sequence[int], most: Sequence[int]) -> int:
    """The largest sum, when at most so many are above each step."""
    allowed: list[int] = [len(most)]
    for count in counts:
        allowed.append(min(allowed[-1], count))
    total = 0
    for number, step in enumerate(steps, 1):
        total += sum(min(cap, step) for cap in most[allowed[number] : allowed[number - 1]])
    return total + sum(most[: allowed[-1]])


def _steps(most: int) -> list[int]:
    """0, and from there on a quarter more each, up to below ``most``."""
    steps = [0]
    while (after := max(steps[-1] + 1, steps[-1] * 5 // 4)) < most:
        steps.append(after)
    return steps


def _above(ordered: Sequence[int], step: int) -> int:
    return len(ordered) - bisect_right(ordered, step)


def _log_likelihood(total: int, drawn: int, hits: int, count: int) -> float:
    """Of this very sequence of draws, when ``count`` of ``total`` have it."""
    return (
        _log_falling(count, hits)
        + _log_falling(total - count, drawn - hits)
        - _log_falling(total, drawn)
    )


def _log_falling(number: int, times: int) -> float:
    return lgamma(number + 1) - lgamma(number - times + 1)


def _log_mixture(drawn: int, hits: int) -> float:
    """The same, on the average over the priors."""
    logs = [
        _log_beta(few + hits, rest + drawn - hits) - _log_beta(few, rest) for few, rest in _PRIORS
    ]
    largest = max(logs)
    return largest + log(sum(exp(one - largest) for one in logs) / len(logs))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _last_fit(best: int, end: int, fits: Callable[[int], bool]) -> int:
    """The number farthest from ``best`` towards ``end`` that fits; all in between do, too."""
    near, far = best, end
    if fits(far):
        return far
    while abs(far - near) > 1:
        middle = (near + far) // 2
        if fits(middle):
            near = middle
        else:
            far = middle
    return near
