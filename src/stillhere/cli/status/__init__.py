"""`stillhere status`, and `stillhere status publish`."""

import typer

from stillhere.cli.status import publish, show

app = typer.Typer(invoke_without_command=True)
app.callback()(show.run)
app.command("publish")(publish.run)
