"""Healing: bodies of held records, looked for in a vault that came back, or in a copy of it.

    open that vault, and trust it as far as the root of this service has signed it
    prove from it what shelves it can that are closed, or were accepted as they were found
    for every open shelf that holds records
        load it from there as a recovery would, history included
        take the bodies whose digests are those of held records
        write them through the store's door, so that they are in this core's vault as well
    give accounts whose profile came back their names again

A body is proven by the digest that the roster has, so it does not matter how old that vault is,
or how much of it is broken. It is only read.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged, NotAVault, StillhereError, Unavailable, WrongKit
from stillhere.recovery.continued import Continued
from stillhere.recovery.reprove import find_unproven, reprove
from stillhere.replication.register import Registrar
from stillhere.replication.start import Working, anchor_of
from stillhere.store.accounts import (
    ACCOUNT,
    CREDENTIALS,
    LOST_NAME,
    Profile,
    fold_name,
    rename_account,
)
from stillhere.store.draft import ShelfWrite
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.place import Place, is_remote, open_place
from stillhere.vault.epochs import read_epochs, sealed_ends
from stillhere.vault.evidence import read_kept
from stillhere.vault.image import load_image
from stillhere.vault.levels import ShelfSource
from stillhere.vault.opened import Vault, open_vault

Tick = Callable[[int, int], None]


class Found(NamedTuple):
    """What a vault had: shelves that it proved, and the records on them; held records that came
    back, and how many are still held; how many shelves are not proven yet."""

    proven: int
    records: int
    healed: int
    held: int
    unproven: int


def heal(
    working: Working, place: Place | None = None, tick: Tick = lambda _done, _total: None
) -> Found:
    """Heal what the vault in ``place`` has the bodies of, or the core's own without.

    Raises NotAVault, WrongKit for another service's, Damaged, and Unavailable where it can't be
    read; what was healed before stays."""
    whence = f"the vault in {place or working.vault.backend.place}"
    try:
        anchor = anchor_of(working) if place is None else _open_other(working, place)
        unproven = find_unproven(working)
        proven = reprove(working, anchor, unproven, whence, time.time_ns() // 1_000_000)
        rows = working.core.reader().execute(
            "SELECT account, kind FROM shelves WHERE held > 0 AND closed = ''"
            " ORDER BY account, kind"
        )
        shelves = rows.fetchall()
        healed = 0
        for number, (account, kind) in enumerate(shelves, 1):
            healed += _heal_shelf(working, anchor, account, kind, whence)
            tick(number, len(shelves))
    except BackendError as error:
        raise Unavailable(
            f"that vault can't be read: {error.what}",
            safe="what came back until now stays; nothing was changed in that vault",
            hint="run the same command again when it can be read",
        ) from error
    name_again(working)
    (held,) = working.core.reader().execute("SELECT coalesce(sum(held), 0) FROM shelves").fetchone()
    return Found(len(proven), sum(proven.values()), healed, held, len(unproven) - len(proven))


def _open_other(working: Working, place: Place) -> Anchor:
    """What another copy holds, as far as this core's vault says that there must be something;
    the epochs that it missed are read from there."""
    identity = working.identity
    if not is_remote(place) and not Path(place).is_dir():
        raise NotAVault(
            f"there is no vault in {place}: it is not a folder",
            safe="nothing was changed",
            hint="name the folder of a copy of this core's vault",
        )
    try:
        vault = open_vault(open_place(place), identity.root_public)
    except WrongKit as error:
        raise WrongKit(
            f"the vault in {place} is another service's, and not this core's",
            safe="nothing was changed",
            hint="name the folder of a copy of this core's vault",
        ) from error
    missed = range(read_epochs(vault)[-1].number + 1, identity.epoch)
    continued = Continued(vault.backend, working.vault.backend, missed)
    vault = Vault(continued, vault.format, vault.verifier)
    ends = sealed_ends(read_epochs(working.vault))
    return read_anchor(vault, identity.journal_keys, identity.epoch, ends=ends)


def _heal_shelf(working: Working, anchor: Anchor, account: bytes, kind: str, whence: str) -> int:
    """Heal one shelf; returns how many of its records came back."""
    try:
        with working.store.read(account, kind) as shelf:
            wanted = {record.digest for record in shelf.held()}
        data_key = working.core.data_keys.get(account)
    except StillhereError:  # closed, erased or without its key since it was listed
        return 0
    found = {}
    for body in _bodies(anchor.source(account, kind), data_key):
        digest = hashlib.sha256(body).digest()
        if digest in wanted:
            found[digest] = body
    if not found:
        return 0

    def write(shelf: ShelfWrite) -> int:
        shelf.whence = whence
        return sum(map(shelf.heal, found.values()))

    return working.store.write(account, kind, write, device="operator").result()


def name_again(working: Working) -> None:
    """An account whose profile was lost is called by its id; one that has it back is not, unless
    somebody else has the name by now."""
    register = Registrar(working.vault, working.wrapper, working.identity.names_key).register
    rows = working.core.reader().execute(
        "SELECT account FROM accounts WHERE folded GLOB ?", (f"{LOST_NAME}*",)
    )
    for (account,) in rows.fetchall():
        with suppress(StillhereError), working.store.read(account, ACCOUNT) as shelf:
            found = shelf.body(CREDENTIALS, "profile")
            if found is not None and found[1] is not None:
                name = msgspec.msgpack.decode(found[1], type=Profile).name
                key = working.core.data_keys.get(account)
                if register(account, fold_name(name), key) == account:
                    rename = partial(rename_account, account=account, name=name)
                    working.store.install(rename).result()


def _bodies(source: ShelfSource, data_key: bytes) -> Iterator[bytes]:
    """Every body of a shelf that can be read: what is there, and what was superseded."""
    image = load_image(source, data_key)
    yield from (body for body in image.bodies if body is not None)
    yield from (body for _, body in image.replaced + image.notes if body is not None)
    if source.entry is None or source.manifest is None:
        return
    for span in source.entry.history:
        with suppress(Damaged):
            kept = read_kept(source, source.manifest.place(span), data_key)
            yield from (body for _, body in kept.notes if body is not None)
