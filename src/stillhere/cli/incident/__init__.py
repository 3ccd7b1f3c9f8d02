"""`stillhere incident …`: what happened, who is concerned, and when more is told."""

import typer

from stillhere.cli.incident import close, open_, promise, show, update

app = typer.Typer(help="What happened, who is concerned, and when more is told.")
app.command("open")(open_.run)
app.command("update")(update.run)
app.command("promise")(promise.run)
app.command("close")(close.run)
app.command("show")(show.run)
