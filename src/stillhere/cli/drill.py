"""`stillhere drill`"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import First, Home, Json, Kit
from stillhere.cli.output import answer
from stillhere.errors import Damaged

if TYPE_CHECKING:
    from stillhere.recovery.drill import Drilled

SHOWN = 20
"""Problems that a person is shown."""


def run(
    kit: Kit,
    home: Home = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, help="Bring back N accounts, not all.")
    ] = 0,
    first: First = None,
    as_json: Json = False,
) -> None:
    """Rehearse a recovery into scratch: measured, compared with this core, thrown away."""
    from stillhere.cli.progress import progress
    from stillhere.kinds import order_of_stages
    from stillhere.server.core import opened
    from stillhere.server.drilling import drill

    order = order_of_stages(first or ())
    with opened(home) as core, progress("shelves", as_json=as_json) as tick:
        drilled = drill(core, kit, sample, tick, order)
        names = {row.account: row.name for row in core.store.accounts.list()}
    answer(_told(drilled, names), _lines(drilled, names), as_json=as_json)
    if drilled.flaws:
        from stillhere.status.words import count

        shelves = count(drilled.flawed, "shelf", "shelves")
        raise Damaged(
            f"a loss now would cost something of {shelves}",
            safe="this core has everything yet, and nothing was changed",
            hint="stillhere verify --mend writes what the core still has into the vault anew",
        )


def _told(drilled: "Drilled", names: dict[bytes, str]) -> dict[str, object]:
    import msgspec

    flaws = [
        {
            "account": f.account.hex(),
            "name": names.get(f.account),
            "kind": f.kind,
            "problem": f.problem,
        }
        for f in drilled.flaws
    ]
    told: dict[str, object] = msgspec.to_builtins(drilled)
    return told | {"flaws": flaws}


def _lines(drilled: "Drilled", names: dict[bytes, str]) -> Iterator[str]:
    from stillhere.status.expected import beside
    from stillhere.status.words import count, span

    people = count(drilled.accounts, "account")
    who = f"{people}, drawn by lot" if drilled.sample else people
    yield f"Back       {who}: {count(drilled.records, 'record')}"
    steps = [("first contact", drilled.first_contact_s), ("mirrored", drilled.mirrored_s)]
    steps += list(drilled.stages.items())
    steps.append(("whole", drilled.whole_s))
    for step, at in steps:
        if at is not None:
            yield f"           {step} after {span(at)}{beside(drilled.said, step)}"
    if not drilled.flaws:
        yield "Compared   every shelf came back as this core has it"
    if drilled.moving:
        yield f"           {count(drilled.moving, 'shelf', 'shelves')} written to meanwhile"
    for flaw in drilled.flaws[:SHOWN]:
        who = names.get(flaw.account, flaw.account.hex())
        yield f"Missing    {who}, {flaw.kind}: {flaw.problem}"
    if len(drilled.flaws) > SHOWN:
        yield f"           and {len(drilled.flaws) - SHOWN:,} more, all of them with --json"
