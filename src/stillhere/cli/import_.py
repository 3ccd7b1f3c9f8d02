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
    from stillhere.protocols.exchange.merge import Merged
    from stillhere.protocols.exchange.plan import Refused


def run(
    account: Account,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help=".vcf and .ics files, or folders of them."),
    ],
    home: Home = None,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="NAME",
            help="Address book, calendar or list; made when it is not there.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DEVICE", help="Merge an export of this device: what is newer stays."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring contacts in from .vcf files; events, to-dos and notes from .ics files.

    Each goes into the first collection of its kind, or into the one that is named. What cannot
    go in is listed with line and reason; the rest goes in.
    """
    if device is not None:
        return _merge(account, files, home, into, device, as_json=as_json)
    from stillhere.cli.progress import progress
    from stillhere.protocols.exchange.load import load
    from stillhere.protocols.exchange.read import find_files, read
    from stillhere.server.core import opened

    paths = find_files(files)
    with opened(home) as core:
        owner = core.store.accounts.find(account)
        found = list(read(paths))
        with progress("importing", as_json=as_json) as tick:
            limit = core.settings.max_item_bytes
            result = load(core.store, owner, into, found, most_bytes=limit, tick=tick)
    answer(_told(account, into, result), _lines(result), as_json=as_json)
    if result.refused and not (result.added or result.updated or result.unchanged):
        raise BadInput("nothing could be imported", safe="nothing was changed")
    return None


def _merge(
    account: str,
    files: list[Path],
    home: Path | None,
    into: str | None,
    device: str,
    *,
    as_json: bool,
) -> None:
    from stillhere.cli.progress import progress
    from stillhere.protocols.exchange.merge import Source, merge
    from stillhere.protocols.exchange.read import find_files, read
    from stillhere.server.core import opened
    from stillhere.server.learned import find_device

    paths = find_files(files)
    with opened(home) as core:
        owner = core.store.accounts.find(account)
        source = Source(device, *find_device(core.working.core, owner, device))
        found = list(read(paths))
        with progress("merging", as_json=as_json) as tick:
            limit = core.settings.max_item_bytes
            result = merge(core.store, owner, into, source, found, most_bytes=limit, tick=tick)
    told = {"account": account, "into": into, "device": device} | _merged_told(result)
    answer(told, _merged_lines(source.name, result), as_json=as_json)


def _merged_told(result: "Merged") -> dict[str, object]:
    from stillhere.protocols.exchange.merge import Fate

    return {fate.value.replace(" ", "_"): result.count(fate) for fate in Fate} | {
        "not_written": [
            {"file": piece.source, "line": piece.line, "uid": piece.uid, "why": fate.value}
            for piece, fate in result.fates
            if fate in (Fate.KEEP, Fate.STAY_DELETED)
        ],
        "refused": [_refused(each) for each in result.refused],
    }


def _merged_lines(name: str, result: "Merged") -> Iterator[str]:
    from stillhere.protocols.exchange.merge import Fate

    counts = ", ".join(f"{result.count(fate):,} {fate.value}" for fate in Fate)
    yield f"from {name}: {counts}"
    for piece, fate in result.fates:
        if fate in (Fate.KEEP, Fate.STAY_DELETED):
            yield f"  {piece.source}, line {piece.line}: {_WHY[fate.name]} (UID {piece.uid})"
    yield from _refused_lines(result.refused)


_WHY = {
    "KEEP": "what is here is newer, or nobody can tell; this one is kept in the history",
    "STAY_DELETED": "it was deleted here, and stays so",
}


def _told(account: str, into: str | None, result: "Imported") -> dict[str, object]:
    return {
        "account": account,
        "into": into,
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "given_uid": [
            {"file": piece.source, "line": piece.line, "uid": piece.uid} for piece in result.given
        ],
        "refused": [_refused(each) for each in result.refused],
    }


def _refused(one: "Refused") -> dict[str, object]:
    return {"file": one.source, "line": one.line, "reason": one.reason}


def _lines(result: "Imported") -> Iterator[str]:
    yield f"{result.added:,} added, {result.updated:,} updated, {result.unchanged:,} unchanged"
    if result.given:
        yield f"{len(result.given):,} had no UID and got one:"
        yield from (f"  {one.source}, line {one.line}: UID {one.uid}" for one in result.given)
    yield from _refused_lines(result.refused)


def _refused_lines(refused: "list[Refused]") -> Iterator[str]:
    if refused:
        yield f"{len(refused):,} refused:"
        yield from (f"  {one.source}, line {one.line}: {one.reason}" for one in refused)
