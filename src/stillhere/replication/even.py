"""Several copies of a vault are even: each could bring the core back by itself."""

from __future__ import annotations

from contextlib import suppress

from stillhere.errors import Damaged
from stillhere.replication.members import Follower
from stillhere.replication.spool import Spool
from stillhere.store.core import Core, Identity
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import Vault
from stillhere.vault.tail import list_journal


def check_even(core: Core, identity: Identity, vault: Vault, follower: Follower) -> None:
    """See that every copy by itself has its own ledger and the journal behind it, without a gap,
    as far as the core has come: one that stood aside, or was put back from a backup, protects
    nothing.

    Raises Damaged, BackendError."""
    while True:
        members = follower.members
        try:
            return _check_copies(core, identity, vault, follower)
        except Damaged:
            follower.follow()
            if follower.members is members:
                raise  # else one of them was taken out meanwhile, and is written to no more


def _check_copies(core: Core, identity: Identity, vault: Vault, follower: Follower) -> None:
    copies = follower.copies.written
    if follower.members.joining:
        copies = copies[:-1]
    if len(copies) == 1:
        return
    spool = Spool(core.home)
    for copy in copies:
        alone = spool.before(Vault(copy, vault.format, vault.verifier))
        cut: dict[int, int] = {}
        with suppress(Damaged):  # without its own ledger it needs the whole journal
            cut = read_root(alone).cut.get(identity.epoch, {})
        for writer, known in core.reader().execute(
            "SELECT writer, segment FROM writers WHERE epoch = ?", (identity.epoch,)
        ):
            listing = list_journal(alone, identity.epoch, writer, cut.get(writer, 0))
            last = listing.gaps[0][0] - 1 if listing.gaps else listing.last
            if last < known:
                raise _left_behind(copy.place, writer, last, known)


def _left_behind(place: str, writer: int, last: int, known: int) -> Damaged:
    return Damaged(
        f"the copy in {place} ends at segment {last} of writer {writer}, the core at {known}",
        safe="the core and the other copies are whole; nothing was changed",
        hint=f"stillhere vault add {place} brings it up to date;"
        f" or stillhere vault remove {place} goes on without it",
    )
