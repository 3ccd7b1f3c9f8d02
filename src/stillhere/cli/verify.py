"""`stillhere verify`"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Home, Json, Witness
from stillhere.cli.output import answer
from stillhere.errors import Damaged, Degraded

if TYPE_CHECKING:
    from stillhere.replication.verified import CopyFlaw, Verified

SHOWN = 20
"""Problems of one shelf that a person is shown."""


def run(
    home: Home = None,
    witness: Witness = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Write what the vault has lost from the core, anew.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prove the whole vault and compare it with the core; of several copies, each is read.

    Ends with 4 where something is not proven, and with 7 where everything is, and a copy has
    something missing or broken that another makes good.
    """
    from stillhere.cli.progress import progress
    from stillhere.replication.compact import compact
    from stillhere.replication.verify import verify
    from stillhere.server.core import opened
    from stillhere.server.rates import measure
    from stillhere.server.witness import file_of, recall, refuse, shortfall_of

    with opened(home, mend=mend) as core, progress("shelves", as_json=as_json) as tick:
        vault = core.working.vault.id
        seen = recall(file_of(vault, witness, core.settings), vault, named=witness is not None)
        shortfall = shortfall_of(core.working, seen)
        found = verify(core.working, tick=tick)
        if mend and not found.proven:
            compact(core.working)
            found = verify(core.working, tick=tick)
        measure(core.working)
        names = {row.account: row.name for row in core.store.accounts.list()}
    answer(_told(found, names), _lines(found, names), as_json=as_json)
    refuse(shortfall)
    if not found.proven:
        from stillhere.status.words import count

        wanting = count(len({f[:2] for f in found.findings}), "shelf", "shelves")
        raise Damaged(
            f"{wanting} of {found.shelves:,} not proven",
            safe="every other shelf is proven, and the same in vault and core",
            hint="stillhere verify --mend writes what the core still has into the vault anew",
        )

    if found.copies:
        raise _degraded(found.copies)


def _degraded(flaws: "list[CopyFlaw]") -> Degraded:
    from stillhere.status.words import count

    places = list(dict.fromkeys(flaw.place for flaw in flaws))
    what, good = count(len(flaws), "object"), "it good" if len(flaws) == 1 else "them good"
    return Degraded(
        f"{what} missing or broken in {' and '.join(places)}: another copy makes {good}",
        safe="nothing is lost: every shelf is proven, from all copies together",
        hint="\n".join(f"stillhere vault add {place} mends that copy" for place in places),
    )


def _told(found: "Verified", names: dict[bytes, str]) -> dict[str, object]:
    findings = [
        {"account": f.account, "name": names.get(f.account), "kind": f.kind, "problems": f.problems}
        for f in found.findings
    ]
    return {
        "proven": found.proven,
        "shelves": found.shelves,
        "records": found.records,
        "bytes": found.bytes,
        "seconds": round(found.seconds, 3),
        "findings": findings,
        "copies": [
            {"vault": f.place, "object": f.name, "problem": f.problem} for f in found.copies
        ],
    }


def _lines(found: "Verified", names: dict[bytes, str]) -> Iterator[str]:
    from stillhere.status.words import count, size, span

    read = f"{size(found.bytes)} read in {span(found.seconds)}"
    shelves = count(found.shelves, "shelf", "shelves")
    if found.proven:
        yield f"every shelf is proven: {shelves}, {count(found.records, 'record')}, {read}"
    else:
        yield f"{shelves}, {count(found.records, 'record')}, {read}"
    for finding in found.findings:
        yield f"{names.get(finding.account, finding.account.hex())}, {finding.kind}:"
        yield from (f"  {problem}" for problem in finding.problems[:SHOWN])
        if len(finding.problems) > SHOWN:
            yield f"  and {len(finding.problems) - SHOWN:,} more, all of them with --json"
    yield from _copy_lines(found.copies)


def _copy_lines(flaws: "list[CopyFlaw]") -> Iterator[str]:
    for place in dict.fromkeys(flaw.place for flaw in flaws):
        here = [flaw for flaw in flaws if flaw.place == place]
        yield f"the copy in {place}, made good by another:"
        yield from (f"  {flaw.problem}: {flaw.name}" for flaw in here[:SHOWN])
        if len(here) > SHOWN:
            yield f"  and {len(here) - SHOWN:,} more, all of them with --json"
