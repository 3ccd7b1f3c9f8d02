"""`stillhere account passwd NAME`"""

from stillhere.cli.account import password
from stillhere.cli.options import Account, Home, Json, PasswordStdin
from stillhere.cli.output import answer


def run(
    account: Account,
    home: Home = None,
    password_stdin: PasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Choose a new password; the old one stops working at once."""
    from stillhere.server.core import opened

    chosen = password.read() if password_stdin else password.ask()
    with opened(home) as core:
        found = core.store.accounts.find(account)
        core.store.accounts.set_password(found, chosen)
    answer({"account": found, "name": account}, ["the password is changed"], as_json=as_json)
