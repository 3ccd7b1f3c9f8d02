"""What a loss of this core would cost: rates as measured last, corrected by what its drills took.

A recovery's time grows with three things: what comes once (a process that starts, what must exist
is learned, one shelf), with shelves and their accounts' keys, and with records.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.drill import Drilled, Said, past_drills
from stillhere.server.rates import Rates, last_measured
from stillhere.status.core import KindFigures
from stillhere.status.expected import (
    FIRST_CONTACT,
    MIRRORED,
    RECORDS_OF_A_SHELF,
    WHOLE,
    Expected,
    Until,
    weigh,
)
from stillhere.status.prediction import ENOUGH, UNMEASURED, Parts, Run, predict
from stillhere.status.words import count
from stillhere.store import ACCOUNT
from stillhere.store.core import Core


class Size(NamedTuple):
    """What is to be brought back."""

    accounts: int
    shelves: int
    records: int


class Stage(NamedTuple):
    """A stage, and which share of the work of taking in is done then (None: one shelf's)."""

    name: str
    taken: float | None


def expect(
    core: Core, kinds: Sequence[KindFigures], order: Sequence[str] = RECOVERY_ORDER
) -> Expected | None:
    """What a loss of this core now would cost, kinds in this order; None where no rates were
    measured."""
    rates = last_measured(core)
    return None if rates is None else forecast(rates, past_drills(core), kinds, order)


def forecast(
    rates: Rates,
    drills: Sequence[Drilled],
    kinds: Sequence[KindFigures],
    order: Sequence[str] = RECOVERY_ORDER,
) -> Expected:
    """What bringing these back would take at these rates, and as these drills have shown."""
    size = Size(
        accounts=sum(kind.shelves for kind in kinds if kind.kind == ACCOUNT),
        shelves=sum(kind.shelves for kind in kinds),
        records=sum(kind.records for kind in kinds),
    )
    weights = {kind.kind: weigh(kind.shelves, kind.records) for kind in kinds}
    found: list[Until] = []
    over = Until("", 0.0, 0.0)
    for stage in _stages(weights, order):
        past = list(_past(rates, drills, stage, weights))
        span = predict(_parts(rates, stage, size), past)
        over = Until(stage.name, max(over.p50_s, span.p50_s), max(over.p90_s, span.p90_s))
        found.append(over)
    whole = [drill for drill in drills if drill.whole_s is not None]
    told = [(drill.whole_s, drill.said[WHOLE]) for drill in whole if WHOLE in drill.said]
    return Expected(
        stages=tuple(found),
        basis=_basis(rates, len(whole)),
        measured_at=max([rates.at, *(drill.at for drill in whole)]),
        said=len(told),
        held=sum(took <= said.p90_s for took, said in told if took is not None),
    )


def said_of(expected: Expected | None) -> dict[str, Said]:
    """A forecast as a drill keeps it, to be held against what happens."""
    stages = () if expected is None else expected.stages
    return {each.stage: Said(round(each.p50_s, 3), round(each.p90_s, 3)) for each in stages}


def _stages(weights: dict[str, int], order: Iterable[str]) -> Iterator[Stage]:
    """The stages in the order in which they end, given what each kind weighs."""
    yield Stage(FIRST_CONTACT, None)
    yield Stage(MIRRORED, 0.0)
    kinds = [kind for kind in order if kind in weights]
    everything = sum(weights.values())
    for kind, taken in zip(kinds, accumulate(weights[kind] for kind in kinds), strict=True):
        yield Stage(kind, taken / everything if everything else 1.0)
    yield Stage(WHOLE, 1.0)


def _past(
    rates: Rates, drills: Sequence[Drilled], stage: Stage, weights: dict[str, int]
) -> Iterator[Run]:
    """The drills that tell of a stage; some may have had kinds in another order."""
    for drill in drills:
        seconds = drill.reached(stage.name)
        if seconds is not None:
            then = {each.name: each for each in _stages(weights, drill.stages)}
            size = Size(drill.accounts, drill.shelves, drill.records)
            yield Run(_parts(rates, then.get(stage.name, stage), size), seconds)


def _parts(rates: Rates, stage: Stage, size: Size) -> Parts:
    once = rates.start_s + rates.anchor_s + rates.key_s + rates.shelf_s
    if stage.taken is None:
        return (once,)
    every = 1 / rates.proven_per_s + stage.taken / rates.taken_per_s
    record = every * rates.records / weigh(rates.shelves, rates.records)
    shelves = RECORDS_OF_A_SHELF * record * size.shelves
    return once, size.accounts * rates.key_s + shelves, record * size.records


def _basis(rates: Rates, drills: int) -> str:
    sample = f"{rates.records:,} records of this vault, on this machine"
    if not drills:
        return f"{sample}; never drilled: p90 is {UNMEASURED:g} × p50"
    wide = "; so few: p90 is wider" if drills < ENOUGH else ""
    return f"{count(drills, 'drill')} and {sample}{wide}"
