"""`stillhere serve`"""

from stillhere.cli.options import Home, Json, Listen


def run(home: Home = None, listen: Listen = None, as_json: Json = False) -> None:
    """Answer phones and computers (CardDAV, CalDAV) until stopped."""
    from stillhere.cli.events import Announcer
    from stillhere.config import find_home
    from stillhere.server.serve import serve

    serve(find_home(home), listen, Announcer(as_json=as_json))
