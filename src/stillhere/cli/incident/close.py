"""`stillhere incident close TEXT`"""

from typing import Annotated

import typer

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State
from stillhere.cli.output import answer


def run(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="How it ended.")],
    state: State = None,
    to: telling.To = None,
    as_json: Json = False,
) -> None:
    """End the open incident; what was told of it stays."""
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now, publish_from
    from stillhere.status.words import plain

    desk = Desk(state)
    told = desk.close(now(), telling.words(text))
    publish_from(desk, to)
    answer(plain(told), telling.told(told, now()), as_json=as_json)
