"""The account that is given to a person after a recovery: what is back, what is missing, and why.

Every record that must exist is accounted for: it is back, held (known, its body not found), or its
shelf is closed because nobody can prove what must be on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stillhere.status.words import count, moment

COMPLETE, INCOMPLETE, CLOSED = "complete", "incomplete", "closed"


@dataclass(frozen=True)
class Missing:
    """One record whose body was not found, and the last trace of it."""

    collection: str
    href: str
    uid: str
    cause: str
    last_change_at: int | None = None


@dataclass(frozen=True)
class ShelfAccount:
    """One kind of one person. `verdict` is complete, incomplete or closed.

    `as_of_at` is the time of the last change that is back, `problems` what could not be proven,
    `healed` how many missing records devices have brought back since, `since` what else was
    learned after the recovery (a device that knew of changes beyond the recovered end).
    """

    kind: str
    verdict: str
    records: int
    as_of_at: int | None
    problems: list[str] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    healed: int = 0
    since: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class VaultEnd:
    """Where the vault ended that everything came out of.

    `as_of_at` is the time of its last change (0 if it had none), `seen_at` when a witness had seen
    the vault before, None without one, `missing` what it had then and has no more.
    """

    as_of_at: int
    seen_at: int | None
    missing: str


@dataclass(frozen=True)
class PersonReport:
    """One person's account after the recovery at `recovered_at`, None if there was none.

    One that was erased has `erased_at`, and no shelves.
    """

    account: str
    recovered_at: int | None
    shelves: list[ShelfAccount]
    erased_at: int | None = None

    @property
    def complete(self) -> bool:
        """Everything that was acknowledged is back, as far as anybody knows."""
        return all(shelf.verdict == COMPLETE and not shelf.since for shelf in self.shelves)


def lines(report: PersonReport) -> Iterator[str]:
    """The report for the person it is about."""
    yield f"Account    {report.account}"
    if report.erased_at is not None:
        yield f"Erased     {moment(report.erased_at)}: nothing of it is kept"
    elif report.recovered_at is None:
        yield "Recovered  never: nothing of this account came out of a recovery"
    else:
        yield f"Recovered  {moment(report.recovered_at)}"
    for shelf in report.shelves:
        yield ""
        yield from _shelf(shelf)


def ending(end: VaultEnd) -> str:
    """As of when a recovery is complete, and who says so."""
    as_of = f"as of {moment(end.as_of_at)}" if end.as_of_at else "as of the beginning"
    if end.seen_at is None:
        return f"{as_of}; no witness says whether there was more"
    if end.missing:
        return f"{as_of}; a witness saw more on {moment(end.seen_at)}: {end.missing}"
    return f"{as_of}; nothing is missing that a witness saw on {moment(end.seen_at)}"


def summary(reports: list[PersonReport]) -> Iterator[str]:
    """The overall report: figures, then everybody to whom something is owed."""
    kept = [report for report in reports if report.erased_at is None]
    owed = [report for report in kept if not report.complete]
    yield f"{count(len(kept), 'account')}: {len(kept) - len(owed):,} complete, {len(owed):,} not"
    erased = [report.erased_at for report in reports if report.erased_at is not None]
    if erased:
        yield f"{count(len(erased), 'account')} erased, the last one {moment(max(erased))}"
    for report in owed:
        yield ""
        yield from lines(report)


def _shelf(shelf: ShelfAccount) -> Iterator[str]:
    as_of = f", complete as of {moment(shelf.as_of_at)}" if shelf.as_of_at is not None else ""
    back = count(shelf.records, "record")
    if shelf.verdict == CLOSED:
        yield f"{shelf.kind}: closed, because what must be there could not be proven"
    elif shelf.verdict == COMPLETE:
        yield f"{shelf.kind}: {back}{as_of}"
    else:
        yield f"{shelf.kind}: {back} back, {len(shelf.missing):,} missing"
    for problem in shelf.problems:
        yield f"  not proven: {problem}"
    for lost in shelf.missing:
        seen = f", last changed {moment(lost.last_change_at)}" if lost.last_change_at else ""
        yield f"  missing: {_name(lost)}: {lost.cause}{seen}"
    if shelf.healed:
        yield f"  since then {count(shelf.healed, 'record')} came back from a device"
    for learned in shelf.since:
        yield f"  since then: {learned}"
    if shelf.verdict == CLOSED:
        yield f"  stillhere accept opens it with the {back} that could be proven;"
        yield "  devices then drop what is not among them"


def _name(lost: Missing) -> str:
    if not lost.collection:
        return f"name and settings of {lost.href}"
    return f"{lost.collection}/{lost.href} (UID {lost.uid})"
