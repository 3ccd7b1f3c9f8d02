"""A look at each copy of the vault by itself: one that fails is named before anybody writes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from stillhere.errors import StillhereError, Unavailable
from stillhere.replication.start import Working
from stillhere.vault.backends import Backend, Missing
from stillhere.vault.backends.copies import Copies, without
from stillhere.vault.layout import epoch_name

PATIENCE_S = 3.0
THREADS = 8


class CopyWatch:
    """Looks at every copy, if there are several; one that hangs is not asked again meanwhile."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="copies")
        self._flights: dict[str, Future[int]] = {}

    def look(self) -> StillhereError | None:
        """What is wrong with the first copy that fails; None when all answer."""
        backend = self._working.vault.backend
        copies = backend.written if isinstance(backend, Copies) else ()
        if len(copies) < 2:
            return None
        return next((trouble for copy in copies if (trouble := self._ask(copy))), None)

    def close(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False)

    def _ask(self, copy: Backend) -> StillhereError | None:
        name = epoch_name(self._working.identity.epoch)
        flight = self._flights.pop(copy.place, None) or self._pool.submit(copy.size, name)
        try:
            error = flight.exception(PATIENCE_S)
        except TimeoutError:
            self._flights[copy.place] = flight
            return _failing(copy, f"it has not answered for {PATIENCE_S:g} s")
        if error is None:
            return None
        if isinstance(error, Missing):
            return _failing(copy, "it is not the vault, or not of this epoch")
        return _failing(copy, error.what if isinstance(error, StillhereError) else str(error))


def _failing(copy: Backend, why: str) -> Unavailable:
    return Unavailable(
        f"the copy of the vault in {copy.place} fails: {why}",
        safe="what was acknowledged is in every copy; nothing is acknowledged without this one",
        hint=without(copy.place),
    )
