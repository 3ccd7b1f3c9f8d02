"""`stillhere vault list`"""

from stillhere.cli.options import Home, Json
from stillhere.cli.output import answer


def run(home: Home = None, as_json: Json = False) -> None:
    """List the places that hold the vault, and how each is."""
    from dataclasses import asdict

    from stillhere.config import find_home, load
    from stillhere.server.copies import look
    from stillhere.status.fates import state
    from stillhere.status.words import table

    place = find_home(home)
    copies = look(place, load(place))
    rows = [(copy.place, state(copy)) for copy in copies]
    answer({"copies": [asdict(copy) for copy in copies]}, table(rows), as_json=as_json)
