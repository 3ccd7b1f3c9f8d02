"""Putting a segment into its slot: what is uncertain is resolved by reading the slot."""

from __future__ import annotations

import time

from stillhere.errors import Fenced, Surplus, Unavailable
from stillhere.replication.slots import sealed
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.epochs import is_seal
from stillhere.vault.opened import Vault, look

TRIES = 3
AGAIN_S = 0.05


def deliver(vault: Vault, name: str, data: bytes) -> None:
    """Take the slot: mine in every copy of the vault is done, a seal or a stranger's in any is
    the end, absent in one is tried again.

    Mine whose create failed is created once more: only where that finds it there is it known
    to be durable. Raises Fenced for good, Unavailable when it is not done or not known to be."""
    failure: BackendError | None = None
    for attempt in range(TRIES):
        failed = False
        try:
            vault.backend.create(name, data)
        except (BackendError, Exists, Missing) as error:
            failed = not isinstance(error, Exists)
            failure = error if isinstance(error, BackendError) else failure
        else:
            return
        there = look(vault, name)
        if any(found != data for found in there.found):
            raise taken(vault, name, *there.found)
        if there.silent is not None:
            raise unavailable(failure or there.silent) from there.silent
        if there.lacking:
            time.sleep(AGAIN_S * attempt)
        elif not failed:
            return
    raise unavailable(failure) from failure


def taken(vault: Vault, name: str, *found: bytes) -> Fenced:
    """Why a core ends that finds these bytes in a slot of its own: one in each copy."""
    if any(is_seal(vault, name, data) for data in found):
        return sealed()
    return Surplus(
        f"somebody else has written {name}",
        safe="everything that was acknowledged is in the vault",
        hint="two cores run on one vault: stop this one, or recover",
    )


def unavailable(error: BackendError | None) -> Unavailable:
    """Why a change is not acknowledged now."""
    return Unavailable(
        error.what if error else "the vault can't be written",
        safe="nothing that was acknowledged is lost; this change was not acknowledged",
        hint=(error.hint if error else "") or "look at the vault; writes go on when it does",
        retry_after=30,
    )
