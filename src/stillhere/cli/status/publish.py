"""`stillhere status publish --to PLACE`"""

import os
from typing import Annotated

import typer

from stillhere.cli.options import Home, Json, State, Witness
from stillhere.cli.output import answer, warn
from stillhere.errors import StillhereError


def run(
    to: Annotated[
        str, typer.Option("--to", metavar="PLACE", help="The page's folder, or s3://BUCKET/PREFIX.")
    ],
    home: Home = None,
    state: State = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="What the page calls you; kept.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where people find it; kept.")
    ] = None,
    next_: Annotated[
        str | None, typer.Option("--next", metavar="WHEN", help="When the next one is due: 5m.")
    ] = None,
    witness: Witness = None,
    as_json: Json = False,
) -> None:
    """Write what everybody may know as a page, a feed and JSON, signed.

    With a core it is asked first; without one, or where it cannot be read, the page tells what
    was known before, and as of when.
    """
    from stillhere.cli.incident.telling import time_ahead
    from stillhere.config import VARIABLE
    from stillhere.server.counts import look
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now, publish_from
    from stillhere.status.bulletin import headline

    due = time_ahead(next_, now())
    desk = Desk(state)
    desk.rename(name, url)
    trouble: StillhereError | None = None
    if home is not None or os.environ.get(VARIABLE):
        try:
            desk.keep_known(look(home, witness))
        except StillhereError as error:
            trouble = error
    publish_from(desk, to, due)
    bulletin = desk.bulletin(now())
    told = {
        "place": to,
        "key": bulletin.key,
        "headline": headline(bulletin),
        "trouble": trouble.what if trouble else "",
    }
    lines = [
        headline(bulletin),
        f"page   {to.partition('?')[0].rstrip('/')}/index.html",
        f"key    {bulletin.key}",
    ]
    answer(told, lines, as_json=as_json)
    if trouble is not None and not as_json:
        warn(
            f"the core was not asked: {trouble.what}",
            hint="the page tells what was known before, and as of when",
        )
