"""The state of a core: what it keeps, what is protected, and what losing it now would cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stillhere.status import expected, fates
from stillhere.status.expected import Expected
from stillhere.status.words import ago, count, moment, size, span, table


@dataclass(frozen=True)
class KindFigures:
    """One kind over all accounts: shelves, those of them that are closed, and their records."""

    kind: str
    shelves: int
    closed: int
    records: int
    held: int
    bytes: int


@dataclass(frozen=True)
class LastDrill:
    """The last rehearsal: when (ms since 1970), of how many accounts, by lot or all of them, after
    how many seconds it was whole, and how many shelves a loss would have cost something of."""

    at: int
    accounts: int
    sampled: bool
    whole_s: float | None
    flawed_shelves: int


@dataclass(frozen=True)
class Protection:
    """How the vault stands. Times in ms since 1970, or None when it never happened.

    `rpo_s` is what a loss may cost of what was acknowledged last, in seconds; the vault is behind
    by `behind_segments` of the journal, the oldest of them `behind_s` seconds old. `trouble` says
    why this core may not serve or its vault cannot be read, and is empty otherwise.
    `unproven_shelves` counts those that the last verification found wanting, `pending_erasures`
    those that something stands in the way of. `witness` is where the vault is remembered,
    `seen_at` as of when until now, `missing` what it had then and has no more, and `unkept` why
    it is not remembered.
    """

    vault: str
    ack: str
    epoch: int
    rpo_s: int
    behind_segments: int
    behind_bytes: int
    behind_s: float
    trouble: str
    last_change_at: int | None
    last_compacted_at: int | None
    tail_segments: int | None
    tail_bytes: int | None
    last_proven_at: int | None
    proven_shelves: int
    proven_records: int
    unproven_shelves: int
    pending_erasures: int
    last_drill: LastDrill | None
    same_disk: bool
    witness: str
    seen_at: int | None
    missing: str
    unkept: str


@dataclass(frozen=True)
class CoreStatus:
    """Everything `status` tells. `loss` is what one now would cost: None where no rates were
    measured."""

    home: str
    told_at: int
    accounts: int
    kinds: list[KindFigures]
    protection: Protection
    loss: Expected | None
    witness: dict[str, Any] | None = None
    """How far the vault reaches, as a witness keeps it."""
    fate: fates.Fate = field(default_factory=lambda: fates.Fate(""))
    """What the core itself depends on."""
    copies: list[fates.CopyFigures] = field(default_factory=list)


def lines(status: CoreStatus) -> Iterator[str]:
    """The status for a person, about one screen."""
    yield f"Core       {status.home}"
    for number, place in enumerate(
        [copy.place for copy in status.copies] or [status.protection.vault]
    ):
        yield f"{'' if number else 'Vault':11}{place}"
    yield f"Accounts   {status.accounts:,}"
    yield ""
    yield from _kinds(status.kinds)
    yield ""
    yield from _protection(status.protection, status.told_at)
    yield ""
    if status.copies:
        yield from fates.lines(status.fate, status.copies)
        yield ""
    yield from expected.lines(status.loss)


DRILL_DAYS = 30
"""A drill that is older says little of today's vault and of who would know what to do."""


def warnings(p: Protection, now: int) -> list[tuple[str, str]]:
    """What the operator should change: (warning, hint)."""
    found = []
    if p.same_disk:
        found.append(
            (
                "vault and core are on the same file system: what destroys one destroys both",
                "move the vault to another machine or at least another disk",
            )
        )
    if p.behind_s > p.rpo_s:
        found.append(
            (
                f"the vault is {span(p.behind_s)} behind: nothing is acknowledged meanwhile",
                "look at the vault: can it be written, and is a server running to ship to it?",
            )
        )
    if p.missing and p.seen_at is not None:
        found.append(
            (
                f"the vault is behind what was seen on {moment(p.seen_at)}: {p.missing}",
                "bring the newest copies of vault and core back, or recover with --behind",
            )
        )
    if p.unkept:
        found.append(
            (
                p.unkept,
                'name another file with --witness, or as "witness" in stillhere.toml',
            )
        )
    if p.last_proven_at is None:
        found.append(
            (
                "this vault has never been proven",
                "stillhere verify reads all of it and compares it with the core",
            )
        )
    found += _drill_warnings(p.last_drill, now)
    if p.unproven_shelves:
        found.append(
            (
                f"{count(p.unproven_shelves, 'shelf', 'shelves')} could not be proven",
                "stillhere verify says what is wrong with each",
            )
        )
    if p.pending_erasures:
        found.append(
            (
                f"{count(p.pending_erasures, 'erasure')} not complete: something could be read yet",
                "a running server tries again; stillhere account erase says what is in the way",
            )
        )
    return found


def _drill_warnings(drill: LastDrill | None, now: int) -> Iterator[tuple[str, str]]:
    hint = "stillhere drill rehearses a recovery into scratch: with the kit, beside the server"
    if drill is None:
        yield "a recovery has never been rehearsed", hint
        return
    if drill.flawed_shelves:
        shelves = count(drill.flawed_shelves, "shelf", "shelves")
        yield f"the last drill found that a loss would cost something of {shelves}", hint
    if now - drill.at > DRILL_DAYS * 86_400_000:
        yield f"the last drill is {span((now - drill.at) / 1000)} old", hint


def _kinds(kinds: list[KindFigures]) -> list[str]:
    head = ("Kind", "Shelves", "Closed", "Records", "Held", "Size")
    rows = [
        (k.kind, f"{k.shelves:,}", f"{k.closed:,}", f"{k.records:,}", f"{k.held:,}", size(k.bytes))
        for k in kinds
    ]
    return table([head, *rows], right=range(1, 6))


def _protection(p: Protection, now: int) -> Iterator[str]:
    if p.trouble:
        yield f"Protected  not known: {p.trouble}"
    elif p.behind_segments:
        yield "Protected  all but what was acknowledged last"
    else:
        yield "Protected  every acknowledged change is in the vault (0 behind)"
    if p.behind_segments:
        waiting = f"{count(p.behind_segments, 'segment')}, {size(p.behind_bytes)}"
        yield f"           behind: {waiting}, the oldest {span(p.behind_s)} old"
    if p.last_change_at is not None:
        yield f"           last change {ago(p.last_change_at, now)}"
    if p.rpo_s:
        what = f"{p.rpo_s} s (ack = {p.ack}): what a loss may cost of what was acknowledged last"
    else:
        what = f"0 (ack = {p.ack}): nothing is acknowledged before the vault has it"
    yield f"RPO        {what}"
    if p.tail_segments is not None and p.tail_bytes is not None:
        folded = "never" if p.last_compacted_at is None else ago(p.last_compacted_at, now)
        yield f"Compacted  {folded}"
        yield f"           waiting: {count(p.tail_segments, 'segment')}, {size(p.tail_bytes)}"
    if not p.trouble:
        yield f"Witness    {_witness(p, now)}"
    yield from _proven(p, now)
    yield from _drilled(p.last_drill, now)


def _witness(p: Protection, now: int) -> str:
    if p.seen_at is None:
        return "none" if p.unkept else f"from now on, {p.witness}"
    if p.missing:
        return f"saw more {ago(p.seen_at, now)}"
    return f"nothing is missing that was seen {ago(p.seen_at, now)}"


def _proven(p: Protection, now: int) -> Iterator[str]:
    if p.last_proven_at is None:
        yield "Proven     never"
        return
    proven = count(p.proven_shelves - p.unproven_shelves, "shelf", "shelves")
    yield f"Proven     {ago(p.last_proven_at, now)}"
    yield f"           {proven} of {p.proven_shelves:,}, {count(p.proven_records, 'record')}"


def _drilled(drill: LastDrill | None, now: int) -> Iterator[str]:
    if drill is None:
        yield "Drilled    never"
        return
    yield f"Drilled    {ago(drill.at, now)}"
    people = count(drill.accounts, "account")
    back = f"{people}, drawn by lot" if drill.sampled else people
    after = "" if drill.whole_s is None else f" back after {span(drill.whole_s)}"
    shelves = count(drill.flawed_shelves, "shelf", "shelves")
    yield f"           {back}{after}, {shelves} not as in this core"
