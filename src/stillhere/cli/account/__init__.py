"""`stillhere account …`: people, their passwords and their devices."""

import typer

from stillhere.cli.account import add, device, erase, list_, passwd

app = typer.Typer(help="People, their passwords and their devices.")
app.command("add")(add.run)
app.command("list")(list_.run)
app.command("passwd")(passwd.run)
app.command("erase")(erase.run)
app.add_typer(device.app, name="device")
