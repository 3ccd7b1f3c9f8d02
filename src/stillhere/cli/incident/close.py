"""`stillhere incident close TEXT`"""

from typing import Annotated

import typer

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State


def run(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="How it ended.")],
    state: State = None,
    to: telling.To = None,
    as_json: Json = False,
) -> None:
    """End the open incident; what was told of it stays."""
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now

    desk = Desk(state)
    told = desk.close(now(), telling.words(text))
    telling.finish(desk, told, to, as_json=as_json)
