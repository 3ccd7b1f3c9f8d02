"""The vault's copies as the operator sees them: added, removed, listed; the settings say where."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from stillhere import config
from stillhere.errors import Fenced, StillhereError, Unavailable
from stillhere.replication.copies import (
    Added,
    Removed,
    add_copy,
    look_for_recovery,
    remove_copy,
    tell_removed,
)
from stillhere.replication.members import choose, read_members
from stillhere.replication.seed import Tick
from stillhere.server.core import opened
from stillhere.server.fates import fate_of
from stillhere.server.patience import within
from stillhere.status.fates import CopyFigures, Fate
from stillhere.store.core import Core
from stillhere.vault.backends import Backend
from stillhere.vault.backends.place import Place, open_place
from stillhere.vault.epochs import read_epochs, sealed_ends
from stillhere.vault.opened import open_vault
from stillhere.vault.standing import count_lacking, lacking_epochs

SILENT_S = 5.0


def add(option: Path | None, place: Place, tick: Tick) -> Added:
    """Makes a place one of the vault's copies, while a server runs or not.

    Raises what opening the core raises, BadInput, NotAVault, Unavailable and BackendError.
    """
    with opened(option, uneven=True) as core:
        added = add_copy(core.working, place, tick)
        _keep(core.home, added.members.places, "were changed all the same")
    return added


def remove(option: Path | None, place: Place) -> Removed:
    """Takes a place out of the vault's copies; it need not be there any more. Raises BadInput,
    NotFound, Fenced (also where a recovery has begun in that place alone, if it can be asked),
    Damaged, and Unavailable when the others can't be written."""
    home = config.find_home(option)
    try:
        within(SILENT_S, lambda: look_for_recovery(home, place))
    except Fenced:
        raise
    except StillhereError:
        pass  # it can't be asked, which is why it is removed
    given = config.places_of(config.load(home))
    keep = partial(_keep, home, safe="are as they were")
    removed = remove_copy(home, given, place, keep)
    with suppress(StillhereError):  # it may be gone, which is why it is removed
        within(SILENT_S, lambda: tell_removed(place, removed))
    return removed


def look(home: Path, settings: config.Settings) -> list[CopyFigures]:
    """Every copy by itself, as it answers now; ends even where one hangs."""
    core = Core(home)
    try:
        identity = core.identity()
        reached = core.positions(identity.epoch)
    finally:
        core.close()
    members = choose(read_members(home, identity.vault_place), config.places_of(settings))
    joining = members.places[-1] if members.joining else ""
    return [
        _see(place, settings.apart, identity.epoch, reached, joining=place == joining)
        for place in members.places
    ]


def _see(
    place: str, apart: Sequence[str], epoch: int, reached: dict[int, int], *, joining: bool
) -> CopyFigures:
    def see() -> CopyFigures:
        fate = Fate(place)
        with suppress(OSError, StillhereError):  # then it can't be read either
            fate = fate_of(place, apart)
        try:
            lacking, behind = _lacking(open_place(place), epoch, reached)
        except StillhereError as error:
            return CopyFigures(place, joining, 0, error.what, fate)
        return CopyFigures(place, joining, behind, "", fate, lacking)

    try:
        return within(SILENT_S, see)
    except StillhereError as error:
        return CopyFigures(place, joining, 0, error.what, Fate(place))


def _lacking(copy: Backend, epoch: int, reached: dict[int, int]) -> tuple[list[int], int]:
    """What a copy lacks by itself: epochs, and segments of all of them that its own ledger does
    not have either."""
    vault = open_vault(copy)
    if lacking := lacking_epochs(copy, epoch):
        return lacking, 0
    ends = sealed_ends(read_epochs(vault)) | {epoch: reached}
    return [], sum(count_lacking(vault, number, last) for number, last in ends.items())


def _keep(home: Path, places: Sequence[str], safe: str) -> None:
    first, *more = places
    try:
        config.name_places(home, first, more)
    except OSError as error:
        raise Unavailable(
            f"{home / config.FILE} can't be written: {error.strerror or error}",
            safe=f"the vault's copies {safe}",
            hint="give the same command again when it can",
        ) from error
