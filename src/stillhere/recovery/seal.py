"""Step 1: the old epoch is sealed and the next one begins, with a new core's keys.

    make the home and write down who the new core will be
    leave copies of the vault that are behind, or can't be written, to be read only
    take every slot that the old core could still write to
    forget what was read while it could still write
    create the next epoch, which says exactly where each writer ended, and who is erased
    seal each copy that was left, as far as it goes

A crash between any two of these leaves a home that goes on here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.errors import BadInput, Fenced, NotFound
from stillhere.recovery.check import Checked
from stillhere.recovery.left import (
    complete,
    leave_behind,
    leave_unsealed,
    leave_unwritable,
    seal_left,
)
from stillhere.replication.found import new_identity
from stillhere.replication.members import Members, keep_members, read_members
from stillhere.store.core import Core, Identity, clear_unfinished, is_unfinished
from stillhere.store.schema import DATABASE
from stillhere.vault.backends import BackendError, Exists
from stillhere.vault.backends.copies import Copies
from stillhere.vault.copied import places_of, written_places
from stillhere.vault.epochs import (
    begin_epoch,
    make_epoch,
    mend_epoch,
    read_epoch,
    seal_journal,
    seal_writers,
)
from stillhere.vault.erasures import read_erasures
from stillhere.vault.layout import segment_name
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import mend_format
from stillhere.vault.proof import Proof
from stillhere.vault.sets import keep_set
from stillhere.vault.signing import Signer
from stillhere.vault.standing import last_segment


def open_home(home: Path, checked: Checked) -> tuple[Core, Identity]:
    """The new core's home: made now, or the one of a recovery that was interrupted (it may
    have become whole in its last moment).

    Raises BadInput for a home that holds something else."""
    if (home / DATABASE).exists() and is_unfinished(home):
        clear_unfinished(home)
    elif (home / DATABASE).exists():
        core = Core(home)
        identity = core.identity()
        recovered = identity.epoch > 1 and checked.epochs[-1].core == identity.core
        if identity.vault != checked.vault.id or not (identity.recovering or recovered):
            core.close()
            raise BadInput(
                f"{home} holds a core already",
                safe="nothing was changed",
                hint="give --home an empty folder; start a whole core with stillhere serve",
            )
        try:
            core.lock("recover")
        except BadInput:
            core.close()
            raise
        return core, identity
    core = Core(home, create=True)
    core.lock("recover")
    identity = new_identity(
        checked.kit,
        places_of(checked.vault.backend)[0],
        checked.epochs[-1].number + 1,
        checked.service,
        journal_keys=checked.journal_keys,
        recovering=True,
    )
    core.keep_identity(identity, core.reader())
    core.checkpoint()
    return core, identity


def prove_by_kit(checked: Checked) -> None:
    """What one copy of the vault hands on to another while they are sealed is proven by what the
    kit opens."""
    copies = checked.vault.backend
    if isinstance(copies, Copies):
        keys = checked.service.names, checked.journal_keys
        copies.proof = Proof(checked.vault, *keys, _no_account)


def _no_account(account: bytes) -> bytes:
    raise NotFound(f"no key of account {account.hex()} is needed to seal")


def seal(checked: Checked, identity: Identity, start_over: Callable[[], None]) -> bool:
    """Fence the old core and begin the new epoch; False where the vault can't be written.

    ``start_over`` is called between the two: what an attempt that could not seal has brought
    into the core may be older than what the old core did until now. Raises Fenced when another
    recovery has taken the epoch."""
    newest = checked.epochs[-1]
    if newest.number == identity.epoch and newest.core == identity.core:
        leave_unsealed(checked.vault, newest.number)
        with suppress(BackendError):
            mend_epoch(checked.vault, newest.number)
        seal_left(checked, identity.epoch)
        return True
    if newest.number >= identity.epoch:
        raise _overtaken()
    vault, kit = checked.vault, checked.kit
    leave_behind(vault, newest.number)
    leave_unwritable(vault)
    try:
        mend_format(vault)
        writers = seal_writers(vault, kit, newest.number)
        cut = read_root(vault).cut.get(newest.number, {})
        ends = {}
        for writer in range(writers):
            last = last_segment(vault, newest.number, writer, cut.get(writer, 0))
            complete(vault, segment_name(newest.number, writer, last))
            ends[writer] = seal_journal(vault, kit, newest.number, writer, last)
        start_over()
        public = Ed25519PrivateKey.from_private_bytes(identity.signing_key).public_key()
        epoch = make_epoch(
            kit,
            identity.epoch,
            identity.core,
            public.public_bytes_raw(),
            identity.journal_key,
            ends=ends,
            roots=read_root(vault).number,
            erased=list(read_erasures(vault, newest.number, newest.erased).valid.values()),
        )
        begin_epoch(vault, kit, epoch)
    except Exists:
        raise _overtaken() from None
    except BackendError:
        return False
    begun = read_epoch(vault, identity.epoch)
    assert begun is not None
    checked.epochs.append(begun)
    checked.erased.update({erasure.account: erasure for erasure in begun.erased})
    seal_left(checked, identity.epoch)
    return True


def keep_sealed(home: Path, identity: Identity, checked: Checked) -> None:
    """The core's vault is in the copies that were sealed, whichever was named first."""
    written = list(written_places(checked.vault.backend))
    before = read_members(home, identity.vault_place)
    if before.generation or before.places != written:
        keep_members(home, Members(before.generation + 1, written))


def record_sealed(checked: Checked, signer: Signer) -> None:
    """Record in the vault which copies there are now; what an earlier epoch said is over."""
    written = written_places(checked.vault.backend)
    with suppress(BackendError):  # the status says when it can't be written
        if len(written) > 1 or checked.known is not None:
            keep_set(checked.vault, signer, written)


def _overtaken() -> Fenced:
    return Fenced(
        "another recovery of this vault has begun",
        safe="nothing is lost; the vault belongs to the core that began first",
        hint="use that core, or start a recovery into a new, empty home",
    )
