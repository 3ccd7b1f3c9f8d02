"""A survey: what can still be had from every source at hand, before anything is recovered.

    scan    every shelf that must exist, from listings and damaged cores; those that something is
            the matter with are a stratum of their own
    look    shelf by shelf, drawn at random, the touched ones first for half of the time: each is
            proven from all copies together, as a recovery would, and from each by itself; what
            damaged cores have is laid over that
    search  damaged cores once more for what is missing everywhere
    tell    how many records are proven, recoverable, known and not found; with the range of what
            was not looked at yet, exact when everything was

Nothing is written anywhere. Whoever calls keeps what was found, and may go on from it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stillhere.kinds import in_order
from stillhere.recovery.estimate import Looked, Range, add, sum_range
from stillhere.recovery.found import Found, find, find_more, is_beyond
from stillhere.recovery.salvage.remains import Remains
from stillhere.recovery.source import Scan, Shelf, Source
from stillhere.rosters import Item
from stillhere.vault.backends import BackendError
from stillhere.vault.image import Image

ERROR = 0.05
"""How often, at most, a figure may lie outside of its range."""
SILENCES = 8
"""Shelves in a row that may stay without an answer."""
TOUCHED = 0.5
"""The share of the time for shelves that something is the matter with, before others get some."""

Stratum = tuple[str, bool]
"""A kind, and whether its shelves are touched."""


@dataclass(frozen=True)
class Figures:
    """Shelves and records of one kind, or of all, each from a lowest to a highest figure.

    ``lacking`` counts shelves that are not proven whole, ``uncounted`` those of which nothing
    says how many records they had: only what was found of these is in the other figures.
    ``holds`` and ``alone`` say how many records each source has, and it alone: first the copies
    of the vault, then the damaged cores."""

    shelves: int
    looked: int
    uncounted: int
    lacking: Range
    known: Range
    proven: Range
    recoverable: Range
    missing: Range
    holds: list[Range]
    alone: list[Range]


class Silent(Exception):
    """A copy gives no answer any more while others do: its ``name``, and why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name = name
        self.why = why


class Survey:
    """One survey of copies ``together``, and ``apart`` as far as each can be read by itself (none
    where there is one alone, or no copy at all), and of damaged ``cores``. ``found`` has what was
    seen, and may come from an earlier survey; ``silent`` the shelves that a copy gave no answer
    about, and why. ``asking`` is the copy that is waited for ("": all of them together), since
    when by the monotonic clock, and about which shelf."""

    def __init__(
        self,
        together: Source | None,
        apart: Sequence[Source],
        found: Mapping[Shelf, Found],
        cores: Sequence[Remains] = (),
    ) -> None:
        self.together = together
        self.apart = apart
        self.cores = cores
        self.found = dict(found)
        self.silent: dict[Shelf, str] = {}
        self.asking: tuple[str, float, Shelf | None] = ("", time.monotonic(), None)
        self._missing: dict[Shelf, list[Item]] = {}
        self._scan = scan = together.scan if together is not None else Scan()
        self._erased = together.erased if together is not None else frozenset()
        self._copies = 0 if together is None else len(apart) or 1
        self._most = {s: most for s, most in scan.shelves.items() if s[1] not in self._erased}
        self._touched = scan.touched.union(*(source.scan.touched for source in apart))
        self._uncounted = set(scan.uncounted)
        for core in cores:
            self._add(core)

    @property
    def complete(self) -> bool:
        """Whether every shelf was looked at."""
        return len(self.found) == len(self._most)

    def look(self, spent: Callable[[], float], tick: Callable[[int, int], None]) -> None:
        """Look at shelves until all of what may be ``spent`` is (0: nothing, 1: all, asked
        before each shelf), or every shelf was looked at, or nothing answers any more.

        Raises Silent where one copy does not and there are other sources."""
        silences: list[str] = []
        for shelf in self._draw(spent):
            try:
                self.found[shelf] = self._look(shelf)
                silences = []
            except BackendError as error:
                self.silent[shelf] = error.what
                silences.append(self.asking[0])
                if len(silences) == SILENCES:
                    self._give_up(silences, error.what)
                    break
            tick(len(self.found), len(self._most))
        self._search()

    def tell(self) -> dict[str, Figures]:
        """The figures of each kind, and of all of them under "". All ranges of one figure hold
        together, as often as ``ERROR`` says."""
        strata: dict[Stratum, list[Shelf]] = {}
        for shelf in self._most:
            strata.setdefault((shelf[0], shelf in self._touched), []).append(shelf)
        told = {
            stratum: self._figures(shelves, ERROR / len(strata))
            for stratum, shelves in strata.items()
        }
        kinds = sorted({kind for kind, _ in told}, key=in_order)
        each = {kind: _sum([told[one] for one in sorted(told) if one[0] == kind]) for kind in kinds}
        return each | {"": _sum(list(told.values()))} if told else {}

    def _give_up(self, silences: Sequence[str], why: str) -> None:
        """Raises Silent where the others can be looked at without the copy that failed."""
        name = silences[0]
        if self.cores and self._copies == 1 and self.together is not None:
            name = self.together.name
        if name and {*silences} == {silences[0]}:
            raise Silent(name, why)

    def _draw(self, spent: Callable[[], float]) -> Iterator[Shelf]:
        """The shelves not looked at yet, at random: the touched ones for half of the time."""
        left = sorted(self._most.keys() - self.found.keys())
        random.shuffle(left)
        touched = [shelf for shelf in left if shelf in self._touched]
        others = [shelf for shelf in left if shelf not in self._touched]
        while (touched or others) and (share := spent()) < 1:
            yield (touched if touched and (share < TOUCHED or not others) else others).pop()

    def _look(self, shelf: Shelf) -> Found:
        """Raises BackendError."""
        apart: list[Image] = []
        together = self._unread(shelf)
        self.asking = ("", time.monotonic(), shelf)
        data_key = self.together.key(shelf[1]) if self.together is not None else None
        if self.together is not None and data_key is not None:
            for source in self.apart:  # one that is silent is named before all are asked together
                self.asking = (source.name, time.monotonic(), shelf)
                apart.append(source.look(shelf, data_key))
            self.asking = ("", time.monotonic(), shelf)
            together = self.together.look(shelf, data_key)
        found, missing = find(
            together,
            apart or [together] * self._copies,
            [core.look(shelf, to_merge=self._copies > 0) for core in self.cores],
            uncounted=shelf in self._uncounted,
            untorn=not self._scan.torn,
        )
        if missing:
            self._missing[shelf] = missing
        return found

    def _unread(self, shelf: Shelf) -> Image:
        """A shelf that no copy can open: all that it may have had is lost there."""
        kind, account = shelf
        last, ends = self.together.head(shelf) if self.together is not None else (0, {})
        unread = self._scan.shelves.get(shelf, 0)
        image = Image(account, kind, exists=False, last=last, ends=ends, unread=unread)
        image.problems.append("no key of it opens")
        return image

    def _add(self, core: Remains) -> None:
        """Count what a core may have beyond what the copies list."""
        for shelf in core.shelves:
            if shelf[1] in self._erased:
                continue
            last, ends = self.together.head(shelf) if self.together is not None else (0, {})
            rows = core.look(shelf, to_merge=self._copies > 0).newest.values()
            more = sum(bool(row.collection) and is_beyond(row.seq, last, ends) for row in rows)
            if shelf not in self._most:
                self._uncounted.add(shelf)
            self._most[shelf] = self._most.get(shelf, 0) + more
            if more:
                self._touched.add(shelf)

    def _search(self) -> None:
        """Look in damaged cores for bodies that no row of theirs calls by name."""
        missing = [(shelf[1], item) for shelf, items in self._missing.items() for item in items]
        if not missing or not self.cores:
            return
        self.asking = ("", float("inf"), None)  # a file that was read to its end answers
        there = [core.search(missing) for core in self.cores]
        for shelf, items in self._missing.items():
            holders = [
                [n for n, digests in enumerate(there, self._copies) if item.digest in digests]
                for item in items
            ]
            self.found[shelf] = find_more(self.found[shelf], holders)
        self._missing.clear()

    def _figures(self, shelves: Sequence[Shelf], error: float) -> Figures:
        """Of one stratum."""
        found = {shelf: self.found[shelf] for shelf in shelves if shelf in self.found}
        silent = [self._most[shelf] for shelf in shelves if shelf in self.silent]
        unseen = [shelf for shelf in shelves if shelf not in found and shelf not in self.silent]
        most = [self._most[shelf] for shelf in unseen]

        def total(count: Callable[[Found], int], more: Callable[[Found], int] = _none) -> Range:
            looked = [Looked(most, 0, most) for most in silent]
            for shelf, one in found.items():
                low = count(one)
                high = low + more(one)
                looked.append(Looked(max(high, self._most[shelf]), low, high))
            return sum_range(looked, most, error)

        lacking = [Looked(1, one.lacking, one.lacking) for one in found.values()]
        lacking += [Looked(1, 0, 1)] * len(silent)
        numbers = range(self._copies + len(self.cores))
        return Figures(
            len(shelves),
            len(found),
            sum(found[s].uncounted if s in found else s in self._uncounted for s in shelves),
            sum_range(lacking, [1] * len(unseen), error),
            total(lambda one: one.known, lambda one: one.unnamed),
            total(lambda one: one.proven),
            total(lambda one: one.recoverable),
            total(lambda one: one.missing, lambda one: one.unnamed),
            [total(_nth(lambda one: one.holds, n)) for n in numbers],
            [total(_nth(lambda one: one.alone, n)) for n in numbers],
        )


def _none(_: Found) -> int:
    return 0


def _nth(each: Callable[[Found], list[int]], number: int) -> Callable[[Found], int]:
    return lambda one: each(one)[number]


def _sum(parts: Sequence[Figures]) -> Figures:
    numbers = range(len(parts[0].holds))
    return Figures(
        sum(part.shelves for part in parts),
        sum(part.looked for part in parts),
        sum(part.uncounted for part in parts),
        add(part.lacking for part in parts),
        add(part.known for part in parts),
        add(part.proven for part in parts),
        add(part.recoverable for part in parts),
        add(part.missing for part in parts),
        [add(part.holds[n] for part in parts) for n in numbers],
        [add(part.alone[n] for part in parts) for n in numbers],
    )
