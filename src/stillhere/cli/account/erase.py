"""`stillhere account erase NAME`"""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Account, Home, Json
from stillhere.cli.output import answer
from stillhere.errors import BadInput

if TYPE_CHECKING:
    from stillhere.server.erasing import Candidate
    from stillhere.store.erased import Erased


def run(
    account: Account,
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase an account for good: nothing and nobody brings it back.

    Its devices are refused from then on, and its name is free.
    """
    from stillhere.cli.progress import progress
    from stillhere.server.core import opened
    from stillhere.server.erasing import find_candidate

    with opened(home, to_erase=True) as core:
        found = find_candidate(core.working, account)
        if not yes and found.erased is None:
            _ask(account, found)
        with progress("erasing", as_json=as_json) as tick:
            erased = core.working.eraser.erase(found.account, found.folded, tick)
    answer(*_told(account, found, erased), as_json=as_json)


def _ask(name: str, found: "Candidate") -> None:
    """Raises BadInput unless somebody types the name again."""
    if not sys.stdin.isatty():
        raise BadInput(
            f"nobody can be asked whether to erase {name} for good",
            safe="nothing was changed",
            hint="add --yes to erase without being asked; stillhere export keeps a copy",
        )
    typer.echo(f"This erases {name} for good: {_extent(found)}.", err=True)
    typer.echo("No recovery brings it back. stillhere export keeps a copy.", err=True)
    if typer.prompt("Type its name to erase it", err=True) != name:
        raise BadInput("that is another name", safe="nothing was changed")


def _extent(found: "Candidate") -> str:
    from stillhere.kinds import KINDS
    from stillhere.status.words import count, count_of, size

    if found.extent is None:
        return "all that it has, which a recovery has not counted yet"
    extent = found.extent
    kept = [count_of(extent.kinds[kind], kind) for kind in KINDS if kind in extent.kinds]
    return ", ".join([*(kept or ["0 records"]), count(extent.devices, "device"), size(extent.size)])


def _told(name: str, found: "Candidate", erased: "Erased") -> tuple[dict[str, object], list[str]]:
    told: dict[str, object] = {"account": found.account, "name": name, "erased_at": erased.at}
    if found.extent is not None:
        told |= found.extent._asdict()
    return told, list(_lines(name, found, erased))


def _lines(name: str, found: "Candidate", erased: "Erased") -> Iterator[str]:
    from stillhere.status.words import moment

    if found.erased is not None:
        yield f"account {name} is erased since {moment(erased.at)}"
        return
    gone = f": {_extent(found)}" if found.extent is not None else ""
    yield f"account {name} is erased{gone}"
    yield "  copies of the core or the vault that somebody made before can still be read"
