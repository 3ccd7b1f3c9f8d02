"""An incident: what happened, who is concerned, what was told since, and when more is told.

Values and pure functions: each change of an incident is a new value, and every time is given.
Times in milliseconds since 1970.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

NOT_KNOWN = "not known yet"
KEPT, MISSED, DUE = "kept", "missed", "due"

Figures = Mapping[str, int]
"""What was known in numbers when something was told: "contacts held" → 12."""


@dataclass(frozen=True)
class Update:
    """What was told at `told_at`, and the figures that were known then (none: empty)."""

    told_at: int
    text: str
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Promise:
    """Said at `made_at`: there will be an update by `due_at`."""

    made_at: int
    due_at: int


@dataclass(frozen=True)
class Incident:
    """One incident. `began_at` is when it happened, `opened_at` when it was first told.

    `cause` is empty while it is not known, `closed_at` None until it is over.
    """

    id: str
    title: str
    began_at: int
    opened_at: int
    cause: str = ""
    affected: tuple[str, ...] = ()
    unaffected: tuple[str, ...] = ()
    updates: tuple[Update, ...] = ()
    promises: tuple[Promise, ...] = ()
    closed_at: int | None = None

    @property
    def told_at(self) -> int:
        """When anything was told last."""
        return max([self.opened_at, *(update.told_at for update in self.updates)])


@dataclass(frozen=True)
class Kept:
    """What became of a promise: kept or missed, with the time of the update that came
    (None: none came), or due, and not over yet."""

    promise: Promise
    state: str
    came_at: int | None


@dataclass(frozen=True)
class Facts:
    """What an update makes known anew; None leaves what was said before."""

    cause: str | None = None
    affected: tuple[str, ...] | None = None
    unaffected: tuple[str, ...] | None = None


def tell(
    incident: Incident, update: Update, facts: Facts | None = None, due_at: int | None = None
) -> Incident:
    """The incident with an update, what it makes known, and when the next one is promised for."""
    facts = facts or Facts()
    told = replace(incident, updates=(*incident.updates, update))
    if facts.cause is not None:
        told = replace(told, cause=facts.cause)
    if facts.affected is not None:
        told = replace(told, affected=facts.affected)
    if facts.unaffected is not None:
        told = replace(told, unaffected=facts.unaffected)
    return told if due_at is None else promise(told, update.told_at, due_at)


def promise(incident: Incident, at: int, due_at: int) -> Incident:
    """The incident with one more promise; those made before still stand."""
    return replace(incident, promises=(*incident.promises, Promise(at, due_at)))


def close(incident: Incident, update: Update) -> Incident:
    """The incident, over, with the last word on it."""
    return replace(tell(incident, update), closed_at=update.told_at)


def judge(incident: Incident, now: int) -> list[Kept]:
    """What became of each promise by `now`.

    An update keeps those that were made before it and not yet due; nothing else does, and a later
    promise takes none back.
    """
    judged = []
    for made in incident.promises:
        came = [u.told_at for u in incident.updates if u.told_at > made.made_at]
        first = min(came, default=None)
        if first is not None and first <= made.due_at:
            state = KEPT
        else:
            state = MISSED if now > made.due_at else DUE
        judged.append(Kept(made, state, first))
    return judged


def next_due(incident: Incident, now: int) -> Kept | None:
    """The promise that counts now: the one that is due first, else the last that was missed and
    that no update has answered yet. None where nothing is owed."""
    if incident.closed_at is not None:
        return None
    judged = judge(incident, now)
    due = [kept for kept in judged if kept.state == DUE]
    if due:
        return min(due, key=lambda kept: kept.promise.due_at)
    unanswered = [kept for kept in judged if kept.state == MISSED and kept.came_at is None]
    return max(unanswered, key=lambda kept: kept.promise.due_at, default=None)


def what_changed(incident: Incident) -> list[tuple[Update, list[str] | None]]:
    """Each update, oldest first, with the figures that changed since the one before it.

    The list is empty where none has; None stands for the first update, and for one of which or
    before which no figure was known.
    """
    before: Figures | None = None
    told: list[tuple[Update, list[str] | None]] = []
    for update in incident.updates:
        comparable = before is not None and (update.figures or before)
        told.append((update, _differences(before or {}, update.figures) if comparable else None))
        before = update.figures
    return told


def _differences(before: Figures, now: Figures) -> list[str]:
    names: Sequence[str] = list(dict.fromkeys([*now, *before]))
    return [
        f"{name}: {_number(before.get(name))} → {_number(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _number(figure: int | None) -> str:
    return "not known" if figure is None else f"{figure:,}"
