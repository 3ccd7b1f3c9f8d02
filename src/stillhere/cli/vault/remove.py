"""`stillhere vault remove`"""

from stillhere.cli.options import Home, Json, Place
from stillhere.cli.output import answer


def run(place: Place, home: Home = None, as_json: Json = False) -> None:
    """Go on without one of the places; nothing in it is deleted, and it need not be there."""
    from stillhere.server.copies import remove

    places = remove(home, place).members.places
    lines = ["the vault is in", *(f"  {one}" for one in places)]
    answer({"places": places}, lines, as_json=as_json)
