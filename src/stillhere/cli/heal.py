"""`stillhere heal`"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Home, Json, Salvage
from stillhere.cli.output import answer

if TYPE_CHECKING:
    from stillhere.recovery.heal import Found
    from stillhere.replication.start import Working


def run(
    vault: Annotated[
        list[str] | None,
        typer.Option("--vault", metavar="PLACE", help="A copy of the vault; else the core's own."),
    ] = None,
    salvage: Salvage = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Look for what is missing in vaults that came back, or in damaged cores.

    These are only read; what is found is proven, and written to the core and its vault.
    """
    from stillhere.server.core import opened

    with opened(home) as core:
        if vault or not salvage:
            _from_vaults(core.working, [*vault] if vault else [None], as_json=as_json)
        if salvage:
            _from_cores(core.working, salvage, as_json=as_json)


def _from_vaults(working: "Working", places: "list[str | None]", *, as_json: bool) -> None:
    from stillhere.cli.progress import progress
    from stillhere.recovery.heal import heal

    with progress("shelves", as_json=as_json) as tick:
        found = [heal(working, place, tick) for place in places]
    told = {
        "proven": sum(one.proven for one in found),
        "records": sum(one.records for one in found),
        "healed": sum(one.healed for one in found),
        "held": found[-1].held,
        "unproven": found[-1].unproven,
    }
    lines = (line for place, one in zip(places, found, strict=True) for line in _lines(place, one))
    answer(told, lines, as_json=as_json)


def _lines(place: str | None, found: "Found") -> Iterator[str]:
    from stillhere.status.words import count

    where = f"from {place}" if place is not None else "from the vault"
    if found.proven or found.unproven:
        shelves = f"{count(found.proven, 'shelf', 'shelves')} with {count(found.records, 'record')}"
        yield f"{shelves} proven {where}; {found.unproven:,} not yet"
    some = {0: "none is missing", 1: "1 is missing still"}
    rest = some.get(found.held, f"{found.held:,} are missing still")
    yield f"{count(found.healed, 'record')} came back {where}; {rest}"


def _from_cores(working: "Working", files: list[Path], *, as_json: bool) -> None:
    from stillhere.cli.events import Announcer
    from stillhere.recovery.salvage.salvage import check_files, salvage

    check_files(working.core.home, files)
    salvage(working, files, Announcer(as_json=as_json))
