"""`stillhere init`"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stillhere.cli.options import Home, Json, Listen, Vault
from stillhere.cli.output import answer, warn


def run(
    vault: Vault,
    kit: Annotated[
        Path, typer.Option("--kit", metavar="FILE", help="Where to write the recovery kit.")
    ],
    home: Home = None,
    listen: Listen = None,
    as_json: Json = False,
) -> None:
    """Make a core, its vault and the recovery kit."""
    from stillhere.cli import kit as paper
    from stillhere.config import find_home
    from stillhere.server.found import found

    place = find_home(home)
    paper.reserve(kit)
    try:
        made = found(place, vault, listen)
    except BaseException:
        kit.unlink()
        raise
    paper.write(kit, made.kit)
    told = {"home": str(place), "vault": made.vault, "kit": str(kit), "same_disk": made.same_disk}
    lines = [f"core      {place}", f"vault     {made.vault}", f"kit       {kit}"]
    if sys.stdout.isatty():
        lines += ["", paper.show(made.kit)]
    lines += [
        f"Move {kit} away from this machine now, and from the vault: it alone opens the vault.",
        "Next: stillhere account add NAME, then stillhere serve.",
    ]
    answer(told, lines, as_json=as_json)
    if made.same_disk and not as_json:
        warn(
            "vault and core are on the same file system: what destroys one destroys both",
            hint="put the vault on another machine or at least another disk",
        )
