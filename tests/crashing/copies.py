"""The places of a vault whose core is killed: some are added, healed, removed, and lost.

A command that was killed leaves its place in doubt: it may lack something, or not count any more.
Every other place that counts has, by itself, all that was acknowledged.
"""

from __future__ import annotations

import random
import shutil
from itertools import count
from pathlib import Path

from tests.live.core import Core, Ended, Process

PATIENCE_S = 60.0
NOT_ONE = "is no copy of this core's vault"  # says a removal whose first attempt got that far


class Copies:
    """The places of one chain. ``whole`` has those that a recovery may start from alone."""

    def __init__(self, core: Core, number: int) -> None:
        """``number`` is how many there are at first. Raises Ended."""
        self._core = core
        self._numbers = count(2)
        self.whole = [core.vault]
        self._doubtful: list[Path] = []  # one at most
        self._left: list[Path] = []
        self._command = ""
        self._place = core.vault
        while len(self.whole) < number:
            self._command, self._place = "add", self._new()
            self.end(core.copies("add", self._place), kill=False)

    def change(self, rng: random.Random) -> Process:
        """Begins a command beside the running server; what was cut short is done first."""
        if self._doubtful:
            self._command = rng.choice(("add", "add", "remove"))
            (self._place,) = self._doubtful
        elif len(self.whole) > 1:
            self._command = rng.choice(("add", "add", "remove"))  # to add one again heals it
            self._place = rng.choice(self.whole)
        else:
            self._command = "add"
            self._place = rng.choice([*self._left, self._new()])
        return self._core.copies(self._command, self._place)

    def end(self, process: Process, *, kill: bool) -> None:
        """Kills the command, or sees it end; the server may be dead. Raises Ended."""
        code: int | None = None
        try:
            if not kill:
                code = process.process.wait(PATIENCE_S)
        finally:
            process.kill()
        words = process.log.read_text("utf-8")
        if code and not (self._command == "remove" and NOT_ONE in words):
            raise Ended(f"vault {self._command} {self._place} ended with {code}: {words}", code)
        for known in (self.whole, self._doubtful, self._left):
            if self._place in known:
                known.remove(self._place)
        if code is None:
            self._doubtful = [self._place]
        else:
            (self.whole if self._command == "add" else self._left).append(self._place)

    @property
    def can_be_lost(self) -> bool:
        """Whether a place can be lost without any change."""
        return len(self.whole) > 1

    def lose(self, rng: random.Random) -> Path:
        """Deletes one of those that are whole; another one is left."""
        place = self.whole.pop(rng.randrange(len(self.whole)))
        shutil.rmtree(place)
        self._left.append(place)
        return place

    def go_on_without(self, place: Path, server: Process) -> None:
        """A server waits while a copy is away, and serves when it is removed. Raises Ended."""
        server.wait_for("refusing")
        code, words = self._core.ask("vault", "remove", str(place))
        if code:
            raise Ended(f"vault remove {place}, which is gone, ended with {code}: {words}", code)

    def to_recover_from(self, rng: random.Random, lost: Path | None) -> list[Path]:
        """What somebody names who remembers more or less which places there were: not every
        one, in any order; at least one is whole."""
        others = [*self.whole, *self._doubtful, *([lost] if lost is not None else [])]
        first = rng.choice(self.whole)
        others.remove(first)
        named = [first, *(place for place in others if rng.random() < 0.7)]
        # What it does not name it does not write to from now on.
        self._left += [place for place in self.whole if place not in named]
        self.whole = [place for place in self.whole if place in named]
        rng.shuffle(named)
        return named

    def _new(self) -> Path:
        return self._core.folder / f"vault-{next(self._numbers)}"
