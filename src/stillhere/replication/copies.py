"""Adding a place to the vault's copies while the core serves, and taking one out.

    add
        see that no recovery has begun there: what it keeps there is not to be touched
        make the place a vault that nobody can recover from yet
        copy what there is
        let every process of the core write there too, and wait until all do
        copy what was made meanwhile
        begin the epochs there: now it is a vault; record the set
    remove
        record the set in the copies that stay
        have the settings say so: fewer places than there are change nothing yet
        let every process of the core write to these alone

Killed anywhere, the same command goes on. While a place is joining, a change is acknowledged only
when it is there as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.errors import BadInput, Damaged, NotAVault, Unavailable, WrongKit
from stillhere.replication.members import (
    Members,
    choose,
    keep_members,
    open_own,
    read_members,
    wait_for_all,
)
from stillhere.replication.proving import prove_by_core
from stillhere.replication.seed import Seeder, Tick
from stillhere.replication.slots import sealed
from stillhere.replication.start import Working, prove_newest
from stillhere.store.core import Core, lock_home
from stillhere.vault.backends import Backend, BackendError, Exists, Missing
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.place import Place, absolute, lies_within, open_place, resolve
from stillhere.vault.backends.probe import PROBES, check_apart, probe
from stillhere.vault.epochs import read_writers
from stillhere.vault.layout import FORMAT, numbers_of, twin
from stillhere.vault.opened import Vault, check_format, mend_format, open_vault
from stillhere.vault.sets import keep_set
from stillhere.vault.signing import Signer

FOLLOW_S = 60.0
LOCK = "vault"


class Added(NamedTuple):
    """The members now, and how many objects were copied."""

    members: Members
    copied: int


class Removed(NamedTuple):
    """The members now, and the record of that: its name and bytes."""

    members: Members
    record: tuple[str, bytes] | None


def add_copy(working: Working, place: Place, tick: Tick) -> Added:
    """Make a place one of the vault's copies; one that is already is brought up to date.

    Raises BadInput, NotAVault, WrongKit, Fenced, Unavailable, BackendError."""
    home, follower = working.core.home, working.follower
    assert follower is not None
    with lock_home(home, LOCK):
        follower.follow()
        members, target = follower.members, resolve(place)
        others = [copy for copy in follower.copies.written if resolve(copy.place) != target]
        if not others:
            raise BadInput(
                f"{place} is the vault's only copy",
                safe="nothing was changed",
                hint="name another place, which is empty or does not exist",
            )
        fresh = target not in set(map(resolve, members.places))
        joining = fresh or (members.joining and resolve(members.places[-1]) == target)
        vault = Vault(Copies(others), working.vault.format, working.vault.verifier)
        backend = _prepare(place, others, vault, working.identity.epoch)
        _check_names((*others, backend))
        seeder = Seeder(vault, backend, working, tick)
        seeder.run()
        if fresh:
            members = Members(members.generation + 1, [*members.places, target], joining=True)
            keep_members(home, members)
            follower.follow()
        if joining and not wait_for_all(home, members.generation - 1, FOLLOW_S):
            raise Unavailable(
                "a process of this core has not taken notice of the new place yet",
                safe="everything is as it was; the new place does not count yet",
                hint="give the same command again: it goes on where it was",
            )
        seeder.run()
        seeder.begin_epochs()
        if joining:
            keep_set(working.vault, working.signer, members.places)
            members = Members(members.generation + 1, members.places)
            keep_members(home, members)
            follower.follow()
        return Added(members, seeder.copied)


def _check_outside(place: str, others: Iterable[Backend]) -> None:
    for other in others:
        if lies_within(place, other.place) or lies_within(other.place, place):
            raise BadInput(
                f"one of {place} and {other.place} lies within the other",
                safe="nothing was changed",
                hint="two copies of a vault need two places, apart from each other",
            )


def _check_names(copies: Iterable[Backend]) -> None:
    """The copies follow the first one by what they see there: that has to be whole."""
    for copy in copies:
        if isinstance(copy, Directory) and not copy.names_only_whole():
            raise BadInput(
                f"the file system of {copy.place} has neither links nor renames that replace"
                " nothing: an object could be seen there half written",
                safe="the vault is as it was",
                hint="that is enough for a vault in one place; of several, use another one",
            )


def remove_copy(
    home: Path,
    given: Sequence[Place],
    place: Place,
    name_places: Callable[[Sequence[str]], None] = lambda _: None,
) -> Removed:
    """Take a place out of the vault's copies, whether or not it can be reached. ``name_places``
    has the settings say which are left.

    Raises BadInput, and what stands in the way of recording that in the others."""
    core = Core(home)
    try:
        with lock_home(home, LOCK):
            identity = core.identity()
            members = choose(read_members(home, identity.vault_place), given)
            name = absolute(place)  # one that hangs is not looked at
            name = name if name in members.places else resolve(place)
            rest = [one for one in members.places if one != name]
            if len(rest) == len(members.places) or not rest:
                raise BadInput(
                    f"{place} is {'the only copy' if not rest else 'no copy'} of this core's vault",
                    safe="nothing was changed",
                    hint="stillhere vault list names the copies",
                )
            record = None
            if not (members.joining and rest == members.places[:-1]):
                vault = open_own(Copies([open_place(one) for one in rest]), identity)
                prove_by_core(core, identity, vault)
                prove_newest(identity, vault)
                key = Ed25519PrivateKey.from_private_bytes(identity.signing_key)
                record = keep_set(vault, Signer(identity.vault, identity.epoch, key), rest)
            name_places(rest)
            joining = members.joining and rest[-1] == members.places[-1]
            members = Members(members.generation + 1, rest, joining=joining)
            keep_members(home, members)
            return Removed(members, record)
    except BackendError as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
    finally:
        core.close()


def look_for_recovery(home: Path, place: Place) -> None:
    """See that no recovery has begun in a place that is about to be left: its seal counts for
    this core however many copies are left. Raises Fenced, and why the place can't be read."""
    core = Core(home)
    try:
        identity = core.identity()
    finally:
        core.close()
    _check_unsealed(open_vault(open_place(place), identity.root_public), identity.epoch)


def tell_removed(place: Place, removed: Removed) -> None:
    """Let the place itself know that it does not count any more. Raises BackendError."""
    if removed.record is not None:
        with suppress(Exists, Damaged):
            open_place(place).create(*removed.record)


def _prepare(place: Place, others: Sequence[Backend], vault: Vault, epoch: int) -> Backend:
    """A place that is empty, or holds this vault or a part of it, as far as this epoch, and that
    is none of the others by another name."""
    _check_outside(resolve(place), others)
    backend = open_place(place, create=True)
    root = bytes.fromhex(vault.format.root)
    if set(backend.names("")) - {PROBES}:
        try:
            open_vault(backend, root)
        except (NotAVault, WrongKit) as error:
            raise NotAVault(
                f"{place} is not empty, and no copy of this vault",
                safe="nothing was changed",
                hint="name an empty folder, or an older copy of the vault",
            ) from error
        _check_unsealed(Vault(backend, vault.format, vault.verifier), epoch)
    else:
        probe(backend)
    check_apart(backend, others)
    backend.prove()
    _mend_format(Vault(backend, vault.format, vault.verifier))
    return open_place(place)


def _mend_format(vault: Vault) -> None:
    """Have both copies of the format whole in one place."""
    for name in (FORMAT, twin(FORMAT)):
        try:
            check_format(vault, name, vault.backend.read(name))
        except Damaged:
            vault.backend.delete(name)
        except Missing:
            continue
    mend_format(vault)


def _check_unsealed(vault: Vault, epoch: int) -> None:
    """Raises Fenced where a recovery has ended this epoch, or has begun to."""
    later = any(number > epoch for number in numbers_of(vault.backend.names("epochs")))
    if later or any(slot.seal for slot in read_writers(vault, epoch)):
        raise sealed()
