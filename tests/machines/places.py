"""The vault's places in the life of a service: added, removed, worn, and lost beside the core.

A place is whole when it has, by itself, all that was acknowledged; a worn one makes up for that
with another one, until it is added again, which heals it.
"""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.machines.world import World
from tests.recovery.faults import Died, Fault, Faulty, died_after, died_before

from stillhere.recovery.recovery import Recovery
from stillhere.replication import copies
from stillhere.replication.copies import add_copy, remove_copy
from stillhere.replication.members import read_members
from stillhere.replication.start import open_core
from stillhere.vault.backends import Backend
from stillhere.vault.backends.place import Place

MOST = 3
WORN = 12  # objects at most, each time


class Places(World):
    """What may happen to the copies of the vault."""

    def __init__(self) -> None:
        super().__init__()
        self.worn: set[Path] = set()
        self.joining: Path | None = None
        self.left: list[Path] = []
        self._numbers = count(2)

    @property
    def whole(self) -> list[Path]:
        """The places that a recovery may start from alone."""
        return [place for place in self.places if place not in self.worn]

    @precondition(lambda self: self.at_work)
    @rule(which=st.integers(0, MOST), again=st.booleans())
    def add_place(self, which: int, again: bool) -> None:
        """A new one; one that was left, whatever it has missed; or one of these, which heals it."""
        place = self._choose(which, again=again)
        if place is not None:
            self._add(place)

    @precondition(lambda self: self.at_work)
    @rule(
        which=st.integers(0, MOST),
        steps=st.integers(0, 60),
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_adding_a_place(self, which: int, steps: int, fault: Fault, power: bool) -> None:
        """The process ends in the middle, or before anybody hears of its end; the same command
        goes on, perhaps after a while."""
        place = self._choose(which, again=False)
        if place is None:
            return
        plan = [*[None] * steps, fault]

        def faulty(at: Place, *, create: bool = False) -> Backend:
            opened = Faulty(Path(at), create=create)
            opened.plan = plan  # the same for all
            return opened

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(copies, "open_place", faulty)
            self._reopen()
            with suppress(Died):
                add_copy(self.core(), place, lambda done, total: None)
        if place in self.left:
            self.left.remove(place)
        self.joining = place
        self.crash_now(power)

    @precondition(lambda self: self.at_work and len(self.places) > 1)
    @rule(which=st.integers(0, MOST))
    def remove_place(self, which: int) -> None:
        """The core goes on without it."""
        place = self.places[which % len(self.places)]
        if len(self.whole) == 1 and place in self.whole:
            return
        self._reopen()
        home = self.core().core.home
        if str(place) in read_members(home, str(place)).places:  # else it was left behind
            remove_copy(home, (), place)
        self._leave(place)

    @precondition(lambda self: self.gone and self.zombie is None and len(self.whole) > 1)
    @rule(which=st.integers(0, MOST))
    def lose_place(self, which: int) -> None:
        """It burns together with the core."""
        place = self.whole[which % len(self.whole)]
        shutil.rmtree(place)
        self._leave(place)

    @precondition(lambda self: self.gone and len(self.places) > 1)
    @rule(which=st.integers(0, MOST), seed=st.integers(0, 2**32))
    def wear_place(self, which: int, seed: int) -> None:
        """Objects of one place are gone, cut short, or other bytes."""
        worn = [*self.worn, *self.whole[1:]]
        place = sorted(worn)[which % len(worn)]
        self.worn.add(place)
        rng = random.Random(seed)
        paths = sorted(path for path in place.rglob("*") if path.is_file())
        objects = [path for path in paths if not path.name.startswith("format")]
        for path in rng.sample(objects, min(rng.randint(1, WORN), len(objects))):
            data = bytearray(path.read_bytes())
            if rng.random() < 0.3 or not data:
                path.unlink()
            elif rng.random() < 0.3:
                path.write_bytes(data[: rng.randrange(len(data))])
            else:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                path.write_bytes(data)

    @precondition(lambda self: self.gone and len(self.places) > 1)
    @rule(which=st.integers(0, MOST))
    def forget_place(self, which: int) -> None:
        """Whoever recovers does not name it; nothing is written to it from then on."""
        place = self.places[which % len(self.places)]
        if self.whole != [place]:
            self._leave(place)

    @precondition(lambda self: self.gone)
    @rule()
    def begin_recovery(self) -> None:
        """From all that is known, in any order, and not from what was only joining."""
        home = self.resumed or self.new_home()
        if self.resumed is None:
            self.epoch += 1
            for book in self.books.values():
                book.end_epoch(self.epoch)
        if self.joining is not None:
            self.left.append(self.joining)
            self.joining = None
        turn = next(self.turns) % len(self.places)
        place, *more = [*self.places[turn:], *self.places[:turn]]
        self.recovery = Recovery(home, place, self.kit, self.announce, more=more)
        self.working = self.recovery.begin()
        assert self.working.identity.epoch == self.epoch
        if self.zombie is not None:
            self.assert_fenced(self.zombie)
            self.end_zombie()

    def _choose(self, which: int, *, again: bool) -> Path | None:
        if self.joining is not None:
            return self.joining
        if again and len(self.places) > 1:
            others = [place for place in self.places if self.whole != [place]]
            return others[which % len(others)]
        if len(self.places) == MOST:
            return None
        new = self.folder / f"vault-{next(self._numbers)}"
        return [*self.left, new][which % (len(self.left) + 1)]

    def _add(self, place: Path) -> None:
        self._reopen()
        add_copy(self.core(), place, lambda done, total: None)
        self.worn.discard(place)
        self.joining = None
        if place in self.left:
            self.left.remove(place)
        if place not in self.places:
            self.places.append(place)

    def _leave(self, place: Path) -> None:
        self.places.remove(place)
        self.worn.discard(place)
        self.left.append(place)

    def _reopen(self) -> None:
        """Over the places themselves, none of which fails."""
        working, self.working = self.core(), None
        working.close()
        self.working = open_core(working.core.home)
