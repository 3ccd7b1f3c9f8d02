"""The demo: a day in October, in a minute, and a second act in which more than the core is lost.

Real server processes, simulated phones, a core that is really deleted. `day.py` and `worse.py`
tell the story, `phone.py` is what a phone does, `ledger.py` the truth that servers are compared
with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from stillhere.demo.figures import Figures
    from stillhere.demo.toll import Toll

__all__ = ["PEOPLE", "PEOPLE_WORSE", "SEED", "run", "run_worse"]

PEOPLE, PEOPLE_WORSE = 300, 60
"""In a day, and in its second act, unless somebody asks for others."""
SEED = 2009


def run(
    accounts: int = PEOPLE,
    *,
    against: str | None = None,
    keep: bool = False,
    progress: Console | None = None,
    radicale: str | None = None,
    backup: Literal["hour", "none"] = "hour",
    seed: int = SEED,
) -> Figures:
    """Play the day with so many accounts in a temporary directory and return its figures.

    `against="radicale"` plays it with stock Radicale instead (`radicale`: its program, by default
    this Python's package), restored from a `backup` of an hour of edits earlier, or none. `keep`
    leaves the directory where it is. `progress` is told what happens. The same `seed` gives the
    same people with the same contacts.

    Raises BadInput, and DemoFailedError when the day can't be played to its end.
    """
    from dataclasses import replace

    from stillhere.demo.day import Day
    from stillhere.demo.ours import Ours
    from stillhere.demo.radicale import Radicale
    from stillhere.errors import BadInput

    _check(accounts)
    if against not in (None, "radicale"):
        raise BadInput(f"there is no day against {against}", hint="--against radicale")
    with _stage(keep=keep) as place:
        service = (
            Ours(place) if against is None else Radicale(place, program=radicale, backup=backup)
        )
        figures = Day(service, accounts, seed=seed, say=_say(progress)).play()
        return replace(figures, place=str(place)) if keep else figures


def run_worse(
    accounts: int = PEOPLE_WORSE,
    *,
    keep: bool = False,
    progress: Console | None = None,
    seed: int = SEED,
) -> Toll:
    """Play the second act, as `run` plays the day.

    `seed` also says which pages and packs are damaged; whose those are follows from the ids of
    accounts, which are random.

    Raises BadInput, and DemoFailedError when it can't be played to its end.
    """
    import random
    from dataclasses import replace

    from stillhere.demo.twice import Twice
    from stillhere.demo.worse import Worse

    _check(accounts)
    with _stage(keep=keep) as place:
        service = Twice(place, random.Random(f"damage {seed}"))
        toll = Worse(service, accounts, seed=seed, say=_say(progress)).play()
        return replace(toll, place=str(place)) if keep else toll


def _check(accounts: int) -> None:
    from stillhere.errors import BadInput

    if accounts < 1:
        raise BadInput(f"a day of {accounts} accounts has nobody in it", hint="--accounts 300")


@contextmanager
def _stage(*, keep: bool) -> Iterator[Path]:
    """A temporary directory, which stays when it is to be kept."""
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="stillhere-demo-"))
    try:
        yield place
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def _say(progress: Console | None) -> Callable[[str], None]:
    return progress.print if progress is not None else lambda _: None
