"""The ranges of a survey hold as often as they say, for whatever lies in the vault."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from stillhere.recovery.estimate import Looked, Range, add, count_range, sum_range
from stillhere.recovery.estimate import _largest as largest
from stillhere.recovery.estimate import _least as least

ERROR = 0.05


@pytest.mark.parametrize("total", [1, 2, 7, 30, 90])
@pytest.mark.parametrize("error", [0.05, 0.3])
def test_who_looks_after_every_draw_is_misled_no_more_often_than_said(
    total: int, error: float
) -> None:
    """Computed, not simulated: the probability of every sequence of draws that ever leaves the
    truth outside."""
    for truth in range(total + 1):
        held = {0: 1.0}  # hits so far: the probability of coming here with the truth inside
        misled = 0.0
        for drawn in range(total):
            after: dict[int, float] = {}
            for hits, chance in held.items():
                more = (truth - hits) / (total - drawn)
                for found, way in ((hits + 1, chance * more), (hits, chance * (1 - more))):
                    low, high = count_range(total, drawn + 1, found, error) if way else (0, 0)
                    if not way:
                        continue
                    if low <= truth <= high:
                        after[found] = after.get(found, 0) + way
                    else:
                        misled += way
            held = after
        assert misled <= error, truth


def test_nothing_found_in_a_sample_is_not_nothing() -> None:
    spreads = [count_range(1000, drawn, 0, ERROR) for drawn in (1, 10, 100, 500, 999)]
    assert [low for low, _ in spreads] == [0] * 5
    assert all(high >= 1 for _, high in spreads)
    assert [high for _, high in spreads] == sorted((high for _, high in spreads), reverse=True)
    assert count_range(1000, 1000, 0, ERROR) == Range(0, 0)
    assert count_range(1000, 0, 0, ERROR) == Range(0, 1000)
    assert sum_range([Looked(9, 0, 0)] * 999, [9], ERROR) == Range(0, 9)


def test_what_was_looked_at_is_exact() -> None:
    looked = [Looked(10, 4, 4), Looked(10, 0, 3), Looked(7, 7, 7)]
    assert sum_range(looked, [], ERROR) == Range(11, 14)
    assert sum_range([], [5, 8], ERROR) == Range(0, 13)
    assert sum_range([], [], ERROR).exact
    assert add([Range(1, 2), Range(0, 0)]) == Range(1, 2)


def test_what_fits_a_sum_least_and_most_is_found() -> None:
    """Against every way in which three shelves can be."""
    steps, most = [0, 1, 3], [5, 2, 2]
    ways = list(product(*(range(cap + 1) for cap in most)))
    for counts in product(range(4), repeat=3):
        above = [tuple(sum(n > step for n in way) for step in steps) for way in ways]
        fitting = [
            sum(way)
            for way, has in zip(ways, above, strict=True)
            if all(one <= bound for one, bound in zip(has, counts, strict=True))
        ]
        assert largest(steps, counts, most) == max(fitting), counts
        fitting = [
            sum(way)
            for way, has in zip(ways, above, strict=True)
            if all(one >= bound for one, bound in zip(has, counts, strict=True))
        ]
        assert least(steps, counts) <= min(fitting, default=99), counts


Make = Callable[[Random, int], list[tuple[int, int]]]
"""Shelves: the most that each can have, and what it has."""


def even(random: Random) -> int:
    return random.randint(100, 200)


def uneven(random: Random) -> int:
    return min(int(random.paretovariate(0.8)), 5000)


def empty(random: Random, most: int) -> int:
    return 0


def all_of_it(random: Random, most: int) -> int:
    return most


def nearly_all(random: Random, most: int) -> int:
    return max(most - random.randint(1, 20), 0)


def some(random: Random, most: int) -> int:
    return random.randint(0, most)


def rarely(share: float) -> Callable[[Random, int], int]:
    return lambda random, most: most if random.random() < share else 0


SIZES = [even, uneven]
HAVING = [empty, all_of_it, nearly_all, some, rarely(0.01), rarely(0.5)]
NAMES = ["none", "all", "nearly all", "some", "one in a hundred", "every other"]
ORDERS, SHELVES = 40, 150


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("having", HAVING, ids=NAMES)
def test_a_range_holds_at_every_look_of_a_survey(
    size: Callable[[Random], int], having: Callable[[Random, int], int]
) -> None:
    random = Random(f"{size.__name__} {NAMES[HAVING.index(having)]}")
    missed = 0
    for _ in range(ORDERS):
        mosts = [size(random) for _ in range(SHELVES)]
        shelves = [(most, having(random, most)) for most in mosts]
        truth = sum(has for _, has in shelves)
        random.shuffle(shelves)
        spreads = []
        for drawn in (1, 15, 60, 140, SHELVES):
            looked = [Looked(most, has, has) for most, has in shelves[:drawn]]
            spreads.append(sum_range(looked, [most for most, _ in shelves[drawn:]], ERROR))
        missed += not all(low <= truth <= high for low, high in spreads)
        assert spreads[-1] == Range(truth, truth)
    assert missed <= ERROR * ORDERS


def test_a_look_that_got_no_answer_counts_for_the_worst_and_the_best() -> None:
    answered = sum_range([Looked(10, 10, 10)] * 50, [10] * 50, ERROR)
    silent = sum_range([Looked(10, 10, 10)] * 40 + [Looked(10, 0, 10)] * 10, [10] * 50, ERROR)
    assert silent.low < answered.low - 100
    assert silent.high == answered.high == 1000
