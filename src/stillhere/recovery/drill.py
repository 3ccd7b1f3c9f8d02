"""A drill: a recovery into scratch, for real, compared with the core that is alive.

    begin     checked and anchored as in a recovery; the vault is opened so that nothing can be
              written to it, so nothing is sealed
    knock     one person's shelves, as for the first phone that asks
    run       everything mirrored, proven and taken in; a sample is knocked for instead
    compare   every head that came back with the live core's, read before and after

What it finds wrong is what a loss would cost. The scratch is removed by whoever made it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import msgspec

from stillhere.errors import Closed, Damaged, Erased
from stillhere.recovery.check import check
from stillhere.recovery.install import Verdict
from stillhere.recovery.recovery import Recovery
from stillhere.replication.found import new_identity
from stillhere.replication.start import Working
from stillhere.store.core import Core
from stillhere.store.schema import get_meta, set_meta
from stillhere.vault.backends.read_only import ReadOnly
from stillhere.vault.image import load_image
from stillhere.vault.opened import Vault

KEPT = 40  # drills that a core remembers
PROVEN_AGAIN = 1000  # shelves with flaws; so many are no mistake

Shelf = tuple[bytes, str]


class Head(NamedTuple):
    """How far a shelf reaches."""

    last: int
    chain: bytes


class Flaw(NamedTuple):
    """What a loss now would cost of one shelf."""

    account: bytes
    kind: str
    problem: str


class Said(NamedTuple):
    """What had been forecast of a stage, in seconds from the start of a recovery."""

    p50_s: float
    p90_s: float


class Drilled(msgspec.Struct, frozen=True):
    """What a drill measured, and what it found wrong.

    ``sample`` is how many accounts were drawn, 0 for everybody. Times in milliseconds since 1970,
    lengths in seconds from the start of a recovery; None where a sample does not tell. ``moving``
    counts shelves that were written to meanwhile, so that their chains can't be compared,
    ``flawed`` those with flaws. ``said`` has what was forecast of each stage before the drill."""

    at: int
    sample: int
    accounts: int
    shelves: int
    records: int
    moving: int
    first_contact_s: float | None
    mirrored_s: float | None
    stages: dict[str, float]
    whole_s: float | None
    flawed: int
    flaws: list[Flaw]
    said: dict[str, Said] = {}

    def reached(self, stage: str) -> float | None:
        """When a stage was over."""
        told = {
            "first contact": self.first_contact_s,
            "mirrored": self.mirrored_s,
            "whole": self.whole_s,
        }
        return told[stage] if stage in told else self.stages.get(stage)


class Drill(Recovery):
    """A recovery that seals nothing and opens no doors."""

    def begin(self) -> Working:
        """A core in scratch to which single shelves can be brought.

        Raises what a recovery's beginning raises; never changes the vault."""
        checked = check(self._places[0], self._kit, self._places[1:])
        vault = checked.vault
        unwritable = Vault(ReadOnly(vault.backend), vault.format, vault.verifier)
        self._checked = checked = replace(checked, vault=unwritable)
        core = Core(self._home, create=True)
        try:
            identity = msgspec.structs.replace(
                new_identity(
                    *(self._kit, str(self._places[0]), checked.epochs[-1].number, checked.service),
                    recovering=True,
                ),
                journal_keys=checked.journal_keys,
            )
            core.keep_identity(identity, core.reader())
            self._read_anchor(identity)
        except BaseException:
            core.close()
            raise
        self._fenced = False
        self._assemble(core, identity)
        return self.working

    def knock(self, account: bytes, kind: str) -> bool:
        """Bring one shelf, its account's own first; whether it is open now."""
        gate, core = self.working.store.gate, self.working.core
        with suppress(Closed, Erased):
            self._knocks.open(account, kind)
            gate.check(account, kind, core.reader())
            return True
        return False

    def run(self) -> None:
        """Bring everything. Announces mirrored and stage. Raises Unavailable."""
        self._bring()

    def prove_again(
        self,
        flaws: Sequence[Flaw],
        before: Mapping[Shelf, Head],
        look: Callable[[], Mapping[Shelf, Head]],
    ) -> list[Flaw]:
        """The flaws that are there in a view of the vault taken now as well: what a compaction
        replaces meanwhile seems lost, and is not. ``look`` has the live core's heads.

        Of very many the first are proven again."""
        shelves = list(dict.fromkeys((flaw.account, flaw.kind) for flaw in flaws))
        again = frozenset(shelves[:PROVEN_AGAIN])
        kept = [flaw for flaw in flaws if (flaw.account, flaw.kind) not in again]
        self._read_anchor(self.working.identity)
        after = look()
        for shelf in sorted(again & after.keys()):
            kept += self._prove(shelf, before[shelf], after[shelf])
        return kept

    def _prove(self, shelf: Shelf, before: Head, after: Head) -> Iterator[Flaw]:
        account, kind = shelf
        try:
            image = load_image(self.anchor.source(account, kind), self._keys.get(account))
        except Damaged as error:
            yield Flaw(account, kind, f"its key can't be opened: {error.what}")
            return
        head = Head(image.last, image.chain) if image.exists else None
        yield from _flaws(shelf, before, after, head)
        yield from _verdict_flaws(shelf, image.problems, len(image.missing))


def read_heads(core: Core) -> dict[Shelf, Head]:
    """How far every shelf of a core reaches; those that were never written to are left out."""
    rows = core.reader().execute(
        "SELECT account, kind, last_seq, chain FROM shelves WHERE last_seq > 0"
    )
    return {(account, kind): Head(last, chain) for account, kind, last, chain in rows}


def find_moving(
    before: Mapping[Shelf, Head], after: Mapping[Shelf, Head], found: Mapping[Shelf, Head]
) -> int:
    """How many shelves came back as they were at neither look."""
    return sum(
        found[shelf] not in (before.get(shelf), after.get(shelf))
        for shelf in found.keys() & after.keys()
    )


def compare(
    before: Mapping[Shelf, Head],
    after: Mapping[Shelf, Head],
    drilled: Core,
    among: Container[bytes] | None = None,
) -> Iterator[Flaw]:
    """What is wrong with what came back, given the live core's heads before the vault was read
    and after; ``among`` has the accounts that were drawn."""
    found = read_heads(drilled)
    for account, kind in sorted(before.keys() & after.keys()):  # else new or erased meanwhile
        shelf = (account, kind)
        if among is None or account in among:
            yield from _flaws(shelf, before[shelf], after[shelf], found.get(shelf))
    for account, kind, verdict in _incomplete(drilled):
        if (account, kind) in after:
            yield from _verdict_flaws((account, kind), verdict.problems, len(verdict.held))


def _flaws(shelf: Shelf, before: Head, after: Head, found: Head | None) -> Iterator[Flaw]:
    problem = _judge(before, after, found)
    if problem:
        yield Flaw(*shelf, problem)


def _verdict_flaws(shelf: Shelf, problems: Sequence[str], held: int) -> Iterator[Flaw]:
    yield from (Flaw(*shelf, problem) for problem in problems)
    if held:
        of_them = (
            "1 record without its body" if held == 1 else f"{held} records without their bodies"
        )
        yield Flaw(*shelf, of_them)


def _judge(before: Head, after: Head, found: Head | None) -> str:
    if found is None:
        return "nothing of it came back"
    if found.last < before.last:
        return f"it came back as of position {found.last}; the core was at {before.last}"
    if found.last > after.last:
        return f"it came back as of position {found.last}; the core is at {after.last}"
    for head in (before, after):
        if found.last == head.last and found.chain != head.chain:
            return "it came back with another history than the core's"
    return ""


def _incomplete(drilled: Core) -> Iterator[tuple[bytes, str, Verdict]]:
    rows = drilled.reader().execute(
        "SELECT account, kind, verdict FROM shelves WHERE verdict IS NOT NULL"
    )
    for account, kind, packed in rows:
        verdict = _decode_verdict(packed)
        if not verdict.complete:
            yield account, kind, verdict


def keep_drilled(sql: sqlite3.Connection, drilled: Drilled) -> None:
    """Remember a drill, in the transaction at hand: its figures, and nothing that names an
    account, since one that is erased meanwhile is to be forgotten."""
    drills = [*_read_drills(get_meta(sql, "drills")), drilled][-KEPT:]
    figures = [msgspec.structs.replace(one, flaws=[]) for one in drills]
    set_meta(sql, "drills", msgspec.msgpack.encode(figures))


def past_drills(core: Core) -> list[Drilled]:
    """The drills that a core remembers, oldest first: how many shelves had flaws, and not
    which."""
    return _read_drills(get_meta(core.reader(), "drills"))


def _read_drills(kept: bytes | None) -> list[Drilled]:
    try:
        return [] if kept is None else _decode_all(kept)
    except msgspec.ValidationError:  # another version's
        return []


_decode_all = msgspec.msgpack.Decoder(list[Drilled]).decode
_decode_verdict = msgspec.msgpack.Decoder(Verdict).decode
