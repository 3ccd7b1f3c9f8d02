"""`stillhere incident update TEXT`"""

from typing import Annotated

import typer

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State


def run(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is new.")],
    cause: telling.Cause = None,
    affected: telling.Affected = None,
    unaffected: telling.Unaffected = None,
    next_: telling.Next = None,
    state: State = None,
    to: telling.To = None,
    as_json: Json = False,
) -> None:
    """Tell more of the open incident, with the figures that are known now.

    --cause, --affected and --not-affected replace what was said before.
    """
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now

    at, desk = now(), Desk(state)
    facts = telling.facts(cause, affected, unaffected)
    due = telling.time_ahead(next_, at)
    told = desk.update(at, telling.words(text), facts, due)
    telling.finish(desk, told, to, as_json=as_json)
