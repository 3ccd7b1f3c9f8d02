"""`stillhere incident show`"""

from stillhere.cli.incident import telling
from stillhere.cli.options import Json, State
from stillhere.cli.output import answer


def run(state: State = None, as_json: Json = False) -> None:
    """Show the newest incident, and what became of each promise."""
    from stillhere.server.incident import Desk
    from stillhere.server.publish import now
    from stillhere.status.words import plain

    incidents = Desk(state).incidents()
    shown = telling.told(incidents[-1], now()) if incidents else iter(["there was no incident"])
    answer({"incidents": plain(incidents)}, shown, as_json=as_json)
