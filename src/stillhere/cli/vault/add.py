"""`stillhere vault add`"""

from stillhere.cli.options import Home, Json, Place
from stillhere.cli.output import answer


def run(place: Place, home: Home = None, as_json: Json = False) -> None:
    """Keep the vault in one more place, or heal one; a server may be running."""
    from stillhere.cli.progress import progress
    from stillhere.server.copies import add
    from stillhere.status.words import count

    with progress("objects", as_json=as_json) as tick:
        added = add(home, place, tick)
    places = added.members.places
    told = {"places": places, "copied": added.copied}
    copied = count(added.copied, "object")
    lines = [
        f"{copied} copied: every change is acknowledged when all of these have it",
        *(f"  {one}" for one in places),
    ]
    answer(told, lines, as_json=as_json)
