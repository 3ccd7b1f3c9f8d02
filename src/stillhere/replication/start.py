"""Opening a core for work: what must be proven before it may serve, then the store.

    read the vault's format and epochs; the newest epoch must be this core's, and unsealed
    see that the vault's slots are free for what waits in the core's spool
    read this core's writers; a stranger's registration means another core is alive
    see that vault and spool have all the core has, and the core everything the ledger has
    replay what vault and spool have beyond that, if it continues the core's own chains
    open the store with its journal
    remove what the vault says is erased

Whatever else is found, nothing is served.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.errors import (
    Closed,
    Damaged,
    Fenced,
    StillhereError,
    Surplus,
    Unavailable,
)
from stillhere.replication.erase import Eraser
from stillhere.replication.even import check_even
from stillhere.replication.journal import VaultJournal
from stillhere.replication.members import Follower, open_own
from stillhere.replication.proving import prove_by_core
from stillhere.replication.register import Registrar
from stillhere.replication.replay import replay
from stillhere.replication.rollup import roll_up
from stillhere.replication.slots import Slots, own_writers, sealed
from stillhere.replication.spool import Spool, Spooled
from stillhere.replication.window import Window
from stillhere.store.core import Core, Identity
from stillhere.store.recovered import clear_mirror, clear_scratch
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.backends import BackendError, Missing
from stillhere.vault.backends.place import Place
from stillhere.vault.epochs import is_sealed, read_epochs, sealed_ends, writers_with_journal
from stillhere.vault.manifests import Root, read_root
from stillhere.vault.opened import Vault
from stillhere.vault.signing import Signer
from stillhere.vault.tail import Listing, Source, list_journal, read_source
from stillhere.vault.wraps import Wrapper

LEAST_ROLLED = 256
COMPACTIONS = 5  # how many may end while a start is being proven


@dataclass
class Working:
    """A core at work: close it when done."""

    core: Core
    identity: Identity
    vault: Vault
    signer: Signer
    wrapper: Wrapper
    journal: VaultJournal
    store: Store
    eraser: Eraser
    spool: Spool
    window: Window | None = None  # of a core that acknowledges before the vault has a change
    follower: Follower | None = None  # of the places that hold the vault

    def close(self) -> None:
        """Finish the waiting writes, give the writer's slot back, close the core.

        When the vault never answers, everything stays as it is until the process ends: a slot
        whose segment may still come about is nobody else's."""
        if not self.store.finish():
            return
        with suppress(StillhereError, sqlite3.Error):  # the next process of the core does it
            if self.window is not None:
                self.ship()
            self.roll(least=LEAST_ROLLED)
        self.core.close()
        self.journal.close()
        if self.follower is not None:
            self.follower.close()

    def ship(self) -> None:
        """Put everything that waits in the spool into the vault.

        Raises Fenced, Unavailable, Damaged, BackendError."""
        written = self.journal.written
        mark = self.window.mark() if self.window is not None else None
        self.spool.ship(self.vault, self._note_shipped)
        self.journal.note_shipped(written)
        if self.window is not None and mark is not None:
            self.window.catch_up(mark)

    def _note_shipped(self, segment: Spooled, took_s: float) -> None:
        if segment.writer == self.journal.writer:
            self.journal.note_shipped(segment.number)
            if self.window is not None:
                self.window.ship(segment.number, took_s)

    def committed(self, writer: int) -> int:
        """The last segment of a writer that is in the core, whichever process brought it in."""
        return self.positions().get(writer, 0)

    def positions(self) -> dict[int, int]:
        """The last segment of every writer of this core that is in it."""
        return self.core.positions(self.identity.epoch)

    def shipped_positions(self) -> dict[int, int]:
        """The same without what waits in the spool."""
        positions = self.positions()  # before the spool: what it no longer has is in the vault
        for segment in reversed(self.spool.segments()):
            last = positions.get(segment.writer, 0)
            positions[segment.writer] = min(last, segment.number - 1)
        return positions

    def roll(self, least: int) -> bool:
        """Roll up this writer's segments where at least ``least`` lie alone.

        Raises Damaged, BackendError."""
        journal = self.journal
        if journal.writer is None:
            return False
        upto = min(self.committed(journal.writer), journal.shipped)
        if upto - journal.rolled < least:
            return False
        before = journal.rolled
        journal.rolled = roll_up(
            self.vault,
            self.identity.journal_key,
            self.identity.epoch,
            journal.writer,
            after=before,
            upto=upto,  # what a crash may still have to look for keeps its own name
            least=least,
        )
        return journal.rolled > before


def open_core(
    home: Path,
    place: Place | None = None,
    window: Window | None = None,
    *,
    more: Sequence[Place] = (),
    mend: bool = False,
    to_erase: bool = False,
    uneven: bool = False,
) -> Working:
    """Open a core and prove that it may serve. ``place`` is where its vault is, if it moved, and
    ``more`` where its further copies are; with a ``window`` it acknowledges by the core.

    With ``mend``, the vault may lack segments that the core has: a compaction writes anew what
    was in them; ``uneven`` copies of it may be behind each other. One that is being recovered is
    opened ``to_erase``, and for nothing else.

    Raises NotFound, Fenced, Surplus, Damaged, Closed while it is being recovered, or
    Unavailable when the vault can't be read."""
    core, follower = Core(home), None
    try:
        identity = core.identity()
        if identity.recovering and not to_erase:
            raise _not_whole()
        given = () if place is None else (place, *more)
        follower = Follower(home, identity.vault_place, given)
        vault = open_own(follower.copies, identity)
        prove_by_core(core, identity, vault)
        if identity.recovering:
            prove_newest(identity, vault)
        else:
            clear_mirror(home)  # of a recovery that was killed at its very end
            clear_scratch(home)
            prove_start(core, identity, vault, mend=mend)
            if not (mend or uneven):
                check_even(core, identity, vault, follower)
        working = assemble(core, identity, vault, window, follower)
        try:
            working.eraser.carry_on()
        except BaseException:
            working.store.finish()
            raise
        return working
    except BaseException as error:
        core.close()
        if follower is not None:
            follower.close()
        if isinstance(error, BackendError):
            raise Unavailable(
                f"the vault can't be read: {error.what}",
                safe="nothing was changed, in the core or in the vault",
                hint=error.hint,
            ) from error
        if isinstance(error, Fenced):
            raise Spool(home).name_rest(error) from None
        raise


def _not_whole() -> Closed:
    return Closed(
        "this core is being recovered and is not whole yet",
        reason="recovering",
        retry_after=60,
        safe="everything that was acknowledged is in the vault",
        hint="start the same stillhere recover again: it goes on where it was",
    )


def anchor_of(working: Working) -> Anchor:
    """What the vault holds now and must hold, by the core's own keys: up to the sealed ends of
    past epochs, and of this one as far as the core has come and has shipped.

    Raises Damaged, BackendError."""
    ends = sealed_ends(read_epochs(working.vault))
    ends[working.identity.epoch] = working.shipped_positions()
    identity = working.identity
    return read_anchor(working.vault, identity.journal_keys, identity.epoch, ends=ends)


def assemble(
    core: Core,
    identity: Identity,
    vault: Vault,
    window: Window | None = None,
    follower: Follower | None = None,
) -> Working:
    """The store and its journal, over a core that was proven."""
    prove_by_core(core, identity, vault)
    signer = Signer(
        identity.vault, identity.epoch, Ed25519PrivateKey.from_private_bytes(identity.signing_key)
    )
    slots = Slots(vault, core, identity, signer)
    spool = Spool(core.home)
    journal = VaultJournal(vault, core, identity, slots, spool, window)
    if follower is not None:
        journal.follow = follower.follow
    wrapper = Wrapper(vault, signer)
    registrar = Registrar(vault, wrapper, identity.names_key)
    store = Store(core, journal, registrar.register, registrar.owner_of)
    eraser = Eraser(core, identity, vault, signer, store)
    parts = core, identity, vault, signer, wrapper, journal, store, eraser, spool, window
    return Working(*parts, follower)


def prove_start(core: Core, identity: Identity, vault: Vault, *, mend: bool = False) -> None:
    """Prove that the core and the vault agree, replaying what only the vault has."""
    prove_newest(identity, vault)
    spool = Spool(core.home)
    spool.check(vault)
    for attempt in range(COMPACTIONS):
        root = read_root(vault)
        try:
            _replay_surplus(core, identity, spool.before(vault), root, mend)
        except (Surplus, Damaged, Missing):
            # a compaction in another process of this core may have moved the ground
            if attempt + 1 == COMPACTIONS or read_root(vault).number == root.number:
                raise
        else:
            return


def prove_newest(identity: Identity, vault: Vault) -> None:
    """See that the vault's newest epoch is this core's. Raises Fenced, Damaged, Unavailable."""
    newest = read_epochs(vault)[-1]
    if newest.number > identity.epoch:
        raise sealed()
    if newest.number < identity.epoch and identity.recovering:
        raise Unavailable(
            "this core is being recovered from a vault that could not be written",
            safe="nothing was changed",
            hint="let the vault be written, and start the same stillhere recover again",
        )
    if newest.number < identity.epoch or newest.core != identity.core:
        raise Damaged(
            f"the vault does not know epoch {identity.epoch} of this core",
            safe="nothing was changed; the core in this home is whole",
            hint="an older copy of the vault was put in its place: bring the newest one back",
        )


def _replay_surplus(core: Core, identity: Identity, vault: Vault, root: Root, mend: bool) -> None:
    # a journal is a trace of a writer as well: its slot may be what a power cut took
    writers = {*own_writers(vault, identity), *writers_with_journal(vault, identity.epoch)}
    cut = root.cut.get(identity.epoch, {})
    connection = core.connect()
    try:
        rows = dict(
            connection.execute(
                "SELECT writer, segment FROM writers WHERE epoch = ?", (identity.epoch,)
            ).fetchall()
        )
        surplus: list[Source] = []
        for writer in sorted({*writers, *rows}):
            known = rows.get(writer, 0)
            _check_position(writer, known, cut.get(writer, 0))
            listing = list_journal(vault, identity.epoch, writer, cut.get(writer, 0))
            lost = listing.last < known or listing.gaps
            if lost and not (mend and all(last <= known for _, last in listing.gaps)):
                raise _vault_lost(writer, listing, known)
            surplus += _read_surplus(vault, identity, writer, known, listing)
        if surplus:
            connection.execute("BEGIN IMMEDIATE")
            replay(connection, surplus, core.data_keys.get)
            connection.execute("COMMIT")
    except Damaged as error:
        raise Damaged(
            error.what,
            safe=error.safe or "the core in this home is as it was; nothing was changed",
            hint=error.hint or "recover from the vault: it names what is lost",
        ) from error
    finally:
        connection.close()


def _read_surplus(
    vault: Vault, identity: Identity, writer: int, known: int, listing: Listing
) -> list[Source]:
    sources = []
    for span in listing.spans:
        if span.last <= known:
            continue
        try:
            source = read_source(
                vault, identity.journal_key, span.name, identity.epoch, writer, span
            )
        except Missing:
            raise Damaged(f"{span.name} is missing") from None
        if source is None or is_sealed(vault, span.name):
            raise sealed()
        sources.append(source)
    return sources


def _check_position(writer: int, known: int, cut: int) -> None:
    if known < cut:
        raise Surplus(
            f"the vault's ledger reaches segment {cut} of writer {writer},"
            f" and this core only segment {known}",
            safe="everything that was acknowledged is in the vault",
            hint="this core is an old copy: recover from the vault",
        )


def _vault_lost(writer: int, listing: Listing, known: int) -> Damaged:
    if listing.gaps:
        first, last = listing.gaps[0]
        what = f"segments {first} to {last} of writer {writer} are missing from the vault"
    else:
        what = f"the vault ends at segment {listing.last} of writer {writer}, the core at {known}"
    return Damaged(
        what,
        safe="the core in this home is whole; nothing was changed",
        hint="bring the vault's newest copy back; until then nothing is served.\n"
        "If there is none, stillhere verify --mend writes what is lost from this core",
    )
