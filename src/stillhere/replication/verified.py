"""What a verification found, as the core remembers it."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from stillhere.store.core import Core
from stillhere.store.erased import is_erased
from stillhere.store.schema import get_meta, set_meta


class Finding(NamedTuple):
    """A shelf that is not as it must be, and in what; an account's key is its shelf "account"."""

    account: bytes
    kind: str
    problems: list[str]


class CopyFlaw(NamedTuple):
    """An object that one copy of the vault has "missing" or "broken", and another has whole."""

    place: str
    name: str
    problem: str


class Verified(msgspec.Struct, frozen=True):
    """What a verification found; ``records`` leaves collections out.

    ``findings`` are what a loss now would cost; ``spares`` are second copies that are broken
    while the first one proves itself, and ``copies`` what copies of the vault have missing or
    broken, and others make good: it is told once, and not kept. Times in milliseconds since
    1970, lengths in seconds."""

    at: int
    seconds: float
    shelves: int
    records: int
    bytes: int
    findings: list[Finding]
    spares: list[Finding]
    copies: list[CopyFlaw] = []

    @property
    def proven(self) -> bool:
        """Whether every shelf is proven and equals the core's."""
        return not self.findings


def last_verified(core: Core) -> Verified | None:
    """The result of the last verification, or None where there was none."""
    kept = get_meta(core.reader(), "verified")
    return None if kept is None else msgspec.msgpack.decode(kept, type=Verified)


def keep_verified(sql: sqlite3.Connection, verified: Verified) -> Verified:
    """Remember a result, in the transaction at hand, without what it says of erased accounts, and
    without names of objects, since some have an account's id in them; the result as it is told."""
    findings, spares = (
        [finding for finding in found if not is_erased(sql, finding.account)]
        for found in (verified.findings, verified.spares)
    )
    told = msgspec.structs.replace(verified, findings=findings, spares=spares)
    kept = msgspec.structs.replace(told, copies=[])
    set_meta(sql, "verified", msgspec.msgpack.encode(kept))
    return told


def forget_erased(sql: sqlite3.Connection) -> None:
    """Take out what was found of accounts that are erased by now: it names records."""
    kept = get_meta(sql, "verified")
    if kept is not None:
        keep_verified(sql, msgspec.msgpack.decode(kept, type=Verified))
