"""What a loss would cost, stage by stage, as it is told by `status`, by the page and by a drill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stillhere.kinds import KINDS
from stillhere.status.words import count, moment, span, table

FIRST_CONTACT, MIRRORED, WHOLE = "first contact", "mirrored", "whole"
ACCOUNT = "account"
P50, P90 = "as likely as not (p50)", "9 of 10 (p90)"
RECORDS_OF_A_SHELF = 75
"""So many records cost a recovery as much as a shelf does beside its own."""


@dataclass(frozen=True)
class Until:
    """A stage is over so many seconds after the start of `stillhere recover`: as likely as not,
    and in nine of ten cases."""

    stage: str
    p50_s: float
    p90_s: float


@dataclass(frozen=True)
class Expected:
    """What a loss would cost: each stage in the order in which they end.

    `basis` is what it was measured on, at `measured_at` (ms since 1970). Before `said` of the
    drills the same was forecast, and in `held` of them everything was back by p90.
    """

    stages: tuple[Until, ...]
    basis: str
    measured_at: int
    said: int = 0
    held: int = 0

    def until(self, stage: str) -> Until | None:
        """What is expected of one stage."""
        return next((each for each in self.stages if each.stage == stage), None)


def weigh(shelves: int, records: int) -> int:
    """What a kind costs a recovery compared with others, in records."""
    return records + RECORDS_OF_A_SHELF * shelves


def meaning(stage: str) -> str:
    """What is so when a stage is over."""
    told = {
        FIRST_CONTACT: "the one who asks has contacts",
        MIRRORED: "the vault is no longer needed to read",
        ACCOUNT: "everybody can log in",
        WHOLE: "everybody has everything",
    }
    return told.get(stage) or f"everybody has {KINDS[stage].words[1] if stage in KINDS else stage}"


def lines(expected: Expected | None) -> Iterator[str]:
    """What a loss would cost, for a person at a terminal."""
    if expected is None:
        yield "A loss now would cost: not known; stillhere verify measures it"
        return
    yield "A loss now would cost, from the start of stillhere recover:"
    rows = [
        (f"  {u.stage}", span(u.p50_s), span(u.p90_s), meaning(u.stage)) for u in expected.stages
    ]
    yield from table([("", "p50", "p90", ""), *rows], right=(1, 2))
    yield "  p50: as likely as not; p90: in nine of ten cases"
    if expected.said:
        yield f"  {held(expected)}"
    yield f"  from {expected.basis},"
    yield f"  measured {moment(expected.measured_at)}"


def held(expected: Expected) -> str:
    """What became of what was said before the drills."""
    drills = count(expected.said, "drill")
    return f"of {drills} that were forecast, p90 held in {expected.held:,}"


def beside(said: Mapping[str, tuple[float, float]], stage: str) -> str:
    """What had been said of a stage, to stand behind what happened; "" for nothing."""
    if stage not in said:
        return ""
    p50, p90 = said[stage]
    return f" (forecast: p50 {span(p50)}, p90 {span(p90)})"
