"""`stillhere export ACCOUNT PATH`"""

from pathlib import Path
from typing import Annotated

import typer

from stillhere.cli.options import Account, Home, Json
from stillhere.cli.output import answer
from stillhere.errors import Damaged

SHOWN = 20
"""Missing contacts that a person is shown; the report has all."""


def run(
    account: Account,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder, or a name in .zip.")],
    home: Home = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write even where something is already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take contacts out into .vcf files, one per contact.

    PATH gets a folder per address book; a name ending in .zip gets all of it as a zip.
    """
    from stillhere.protocols.exchange.export import export
    from stillhere.server.core import opened
    from stillhere.status.words import count

    with opened(home) as core:
        owner = core.store.accounts.find(account)
        done = export(core.store, owner, path, force=force)
    told = {"account": account, "path": str(path), "books": done.books, "cards": done.cards}
    written = f"{count(done.cards, 'contact')} of {count(done.books, 'address book')} in {path}"
    answer(told | {"held": done.held}, [written], as_json=as_json)
    if done.held:
        more = len(done.held) - SHOWN
        shown = "\n".join([*done.held[:SHOWN], *([f"and {more:,} more"] if more > 0 else [])])
        raise Damaged(
            f"the bodies of {count(len(done.held), 'contact')} are missing:\n{shown}",
            safe="every other contact was exported, and their names are kept",
            hint=f"stillhere report {account} says why; a device that has them brings them back",
        )
