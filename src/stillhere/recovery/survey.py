"""A survey: what can still be had from every source at hand, before anything is recovered.

    scan    every shelf that must exist, from listings; those that something is the matter with
            are a stratum of their own
    look    shelf by shelf, drawn at random, the touched ones first for half of the time: each is
            proven from all copies together, as a recovery would, and from each by itself
    tell    how many records are proven, recoverable, known and not found; with the range of what
            was not looked at yet, exact when everything was

Nothing is written anywhere. Whoever calls keeps what was found, and may go on from it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stillhere.recovery.estimate import Looked, Range, add, sum_range
from stillhere.recovery.found import Found, find, find_nothing
from stillhere.recovery.source import Shelf, Source
from stillhere.vault.backends import BackendError

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
    ``holds`` and ``alone`` say how many records each copy has, and it alone."""

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


class Survey:
    """One survey of copies ``together``, and ``apart`` as far as each can be read by itself (none
    where there is one alone). ``found`` has what was seen, and may come from an earlier survey;
    ``silent`` the shelves that a source gave no answer about, and why."""

    def __init__(
        self, together: Source, apart: Sequence[Source], found: Mapping[Shelf, Found]
    ) -> None:
        self.together = together
        self.apart = apart
        self.found = dict(found)
        self.silent: dict[Shelf, str] = {}
        scan = together.scan
        self._most = {s: most for s, most in scan.shelves.items() if s[1] not in together.erased}
        self._touched = scan.touched.union(*(source.scan.touched for source in apart))

    @property
    def complete(self) -> bool:
        """Whether every shelf was looked at."""
        return len(self.found) == len(self._most)

    def look(self, spent: Callable[[], float], tick: Callable[[int, int], None]) -> None:
        """Look at shelves until all of what may be ``spent`` is (0: nothing, 1: all, asked
        before each shelf), or every shelf was looked at, or a source is silent for good."""
        silences = 0
        for shelf in self._draw(spent):
            try:
                self.found[shelf] = self._look(shelf)
                silences = 0
            except BackendError as error:
                self.silent[shelf] = error.what
                silences += 1
                if silences == SILENCES:
                    return
            tick(len(self.found), len(self._most))

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
        kinds = sorted({kind for kind, _ in told})
        each = {kind: _sum([told[one] for one in sorted(told) if one[0] == kind]) for kind in kinds}
        return each | {"": _sum(list(told.values()))} if told else {}

    def _draw(self, spent: Callable[[], float]) -> Iterator[Shelf]:
        """The shelves not looked at yet, at random: the touched ones for half of the time."""
        left = sorted(self._most.keys() - self.found.keys())
        random.shuffle(left)
        touched = [shelf for shelf in left if shelf in self._touched]
        others = [shelf for shelf in left if shelf not in self._touched]
        while (touched or others) and (share := spent()) < 1:
            yield (touched if touched and (share < TOUCHED or not others) else others).pop()

    def _look(self, shelf: Shelf) -> Found:
        uncounted = shelf in self.together.scan.uncounted
        data_key = self.together.key(shelf[1])
        if data_key is None:
            return find_nothing(self._most[shelf], len(self.apart) or 1, uncounted=uncounted)
        together = self.together.look(shelf, data_key)
        apart = [source.look(shelf, data_key) for source in self.apart]
        return find(together, apart or [together], uncounted=uncounted)

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
        numbers = range(len(self.apart) or 1)
        uncounted = self.together.scan.uncounted
        return Figures(
            len(shelves),
            len(found),
            sum(found[s].uncounted if s in found else s in uncounted for s in shelves),
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
