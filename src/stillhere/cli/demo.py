"""`stillhere demo`"""

from typing import Annotated, Literal

import typer

from stillhere.cli.options import Json
from stillhere.cli.output import answer


def run(
    accounts: Annotated[int, typer.Option("--accounts", min=1, help="People in the demo.")] = 300,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="radicale", help="Play the day with another server."),
    ] = None,
    backup: Annotated[
        Literal["hour", "none"],
        typer.Option("--backup", help="The other server's backup: an hour old, or none."),
    ] = "hour",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder.")] = False,
    as_json: Json = False,
) -> None:
    """Lose a core for real and watch it come back."""
    from rich.console import Console

    from stillhere import demo

    watching = None if as_json else Console(stderr=True)
    figures = demo.run(accounts, against=against, backup=backup, keep=keep, progress=watching)
    if as_json:
        answer(figures.to_json(), (), as_json=True)
    else:
        Console().print(figures.page())
    if not figures.ok:
        raise typer.Exit(1)
