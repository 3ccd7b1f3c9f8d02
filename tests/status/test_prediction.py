"""A prediction follows from what was measured: small runs and large ones, few and many."""

import random

import pytest

from stillhere.status.prediction import ENOUGH, UNMEASURED, Parts, Run, predict

TRIALS = 120
START, SHELF, RECORD = 0.4, 3e-4, 4e-6  # seconds, as measured


def parts(shelves: int, records: int) -> Parts:
    return START, SHELF * shelves, RECORD * records


def ran(shelves: int, *costs: float, noise: float = 1.0) -> Run:
    """A run of so many shelves, of which each part costs so many times what was measured."""
    of = parts(shelves, 100 * shelves)
    return Run(of, noise * sum(cost * part for cost, part in zip(costs, of, strict=True)))


def steady(number: int) -> list[Run]:
    return [ran(100 * (1 + at), 1, 1, 1) for at in range(number)]


@pytest.mark.parametrize("of", [(0.5,), (0.5, 0.1), parts(2000, 64_000)])
def test_without_past_runs_the_measurement_counts_and_p90_is_wide(of: Parts) -> None:
    found = predict(of, [])
    assert found.p50_s == pytest.approx(sum(of))
    assert found.p90_s == pytest.approx(UNMEASURED * sum(of))


@pytest.mark.parametrize("cost", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("number", [1, 3, 12])
def test_past_runs_correct_what_was_measured(cost: float, number: int) -> None:
    past = [ran(300, cost, cost, cost)] * number
    assert predict(parts(300, 30_000), past).p50_s == pytest.approx(past[0].seconds, rel=0.01)


COSTS = [(1.0, 1.0, 1.0), (2.0, 0.5, 0.5), (0.5, 2.0, 2.0), (1.0, 3.0, 0.7), (1.5, 0.8, 3.0)]


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("asked", [20, 300, 3000])
def test_what_comes_once_and_what_grows_are_told_apart(
    costs: tuple[float, ...], asked: int
) -> None:
    past = [ran(shelves, *costs) for shelves in (30, 60, 150, 1200, 2000, 2500)]
    truth = ran(asked, *costs).seconds
    assert predict(parts(asked, 100 * asked), past).p50_s == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize(
    ("number", "factor"), [(0, 3.0), (1, 3.0), (2, 3.0), (3, 2.37), (7, 1.73), (14, 1.0), (40, 1.0)]
)
def test_p90_narrows_as_runs_show_how_alike_they_are(number: int, factor: float) -> None:
    found = predict(parts(400, 40_000), steady(number))
    assert found.p90_s / found.p50_s == pytest.approx(factor, abs=0.01)


@pytest.mark.parametrize(("number", "beyond"), [(ENOUGH, 0), (26, 0), (27, 1), (38, 1), (39, 2)])
def test_so_many_of_past_runs_were_slower_than_p90(number: int, beyond: int) -> None:
    noises = [1.1**at for at in range(number)]
    past = [ran(300, 1, 1, 1, noise=noise) for noise in noises]
    found = predict(parts(300, 30_000), past)
    assert sum(run.seconds > 1.02 * found.p90_s for run in past) == beyond


def test_of_few_the_slowest_is_not_the_slowest_there_can_be() -> None:
    past = [ran(300, 1, 1, 1, noise=noise) for noise in (1, 1, 1, 2.5)]
    assert predict(parts(300, 30_000), past).p90_s > 1.2 * past[-1].seconds


def test_one_run_that_stood_still_moves_p50_little() -> None:
    past = [*steady(19), ran(300, 1, 1, 1, noise=50)]
    assert predict(parts(300, 30_000), past).p50_s == pytest.approx(
        ran(300, 1, 1, 1).seconds, rel=0.1
    )


def test_a_run_that_took_no_time_says_nothing() -> None:
    assert predict(parts(5, 5), [Run(parts(5, 5), 0.0)]) == predict(parts(5, 5), [])


@pytest.mark.parametrize("before", [0, 4, 12, 40])
@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_p90_holds_in_nine_of_ten_whatever_the_number_of_runs(before: int, spread: float) -> None:
    lot = random.Random(f"{before} {spread}")
    sizes = (20, 60, 150, 300, 600, 1200, 2000, 3000)

    def draw() -> Run:
        return ran(lot.choice(sizes), 1.3, 0.8, 1.1, noise=lot.lognormvariate(0, spread))

    held = wide = 0
    for _ in range(TRIALS):
        past, asked = [draw() for _ in range(before)], draw()
        found = predict(asked.parts, past)
        held += asked.seconds <= found.p90_s
        wide += found.p90_s > 4 * asked.seconds
    assert held >= 0.84 * TRIALS
    assert wide <= (0.2 if before < ENOUGH else 0.05) * TRIALS
