"""Killed at any moment and begun again with the same home, a recovery goes on.

Real processes are killed with SIGKILL while phones write to them. Which moment it is decides
nothing: whatever was acknowledged before, is there afterwards.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from tests.recovery.service import Person, Worn
from tests.recovery.victim import End, Order, Victims, body_of, victims

from stillhere.errors import BadInput, Closed, Damaged, NotFound
from stillhere.recovery.report import tally_verdicts
from stillhere.replication.start import Working, open_core
from stillhere.replication.verify import verify

LIVES = 3
ROUNDS = 60 if os.environ.get("STILLHERE_LONG") else 6
CHANGES_AT_MOST = 500
STRIDE = 1 if os.environ.get("STILLHERE_LONG") else 7


@pytest.fixture(scope="module")
def killed() -> Iterator[Victims]:
    """Processes to be killed."""
    with victims() as started:
        yield started


class Phones:
    """What was acknowledged to phones that write to one recovering process after another."""

    def __init__(self, worn: Worn) -> None:
        self.names = tuple(person.account.hex() for person in worn.people[:3])
        self.kept: dict[str, int] = defaultdict(int)

    def hear(self, end: End) -> None:
        """Take in what one process has acknowledged."""
        assert end.error == ""
        for phone, number in end.acknowledged.items():
            self.kept[phone] = max(self.kept[phone], number)


def finish(worn: Worn, home: Path, phones: Phones) -> None:
    """The last life, which nobody ends: everything is there, and nothing else."""
    with _come_back(worn, home) as working:
        tally = tally_verdicts(working.core)
        assert tally.incomplete == 0
        assert tally.shelves == worn.shelves
        for person in worn.people:
            _compare(working, person, phones.kept[person.account.hex()])
        verified = verify(working)
        assert verified.proven, verified.findings


@contextmanager
def _come_back(worn: Worn, home: Path) -> Iterator[Working]:
    """The recovery gone on with; the core it has become where it was whole already."""
    try:
        working = open_core(home)
    except (Closed, NotFound, BadInput, Damaged):
        with worn.recovered(home) as working:
            yield working
    else:
        yield working
        working.close()


def _compare(working: Working, person: Person, kept: int) -> None:
    with working.store.read(person.account, "contacts") as shelf:
        rows = {(r.collection, r.href): (r.seq, body) for r, body in shelf.everything()}
    during = {key: rows.pop(key)[1] for key in list(rows) if key[1].startswith("during ")}
    assert rows == person.book.rows
    for number in range(1, kept + 1):
        assert ("contacts", f"during {number}.vcf") in during, "an acknowledged write is missing"
    for (_, href), body in during.items():
        number = int(href.removeprefix("during ").removesuffix(".vcf"))
        assert body == body_of(person.account.hex(), number)
    with working.store.read(person.account, "account") as shelf:
        assert shelf.chain == person.own.chain


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_random_moments(lived: Worn, tmp_path: Path, killed: Victims, seed: int) -> None:
    rng = random.Random(seed)
    trial = lived.copy(tmp_path / "trial")
    took = _send(killed, trial, tmp_path / "trial" / "home").seconds
    worn = lived.copy(tmp_path / "real")
    home, phones = tmp_path / "real" / "home", Phones(worn)
    for _ in range(LIVES):
        seconds = rng.uniform(0.001, 1.2 * took)
        end = _send(killed, worn, home, seconds=seconds, phones=phones.names)
        phones.hear(end)
        if not end.killed:
            break
    finish(worn, home, phones)


def test_killed_before_one_change_after_another(
    lived: Worn, tmp_path: Path, killed: Victims
) -> None:
    """Each life gets a few changes further than the one before, in one and the same home."""
    worn = lived.copy(tmp_path)
    for step in count(1, STRIDE):
        assert step < CHANGES_AT_MOST, "a recovery never gets to its end"
        end = _send(killed, worn, tmp_path / "home", steps=step)
        assert end.error == ""
        if not end.killed:
            break
    finish(worn, tmp_path / "home", Phones(worn))


@pytest.mark.parametrize("step", range(20, 120, 20 if STRIDE > 1 else 2))
def test_killed_before_a_change_and_finished(
    lived: Worn, tmp_path: Path, killed: Victims, step: int
) -> None:
    worn = lived.copy(tmp_path)
    phones = Phones(worn)
    end = _send(killed, worn, tmp_path / "home", steps=step, phones=phones.names)
    phones.hear(end)
    finish(worn, tmp_path / "home", phones)


def _send(
    killed: Victims,
    worn: Worn,
    home: Path,
    *,
    steps: int = 0,
    seconds: float = 0.0,
    phones: tuple[str, ...] = (),
) -> End:
    order = Order(
        str(home),
        str(worn.place),
        worn.kit.text(),
        run=True,
        steps=steps,
        seconds=seconds,
        phones=phones,
    )
    return killed.send(order)
