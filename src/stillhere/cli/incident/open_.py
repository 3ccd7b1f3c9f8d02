"""`stillhere incident open TITLE`"""

from typing import Annotated

import typer

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State


def run(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What happened, in one line.")],
    text: Annotated[str, typer.Option("--text", help="What else is known.")] = "",
    began: Annotated[
        str | None, typer.Option("--began", metavar="TIME", help="When, as ISO time [now].")
    ] = None,
    cause: telling.Cause = None,
    affected: telling.Affected = None,
    unaffected: telling.Unaffected = None,
    next_: telling.Next = None,
    state: State = None,
    to: telling.To = None,
    as_json: Json = False,
) -> None:
    """Begin to tell of an incident; no core is needed."""
    from stillhere.server.incident import Desk, new_incident
    from stillhere.server.publish import now

    at = now()
    facts = telling.facts(cause, affected, unaffected)
    began_at = telling.time_past(began, at)
    incident = new_incident(telling.words(title), at, began_at, facts)
    desk = Desk(state)
    opened = desk.open(
        incident,
        telling.words(text) if text else "",
        telling.time_ahead(next_, at),
    )
    telling.finish(desk, opened, to, as_json=as_json)
