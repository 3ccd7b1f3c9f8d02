"""`stillhere vault …`: the places that hold the vault."""

import typer

from stillhere.cli.vault import add, list_, remove

app = typer.Typer(help="The places that hold the vault.")
app.command("add")(add.run)
app.command("remove")(remove.run)
app.command("list")(list_.run)
