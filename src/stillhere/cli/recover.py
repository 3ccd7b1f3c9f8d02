"""`stillhere recover`"""

from typing import Annotated

import typer

from stillhere.cli.options import Home, Json, Kit, Listen, Vault


def run(
    vault: Vault,
    kit: Kit,
    home: Home = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Answer phones at once, and go on after it is done.")
    ] = False,
    listen: Listen = None,
    as_json: Json = False,
) -> None:
    """Bring a lost core back from vault and kit."""
    from stillhere.cli.events import Announcer
    from stillhere.cli.progress import progress
    from stillhere.config import find_home
    from stillhere.server import recover

    place, announce = find_home(home), Announcer(as_json=as_json)
    with progress("shelves", as_json=as_json) as tick:
        if serve:
            recover.recover_serving(place, vault, kit, listen, announce, tick)
        else:
            recover.recover(place, vault, kit, announce, tick)
