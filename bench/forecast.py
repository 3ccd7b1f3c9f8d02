"""Forty drills and recoveries of eight sizes, each held against what was forecast of it.

Every vault is proven once (`stillhere verify`), which measures its rates. Then drills and
recoveries run in an order drawn by lot, as processes, every other one by lot beside a process
that only burns time. The vaults stand for one service that has had all these sizes: each core is
given the drills of the others that were before. Before each run `stillhere status` is asked what a
loss would cost. A stage that is over after its p90 was not held.

A recovery tells everybody how far it is meanwhile, with forecasts of its own; these are counted
apart. So is what would have been said from that core's own drills before it, without any drills,
and from the drills of all the other sizes alone.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import dav
from load import Connection
from options import Options
from processes import Watched, run_cli, stop
from stillhere.recovery.drill import KEPT, Drilled, past_drills
from stillhere.server.figures import count_kinds
from stillhere.server.forecast import forecast
from stillhere.server.incident import Desk
from stillhere.server.rates import Rates, last_measured
from stillhere.status.core import KindFigures
from stillhere.store.core import Core
from stillhere.store.schema import connect, set_meta
from vaults import Vault, build

SIZES = {  # accounts: contacts of each, by lot between
    20: (5, 300),
    60: (5, 40),
    150: (5, 300),
    300: (100, 300),
    600: (5, 100),
    1200: (5, 300),
    2000: (5, 60),
    3000: (50, 300),
}
RUNS = ("drill", "drill", "drill", "recover", "recover")  # of each size
MOST_BURNING = 1
SEED = 2009
PATIENCE_S = 120
STAGES = ("first contact", "mirrored", "contacts", "whole")
BURN = "while True: pass"

Told = dict[str, tuple[float, float]]
"""p50 and p90 of each stage, in seconds."""


@dataclass
class Run:
    """One drill or recovery, after so many drills: what was said before it, and what happened."""

    accounts: int
    what: str
    burning: int
    drills_before: int
    said: Told
    happened: dict[str, float]


@dataclass(frozen=True)
class Subject:
    """A vault with its core, and what the core has measured."""

    vault: Vault
    rates: Rates
    kinds: list[KindFigures]

    @property
    def home(self) -> Path:
        """The core's home."""
        return self.vault.folder / "home"

    def remember(self, drills: Sequence[Drilled]) -> None:
        """Have its core know of these drills."""
        sql = connect(self.home)
        with sql:
            set_meta(sql, "drills", msgspec.msgpack.encode(drills[-KEPT:]))
        sql.close()

    def last(self) -> Drilled:
        """The newest drill that its core knows of."""
        core = Core(self.home)
        try:
            return past_drills(core)[-1]
        finally:
            core.close()

    def forecast(self, drills: Sequence[Drilled]) -> Told:
        """What is said where there were these drills."""
        expected = forecast(self.rates, drills, self.kinds)
        return {until.stage: (until.p50_s, until.p90_s) for until in expected.stages}


def run(options: Options) -> dict[str, Any]:
    """Every run in the order of the lot."""
    sizes = dict(list(SIZES.items())[:2]) if options.quick else SIZES
    lot = random.Random(SEED)
    plan = [(n, what, lot.randint(0, MOST_BURNING)) for n in sizes for what in RUNS]
    lot.shuffle(plan)
    with (
        tempfile.TemporaryDirectory(prefix="bench-forecast-", dir=options.scratch) as scratch,
        _witness_in(Path(scratch) / "state"),
    ):
        subjects = {n: _prepare(build(n, options, books)) for n, books in sizes.items()}
        runs, drills, during = _play(subjects, plan, Path(scratch), options)
    return {
        "runs": [_row(made) for made in runs],
        "during": during,
        "counted": {
            way: {stage: _hold(told, runs, stage) for stage in STAGES}
            for way, told in _ways(subjects, runs, drills).items()
        },
        "counted_during": _held([(d["p50_s"], d["p90_s"], d["took_s"]) for d in during]),
        "notes": [
            f"Beside {sum(made.burning > 0 for made in runs)} runs a process burned time.",
            "Own drills: from those of its size before it. No drills: from verify's rates alone.",
            "Other sizes: from all drills but those of its size.",
            "Everything read is in the page cache.",
        ],
    }


def _play(
    subjects: dict[int, Subject], plan: list[tuple[int, str, int]], scratch: Path, options: Options
) -> tuple[list[Run], list[Drilled], list[dict[str, Any]]]:
    """The runs, the drills among them, and what was said during recoveries."""
    runs: list[Run] = []
    drills: list[Drilled] = []
    during: list[dict[str, Any]] = []
    for accounts, what, burning in plan:
        subject = subjects[accounts]
        subject.remember(drills)
        said, happened, told = _one(subject, what, burning, scratch / str(len(runs)))
        runs.append(Run(accounts, what, burning, len(drills), said, happened))
        if what == "drill":
            drills.append(subject.last())
        during += told
        options.say(f"{len(runs)}: {_in_words(runs[-1])}")
    return runs, drills, during


def _prepare(vault: Vault) -> Subject:
    """A core that has just measured its rates."""
    home = vault.folder / "home"
    run_cli("verify", "--home", str(home))
    core = Core(home)
    try:
        rates = last_measured(core)
        assert rates is not None
        return Subject(vault, rates, count_kinds(core.reader())[0])
    finally:
        core.close()


def _one(
    subject: Subject, what: str, burning: int, folder: Path
) -> tuple[Told, dict[str, float], list[dict[str, Any]]]:
    with _burning(burning):
        status = json.loads(run_cli("status", "--json", "--home", str(subject.home)))
        said = {u["stage"]: (u["p50_s"], u["p90_s"]) for u in status["loss"]["stages"]}
        if what == "drill":
            return said, _drill(subject), []
        folder.mkdir()
        return said, *_recover(subject, folder)


def _drill(subject: Subject) -> dict[str, float]:
    kit = str(subject.vault.folder / "kit.txt")
    told = json.loads(run_cli("drill", "--json", "--home", str(subject.home), "--kit", kit))
    return {
        "first contact": told["first_contact_s"],
        "mirrored": told["mirrored_s"],
        **told["stages"],
        "whole": told["whole_s"],
    }


def _recover(subject: Subject, folder: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """A recovery that serves and tells everybody, and what it told."""
    state, page = str(folder / "told"), str(folder / "page")
    run_cli("status", "publish", "--to", page, "--state", state, "--home", str(subject.home))
    with _witness_in(folder / "state"):
        watched = subject.vault.recover(folder, "--publish", page, "--state", state)
        try:
            happened = {"first contact": _ask(subject.vault, watched)}
            watched.wait_for("whole", PATIENCE_S)
        finally:
            watched.end()
    for event in watched.seen:
        if event["event"] in ("mirrored", "stage", "whole"):
            happened[event.get("kind", event["event"])] = event["at_s"]
    return happened, _told_during(Path(state), len(subject.vault.people))


def _ask(vault: Vault, watched: Watched) -> float:
    """Seconds until the first person has their contacts."""
    person = vault.people[0]
    connection = Connection(watched.address())
    deadline = time.perf_counter() + PATIENCE_S
    while (answer := connection.ask(person.ask_for_all())).status == 503:
        if time.perf_counter() > deadline:
            raise TimeoutError("no first contact")
        time.sleep(0.02)
    connection.close()
    if dav.count_bodies(answer.body) != person.book:
        raise RuntimeError(f"{answer.status}, {dav.count_bodies(answer.body)} contacts")
    return time.perf_counter() - watched.started


def _told_during(state: Path, accounts: int) -> list[dict[str, Any]]:
    """What a recovery said of itself while it ran, in seconds from its beginning."""
    progress = Desk(state).progress()
    found = []
    if progress is None:
        raise RuntimeError("nothing was told")
    for made in progress.forecasts:
        over = progress.reached_at(made.stage)
        if over is None:
            raise RuntimeError(f"{made.stage} was never over")
        times = {
            name: (at - progress.began_at) / 1000
            for name, at in zip(
                ("made_s", "p50_s", "p90_s", "took_s"),
                (made.made_at, made.p50_at, made.p90_at, over),
                strict=True,
            )
        }
        found.append({"accounts": accounts, "stage": made.stage, "basis": made.basis} | times)
    return found


def _ways(
    subjects: dict[int, Subject], runs: Sequence[Run], drills: Sequence[Drilled]
) -> dict[str, list[Told]]:
    """What was said before each run, and what would have been said by other means."""
    ways: dict[str, list[Told]] = {
        "said": [made.said for made in runs],
        "own drills": [],
        "no drills": [],
        "other sizes": [],
    }
    for made in runs:
        subject = subjects[made.accounts]
        own = [one for one in drills[: made.drills_before] if one.accounts == made.accounts]
        others = [one for one in drills if one.accounts != made.accounts]
        ways["own drills"].append(subject.forecast(own))
        ways["no drills"].append(subject.forecast([]))
        ways["other sizes"].append(subject.forecast(others))
    return ways


def _hold(told: Sequence[Told], runs: Sequence[Run], stage: str) -> dict[str, float]:
    return _held(
        [(*said[stage], made.happened[stage]) for said, made in zip(told, runs, strict=True)]
    )


def _held(rows: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    """Of (p50, p90, happened): how many were held, and how wide p90 was."""
    widths = sorted(p90 / happened for _, p90, happened in rows if happened > 0)
    return {
        "of": len(rows),
        "p90_held": sum(happened <= p90 for _, p90, happened in rows),
        "p50_held": sum(happened <= p50 for p50, _, happened in rows),
        "p90_to_actual": statistics.median(widths),
        "p90_to_actual_most": widths[-1],
    }


def table(result: dict[str, Any]) -> list[list[str]]:
    """A line for each stage, and one for each other way."""
    rows = [["", "p90 held", "p50 held", "p90 / actual", "at most"]]
    for way, stages in result["counted"].items():
        shown = STAGES if way == "said" else STAGES[-1:]
        rows += [_line(f"{way}: {stage}", stages[stage]) for stage in shown]
    rows.append(_line("said during recoveries", result["counted_during"]))
    return rows


def _line(name: str, found: dict[str, float]) -> list[str]:
    held = [f"{found[which]} of {found['of']}" for which in ("p90_held", "p50_held")]
    return [name, *held, f"{found['p90_to_actual']:.2f}", f"{found['p90_to_actual_most']:.1f}"]


def _row(made: Run) -> dict[str, Any]:
    stages = {
        stage: {
            "p50_s": made.said[stage][0],
            "p90_s": made.said[stage][1],
            "happened_s": made.happened[stage],
        }
        for stage in STAGES
    }
    return {
        "accounts": made.accounts,
        "what": made.what,
        "burning": made.burning,
        "drills_before": made.drills_before,
        "stages": stages,
    }


def _in_words(made: Run) -> str:
    p50, p90 = made.said["whole"]
    beside = f", {made.burning} burning" if made.burning else ""
    told = f"p50 {p50:.2f} s, p90 {p90:.2f} s, whole after {made.happened['whole']:.2f} s"
    late = "" if made.happened["whole"] <= p90 else ", not held"
    return f"{made.what}, {made.accounts:,} accounts{beside}: {told}{late}"


@contextmanager
def _burning(number: int) -> Iterator[None]:
    """So many processes beside, that only burn time."""
    beside = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(number)]
    try:
        yield
    finally:
        for process in beside:
            stop(process)


@contextmanager
def _witness_in(state: Path) -> Iterator[None]:
    """Processes remember vaults in this folder: a copy that is recovered is no news of another."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(state)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before
