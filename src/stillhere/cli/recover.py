"""`stillhere recover`"""

from typing import Annotated

import typer

from stillhere.cli.options import First, Home, Json, Kit, Listen, Salvage, State, Witness


def run(
    vault: Annotated[
        list[str],
        typer.Option("--vault", metavar="PLACE", help="A copy of the vault; any of them, or all."),
    ],
    kit: Kit,
    home: Home = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Answer phones at once, and go on after it is done.")
    ] = False,
    listen: Listen = None,
    witness: Witness = None,
    behind: Annotated[
        bool, typer.Option("--behind", help="Go on though the witness saw more of the vault.")
    ] = False,
    salvage: Salvage = None,
    first: First = None,
    publish: Annotated[
        str | None,
        typer.Option("--publish", metavar="PLACE", help="Tell everybody how far it is, as a page."),
    ] = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Bring a lost core back from vault and kit."""
    from stillhere.cli.events import Announcer
    from stillhere.cli.progress import progress
    from stillhere.config import find_home
    from stillhere.kinds import order_of_stages
    from stillhere.server import recover
    from stillhere.server.teller import Told

    order = order_of_stages(first or ())
    place, announce = find_home(home), Announcer(as_json=as_json)
    told = None if publish is None else Told(publish, state)
    with progress("shelves", as_json=as_json) as tick:
        lost = recover.Lost(place, vault, kit, witness, behind, salvage or (), told, order)
        if serve:
            recover.recover_serving(lost, listen, announce, tick)
        else:
            recover.recover(lost, announce, tick)
