"""`stillhere report [ACCOUNT]`"""

import time
from itertools import chain
from typing import Annotated

import typer

from stillhere.cli.options import Home, Json
from stillhere.cli.output import answer
from stillhere.errors import BadInput


def run(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Whose; everybody's without.")
    ] = None,
    home: Home = None,
    as_html: Annotated[
        bool, typer.Option("--html", help="Print a page for ACCOUNT: what is back, what to do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what a recovery brought back, what is missing."""
    if as_html and (account is None or as_json):
        raise BadInput(
            "a page is for one person, and is no JSON",
            safe="nothing was changed",
            hint="stillhere report ACCOUNT --html > page.html",
        )
    from stillhere.server.people import read_people, read_vault_end
    from stillhere.status import person
    from stillhere.status.letter import render
    from stillhere.status.words import plain

    people = read_people(home, account)
    end = read_vault_end(home)
    if as_html:
        print(render(people[0], end, time.time_ns() // 1_000_000), end="")
        return
    kept = [report for report in people if report.erased_at is None]
    complete = sum(report.complete for report in kept)
    told = {
        "accounts": len(kept),
        "complete": complete,
        "incomplete": len(kept) - complete,
        "erased": len(people) - len(kept),
        "vault": None if end is None else plain(end),
        "people": [plain(report) | {"complete": report.complete} for report in people],
    }
    shown = person.summary(people) if account is None else person.lines(people[0])
    if not people:
        shown = iter(["nothing in this core came out of a recovery"])
    if end is not None:
        shown = chain([f"Vault      complete {person.ending(end)}"], shown)
    answer(told, shown, as_json=as_json)
