"""Several copies of a vault are even: each could bring the core back by itself."""

from __future__ import annotations

from stillhere.errors import Damaged
from stillhere.replication.members import Follower
from stillhere.replication.spool import Spool
from stillhere.store.core import Core, Identity
from stillhere.vault.opened import Vault
from stillhere.vault.standing import lacking_epochs, own_ends


def check_even(core: Core, identity: Identity, vault: Vault, follower: Follower) -> None:
    """See that every copy by itself has every epoch, its own ledger and the journal behind it,
    without a gap, as far as the core has come: one that stood aside, or was put back from a
    backup, protects nothing.

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
    spool, reached = Spool(core.home), core.positions(identity.epoch)
    for copy in copies:
        if lacking := lacking_epochs(copy, identity.epoch):
            raise _left_behind(copy.place, f"lacks epoch {lacking[0]}")
        alone = spool.before(Vault(copy, vault.format, vault.verifier))
        for writer, last in own_ends(alone, identity.epoch, reached).items():
            if last < reached[writer]:
                what = f"ends at segment {last} of writer {writer}, the core at {reached[writer]}"
                raise _left_behind(copy.place, what)


def _left_behind(place: str, what: str) -> Damaged:
    return Damaged(
        f"the copy in {place} {what}",
        safe="the core and the other copies are whole; nothing was changed",
        hint=f"stillhere vault add {place} brings it up to date;"
        f" or stillhere vault remove {place} goes on without it",
    )
