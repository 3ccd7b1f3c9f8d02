"""`stillhere export ACCOUNT PATH`"""

from pathlib import Path
from typing import Annotated

import typer

from stillhere.cli.options import Account, Home, Json, Kinds, read_kinds
from stillhere.cli.output import answer
from stillhere.errors import Damaged

SHOWN = 20
"""Missing records that a person is shown; the report has all."""


def run(
    account: Account,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder, or a name in .zip.")],
    home: Home = None,
    kind: Kinds = None,
    joined: Annotated[
        bool, typer.Option("--joined", help="One file per collection, not one per item.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write even where something is already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take contacts out into .vcf files, and calendars, to-dos and notes into .ics files.

    PATH gets a folder per address book or calendar, with a file per item as it came; with
    --joined it gets one file of each, which other programs take. A name ending in .zip gets all
    of it as a zip.
    """
    from stillhere.kinds import KINDS
    from stillhere.protocols.exchange.export import export
    from stillhere.server.core import opened
    from stillhere.status.words import count

    with opened(home) as core:
        owner = core.store.accounts.find(account)
        kinds = read_kinds(kind)
        done = export(core.store, owner, path, kinds=kinds, joined=joined, force=force)
    told = {"account": account, "path": str(path), "collections": done.collections}
    told |= {"items": done.items}
    counts = [count(number, *KINDS[name].words) for name, number in done.items.items() if number]
    written = (
        f"{', '.join(counts) or 'nothing'} of {count(done.collections, 'collection')} in {path}"
    )
    answer(told | {"held": done.held}, [written], as_json=as_json)
    if done.held:
        more = len(done.held) - SHOWN
        shown = "\n".join([*done.held[:SHOWN], *([f"and {more:,} more"] if more > 0 else [])])
        raise Damaged(
            f"the bodies of {count(len(done.held), 'record')} are missing:\n{shown}",
            safe="every other record was exported, and their names are kept",
            hint=f"stillhere report {account} says why; a device that has them brings them back",
        )
