"""The window of ``ack = "core"``: how old what a core knows of its vault may be.

A core that acknowledges before the vault has a change must not do so on old knowledge. It
remembers two moments: when its epoch was last seen unsealed, and up to when everything it
acknowledged was in the vault. It acknowledges nothing once either lies further back than the
window; the window is thereby the RPO that can be published.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from stillhere.errors import Unavailable
from stillhere.replication.moment import Moment

LEAST_BYTES = 4096  # what even an empty file takes on a disk
LOOKS = 3  # at the fence within a window, at least
SMOOTHED = 16  # segments over which the pace of shipping is measured
SHARE = 0.5  # of the window: what it may take to ship all that waits


class Mark(NamedTuple):
    """A moment, and the bytes that had been put into the spool by then."""

    at: Moment
    kept: int


class Waiting(NamedTuple):
    """A segment of this process that is not known to be in the vault."""

    number: int
    mark: Mark


class Window:
    """What one process that acknowledges by the core knows of its vault, and since when."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        """Made before the epoch is looked at for the first time; ``max_bytes`` may wait."""
        self.seconds = seconds
        self.max_bytes = max_bytes
        self._checked = Moment.now()  # the epoch was not sealed then
        self._shipped: Moment | None = None  # what was acknowledged before is in the vault
        self._kept = 0  # bytes that were put into the spool
        self._left = 0  # of these, bytes that are in the vault
        self._pace_s = 0.0  # what shipping one segment takes
        self._waiting: deque[Waiting] = deque()  # one thread puts in, another takes out

    def at_least(self, every_s: float) -> float:
        """How often to look at the fence, if ``every_s`` is often enough."""
        return min(every_s, self.seconds / LOOKS)

    def keep(self, number: int, size: int) -> None:
        """Count a segment that is about to be put into the spool."""
        self._kept += max(size, LEAST_BYTES)
        self._waiting.append(Waiting(number, self.mark()))

    def mark(self) -> Mark:
        """This moment, to be taken before the vault or the spool is looked at."""
        return Mark(Moment.now(), self._kept)

    def see(self, mark: Mark) -> None:
        """The epoch was not sealed at that moment."""
        self._checked = mark.at

    def ship(self, number: int, took_s: float) -> None:
        """The segments of this process up to this one are in the vault."""
        self._pace_s += (took_s - self._pace_s) / SMOOTHED
        while self._waiting and self._waiting[0].number <= number:
            mark = self._waiting.popleft().mark
            self._shipped = self._waiting[0].mark.at if self._waiting else mark.at
            self._left = mark.kept

    def catch_up(self, mark: Mark) -> None:
        """What was in the spool at that moment is in the vault, whoever shipped it."""
        while self._waiting and self._waiting[0].mark.kept <= mark.kept:
            self._waiting.popleft()
        if mark.kept >= self._left:
            self._shipped, self._left = mark

    def unseen(self) -> Unavailable | None:
        """Why nothing may be acknowledged, when the vault has not answered for too long."""
        if self._checked.age() <= self.seconds:
            return None
        return _closed("the vault has not answered for longer than the window of ack = core")

    def behind(self) -> Unavailable | None:
        """Why nothing may be acknowledged, when the vault has too little of what was.

        What an earlier process has left is of unknown age. Where people write faster than can
        be shipped they are slowed down early: what waits must all be shipped in time."""
        if self._shipped is None or self._shipped.age() > self.seconds:
            return _closed("the vault is further behind than the window of ack = core")
        if self._kept - self._left >= self.max_bytes:
            return _closed("the spool is full: the vault takes less than people write")
        if len(self._waiting) * self._pace_s > self.seconds * SHARE:
            return _closed(
                "the vault takes too long for what waits: it takes less than people write"
            )
        return None

    def closed(self) -> Unavailable | None:
        """Why nothing is acknowledged, for the operator; None before the first shipping."""
        return self.unseen() or (self.behind() if self._shipped is not None else None)


def _closed(what: str) -> Unavailable:
    return Unavailable(
        what,
        safe="what was acknowledged is in the vault or in the core's spool; this change was not",
        hint="look at the vault; acknowledging goes on by itself when the vault has caught up",
        retry_after=30,
    )
