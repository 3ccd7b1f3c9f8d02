"""`stillhere import ACCOUNT FILE…`"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Account, Home, Json
from stillhere.cli.output import answer
from stillhere.errors import BadInput

if TYPE_CHECKING:
    from stillhere.protocols.exchange.load import Imported


def run(
    account: Account,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".vcf files, or folders of them.")
    ],
    home: Home = None,
    book: Annotated[
        str, typer.Option("--book", help="Address book; made when it is not there.")
    ] = "contacts",
    as_json: Json = False,
) -> None:
    """Bring contacts in from .vcf files.

    Cards that cannot go in are listed with line and reason; the rest goes in.
    """
    from stillhere.cli.progress import progress
    from stillhere.protocols.exchange.load import load
    from stillhere.protocols.exchange.read import find_files, read
    from stillhere.server.core import opened

    paths = find_files(files)
    with opened(home) as core:
        owner = core.store.accounts.find(account)
        found = list(read(paths))
        with progress("importing", as_json=as_json) as tick:
            limit = core.settings.max_card_bytes
            result = load(core.store, owner, book, found, most_bytes=limit, tick=tick)
    answer(_told(account, book, result), _lines(result), as_json=as_json)
    if result.refused and not (result.added or result.updated or result.unchanged):
        raise BadInput("no card could be imported", safe="nothing was changed")


def _told(account: str, book: str, result: "Imported") -> dict[str, object]:
    return {
        "account": account,
        "book": book,
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "given_uid": [
            {"file": card.source, "line": card.line, "uid": card.uid} for card in result.given
        ],
        "refused": [
            {"file": card.source, "line": card.line, "reason": card.reason}
            for card in result.refused
        ],
    }


def _lines(result: "Imported") -> Iterator[str]:
    yield f"{result.added:,} added, {result.updated:,} updated, {result.unchanged:,} unchanged"
    if result.given:
        yield f"{len(result.given):,} had no UID and got one:"
        yield from (f"  {card.source}, line {card.line}: UID {card.uid}" for card in result.given)
    if result.refused:
        yield f"{len(result.refused):,} refused:"
        yield from (f"  {card.source}, line {card.line}: {card.reason}" for card in result.refused)
