"""Looking further, when a core is whole: what damaged cores have that no vault had.

for each file, of however many, and again whenever there is another
    make the accounts that only it has                      (adopt.py)
    merge the changes that only it has                      (merge.py)
    heal the held records whose bodies it has               (heal.py)
    give accounts whose profile came back their names again
    say in figures what came of it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stillhere.errors import BadInput
from stillhere.recovery.accept import accept
from stillhere.recovery.heal import name_again
from stillhere.recovery.report import tally_verdicts
from stillhere.recovery.salvage.adopt import adopt
from stillhere.recovery.salvage.heal import heal
from stillhere.recovery.salvage.merge import merge
from stillhere.recovery.salvage.scan import Salvage
from stillhere.replication.start import Working
from stillhere.store.schema import DATABASE

Announce = Callable[..., None]


def check_files(home: Path, files: Sequence[Path]) -> None:
    """Refuse what can't be salvaged from before anything is begun. Raises BadInput."""
    for path in files:
        if path.resolve() == (home / DATABASE).resolve():
            raise BadInput(
                f"{path} is this core itself, and not a damaged one",
                safe="nothing was changed",
                hint="name the file in the old home; a recovery goes into a new, empty one",
            )
        Salvage(path).close()


def salvage(working: Working, files: Sequence[Path], announce: Announce) -> None:
    """Bring back what each file has. Nothing is written to them. Announces ``salvaged`` for each.

    Raises BadInput, Unavailable and Fenced; what came back until then stays, and the same again
    goes on from there."""
    store = working.store
    for path in files:
        with Salvage(path) as damaged:
            accounts = adopt(working, damaged)
            merged = merge(store, damaged)
            healed = heal(store, damaged)
        name_again(working)
        (held,) = store.core.reader().execute("SELECT sum(held) FROM shelves").fetchone()
        tally = tally_verdicts(working.core)
        announce(
            "salvaged",
            file=str(path),
            looked_for=healed.held,
            healed=healed.healed,
            accounts=accounts,
            found_beyond=merged.found,
            written=merged.written,
            deleted=merged.deleted,
            history=merged.history,
            on_closed=merged.closed,
            held=held or 0,
            verdicts=tally.verdicts,
        )


def accept_filled(working: Working, account: bytes, kind: str, files: Sequence[Path]) -> None:
    """Accept a shelf as it was found, and open it with what each file has of it besides.

    Raises BadInput, NotFound and Unavailable as ``accept`` does."""

    def fill() -> None:
        for path in files:
            with Salvage(path) as damaged:
                merge(working.store, damaged, (account, kind))

    accept(working, account, kind, fill)
    if files:
        name_again(working)
