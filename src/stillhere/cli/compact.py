"""`stillhere compact`"""

from stillhere.cli.options import Home, Json
from stillhere.cli.output import answer
from stillhere.errors import Damaged


def run(home: Home = None, as_json: Json = False) -> None:
    """Tidy the vault now; a running server does it itself."""
    from stillhere.cli.progress import progress
    from stillhere.replication.compact import compact
    from stillhere.server.core import opened
    from stillhere.status.words import count, size, span

    with opened(home) as core, progress("compacting", as_json=as_json) as tick:
        done = compact(core.working, tick=tick)
    unproven = [{"account": account, "kind": kind} for account, kind in done.unproven]
    shelves = count(done.shelves, "shelf", "shelves")
    told = f"{shelves} and {size(done.tail_bytes)} of journal folded in {span(done.seconds)}"
    answer(done._asdict() | {"unproven": unproven}, [told], as_json=as_json)
    if done.unproven:
        names = ", ".join(f"{account.hex()} {kind}" for account, kind in done.unproven)
        raise Damaged(
            f"{count(len(done.unproven), 'shelf', 'shelves')} could not be proven: {names}",
            safe="what was found of them is kept, and so is the journal behind it",
            hint="stillhere verify says what is wrong with each",
        )
