"""A vault in several places, opened: those of them that can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stillhere.errors import BadInput, FutureVault, NotAVault, RefusedVault, Unavailable, WrongKit
from stillhere.vault.backends import Backend, BackendError
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.place import Place, is_remote, open_place, resolve
from stillhere.vault.backends.probe import check_apart
from stillhere.vault.layout import numbers_of
from stillhere.vault.opened import Vault, open_vault


class Unreached(NamedTuple):
    """A place where a copy of the vault should be, and why nothing can be read there."""

    place: str
    cause: RefusedVault | Unavailable


class _Reached(NamedTuple):
    backend: Backend
    epoch: int


def open_reached(
    places: Sequence[Place], root_public: bytes | None = None
) -> tuple[Vault, list[Unreached]]:
    """The vault in every place where it can be reached, and where it can't. The copies that
    have seen the newest epoch come first: the others were left behind.

    Raises what the first place's trouble is where none can be reached; FutureVault and WrongKit
    for any: somebody is mistaken."""
    reached: list[_Reached] = []
    unreached: list[Unreached] = []
    for place in places:
        try:
            reached.append(_reach(place, root_public))
        except (FutureVault, WrongKit):
            raise
        except (RefusedVault, Unavailable) as error:
            unreached.append(Unreached(resolve(place), error))
        except BadInput as error:  # a bucket whose keys are not at hand, beside others
            if len(places) == 1:
                raise
            cause = Unavailable(error.what, safe=error.safe, hint=error.hint)
            unreached.append(Unreached(str(place), cause))
    if not reached:
        raise unreached[0].cause
    reached.sort(key=lambda one: -one.epoch)
    backends = [one.backend for one in reached]
    return open_vault(Copies(backends), root_public), unreached


def check_copies_apart(backend: Backend) -> None:
    """See that no two copies behind a backend are one place by two names, as far as they can be
    written. Raises BadInput."""
    copies = backend.written if isinstance(backend, Copies) else ()
    for copy in copies:
        with suppress(BackendError):
            check_apart(copy, [other for other in copies if other is not copy])


def places_of(backend: Backend) -> tuple[str, ...]:
    """Where the copies behind a backend are, in their order."""
    if isinstance(backend, Copies):
        return tuple(copy.place for copy in backend.copies)
    return (backend.place,)


def written_places(backend: Backend) -> tuple[str, ...]:
    """Those of them that objects are made in."""
    if isinstance(backend, Copies):
        return tuple(copy.place for copy in backend.written)
    return (backend.place,)


def _reach(place: Place, root_public: bytes | None) -> _Reached:
    if not is_remote(place) and not Path(place).is_dir():
        raise NotAVault(
            f"there is no vault in {place}: it is not a folder",
            safe="nothing was changed",
            hint="name the folder that init was given with --vault; is its disk mounted?",
        )
    backend = open_place(place)
    open_vault(backend, root_public)
    try:
        return _Reached(backend, max(numbers_of(backend.names("epochs")), default=0))
    except BackendError as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
