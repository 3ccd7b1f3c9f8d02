"""Step 0, read-only: is this a vault, is this its kit, and does one shelf open?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from stillhere.errors import Damaged, NotAVault, Unavailable, WrongKit
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.place import Place
from stillhere.vault.copied import Unreached, open_reached, places_of
from stillhere.vault.epochs import (
    JOURNAL_KEY,
    Epoch,
    read_epochs,
    sealed_ends,
    writers_with_journal,
)
from stillhere.vault.erasures import Erasure, read_erasures
from stillhere.vault.keys import ServiceKeys, read_data_key, read_service_keys, walk_keys
from stillhere.vault.kit import Kit
from stillhere.vault.layout import numbers_of
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import Vault
from stillhere.vault.sets import CopySet, read_set
from stillhere.vault.tail import list_journal
from stillhere.vault.wraps import Unwrapper


@dataclass(frozen=True)
class Checked:
    """A vault that its kit opens: nothing was written to it.

    ``erased`` has the erasures in force, ``unreached`` the copies that nothing can be read of,
    ``behind`` the places of those that are only read, and that have a seal of their own."""

    vault: Vault
    kit: Kit
    epochs: list[Epoch]
    service: ServiceKeys
    journal_keys: dict[int, bytes] = field(repr=False)
    erased: dict[bytes, Erasure]
    unwrapper: Unwrapper
    unreached: Sequence[Unreached] = ()
    known: CopySet | None = None
    """The vault's own record of its copies."""
    behind: list[str] = field(default_factory=list)

    @property
    def ends(self) -> dict[int, dict[int, int]]:
        """The last segment of every writer of every epoch that has ended."""
        return sealed_ends(self.epochs)


def check(place: Place, kit: Kit, more: Sequence[Place] = ()) -> Checked:
    """Prove that a recovery can begin, from any or all of a vault's copies.

    Raises NotAVault, FutureVault or WrongKit, Unavailable when the place can't be read."""
    vault, unreached = _reach((place, *more), kit)
    with _refusing(vault):
        epochs = read_epochs(vault)
        _check_halves(vault, epochs)
        _check_root(vault, epochs)
        checked = _open(vault, kit, epochs, read_service_keys(vault, kit), unreached)
        _check_a_key(vault, checked.unwrapper)
    return checked


def look(places: Sequence[Place], kit: Kit) -> tuple[Checked, str]:
    """Open what is left of a vault, for whoever only reads in it; and why a recovery would
    refuse it ("" where it would not).

    Raises what ``check`` raises where nothing says what must exist."""
    try:
        return check(places[0], kit, places[1:]), ""
    except NotAVault as error:
        refusal = error.what
    vault, unreached = _reach(places, kit)
    with _refusing(vault):
        epochs = read_epochs(vault)
        _check_root(vault, epochs)
        return _open(vault, kit, epochs, ServiceKeys(b"", b""), unreached), refusal


def _reach(places: Sequence[Place], kit: Kit) -> tuple[Vault, list[Unreached]]:
    vault, unreached = open_reached(places, kit.root_public)
    if vault.id != kit.vault:
        raise WrongKit(
            "this kit's vault: line is that of another vault",
            safe="nothing was changed in the vault",
            hint="look for the kit whose vault: line says " + vault.id.hex(),
        )
    return vault, unreached


def _open(
    vault: Vault,
    kit: Kit,
    epochs: list[Epoch],
    service: ServiceKeys,
    unreached: Sequence[Unreached],
) -> Checked:
    journal_keys = {e.number: kit.unwrap(e.journal_key, JOURNAL_KEY) for e in epochs}
    erased = read_erasures(vault, epochs[-1].number, epochs[-1].erased).valid
    unwrapper = Unwrapper(vault, kit)
    known = read_set(vault, [epoch.number for epoch in epochs])
    unreached = [*unreached, *_not_named(known, vault, unreached)]
    return Checked(vault, kit, epochs, service, journal_keys, erased, unwrapper, unreached, known)


@contextmanager
def _refusing(vault: Vault) -> Iterator[None]:
    """Damage to what everything hangs on refuses the vault."""
    try:
        yield
    except Damaged as error:
        raise _half(vault, error.what) from error
    except BackendError as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error


def _not_named(
    known: CopySet | None, vault: Vault, unreached: Sequence[Unreached]
) -> list[Unreached]:
    """The copies that the vault has recorded, and nobody has named."""
    named = {*places_of(vault.backend), *(one.place for one in unreached)}
    return [
        Unreached(
            place,
            NotAVault(
                "the vault's record has a copy there, which was not named or is elsewhere now",
                safe="nothing was changed",
                hint="name it with another --vault, if it is left",
            ),
        )
        for place in (known.places if known is not None else ())
        if place not in named
    ]


def _check_halves(vault: Vault, epochs: Sequence[Epoch]) -> None:
    needed = {"epochs", "keys"}
    if any(len(name) == 2 for name in vault.backend.names("keys")):
        needed |= {"names", "journal", "wraps"}  # somebody has an account
    if read_root(vault).buckets:
        needed |= {"ledger", "manifest"}
    missing = sorted(name for name in needed if not vault.backend.names(name))
    if missing:
        raise _half(vault, f"it has no {', no '.join(missing)}")
    written = numbers_of(vault.backend.names("journal"))
    if max(written, default=0) > epochs[-1].number:
        raise _half(vault, f"epoch {max(written)} has a journal, and its beginning is not there")


def _check_root(vault: Vault, epochs: Sequence[Epoch]) -> None:
    root = read_root(vault)
    if root.number < epochs[-1].roots:
        raise _half(vault, f"root manifest {epochs[-1].roots} was written, and is not there")
    if root.number == 0 and vault.backend.names("ledger"):
        _check_whole_journal(vault, epochs)


def _check_whole_journal(vault: Vault, epochs: Sequence[Epoch]) -> None:
    """A ledger without a root manifest is a first compaction that was cut short: then the
    journal is there from its first segment on."""
    found = False
    for epoch in epochs:
        for writer in writers_with_journal(vault, epoch.number):
            listing = list_journal(vault, epoch.number, writer)
            found = found or bool(listing.spans)
            if listing.gaps and listing.gaps[0][0] == 1:
                found = False
                break
    if not found:
        raise _half(vault, "it has a ledger, and neither a root manifest nor the journal before")


def _check_a_key(vault: Vault, unwrapper: Unwrapper) -> None:
    """One wrapped key must open; others may be broken, all those of one wrapping key too."""
    failure = None
    for account in walk_keys(vault):
        try:
            read_data_key(vault, unwrapper, account)
        except Damaged as error:
            failure = error
        else:
            return
    if failure is not None:
        raise Damaged(f"none of the wrapped keys opens: {failure}")


def _half(vault: Vault, what: str) -> NotAVault:
    return NotAVault(
        f"the vault in {vault.backend.place} is not whole: {what}",
        safe="nothing was changed; the old core is not sealed",
        hint="a copy of a vault must be whole: epochs, journal, keys, ledger, manifest, names",
    )
