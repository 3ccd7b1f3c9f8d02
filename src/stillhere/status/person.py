"""The account that is given to a person after a recovery: what is back, what is missing, and why.

Every record that must exist is accounted for: it is back, held (known, its body not found), or its
shelf is closed because nobody can prove what must be on it.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from stillhere.kinds import KINDS
from stillhere.status.words import count, count_of, files_of, moment

COMPLETE, INCOMPLETE, CLOSED = "complete", "incomplete", "closed"


@dataclass(frozen=True)
class Missing:
    """One record whose body was not found, and the last trace of it: what is `known` of it and
    what is `unknown`, in words. `size` in bytes."""

    collection: str
    href: str
    uid: str
    cause: str
    last_change_at: int | None = None
    size: int | None = None
    component: str = ""
    known: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """What became of a record whose body was missing: it was `deleted`, or came back, as the
    `same` bytes or as another revision; `whence` in words, and when, None if nobody noted it."""

    collection: str
    href: str
    uid: str
    deleted: bool
    same: bool
    whence: str
    ended_at: int | None


@dataclass(frozen=True)
class DeviceKnows:
    """A device that knows of `changes` to a collection which no recovery has found, and when it
    showed that; `name` is the device in words. `merged_at` is when an export of it came in."""

    collection: str
    device: str
    name: str
    changes: int
    seen_at: int
    merged_at: int | None = None


@dataclass(frozen=True)
class ShelfAccount:
    """One kind of one person. `verdict` is complete, incomplete or closed.

    `records` are back, those that came back since included, `as_of_at` is the time of the last
    change that the recovery found, `problems` what could not be proven, `ended` what became of
    records whose bodies were missing, in this recovery or an earlier one, `devices` who knows of
    changes beyond the recovered end, `since` what else was noted. `opened` is how a shelf that
    nobody could prove came to be open, or not; it is `accepted` if it is open all the same.
    """

    kind: str
    verdict: str
    records: int
    as_of_at: int | None
    problems: list[str] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    devices: list[DeviceKnows] = field(default_factory=list)
    since: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    accepted: bool = False


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
        return all(
            shelf.verdict == COMPLETE and not shelf.since and not knowing_most(shelf.devices)
            for shelf in self.shelves
        )


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
        yield from _shelf(shelf, report.account)


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


def _shelf(shelf: ShelfAccount, account: str) -> Iterator[str]:
    as_of = f", complete as of {moment(shelf.as_of_at)}" if shelf.as_of_at is not None else ""
    back = count_of(shelf.records, shelf.kind)
    if shelf.verdict == CLOSED:
        yield f"{shelf.kind}: closed, because what must be there could not be proven"
    elif shelf.accepted:
        yield f"{shelf.kind}: open with {back}, as it was found; nobody knows what else there was"
    elif shelf.verdict == COMPLETE:
        yield f"{shelf.kind}: {back}{as_of}"
    else:
        yield f"{shelf.kind}: {back} back, {lacking(shelf)}"
    for problem in shelf.problems:
        yield f"  not proven: {problem}"
    yield from _missing(shelf.missing)
    for ended in shelf.ended:
        yield f"  {_end(ended)}"
    yield from _devices(shelf, account)
    for learned in (*shelf.opened, *shelf.since):
        yield f"  since then: {learned}"
    if shelf.verdict == CLOSED:
        yield "  stillhere heal --vault DIR opens it if another copy of the vault proves it;"
        yield f"  stillhere accept opens it with the {back} that could be proven;"
        yield "  with --salvage FILE it adds what is left in the old core's file;"
        yield "  devices then drop what is not among them"
    if shelf.accepted:
        yield f"  stillhere accept {shlex.quote(account)} --undo closes it again"


def _missing(missing: list[Missing]) -> Iterator[str]:
    """Each by name; what is known of them is said once for those of whom the same is known."""
    for said, group in groupby(missing, key=lambda lost: (lost.known, lost.unknown)):
        records = list(group)
        for lost in records:
            seen = f", last changed {moment(lost.last_change_at)}" if lost.last_change_at else ""
            yield f"  missing: {_name(lost)}: {lost.cause}{seen}"
        known, unknown = (", ".join(words) for words in said)
        if known:
            whose = "it" if len(records) == 1 else f"these {len(records):,}"
            yield f"    known of {whose}: {known}; not known: {unknown}"


def _end(ended: Ended) -> str:
    when = f", {moment(ended.ended_at)}" if ended.ended_at else ""
    if ended.deleted:
        return f"deleted: {_name(ended)}, by {ended.whence}{when}; its body was missing"
    how = "as it was" if ended.same else "as another revision"
    if not ended.ended_at:
        return f"came back: {_name(ended)}; nobody noted from where"
    return f"came back: {_name(ended)}, {how}, from {ended.whence}{when}"


def _devices(shelf: ShelfAccount, account: str) -> Iterator[str]:
    """What each device knows, and which of them to export from: the one that knows most."""
    for book, group in groupby(shelf.devices, key=lambda one: one.collection):
        knowing = list(group)
        for one in knowing:
            were = "was" if one.changes == 1 else "were"
            changes = count(one.changes, "change")
            yield (
                f"  since then: {one.name} knows of {changes} to {book} that {were} not in the"
                f" vault, {moment(one.seen_at)}"
            )
        first = knowing[0]
        if first.merged_at is not None:
            yield f"  an export of {first.name} was merged {moment(first.merged_at)}"
            continue
        first_one, _ = KINDS[shelf.kind].first
        which = "" if book == first_one else f" --into {shlex.quote(book)}"
        yield f"  to have them: export {book} on {first.name} as {files_of(shelf.kind)}, and"
        yield f"  stillhere import {shlex.quote(account)} FILE --from {first.device}{which}"


def count_missing(shelf: ShelfAccount) -> tuple[int, int]:
    """How many records of a shelf are missing, and of how many collections name and settings."""
    collections = sum(not one.collection for one in shelf.missing) if shelf.kind in KINDS else 0
    return len(shelf.missing) - collections, collections


def lacking(shelf: ShelfAccount) -> str:
    """What is missing, in words: "2 missing, so are name and settings of 1 calendar"."""
    records, collections = count_missing(shelf)
    if not collections:
        return f"{records:,} missing"
    names = f"name and settings of {count(collections, *KINDS[shelf.kind].collection_words)}"
    return f"{records:,} missing, so are {names}" if records else f"{names} missing"


def knowing_most(devices: list[DeviceKnows]) -> list[DeviceKnows]:
    """Of each collection the device that knows most, unless it has given what it has."""
    firsts = {one.collection: one for one in reversed(devices)}
    return [one for one in firsts.values() if one.merged_at is None]


def _name(lost: Missing | Ended) -> str:
    if not lost.collection:
        return f"name and settings of {lost.href}"
    return f"{lost.collection}/{lost.href} (UID {lost.uid})"
