"""`stillhere incident promise WHEN`"""

from typing import Annotated

import typer

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State


def run(
    when: Annotated[str, typer.Argument(metavar="WHEN", help="30m, 2h or an ISO time.")],
    state: State = None,
    to: telling.To = None,
    as_json: Json = False,
) -> None:
    """Promise when the next update comes; a promise that is missed is shown as missed."""
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now

    at, desk = now(), Desk(state)
    due = telling.time_ahead(when, at)
    assert due is not None
    told = desk.promise(at, due)
    telling.finish(desk, told, to, as_json=as_json)
