"""The demo: a day in October, in a minute.

Real server processes, simulated phones, a core that is really deleted. `day.py` tells the story,
`phone.py` is what a phone does, `ledger.py` the truth that servers are compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from stillhere.demo.figures import Figures

__all__ = ["run"]

_SEED = 2009


def run(
    accounts: int,
    *,
    against: str | None = None,
    keep: bool = False,
    progress: Console | None = None,
    radicale: str | None = None,
    backup: Literal["hour", "none"] = "hour",
) -> Figures:
    """Play the day with so many accounts in a temporary directory and return its figures.

    `against="radicale"` plays it with stock Radicale instead (`radicale`: its program, by default
    this Python's package), restored from a `backup` of an hour of edits earlier, or none. `keep`
    leaves the directory where it is. `progress` is told what happens.

    Raises BadInput, and DemoFailedError when the day can't be played to its end.
    """
    import shutil
    import tempfile
    from dataclasses import replace
    from pathlib import Path

    from stillhere.demo.day import Day
    from stillhere.demo.ours import Ours
    from stillhere.demo.radicale import Radicale
    from stillhere.errors import BadInput

    if accounts < 1:
        raise BadInput(f"a day of {accounts} accounts has nobody in it", hint="--accounts 300")
    if against not in (None, "radicale"):
        raise BadInput(f"there is no day against {against}", hint="--against radicale")
    place = Path(tempfile.mkdtemp(prefix="stillhere-demo-"))
    say = progress.print if progress is not None else lambda _: None
    try:
        service = (
            Ours(place) if against is None else Radicale(place, program=radicale, backup=backup)
        )
        figures = Day(service, accounts, seed=_SEED, say=say).play()
        return replace(figures, place=str(place)) if keep else figures
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)
