"""`stillhere survey`"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.options import Json, State, Witness
from stillhere.cli.output import answer, print_error
from stillhere.errors import StillhereError, Unavailable

if TYPE_CHECKING:
    from stillhere.recovery.estimate import Range
    from stillhere.recovery.survey import Figures
    from stillhere.server.surveying import Surveyed

COLUMNS = ("Kind", "Records", "Proven", "Recoverable", "Not found", "Shelves lacking something")


def run(
    vault: Annotated[
        list[str] | None,
        typer.Option("--vault", metavar="PLACE", help="A copy of the vault; again for others."),
    ] = None,
    core: Annotated[
        list[Path] | None,
        typer.Option("--core", metavar="FILE", help="A damaged core's file; again for others."),
    ] = None,
    kit: Annotated[
        Path | None,
        typer.Option("--kit", metavar="FILE", help="The recovery kit, which a vault needs."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", min=0, help="How long to look at shelves.")
    ] = 5,
    everything: Annotated[
        bool, typer.Option("--all", help="Look at every shelf, however long that takes.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget what an earlier survey saw.")
    ] = False,
    witness: Witness = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Tell in seconds, read-only, what can still be had.

    What it finds is kept for the page, and is there in its next edition until newer figures are.
    """
    from stillhere.cli.progress import progress
    from stillhere.server.surveying import keep_for_page, survey

    with progress("shelves", as_json=as_json) as tick:
        limit = None if everything else seconds
        seen = survey(
            *(vault or [], kit, tick),
            seconds=limit,
            cores=core or [],
            witness=witness,
            anew=anew,
        )
    for error in seen.unopened.values():
        print_error(error, as_json=as_json)
    answer(_told(seen), _lines(seen), as_json=as_json)
    try:
        keep_for_page(seen, state)
    except StillhereError as error:
        print_error(error, as_json=as_json)
    silent, cause = seen.silent
    if silent and not any(figures.looked for figures in seen.kinds.values()):
        raise Unavailable(cause, safe="nothing was changed")


def _told(seen: "Surveyed") -> dict[str, object]:
    return {
        "vaults": [{"vault": copy.name, "flaws": copy.flaws} for copy in seen.copies],
        "cores": [
            {"core": one.name, "shelves": one.shelves, "records": one.records}
            | {"bodies_of_nobody": one.nameless}
            for one in seen.cores
        ],
        "together": None if seen.together is None else seen.together.flaws,
        "unopened": [{"vault": name, "error": error.what} for name, error in seen.unopened.items()],
        "certainty": 1 - _error(),
        "complete": seen.complete,
        "seconds": seen.seconds,
        "looked_before": seen.before,
        "silent": seen.silent[0],
        "kinds": {kind: _figures(one, seen) for kind, one in seen.kinds.items() if kind},
        "all": _figures(seen.kinds[""], seen) if seen.kinds else None,
    }


def _figures(one: "Figures", seen: "Surveyed") -> dict[str, object]:
    ranges = ("lacking", "known", "proven", "recoverable", "missing")
    told: dict[str, object] = {name: list(getattr(one, name)) for name in ranges}
    each = [
        {"records": list(held), "alone": list(alone)}
        for held, alone in zip(one.holds, one.alone, strict=True)
    ]
    copies = len(seen.copies)
    by_source = {
        "vaults": dict(zip([copy.name for copy in seen.copies], each[:copies], strict=True)),
        "cores": dict(zip([core.name for core in seen.cores], each[copies:], strict=True)),
    }
    counts = {"shelves": one.shelves, "looked": one.looked, "uncounted": one.uncounted}
    return counts | told | by_source


def _lines(seen: "Surveyed") -> Iterator[str]:
    from stillhere.server.surveying import share_of
    from stillhere.status.outlook import sentence
    from stillhere.status.words import count, span, table

    for copy in seen.copies:
        yield f"Vault      {copy.name}: {'; '.join(copy.flaws) or 'nothing missing in its lists'}"
    if seen.together is not None:
        yield f"Together   {'; '.join(seen.together.flaws) or 'nothing missing in their lists'}"
    for core in seen.cores:
        of = f"{count(core.records, 'record')} of {count(core.shelves, 'shelf', 'shelves')}"
        nameless = f", and {core.nameless:,} of which nothing says whose they are"
        yield f"Core       {core.name}: {of} can be read{nameless if core.nameless else ''}"
    if not seen.kinds:
        yield "Nothing    there was no account yet" if seen.copies else "Nothing    has a name"
        return
    everything = seen.kinds[""]
    shelves = count(everything.shelves, "shelf", "shelves")
    drawn = "all of" if seen.complete else f"{everything.looked:,}, drawn by lot, of"
    before = f", {seen.before:,} of them before" if seen.before else ""
    yield f"Looked at  {drawn} {shelves} in {span(seen.seconds)}{before}"
    yield ""
    rows = [(kind or "all", one) for kind, one in seen.kinds.items()]
    yield from table([COLUMNS, *(_row(*row) for row in rows)], right=range(1, len(COLUMNS)))
    yield ""
    yield sentence(share_of("", everything))
    yield from _notes(seen, everything)


def _notes(seen: "Surveyed", everything: "Figures") -> Iterator[str]:
    from stillhere.status.words import count

    names = [copy.name for copy in seen.copies] + [core.name for core in seen.cores]
    if len(names) > 1 or seen.together is not None:
        for name, records, alone in zip(names, everything.holds, everything.alone, strict=True):
            only = f"{_range(alone)} of them nothing else has"
            yield f"{name} by itself has {_range(records)} records; {only}"
    if not seen.copies and seen.together is None:
        yield "Without a vault nothing proves that these are the newest, or all that there were."
    if everything.uncounted:
        uncounted = count(everything.uncounted, "shelf", "shelves")
        yield f"Of {uncounted} nothing says how many records there were: they come on top."
    if seen.silent[0]:
        yield f"About {count(seen.silent[0], 'shelf', 'shelves')} no answer came: {seen.silent[1]}"
    if not seen.complete:
        yield (
            f"Each range holds with {100 * (1 - _error()):.0f} % certainty."
            " The same command again goes on from here and narrows it."
        )
    if not seen.kept:
        yield "What was seen could not be kept in the state folder: the next survey begins anew."


def _row(kind: str, one: "Figures") -> tuple[str, ...]:
    ranges = (one.known, one.proven, one.recoverable, one.missing, one.lacking)
    return (kind, *map(_range, ranges))


def _range(one: "Range") -> str:
    from stillhere.status.outlook import spread

    return spread(one)


def _error() -> float:
    from stillhere.recovery.survey import ERROR

    return ERROR
