"""`stillhere account add NAME…`"""

import sys
from typing import Annotated

import typer

from stillhere.cli.account import password
from stillhere.cli.options import Home, Json, PasswordStdin
from stillhere.cli.output import answer
from stillhere.errors import BadInput


def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="What each logs in as.")],
    home: Home = None,
    password_stdin: PasswordStdin = False,
    device: Annotated[
        bool, typer.Option("--device", help="Also make a device password for each, shown once.")
    ] = False,
    label: Annotated[str, typer.Option("--label", help="What to call that device.")] = "device",
    as_json: Json = False,
) -> None:
    """Make accounts, each with an empty address book."""
    from stillhere.server.core import opened
    from stillhere.store import NewAccount

    chosen = _password(names, password_stdin, device)
    wanted = [NewAccount(name, chosen, label if device else None) for name in names]
    with opened(home) as core:
        for made in core.store.accounts.create_many(wanted):
            told = {"account": made.account, "name": made.name}
            lines = [f"account {made.name} is made"]
            if made.device is not None:
                told |= {"device": made.device.device, "password": made.device.password}
                lines.append(f"  its device password, shown only now: {made.device.password}")
            elif chosen is None:
                lines.append("  it has no password yet: stillhere account passwd, or device add")
            answer(told, lines, as_json=as_json)


def _password(names: list[str], password_stdin: bool, device: bool) -> str | None:
    if password_stdin:
        if len(names) > 1:
            raise BadInput(
                "one password cannot be for several accounts",
                safe="nothing was changed",
                hint="add one account at a time, or give each a generated one with --device",
            )
        return password.read()
    if device or len(names) > 1 or not sys.stdin.isatty():
        return None
    return password.ask()
