"""`stillhere demo`"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stillhere.cli.options import Json
from stillhere.cli.output import answer
from stillhere.errors import BadInput

if TYPE_CHECKING:
    from stillhere.demo.figures import Figures
    from stillhere.demo.toll import Toll


def run(
    accounts: Annotated[
        int | None,
        typer.Option("--accounts", min=1, help="People in the demo [300; 60 with --worse]."),
    ] = None,
    worse: Annotated[
        bool,
        typer.Option("--worse", help="Damage the core and a vault, and lose another vault."),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="radicale", help="Play the day with another server."),
    ] = None,
    backup: Annotated[
        Literal["hour", "none"],
        typer.Option("--backup", help="The other server's backup: an hour old, or none."),
    ] = "hour",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Other people, and other damage.")
    ] = 2009,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder.")] = False,
    as_json: Json = False,
) -> None:
    """Lose a core for real and watch it come back."""
    from rich.console import Console

    from stillhere import demo

    if worse and against is not None:
        raise BadInput(
            f"the second act is not played with {against}", safe="nothing was begun", hint="--worse"
        )
    watching = None if as_json else Console(stderr=True)
    figures: Figures | Toll
    if worse:
        figures = demo.run_worse(
            accounts or demo.PEOPLE_WORSE, keep=keep, progress=watching, seed=seed
        )
    else:
        figures = demo.run(
            accounts or demo.PEOPLE,
            against=against,
            backup=backup,
            keep=keep,
            progress=watching,
            seed=seed,
        )
    if as_json:
        answer(figures.to_json(), (), as_json=True)
    else:
        Console().print(figures.page())
    if not figures.ok:
        raise typer.Exit(1)
