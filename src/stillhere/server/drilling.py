"""A drill beside a core that serves: a recovery into scratch, measured, and thrown away.

say how long it will take
note how far every shelf reaches, and ship what waits in the spool
begin, knock for one person, bring everybody or a sample
note how far every shelf reaches now, and compare
keep the figures in the core; the scratch goes
"""

import random
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from stillhere.config import places_of
from stillhere.errors import BadInput, StillhereError
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.drill import (
    Drill,
    Drilled,
    Head,
    Said,
    Shelf,
    compare,
    find_moving,
    keep_drilled,
    read_heads,
)
from stillhere.recovery.report import tally_verdicts
from stillhere.replication.start import Working
from stillhere.server.core import Opened
from stillhere.server.figures import count_kinds
from stillhere.server.forecast import expect, said_of
from stillhere.server.rates import last_measured, measure, time_of_a_start
from stillhere.server.recover import Tick, open_kit, ticking
from stillhere.store import ACCOUNT
from stillhere.store.core import lock_home
from stillhere.store.recovered import SCRATCH_FOLDER
from stillhere.store.schema import DATABASE

ROOM = 2  # times the core's size: what is brought, and its log


def drill(
    core: Opened, kit: Path, sample: int, tick: Tick, stages: Sequence[str] = RECOVERY_ORDER
) -> Drilled:
    """Rehearse the loss of this core, for everybody (0) or for so many accounts; ``stages`` is the
    order in which kinds come back.

    Raises WrongKit, NotAVault, Unavailable, and BadInput where there is no room or another drill
    runs. Nothing in the vault is changed, the core goes on, and the result is kept in it."""
    working, scratch = core.working, core.home / SCRATCH_FOLDER
    if not sample:
        _check_room(core.home)
    switching = sys.getswitchinterval()
    with lock_home(core.home, "drill"):
        said = _foretell(working, stages)
        before = read_heads(working.core)
        working.ship()
        times = _Times()
        place, *more = places_of(core.settings)
        rehearsal = Drill(scratch, place, open_kit(kit), times, stages=stages, more=more)
        try:
            brought = rehearsal.begin()
            try:
                chosen = _bring(rehearsal, brought, before, sample, times, tick)
                drilled = _judge(working, rehearsal, before, chosen, times, said)
            finally:
                brought.close()
        finally:
            sys.setswitchinterval(switching)
            shutil.rmtree(scratch, ignore_errors=True)
    working.store.install(lambda sql: keep_drilled(sql, drilled)).result()
    return drilled


class _Times:
    """When each step was reached, in seconds from the start of a process that would recover."""

    def __init__(self) -> None:
        self._before = time_of_a_start() - time.monotonic()
        self.reached: dict[str, float] = {}

    def __call__(self, event: str, **facts: object) -> None:
        step = f"{event} {facts['kind']}" if "kind" in facts else event
        self.reached[step] = round(time.monotonic() + self._before, 3)


def _bring(
    rehearsal: Drill,
    brought: Working,
    before: dict[Shelf, Head],
    sample: int,
    times: _Times,
    tick: Tick,
) -> Sequence[bytes] | None:
    """Bring a sample, which is returned, or everything; the first one as a phone would."""
    first, *others = [stage.kind for stage in rehearsal.stages if stage.kind != ACCOUNT]
    people = sorted({account for account, _ in before})
    chosen = random.sample(people, min(sample or 1, len(people)))
    for number, account in enumerate(chosen, 1):
        if rehearsal.knock(account, first) and number == 1:
            with brought.store.read(account, first) as shelf:
                shelf.everything()
            times("first contact")
        if sample:
            for kind in others:
                if (account, kind) in before:
                    rehearsal.knock(account, kind)
            tick(number, len(chosen))
    if sample:
        return chosen
    with ticking(rehearsal, tick):
        rehearsal.run()
    times("whole")
    return None


def _judge(
    working: Working,
    rehearsal: Drill,
    before: dict[Shelf, Head],
    chosen: Sequence[bytes] | None,
    times: _Times,
    said: dict[str, Said],
) -> Drilled:
    brought = rehearsal.working
    after, found = read_heads(working.core), read_heads(brought.core)
    tally = tally_verdicts(brought.core)
    steps = times.reached
    among = None if chosen is None else frozenset(chosen)
    flaws = list(compare(before, after, brought.core, among))
    if flaws:
        flaws = rehearsal.prove_again(flaws, before, partial(read_heads, working.core))
    return Drilled(
        at=time.time_ns() // 1_000_000,
        sample=0 if chosen is None else len(chosen),
        accounts=len({account for account, _ in found}),
        shelves=tally.shelves,
        records=tally.records,
        moving=find_moving(before, after, found),
        first_contact_s=steps.get("first contact"),
        mirrored_s=steps.get("mirrored"),
        stages={step.split()[1]: at for step, at in steps.items() if step.startswith("stage ")},
        whole_s=steps.get("whole"),
        flawed=len({(flaw.account, flaw.kind) for flaw in flaws}),
        flaws=flaws,
        said=said,
    )


def _foretell(working: Working, order: Sequence[str]) -> dict[str, Said]:
    """What is said of each stage beforehand; rates are measured first if they never were."""
    if last_measured(working.core) is None:
        with suppress(StillhereError):  # what is the matter with the vault, the drill finds
            measure(working)
    kinds, _ = count_kinds(working.core.reader())
    return said_of(expect(working.core, kinds, order))


def _check_room(home: Path) -> None:
    needed = ROOM * (home / DATABASE).stat().st_size
    free = shutil.disk_usage(home).free
    if free < needed:
        raise BadInput(
            f"a drill for everybody needs {needed >> 20:,} MB in {home}: {free >> 20:,} are free",
            safe="nothing was changed",
            hint="stillhere drill --sample 100 brings back a hundred accounts",
        )
