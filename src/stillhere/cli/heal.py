"""`stillhere heal`"""

from pathlib import Path
from typing import Annotated

import typer

from stillhere.cli.options import Home, Json
from stillhere.cli.output import answer


def run(
    vault: Annotated[
        Path | None,
        typer.Option("--vault", metavar="DIR", help="A copy of the vault; the core's own without."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Look for missing bodies in a vault that came back.

    It is only read; each body that is found is proven, and written to the core and its vault.
    """
    from stillhere.cli.progress import progress
    from stillhere.recovery.heal import heal
    from stillhere.server.core import opened
    from stillhere.status.words import count

    with opened(home) as core, progress("shelves", as_json=as_json) as tick:
        found = heal(core.working, vault, tick)
    where = f"from {vault}" if vault is not None else "from the vault"
    came = f"{count(found.healed, 'record')} came back {where}"
    rest = f"{found.held:,} are missing still" if found.held != 1 else "1 is missing still"
    told = {"shelves": found.shelves, "healed": found.healed, "held": found.held}
    answer(told, [f"{came}; {rest if found.held else 'none is missing'}"], as_json=as_json)
