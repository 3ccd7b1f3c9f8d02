"""A bulletin: one edition of everything that is told, from which page, feed and JSON are made.

It holds figures, never adjectives, and no name of anybody. Times in milliseconds since 1970.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stillhere.kinds import RECOVERY_ORDER
from stillhere.status.expected import (
    FIRST_CONTACT,
    MIRRORED,
    WHOLE,
    Expected,
    Until,
    weigh,
)
from stillhere.status.incident import Incident
from stillhere.status.outlook import Outlook, sentence
from stillhere.status.progress import PROVEN, KindCount, Pace, Progress
from stillhere.status.words import count, plain

CONTACTS = "contacts"
NOT_BEGUN = "The recovery has not begun."
OPERATIONAL, DEGRADED, PARTIAL, MAJOR = (
    "operational",
    "degraded_performance",
    "partial_outage",
    "major_outage",
)


@dataclass(frozen=True)
class Rehearsal:
    """The last drill, at `drilled_at`: of how many people (by lot, where `sampled`), whole after
    how many seconds (None: never), and on how many shelves a loss would have cost something."""

    drilled_at: int
    people: int
    sampled: bool
    whole_s: float | None
    flawed: int


@dataclass(frozen=True)
class Known:
    """What a core said of itself at `known_at`, when it was there to be asked.

    `people` have accounts; a loss costs what was acknowledged in the last `rpo_s` seconds.
    `proven_at` is when the vault was proven last (None: never), with `unproven` shelves wanting;
    `troubled` when the vault could not be read, or the core may not serve.
    """

    known_at: int
    people: int
    kinds: tuple[KindCount, ...]
    rpo_s: int
    troubled: bool
    proven_at: int | None
    unproven: int
    expected: Expected | None
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True)
class Bulletin:
    """One edition. `incidents` are the newest last; `survey` is what the last one found; `key` is
    the public half of what signs it, in hexadecimal; `next_at` is when the next edition is due
    while somebody makes them (None: when somebody asks for one).
    """

    name: str
    url: str
    key: str
    told_at: int
    next_at: int | None = None
    known: Known | None = None
    incidents: tuple[Incident, ...] = ()
    progress: Progress | None = None
    survey: Outlook | None = None

    @property
    def outlook(self) -> Outlook | None:
        """What the last survey found, while there are no newer figures of a core."""
        at = self.figures_at
        if self.survey is None or (at is not None and self.survey.surveyed_at <= at):
            return None
        return self.survey

    @property
    def incident(self) -> Incident | None:
        """The incident that is open now."""
        last = self.incidents[-1] if self.incidents else None
        return last if last is not None and last.closed_at is None else None

    @property
    def recovery(self) -> Progress | None:
        """The newest recovery, unless it was over before the incident that is open now."""
        progress, incident = self.progress, self.incident
        if progress is None or incident is None:
            return progress
        over = progress.whole_at
        if over is None:
            over = progress.last.seen_at if progress.last is not None else progress.began_at
        return progress if over >= incident.began_at else None

    @property
    def recovering(self) -> bool:
        """Whether a recovery has begun that has not brought back everything yet."""
        return self.recovery is not None and self.recovery.whole_at is None

    @property
    def kinds(self) -> tuple[KindCount, ...]:
        """The newest counts of each kind, of a recovery's core or of one that was asked."""
        seen = self.progress.last if self.progress is not None else None
        if seen is None:
            return self.known.kinds if self.known is not None else ()
        if self.known is not None and self.known.known_at > seen.seen_at:
            return self.known.kinds
        return seen.kinds

    @property
    def figures_at(self) -> int | None:
        """As of when the newest figures are; None where there are none."""
        seen = self.progress.last if self.progress is not None else None
        times = [seen.seen_at if seen else None, self.known.known_at if self.known else None]
        return max((at for at in times if at is not None), default=None)

    @property
    def current(self) -> bool:
        """Whether the newest figures are of this incident, and not from before it."""
        at, incident = self.figures_at, self.incident
        return at is not None and (incident is None or at >= incident.began_at)

    def kind(self, name: str) -> KindCount:
        """The counts of one kind; zeros where nothing is known of it."""
        none = KindCount(name, 0, 0, 0, 0, 0)
        return next((kind for kind in self.kinds if kind.kind == name), none)

    def people(self, kind: str = CONTACTS) -> int | None:
        """How many people have, or must have, a shelf of this kind; None where nobody knows."""
        seen = self.progress.last if self.progress is not None else None
        totals = [count.total for count in (seen.stages if seen else ()) if count.stage == kind]
        if totals and totals[0]:
            return max(totals[0], self.kind(kind).shelves)
        before = (
            [each.shelves for each in self.known.kinds if each.kind == kind] if self.known else []
        )
        return before[0] if before else None

    def back(self, kind: str = CONTACTS) -> int:
        """How many people have their shelf of this kind, open, and nothing on it held."""
        found = self.kind(kind)
        return found.shelves - found.closed - found.partial


def paces_of(known: Known | None) -> tuple[Pace, ...]:
    """What each stage of a recovery would take, from what was measured before the loss; the first
    is the start, until it can work. What nobody had takes no time.

    The proofs' time is shared out among kinds by their shelves and records."""
    if known is None or known.expected is None:
        return ()
    expected = known.expected
    first, mirrored = expected.until(FIRST_CONTACT), expected.until(MIRRORED)
    stages = [
        each for each in expected.stages if each.stage not in (FIRST_CONTACT, MIRRORED, WHOLE)
    ]
    if first is None or mirrored is None:
        return ()
    weights = {kind.kind: weigh(kind.shelves, kind.proven + kind.held) for kind in known.kinds}
    every = sum(weights.get(each.stage, 0) for each in stages)
    p50, p90 = _between(first, mirrored)
    shares = [weights.get(each.stage, 0) / every if every else 0.0 for each in stages]
    proving = [
        Pace(each.stage + PROVEN, p50 * share, p90 * share, mirrored.p90_s, expected.basis)
        for each, share in zip(stages, shares, strict=True)
    ]
    taking = [
        Pace(each.stage, *_between(before, each), each.p90_s, expected.basis)
        for before, each in pairwise([mirrored, *stages])
    ]
    start = Pace(first.stage, first.p50_s, first.p90_s, first.p90_s, expected.basis)
    known_of = {each.stage for each in stages}
    nothing = [
        Pace(stage, 0.0, 0.0, by.p90_s, expected.basis)
        for kind in RECOVERY_ORDER
        if kind not in known_of
        for stage, by in ((kind + PROVEN, mirrored), (kind, (mirrored, *stages)[-1]))
    ]
    return (start, *proving, *taking, *nothing)


def _between(before: Until, after: Until) -> tuple[float, float]:
    """Seconds from the end of one stage to that of a later one, p50 and p90: as far apart as for
    the whole way to its end."""
    usual = max(0.0, after.p50_s - before.p50_s)
    return usual, usual * after.p90_s / after.p50_s if after.p50_s else 0.0


def counted(bulletin: Bulletin) -> dict[str, int]:
    """The figures that an update is told with, and compared by; none while those that are known
    are from before the incident."""
    if not bulletin.current:
        return {}
    figures = {"people with contacts back": bulletin.back()}
    for kind in bulletin.kinds:
        name = "accounts" if kind.kind == "account" else kind.kind
        figures |= {
            f"{name}: people with theirs in part": kind.partial,
            f"{name}: records proven": kind.proven,
            f"{name}: records held": kind.held,
            f"{name}: changes lost": kind.lost,
        }
    return figures


def headline(bulletin: Bulletin) -> str:
    """What matters most, in one sentence with figures."""
    if bulletin.recovery is None:
        if bulletin.incident is None:
            return _quiet(bulletin)
        told = f"{_back(bulletin)}{_missing(bulletin)}" if bulletin.current else NOT_BEGUN
        if bulletin.outlook is not None:
            told = f"{told} {sentence(bulletin.outlook.everything)}"
        return f"{bulletin.incident.title}. {told}"
    if bulletin.recovering or bulletin.incident is not None or _wanting(bulletin):
        return f"{_back(bulletin)}{_missing(bulletin)}"
    return f"No incident. {_back(bulletin)}{_missing(bulletin)}"


def component(bulletin: Bulletin, kind: str) -> str:
    """How a kind is served, in Statuspage's words, decided by figures.

    Before there are any of a recovery, or of a core that was asked since, only the incident says
    what it concerns, by the kind's name."""
    incident = bulletin.incident
    if incident is not None and bulletin.recovery is None and not bulletin.current:
        return MAJOR if kind in incident.affected else OPERATIONAL
    people, found = bulletin.people(kind), bulletin.kind(kind)
    opened = found.shelves - found.closed
    if bulletin.recovering and not opened:
        return MAJOR
    if (people is not None and opened < people) or (bulletin.recovering and people is None):
        return PARTIAL
    return DEGRADED if found.held or found.lost else OPERATIONAL


def figures(bulletin: Bulletin) -> dict[str, Any]:
    """Everything of a bulletin, as JSON can hold it."""
    told: dict[str, Any] = plain(bulletin)
    return told | {
        "headline": headline(bulletin),
        "figures_at": plain(_At(bulletin.figures_at))["figures_at"],
        "people": bulletin.people(),
        "people_with_contacts_back": bulletin.back(),
        "kinds": plain(bulletin.kinds),
    }


@dataclass(frozen=True)
class _At:
    figures_at: int | None


def _quiet(bulletin: Bulletin) -> str:
    if bulletin.known is None:
        return "No incident. No figures are known yet."
    records = sum(kind.proven for kind in bulletin.kinds if kind.kind != "account")
    people = count(bulletin.known.people, "person has", "people have")
    return f"No incident. {people} {count(records, 'record')} here."


def _back(bulletin: Bulletin) -> str:
    people, back = bulletin.people(), bulletin.back()
    if people is None:
        told = count(back, "person is", "people are")
        return f"Contacts of {told} back; of how many is not known yet"
    if back >= people:
        return f"Everybody's contacts are back: {count(people, 'person', 'people')}"
    told = f"Contacts of {back:,} of {count(people, 'person', 'people')} are back"
    partial = bulletin.kind(CONTACTS).partial
    return f"{told}, {count(partial, 'has', 'have')} theirs in part" if partial else told


def _wanting(bulletin: Bulletin) -> int:
    return sum(kind.held + kind.lost + kind.closed for kind in bulletin.kinds)


def _missing(bulletin: Bulletin) -> str:
    found = [bulletin.kind(kind.kind) for kind in bulletin.kinds]
    held, lost = sum(kind.held for kind in found), sum(kind.lost for kind in found)
    told = []
    if held:
        told.append(f"{count(held, 'record is', 'records are')} held")
    if lost:
        told.append(f"{count(lost, 'change is', 'changes are')} lost")
    return f"; {', '.join(told)}." if told else "."
