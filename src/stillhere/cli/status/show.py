"""`stillhere status`"""

import typer

from stillhere.cli.options import Home, Json, Witness
from stillhere.cli.output import answer, warn
from stillhere.errors import BadInput


def run(
    asked: typer.Context, home: Home = None, witness: Witness = None, as_json: Json = False
) -> None:
    """Tell what is protected, what a loss would cost; remember how far the vault reaches."""
    if asked.invoked_subcommand is not None:
        if home is not None or witness is not None or as_json:
            raise BadInput(
                f"options of {asked.invoked_subcommand} come after its name",
                safe="nothing was changed",
                hint=f"stillhere status {asked.invoked_subcommand} --help lists them",
            )
        return
    from stillhere.server.figures import read_status
    from stillhere.status import core, fates
    from stillhere.status.words import plain

    status = read_status(home, witness)
    warnings = core.warnings(status.protection, status.told_at)
    same_disk = status.protection.same_disk
    warnings += [
        (text, hint)
        for text, hint in fates.warnings(status.fate, status.copies)
        if not (same_disk and text.endswith("takes the core and every copy of the vault"))
    ]
    told = plain(status) | {
        "shelves": sum(kind.shelves for kind in status.kinds),
        "records": sum(kind.records for kind in status.kinds),
        "warnings": [text for text, _ in warnings],
    }
    answer(told, core.lines(status), as_json=as_json)
    if not as_json:
        for text, hint in warnings:
            warn(text, hint=hint)
