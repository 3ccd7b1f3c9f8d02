"""What a shelf holds: records, their positions, and the changes that made them.

Positions follow one rule everywhere (tokens, replication, proof):
``seq = epoch << 40 | counter``, so a later epoch of the core is always a later position.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from stillhere.kinds.item import Span

EPOCH_SHIFT = 40
LOST_TAIL = "lost-tail token"
"""What a note is about that keeps a token beyond the recovered end: evidence of a lost tail."""

HEALED = "healed"
"""What a note is about that says whence the body of a held record came."""
SALVAGED = "salvaged"
"""What a note is about that says whence a change came that no vault had, and its position there."""
ADOPTED = "account that no vault had"
"""What a note is about that says which damaged core an account was taken from."""
GIVEN_UP = "deleted while its body was missing"
"""What a note is about that says who deleted a held record."""

EXPORTED = "export of a device"
"""What a note is about that says which device's export was merged."""

ACCEPTED = "accepted as it was found"
TAKEN_BACK = "its acceptance was taken back"
PROVEN = "proven by another copy"
"""What notes are about that say how a shelf which nobody could prove came to be open, or not."""


def seq_of(epoch: int, counter: int) -> int:
    """The position of the ``counter``-th change of ``epoch`` (both from 1)."""
    return epoch << EPOCH_SHIFT | counter


def epoch_of(seq: int) -> int:
    """The epoch of the core that gave out this position."""
    return seq >> EPOCH_SHIFT


class State(IntEnum):
    """Whether a record is there, was deleted (a tombstone), or is known without its body."""

    PRESENT = 0
    DELETED = 1
    HELD = 2


class Record(NamedTuple):
    """One item of a shelf, without its body.

    ``collection`` is "" for a collection's own record; ``size`` is in bytes,
    ``modified`` in milliseconds since 1970 UTC, ``digest`` the SHA-256 of the body;
    ``starts``, ``ends`` and ``exact`` are its span.
    """

    collection: str
    href: str
    seq: int
    state: State
    uid: str
    component: str
    media_type: str
    size: int
    digest: bytes
    modified: int
    starts: int = 0
    ends: int = 0
    exact: int = 1

    @property
    def span(self) -> Span:
        """When it is."""
        return Span(self.starts, self.ends, bool(self.exact))

    @property
    def etag(self) -> str:
        """The strong ETag (RFC 9110, 8.8.3): equal bodies have equal ETags, for ever."""
        return f'"{self.digest[:16].hex()}"'


class Collection(NamedTuple):
    """An address book, calendar, …: its properties and the last position of anything in it."""

    name: str
    properties: dict[str, str]
    seq: int
    position: int


class Delta(NamedTuple):
    """What changed in a collection after a position, oldest first, tombstones included.

    ``position`` is what the next request may start from; ``truncated`` says more is waiting.
    """

    records: list[Record]
    position: int
    truncated: bool


class Op(IntEnum):
    """What a change did to its record; conflicts and notes leave the record as it is."""

    PUT = 0
    DELETE = 1
    CONFLICT = 2
    NOTE = 3


class Change(NamedTuple):
    """One entry of a shelf's sequence, as the journal takes it."""

    seq: int
    time: int
    device: str
    op: Op
    collection: str
    href: str
    uid: str
    component: str
    media_type: str
    size: int
    digest: bytes
    body: bytes | None
    starts: int = 0
    ends: int = 0
    exact: int = 1


class ShelfChanges(NamedTuple):
    """The changes of one shelf in one group, in order, with the chain that they continue."""

    account: bytes
    kind: str
    chain: bytes
    changes: list[Change]
