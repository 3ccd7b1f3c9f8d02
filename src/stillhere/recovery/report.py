"""Step 8: what a recovery says of every shelf, per person and overall."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from stillhere.recovery.install import Verdict
from stillhere.store.core import Core

_verdicts = msgspec.msgpack.Decoder(Verdict)


class ShelfVerdict(NamedTuple):
    """The verdict on one shelf, whose it is, and why its gate is closed ("" when open)."""

    account: bytes
    name: str
    kind: str
    closed: str
    held_now: int
    verdict: Verdict


def read_report(core: Core, only: bytes | None = None) -> list[ShelfVerdict]:
    """Every verdict of the last recovery, of one account or of all, by name.

    ``held_now`` counts what is still held: devices may have healed the rest."""
    rows = core.reader().execute(
        "SELECT s.account, coalesce(a.name, ''), s.kind, s.closed, s.held, s.verdict"
        " FROM shelves s LEFT JOIN accounts a ON a.account = s.account"
        " WHERE s.verdict IS NOT NULL AND (?1 IS NULL OR s.account = ?1)"
        " ORDER BY a.folded, s.kind",
        (only,),
    )
    return [
        ShelfVerdict(account, name, kind, closed, held, _verdicts.decode(verdict))
        for account, name, kind, closed, held, verdict in rows
    ]


class Tally(NamedTuple):
    """Verdicts counted: shelves, those of them that lack something still, records that the
    recovery brought back."""

    shelves: int
    incomplete: int
    records: int

    @property
    def verdicts(self) -> dict[str, int]:
        """How many shelves are complete, and how many not, as events tell it."""
        return {"complete": self.shelves - self.incomplete, "incomplete": self.incomplete}


def tally_verdicts(core: Core, kind: str | None = None) -> Tally:
    """The verdicts of one kind, or of all, in three figures."""
    rows = core.reader().execute(
        "SELECT verdict, held FROM shelves WHERE verdict IS NOT NULL AND (?1 IS NULL OR kind = ?1)",
        (kind,),
    )
    shelves = incomplete = records = 0
    for packed, held in rows:
        verdict = _verdicts.decode(packed)
        shelves += 1
        incomplete += bool(verdict.problems or held)
        records += verdict.records
    return Tally(shelves, incomplete, records)
