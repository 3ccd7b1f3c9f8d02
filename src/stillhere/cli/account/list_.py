"""`stillhere account list`"""

from stillhere.cli.options import Home, Json
from stillhere.cli.output import answer


def run(home: Home = None, as_json: Json = False) -> None:
    """List the accounts."""
    from stillhere.server.core import opened
    from stillhere.status.words import table

    with opened(home) as core:
        accounts = core.store.accounts.list()
    data = {"accounts": [{"account": found.account, "name": found.name} for found in accounts]}
    rows = [(found.name, found.account.hex()) for found in accounts]
    answer(data, table(rows) if rows else ["no accounts yet"], as_json=as_json)
