"""`stillhere accept ACCOUNT`"""

from pathlib import Path
from typing import Annotated

import typer

from stillhere.cli.options import Account, Home, Json, Salvage
from stillhere.cli.output import answer
from stillhere.errors import BadInput


def run(
    account: Account,
    home: Home = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only this kind; all that is closed without.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Close again what was accepted; phones keep theirs.")
    ] = False,
    salvage: Salvage = None,
    as_json: Json = False,
) -> None:
    """Open what a recovery could not fully prove.

    The account gets what could be proven; what could not stays in the report. With --salvage it
    also gets what damaged cores have of it, before any phone looks.
    """
    if undo and salvage:
        raise BadInput("--undo takes nothing from a damaged core", safe="nothing was changed")
    if undo:
        return _undo(account, home, kind, as_json=as_json)
    from stillhere.recovery.salvage.salvage import accept_filled, check_files
    from stillhere.server.core import opened
    from stillhere.server.people import closed_kinds, count_records, find
    from stillhere.status.words import count_of

    with opened(home) as core:
        found = find(core.working.core, account)
        kinds = [kind] if kind else closed_kinds(core.working.core, found)
        if not kinds:
            raise BadInput(f"nothing of {account} is closed", safe="nothing was changed")
        check_files(core.home, salvage or ())
        for each in kinds:
            accept_filled(core.working, found, each, salvage or ())
        records = {each: count_records(core.store, found, each) for each in kinds}
    lines = [f"{each} of {account} is open with {count_of(n, each)}" for each, n in records.items()]
    told = {"account": found, "name": account, "accepted": kinds, "records": records}
    answer(told, lines, as_json=as_json)
    return None


def _undo(account: str, home: Path | None, kind: str | None, *, as_json: bool) -> None:
    from stillhere.recovery.accept import accepted_kinds, take_back
    from stillhere.server.core import opened
    from stillhere.server.people import find

    with opened(home) as core:
        found = find(core.working.core, account)
        kinds = [kind] if kind else accepted_kinds(core.working, found)
        if not kinds:
            raise BadInput(f"nothing of {account} was accepted", safe="nothing was changed")
        for each in kinds:
            take_back(core.working, found, each)
    lines = [f"{each} of {account} is closed again; nothing of it is lost" for each in kinds]
    answer({"account": found, "name": account, "closed": kinds}, lines, as_json=as_json)
