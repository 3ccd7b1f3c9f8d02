"""`stillhere account device add | list | revoke`"""

from typing import Annotated

import typer

from stillhere.cli.options import Account, Home, Json
from stillhere.cli.output import answer

app = typer.Typer(help="Passwords for single phones and computers.")


@app.command("add")
def add(
    account: Account,
    home: Home = None,
    label: Annotated[str, typer.Option("--label", help="What to call the device.")] = "device",
    as_json: Json = False,
) -> None:
    """Make a password for one device. It is shown only once."""
    from stillhere.server.core import opened

    with opened(home) as core:
        found = core.store.accounts.find(account)
        made = core.store.accounts.add_device(found, label)
    told = {"account": found, "name": account, "device": made.device, "password": made.password}
    lines = [
        f"device {made.device} ({label}) may log in as {account}",
        f"its password: {made.password}",
    ]
    answer(told, lines, as_json=as_json)


@app.command("list")
def list_(account: Account, home: Home = None, as_json: Json = False) -> None:
    """List the devices of an account."""
    from stillhere.server.core import opened
    from stillhere.status.words import moment, table

    with opened(home) as core:
        found = core.store.accounts.find(account)
        devices = core.store.accounts.devices(found)
    told = [{"device": key, "label": d.label, "created": d.created} for key, d in devices.items()]
    rows = [(key, d.label, f"since {moment(d.created)}") for key, d in devices.items()]
    data = {"account": found, "name": account, "devices": told}
    answer(data, table(rows) if rows else ["no devices"], as_json=as_json)


@app.command("revoke")
def revoke(
    account: Account,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its id, as list shows it.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take a device's password away; it is refused from now on."""
    from stillhere.server.core import opened

    with opened(home) as core:
        found = core.store.accounts.find(account)
        core.store.accounts.revoke_device(found, device)
    data = {"account": found, "name": account, "device": device, "revoked": True}
    answer(data, [f"device {device} is refused from now on"], as_json=as_json)
