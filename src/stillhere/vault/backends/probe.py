"""The proof, before anything is kept in a place, that a name can be taken only once there."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress

from stillhere.errors import BadInput, NotAVault
from stillhere.vault.backends import Backend, BackendError, Exists, Missing

PROBES = "probe"


def probe(backend: Backend, racers: int = 0) -> None:
    """Prove that a second create of one name fails, without which nothing here is safe; with
    ``racers``, also that only one of so many at the same time succeeds.

    Raises NotAVault, BackendError when it could not be tried."""
    name = _probe_name()
    backend.create(name, b"first")
    try:
        backend.create(name, b"second")
    except Exists:
        if not racers or _race(backend, racers) == 1:
            return
    finally:
        backend.delete(name)
    raise NotAVault(
        f"{backend.place} let an object be written twice",
        safe="nothing was kept there",
        hint="use a place that honours create-only writes (If-None-Match on S3)",
    )


def check_apart(backend: Backend, others: Sequence[Backend]) -> None:
    """See that what is made in a place is seen in none of the others: one place by two names
    (a mount, a link, an address with ``?lock-days`` and one without) is not two copies.

    Raises BadInput, BackendError when it could not be tried."""
    if not others:
        return
    name = _probe_name()
    backend.create(name, b"here")
    try:
        for other in others:
            with suppress(Missing, BackendError):
                other.size(name)
                raise BadInput(
                    f"{backend.place} and {other.place} are one place by two names:"
                    " what is made in one is seen in the other",
                    safe="nothing was changed",
                    hint="two copies of a vault need two places; name this one once",
                )
    finally:
        backend.delete(name)


def _race(backend: Backend, racers: int) -> int:
    """How many of some creates of one name at the same time succeed.

    There are stores that look whether a name is free, and write afterwards."""
    name, start = _probe_name(), threading.Barrier(racers)
    won: list[int] = []
    failed: list[BackendError] = []

    def create(racer: int) -> None:
        start.wait()
        try:
            backend.create(name, b"%d" % racer)
        except Exists:
            return
        except BackendError as error:
            failed.append(error)
        else:
            won.append(racer)

    threads = [threading.Thread(target=create, args=(n,), daemon=True) for n in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.delete(name)
    if failed and len(won) < 2:
        raise failed[0]
    return len(won)


def _probe_name() -> str:
    return f"{PROBES}/{os.urandom(8).hex()}"
