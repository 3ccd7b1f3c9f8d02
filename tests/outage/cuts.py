"""One life, cut off after every operation: each distinct state of the disks is tried once."""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.outage.disk import (
    BYTES,
    CUTS,
    GROWN,
    KEPT,
    NAMES,
    SYNCED,
    TORN,
    Cut,
    Disk,
    Tree,
    lay_out,
)
from tests.outage.judge import Site, after_a_life
from tests.outage.lives import MARKS
from tests.outage.record import Op, record, said

LIVES = Path(__file__).with_name("lives.py")
DISKS = ("core", "next", "vault", "second", "kit")
PAIRS = [
    *((cut, cut) for cut in CUTS),
    (SYNCED, KEPT),
    (KEPT, SYNCED),
    (TORN, SYNCED),
    (SYNCED, TORN),
    (NAMES, BYTES),
    (GROWN, TORN),
    (TORN, TORN),
]
"""How the cores' disks and the vault's lose their power: each in its own way."""

Judge = Callable[[Site], Iterator[tuple[str, list[str]]]]


class Finding(NamedTuple):
    """Something that must not be: in which life, after which operation, how the disks were left,
    on which way back, and where they are kept."""

    life: str
    point: int
    after: str
    cuts: str
    way: str
    what: str
    kept: str


@dataclass
class Tally:
    """What was tried: operations recorded, points cut at, distinct disks, and ways back."""

    operations: int = 0
    points: int = 0
    disks: int = 0
    tries: int = 0
    findings: list[Finding] = field(default_factory=list)


class Life(NamedTuple):
    """One process: what it does, where it ends itself (0: not), and what is wrong with it."""

    does: str
    nth: int = 0
    spoilt: str = ""


@dataclass
class Recorded:
    """Lives that followed each other on the same disks. The power goes during the last."""

    name: str
    judge: Judge
    disk: Disk
    before: list[str]
    ops: list[Op]

    @property
    def ended(self) -> int:
        """How many of the lives before the last came to their own end."""
        return sum('"over"' in line for line in self.before)

    def lines(self, point: int) -> list[str]:
        """What had been said when the power went."""
        return self.before + [line for at, line in said(self.ops) if at <= point]


def live(lives: Sequence[Life], folder: Path, judge: Judge = after_a_life) -> Recorded:
    """Record lives on disks that are new."""
    return live_on(lives, folder, {name: {} for name in DISKS}, [], judge)


def live_on(
    lives: Sequence[Life],
    folder: Path,
    trees: dict[str, Tree],
    lines: Iterable[str],
    judge: Judge,
) -> Recorded:
    """Record lives on disks that a power cut has left."""
    for name, tree in trees.items():
        lay_out(tree, folder / name)
    (folder / MARKS).touch()
    disk, before = Disk.of(folder), list(lines)
    name = " ".join(f"{life.does}{life.nth or ''}{life.spoilt}" for life in lives)
    for life in lives[:-1]:
        ops = _record(life, folder)
        disk.begin()
        for op in ops:
            disk.apply(op)
        before += [line for _, line in said(ops)]
    ops = _record(lives[-1], folder)
    disk.begin()
    return Recorded(name, judge, disk, before, ops)


def _record(life: Life, folder: Path) -> list[Op]:
    command = [sys.executable, str(LIVES), life.does, str(folder), str(life.nth), life.spoilt]
    return record(command, folder, MARKS)


def cut(
    recorded: Recorded,
    folder: Path,
    seed: str,
    *,
    points: int | None = None,
    pairs: int | None = None,
) -> Tally:
    """Cut a recorded life off after each of its operations, or after ``points`` of them, in
    every way or in ``pairs`` of them. Consumes the recording.

    Disks on which something was found stay in ``folder``."""
    rng = random.Random(seed)
    tally = Tally(len(recorded.ops))
    seen: set[bytes] = set()
    for point in _advance(recorded, rng, points):
        tally.points += 1
        lines = recorded.lines(point)
        chosen = PAIRS if pairs is None else rng.sample(PAIRS, pairs)
        for number, (cores, vault) in enumerate(chosen):
            trees = left(recorded.disk, cores, vault, f"{seed}:{point}:{number}")
            mark = _digest(trees, len(lines))
            if mark in seen:
                continue
            seen.add(mark)
            found = _try(recorded, folder / f"{point}-{number}", lines, trees)
            tally.disks += 1
            tally.tries += len(found)
            after = recorded.ops[point - 1] if point else Op("nothing", "")
            tally.findings += [
                Finding(
                    recorded.name,
                    point,
                    f"{after.what} {after.path} {after.other}".strip(),
                    f"{cores.name}/{vault.name}",
                    way,
                    what,
                    str(folder / f"{point}-{number}"),
                )
                for way, whats in found
                for what in whats
            ]
    return tally


def left_at(recorded: Recorded, seed: str) -> tuple[dict[str, Tree], list[str]]:
    """The disks as one cut leaves them, at a point after ``init``, and what was said by then.

    Consumes the recording."""
    rng = random.Random(seed)
    founded = next((at for at, line in said(recorded.ops) if '"founded"' in line), 0)
    point = next(_advance(recorded, rng, 1, founded))
    trees = left(recorded.disk, *rng.choice(PAIRS), seed)
    return trees, recorded.lines(point)


def left(disk: Disk, cores: Cut, vault: Cut, seed: str) -> dict[str, Tree]:
    """Every disk as a cut leaves it; that of the vault's second place in a way of its own."""
    ways = {"vault": vault, "second": random.Random(f"{seed}:second").choice(CUTS)}
    return {name: disk.left_by(ways.get(name, cores), f"{seed}:{name}", name) for name in DISKS}


def _advance(
    recorded: Recorded, rng: random.Random, points: int | None, first: int = 0
) -> Iterator[int]:
    """Go through the life, stopping at every point, or at so many of those from ``first`` on."""
    every = range(first, len(recorded.ops) + 1)
    chosen = set(every if points is None else rng.sample(every, min(points, len(every))))
    for point in range(len(recorded.ops) + 1):
        if point:
            recorded.disk.apply(recorded.ops[point - 1])
        if point in chosen:
            yield point


def _try(
    recorded: Recorded, at: Path, lines: Sequence[str], trees: dict[str, Tree]
) -> list[tuple[str, list[str]]]:
    for name, tree in trees.items():
        lay_out(tree, at / "disks" / name)
    (at / MARKS).write_text("\n".join(lines))
    found = list(recorded.judge(Site(at / "disks", lines).copy("start")))
    if not any(whats for _, whats in found):
        shutil.rmtree(at)
    return found


def _digest(trees: dict[str, Tree], lines: int) -> bytes:
    digest = hashlib.blake2b(str(lines).encode())
    for name, tree in trees.items():
        for path, data in tree.items():
            digest.update(f"{name}/{path}\0{-1 if data is None else len(data)}\0".encode())
            digest.update(data or b"")
    return digest.digest()
