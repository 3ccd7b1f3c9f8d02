"""What a loss would cost rests on measured rates, and on what drills of any size took."""

from collections.abc import Sequence

import pytest

from stillhere.recovery.drill import Drilled, Said
from stillhere.server.forecast import forecast, said_of
from stillhere.server.rates import Rates
from stillhere.status.core import KindFigures
from stillhere.status.expected import Expected, Until

RATES = Rates(5, 100, 7500, 0.3, 0.1, 0.05, 0.001, 100_000, 40_000)
"""Of the sample's work half is taken for that of shelves."""


def kinds(accounts: int, contacts: int) -> list[KindFigures]:
    return [
        KindFigures("account", accounts, 0, 0, 0, 0),
        KindFigures("contacts", accounts, 0, contacts, 0, 0),
    ]


def drilled(
    accounts: int, records: int, whole: float | None, at: int = 9, said: float = 0.0
) -> Drilled:
    times = None if whole is None else 0.9 * whole
    return Drilled(
        *(at, 0, accounts, 2 * accounts, records, 0, 0.6 if whole is None else 0.1, times),
        stages={} if whole is None else {"account": 0.92 * whole, "contacts": 0.99 * whole},
        whole_s=whole,
        flawed=0,
        flaws=[],
        said={"whole": Said(said / 2, said)} if said else {},
    )


def until(found: Expected, stage: str) -> Until:
    told = found.until(stage)
    assert told is not None
    return told


def test_without_drills_the_steps_add_up_and_p90_is_wide() -> None:
    found = forecast(RATES, [], kinds(1000, 150_000))
    assert [each.stage for each in found.stages] == [
        *("first contact", "mirrored", "account", "contacts", "whole"),
    ]
    first, mirrored, whole = (until(found, s) for s in ("first contact", "mirrored", "whole"))
    assert first.p50_s == pytest.approx(0.451)
    proving = 150_000 / 200_000 + 75 * 2000 / 200_000
    assert mirrored.p50_s == pytest.approx(0.451 + 1 + proving)
    assert whole.p50_s == pytest.approx(mirrored.p50_s + 2.5 * proving)
    assert until(found, "contacts").p50_s == whole.p50_s, "the last kind"
    assert whole.p90_s == pytest.approx(3 * whole.p50_s)
    assert "never drilled" in found.basis
    assert (found.measured_at, found.said) == (5, 0)


@pytest.mark.parametrize("accounts", [20, 300, 3000])
@pytest.mark.parametrize("slower", [0.5, 1.0, 3.0])
def test_drills_of_other_sizes_correct_the_rates(accounts: int, slower: float) -> None:
    def truth(size: int) -> float:
        return until(forecast(RATES, [], kinds(size, 150 * size)), "whole").p50_s * slower

    past = [drilled(size, 150 * size, truth(size)) for size in (20, 60, 150, 1000, 3000) * 3]
    whole = until(forecast(RATES, past, kinds(accounts, 150 * accounts)), "whole")
    assert whole.p50_s == pytest.approx(truth(accounts), rel=0.1)
    assert whole.p90_s == pytest.approx(whole.p50_s, rel=0.1), "they were all alike"


@pytest.mark.parametrize(
    ("past", "words"),
    [
        ([drilled(20, 300, 2.0)], "1 drill and 7,500 records"),
        ([drilled(20, 300, 2.0)] * 3, "3 drills and 7,500 records"),
        ([drilled(20, 300, None)], "never drilled"),
    ],
)
def test_it_says_what_it_was_measured_on(past: Sequence[Drilled], words: str) -> None:
    assert words in forecast(RATES, past, kinds(20, 300)).basis


def test_stages_end_in_their_order_whatever_the_drills_were_like() -> None:
    odd = [drilled(20 * n, 300 * n, 4.0 - n) for n in (1, 2, 3)]
    for size in (20, 200, 2000):
        found = forecast(RATES, odd, kinds(size, 15 * size))
        p50, p90 = [each.p50_s for each in found.stages], [each.p90_s for each in found.stages]
        assert (p50, p90) == (sorted(p50), sorted(p90))
        assert all(each.p50_s <= each.p90_s for each in found.stages)


def test_a_kind_that_no_drill_has_seen_is_forecast_from_the_rates() -> None:
    bare = [drilled(300, 9000, 2.0)]
    found = forecast(RATES, [*bare], kinds(300, 9000))
    without = [
        Drilled(9, 0, 300, 300, 0, 0, 0.6, 1.8, {"account": 1.9}, 2.0, 0, []) for _ in range(3)
    ]
    assert (
        until(found, "contacts").p50_s
        < until(forecast(RATES, without, kinds(300, 9000)), "contacts").p50_s
    )


def test_a_sample_tells_of_the_first_contact_alone() -> None:
    sampled = [drilled(20, 300, None)] * 12
    found, bare = forecast(RATES, sampled, kinds(900, 9000)), forecast(RATES, [], kinds(900, 9000))
    assert until(found, "first contact").p50_s == pytest.approx(0.6, rel=0.02)
    assert until(found, "whole") == until(bare, "whole")


def test_what_became_of_what_was_said_is_counted() -> None:
    past = [drilled(20, 300, 2.0), drilled(20, 300, 2.0, said=3), drilled(20, 300, 2.0, said=1)]
    found = forecast(RATES, past, kinds(20, 300))
    assert (found.said, found.held, found.measured_at) == (2, 1, 9)
    assert said_of(found)["whole"] == Said(
        *(
            round(seconds, 3)
            for seconds in (until(found, "whole").p50_s, until(found, "whole").p90_s)
        )
    )
    assert said_of(None) == {}
