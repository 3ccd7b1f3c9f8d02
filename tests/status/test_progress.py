"""A forecast follows from measured rates, and stays visible beside what happened."""

from dataclasses import replace
from itertools import pairwise

import pytest

from stillhere.status.progress import (
    MOST_FORECASTS,
    MOST_SAMPLES,
    Pace,
    Progress,
    Sample,
    StageCount,
    forecast_all,
    latest,
    observe,
    rate_of,
    reach,
)

BEGUN = Progress("0b", 0)


def at(ms: int, done: int, total: int = 100, records: int = 0) -> Sample:
    return Sample(ms, (StageCount("contacts", done, total, records),), ())


def watched(*done: int, every: int = 1000) -> Progress:
    progress = BEGUN
    for number, each in enumerate(done):
        progress = observe(progress, at(number * every, each, records=each * 50))
    return progress


def test_nothing_is_forecast_where_nothing_was_measured() -> None:
    assert forecast_all(BEGUN) == []
    assert forecast_all(watched(0)) == []
    assert forecast_all(watched(0, 10, 20)) == [], "two rates have no spread"


def test_a_steady_rate_gives_one_time() -> None:
    (made,) = forecast_all(watched(0, 10, 20, 30))
    assert (made.made_at, made.p50_at, made.p90_at) == (3000, 10_000, 10_000)


def test_an_uneven_rate_gives_a_band_and_p90_is_never_before_p50() -> None:
    (made,) = forecast_all(watched(0, 2, 20, 22, 40, 42))
    assert made.p50_at == pytest.approx(5000 + 58 / 42 * 5000, abs=2)
    assert made.p50_at < made.p90_at
    (slow,) = forecast_all(watched(0, 0, 0, 30, 30, 60))
    assert slow.made_at < slow.p50_at < slow.p90_at


def test_the_band_narrows_the_more_is_measured() -> None:
    def width(samples: int) -> float:
        (made,) = forecast_all(watched(*(number + number % 2 for number in range(samples))))
        return (made.p90_at - made.p50_at) / (made.p50_at - made.made_at)

    assert width(40) < width(12) < width(6)


def test_a_recovery_that_begins_anew_does_not_count_backwards() -> None:
    (made,) = forecast_all(watched(0, 10, 20, 30, 0, 10))
    assert made.p50_at == 5000 + 9000


def test_a_stage_that_stands_still_has_no_forecast_from_its_rate() -> None:
    assert forecast_all(watched(10, 10, 10, 10, 10)) == []


def test_before_the_first_rates_what_was_measured_earlier_counts_and_says_so() -> None:
    paced = replace(BEGUN, paces=(Pace("contacts", 60, 90, 80, "12 drills"),))
    (made,) = forecast_all(observe(paced, at(5000, 0)))
    assert (made.p50_at, made.p90_at) == (65_000, 95_000)
    assert made.basis == "12 drills"
    (half,) = forecast_all(observe(paced, at(5000, 50)))
    assert half.p50_at == 35_000


def test_stages_follow_each_other_and_what_is_over_counts_no_more() -> None:
    paces = (Pace("account", 10, 15, 15, "x"), Pace("contacts", 20, 30, 40, "x"))
    stages = (StageCount("account", 0, 0, 0), StageCount("contacts", 0, 0, 0))
    progress = observe(replace(BEGUN, paces=paces), Sample(0, stages, ()))
    assert [made.p50_at for made in forecast_all(progress)] == [10_000, 30_000]
    progress = observe(reach(progress, "account", 9000), Sample(9000, stages, ()))
    assert [(made.stage, made.p50_at) for made in forecast_all(progress)] == [("contacts", 27_462)]
    assert latest(progress, "account") is None


def staged(at_ms: int, *done: int) -> Sample:
    """Parts done of "account" and "contacts", of a hundred each."""
    names = ("account", "contacts")
    return Sample(
        at_ms, tuple(StageCount(n, d, 100, d) for n, d in zip(names, done, strict=True)), ()
    )


PACED = (
    Pace("first contact", 1, 2, 2, "x"),
    Pace("account", 10, 15, 17, "x"),
    Pace("contacts", 20, 30, 35, "x"),
)


@pytest.mark.parametrize(
    ("took", "p50", "p90"),
    [
        (11_000, 20_000, 30_000),
        (22_000, 20_000 * 25.1 / 14.1, 30_000 * 25.1 / 14.1),
        (5500, 20_000 * 8.6 / 14.1, 30_000),
    ],
    ids=["as planned", "twice as slow", "twice as fast"],
)
def test_the_rest_is_expected_to_go_as_what_went_before(took: int, p50: float, p90: float) -> None:
    """A tenth of the whole (3.1 s) goes as planned, come what may; p90 promises nothing of luck."""
    progress = replace(BEGUN, paces=PACED, samples=(staged(took // 11, 0, 0),))
    progress = observe(reach(progress, "account", took), staged(took, 100, 0))
    (made,) = forecast_all(progress)
    assert (made.p50_at, made.p90_at) == (
        pytest.approx(took + p50, abs=2),
        pytest.approx(took + p90, abs=2),
    )


def test_p90_is_not_before_what_was_known_beforehand_unless_a_rate_says_so() -> None:
    progress = replace(BEGUN, paces=PACED, samples=(staged(500, 0, 0),))
    progress = observe(reach(progress, "account", 1000), staged(1000, 100, 0))
    assert forecast_all(progress)[0].p90_at == 35_000
    for number in range(1, 6):
        progress = observe(progress, staged(1000 + 1000 * number, 100, 16 * number))
    assert forecast_all(progress)[0].p90_at < 10_000


def test_a_stage_with_its_own_rate_tells_of_those_after_it() -> None:
    progress = replace(BEGUN, paces=PACED)
    for number in range(5):
        progress = observe(progress, staged(1000 + 1000 * number, 5 * number, 0))
    account, contacts = forecast_all(progress)
    assert account.p50_at == 5000 + 16_000
    slower = (3.1 + 1 + 16) / (3.1 + 1 + 8)
    assert contacts.p50_at == pytest.approx(21_000 + 20_000 * slower, abs=2)


def test_a_steady_rate_promises_no_more_than_past_recoveries_do() -> None:
    progress = replace(BEGUN, paces=PACED)
    for number in range(5):
        progress = observe(progress, staged(1000 + 1000 * number, 5 * number, 0))
    made = forecast_all(progress)[0]
    assert made.p90_at == 5000 + 16_000 * 15 / 10


def test_a_stage_behind_one_that_nobody_can_forecast_has_none_either() -> None:
    stages = (StageCount("account", 0, 0, 0), StageCount("contacts", 0, 0, 0))
    paced = replace(BEGUN, paces=(Pace("contacts", 20, 30, 30, "x"),))
    assert forecast_all(observe(paced, Sample(0, stages, ()))) == []


def test_a_forecast_is_kept_when_it_says_something_new_and_as_it_was() -> None:
    steady = watched(*range(0, 100, 2))
    assert len(steady.forecasts) == 1
    slower = observe(steady, at(200_000, 99))
    assert slower.forecasts[0] == steady.forecasts[0]
    assert len(slower.forecasts) == 2


def test_what_is_kept_has_a_bound_and_keeps_its_ends() -> None:
    progress = BEGUN
    for number in range(3 * MOST_SAMPLES):
        done = number + (number % 7) * 3
        progress = observe(progress, at(number * 1000, done, total=10_000))
    assert len(progress.samples) <= MOST_SAMPLES
    assert len(progress.forecasts) <= MOST_FORECASTS
    assert progress.samples[0].seen_at == 0
    times = [sample.seen_at for sample in progress.samples]
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) <= 12_000, "old samples lie evenly"
    assert progress.samples[-1].seen_at == (3 * MOST_SAMPLES - 1) * 1000


def test_the_first_time_that_a_stage_is_over_counts() -> None:
    progress = reach(reach(BEGUN, "contacts", 5), "contacts", 9)
    assert progress.reached_at("contacts") == 5


def test_the_rate_is_in_records_a_second() -> None:
    assert rate_of(BEGUN, "contacts") is None
    assert rate_of(watched(0, 10, 20), "contacts") == pytest.approx(500)
