"""`stillhere heal`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Home, Json, Salvage
from stillhere.cli.output import answer

if TYPE_CHECKING:
    from stillhere.replication.start import Working


def run(
    vault: Annotated[
        str | None,
        typer.Option("--vault", metavar="PLACE", help="A copy of the vault; else the core's own."),
    ] = None,
    salvage: Salvage = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Look for missing bodies in a vault that came back, or in damaged cores.

    These are only read; each body that is found is proven, and written to the core and its vault.
    """
    from stillhere.server.core import opened

    with opened(home) as core:
        if vault is not None or not salvage:
            _from_vault(core.working, vault, as_json=as_json)
        if salvage:
            _from_cores(core.working, salvage, as_json=as_json)


def _from_vault(working: "Working", vault: str | None, *, as_json: bool) -> None:
    from stillhere.cli.progress import progress
    from stillhere.recovery.heal import heal
    from stillhere.status.words import count

    with progress("shelves", as_json=as_json) as tick:
        found = heal(working, vault, tick)
    where = f"from {vault}" if vault is not None else "from the vault"
    came = f"{count(found.healed, 'record')} came back {where}"
    rest = f"{found.held:,} are missing still" if found.held != 1 else "1 is missing still"
    told = {"shelves": found.shelves, "healed": found.healed, "held": found.held}
    answer(told, [f"{came}; {rest if found.held else 'none is missing'}"], as_json=as_json)


def _from_cores(working: "Working", files: list[Path], *, as_json: bool) -> None:
    from stillhere.cli.events import Announcer
    from stillhere.recovery.salvage.salvage import check_files, salvage

    check_files(working.core.home, files)
    salvage(working, files, Announcer(as_json=as_json))
