"""Recovery: a blank machine, the vault and the kit become the service again.

    begin
        0  check     read-only: kit, format, signatures, one key
        1  seal      the old epoch ends, this core's begins
        2  anchor    what must exist, as of when
        3  close     every shelf is closed until it is proven (a rule, not rows); erased ones go
        4  serve     from here on whoever knocks has their shelf opened first
    run
        5  mirror    every shelf proven once and brought near: as a page, or as the chunks that
                     are to be folded with the journal; account shelves, then contacts
        6  unpack    each near shelf into the core, in the order of the stages; it stays a page
                     there until it is first written to
        7  prove     each shelf's verdict comes with it; accounts without a shelf are found
        8  report    whole: the home is a core like any other

Killed at any moment and begun again with the same home, it goes on.

A vault that can't be written is read all the same, and nothing is acknowledged: the old core is
not fenced. As soon as it can be written, everything begins again from the seal.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from stillhere.errors import Unavailable
from stillhere.kinds import AT_ONCE, RECOVERY_ORDER
from stillhere.recovery.beside import Waiting
from stillhere.recovery.bucket import Mirrored
from stillhere.recovery.check import Checked, check
from stillhere.recovery.end import find_behind, keep_end, read_end
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.knock import Knocks
from stillhere.recovery.left import not_sealed
from stillhere.recovery.mirror import Proving, buckets_of, mirror, mirror_tail, overlay
from stillhere.recovery.near import Near
from stillhere.recovery.report import Tally, tally_verdicts
from stillhere.recovery.seal import (
    keep_sealed,
    open_home,
    prove_by_kit,
    record_sealed,
    seal,
)
from stillhere.recovery.unpack import Bulk, Stage, unpack
from stillhere.recovery.workers import Workers
from stillhere.replication.members import Follower
from stillhere.replication.replay import replay
from stillhere.replication.start import Working, assemble, open_core
from stillhere.replication.witness import Seen
from stillhere.store.accounts import ACCOUNT, UNFINISHED, add_accounts, add_blank_shelves
from stillhere.store.core import Core, Identity
from stillhere.store.erased import is_erased, read_erased
from stillhere.store.recovered import MIRROR_FOLDER, clear_mirror
from stillhere.store.schema import clear_rows
from stillhere.vault.anchor import read_anchor
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.place import Place
from stillhere.vault.copied import check_copies_apart
from stillhere.vault.epochs import read_epochs
from stillhere.vault.keys import list_keys
from stillhere.vault.kit import Kit

SWITCH_S = 0.0005  # the bulk holds the interpreter no longer than this when somebody waits

Announce = Callable[..., None]


class Recovery:
    """One recovery. ``proving`` and ``stages`` show how far it is, for whoever wants to draw
    it."""

    def __init__(
        self,
        home: Path,
        place: Place,
        kit: Kit,
        announce: Announce,
        *,
        stages: Sequence[str] = RECOVERY_ORDER,
        seen: Seen | None = None,
        behind: bool = False,
        more: Sequence[Place] = (),
    ) -> None:
        """``more`` has further copies of the vault in ``place``; any of them may be lost.
        ``seen`` is what a witness remembers of the vault; one that lacks some of that is
        refused unless ``behind``."""
        self._home = home
        self._places = (place, *more)
        self._kit = kit
        self._announce = announce
        self._seen = seen
        self._behind = behind
        self.proving = {kind: Proving(kind) for kind in stages}
        self.stages = [Stage(kind) for kind in stages]
        self._brought = False
        self._tallies: dict[str, Tally] = {}

    def begin(self) -> Working:
        """Steps 0 to 4: returns a core that may serve at once, knock by knock.

        Raises NotAVault, FutureVault, WrongKit and Behind (nothing was sealed), BadInput for a
        home that is in use or a copy that is named twice, Fenced when another recovery was
        first."""
        checked = self._checked = check(self._places[0], self._kit, self._places[1:])
        for one in checked.unreached:
            self._announce("unreached", place=one.place, cause=one.cause.what)
        with suppress(BackendError):  # one that can't be written is read all the same
            checked.vault.backend.prove()
        check_copies_apart(checked.vault.backend)
        prove_by_kit(checked)
        self._lacking = find_behind(checked, self._seen, accepted=self._behind)
        core, identity = open_home(self._home, checked)
        if not identity.recovering:
            core.close()
            self.working = open_core(
                self._home, self._places[0] if len(self._places) == 1 else None
            )
            self.working.core.lock("recover")
            return self.working
        try:
            self._take_over(checked, core, identity)
            if self._fenced:
                keep_sealed(self._home, identity, checked)
                keep_end(core.reader(), self.anchor, self._seen, self._lacking)
            if self._lacking is not None:
                core.checkpoint()  # the witness itself may forget it from now on
        except BaseException:
            core.close()
            raise
        copies = checked.vault.backend
        assert isinstance(copies, Copies)
        self._assemble(core, identity, Follower(self._home, identity.vault_place, copies=copies))
        if self._fenced:
            record_sealed(checked, self.working.signer)
        self._replay_own()
        return self.working

    def _assemble(self, core: Core, identity: Identity, follower: Follower | None = None) -> None:
        """Have a core at work on what the anchor says, that opens to whoever knocks."""
        checked = self._checked
        self.working = assemble(core, identity, checked.vault, None, follower)
        self.working.eraser.take_in(checked.erased.values())
        self._keys = KitKeys(checked)
        self._open_to_knocks()
        sys.setswitchinterval(SWITCH_S)

    def _take_over(self, checked: Checked, core: Core, identity: Identity) -> None:
        self._fenced = seal(checked, identity, partial(_start_over, core))
        self._tell_sealed(identity)
        self._read_anchor(identity)

    def _tell_sealed(self, identity: Identity) -> None:
        self._announce(
            "sealed",
            epoch=identity.epoch,
            old_core_fenced=self._fenced,
            not_sealed=not_sealed(self._checked),
            behind=self._checked.behind,
        )

    def _read_anchor(self, identity: Identity) -> None:
        checked, keys = self._checked, identity.journal_keys
        try:
            self.anchor = read_anchor(checked.vault, keys, identity.epoch, ends=checked.ends)
        except BackendError as error:
            raise Unavailable(
                error.what,
                safe="everything acknowledged is in the vault",
                hint="start the same recovery again when the vault answers",
            ) from error

    def _open_to_knocks(self) -> None:
        store = self.working.store
        self._knocks = Knocks(self._checked, self.anchor, self._keys, store)
        store.gate.opener = self._knocks

    def run(self) -> None:
        """Steps 5 to 8: blocking, beside the server. Announces mirrored, stage and whole.

        Raises Unavailable while the old core can't be sealed; call it again then."""
        if not self.working.identity.recovering:
            self._announce_whole(tally_verdicts(self.working.core))
            return
        if not self._fenced:
            self._seal_late()
        if not self._brought:
            self._bring()
        if not self._fenced:
            raise Unavailable(
                "the vault can't be written: the old core is NOT sealed, nothing can be changed",
                safe="everybody's shelves are back as far as the vault can be read",
                hint="make sure that the old core is off; this recovery seals it when it can,"
                " or when it is started again",
            )
        self._finish()

    def _seal_late(self) -> None:
        """Seal what could not be sealed before, and begin again from there."""
        checked, identity = self._checked, self.working.identity
        checked.epochs[:] = read_epochs(checked.vault)
        self._fenced = seal(checked, identity, self._forget)
        if self._fenced:
            self._tell_sealed(identity)
            keep_sealed(self._home, identity, checked)
            record_sealed(checked, self.working.signer)
        if self._knocks.over:
            self.working.eraser.take_in(checked.erased.values())
            self._read_anchor(identity)
            self._open_to_knocks()
        if self._fenced:
            end = partial(keep_end, anchor=self.anchor, seen=self._seen, lacking=self._lacking)
            self.working.store.install(end, durable=True).result()

    def _forget(self) -> None:
        def forget(sql: sqlite3.Connection) -> None:
            self._knocks.over = True
            clear_rows(sql)

        self._brought = False
        self.working.store.install(forget, durable=True).result()

    def _bring(self) -> None:
        clear_mirror(self._home)  # of a run that was cut short
        if self._fenced:
            self.working.eraser.complete()  # else a later start does
        store = self.working.store
        kinds = [stage.kind for stage in self.stages]
        with (
            _in_words(),
            Workers(self._checked.vault, kinds) as workers,
            store.core.checkpointing_beside(lambda pragma: store.install(_executing(pragma))),
        ):
            accounts = list_keys(self._checked.vault)
            bulk = self._mirror(workers)
            for stage in self.stages:
                self._unpack(stage, accounts, bulk)
        self._adopt_unfinished(accounts)
        self._brought = True

    def _replay_own(self) -> None:
        """What this core acknowledged before it was interrupted, on the shelves it has."""
        epoch = self.working.identity.epoch
        own = [source for source in self.anchor.tail.sources if source.header.epoch == epoch]
        data_key = self.working.core.data_keys.get
        if own:
            self.working.store.install(
                lambda sql: replay(sql, own, data_key, only_known=True)
            ).result()

    def _mirror(self, workers: Workers) -> Bulk:
        checked, anchor, store = self._checked, self.anchor, self.working.store
        near = Near()
        kinds = [stage.kind for stage in self.stages]
        waiting = Waiting(store, anchor.vault.bucket_bits)
        size = records = 0

        def tick(done: Mirrored) -> None:
            nonlocal size, records
            size += done.size
            records += done.records
            self.proving[done.kind].add(done.records)
            near.add(done.near)
            waiting.add(done)

        buckets = buckets_of(checked, anchor, store.core, kinds, beside=workers.many)
        for kind in kinds:
            self.proving[kind] = Proving(kind, sum(bucket.kind == kind for bucket in buckets))
        untrusted = mirror(anchor, buckets, workers, self._keys, tick, store.gate.give_way)
        anchor.look_for_later(kinds)
        anchor.vault, anchor.far = overlay(near, checked.vault), checked.vault
        folder = self._home / MIRROR_FOLDER / "tail"
        mirror_tail(anchor.tail, folder, near, anchor.vault, checked.vault)
        self._knocks.waiting = waiting
        self._announce(
            "mirrored",
            bytes=size,
            records=records,
            damaged_shelves=len(untrusted),
        )
        return Bulk(anchor, self._keys, store, waiting, untrusted)

    def _unpack(self, stage: Stage, accounts: Sequence[bytes], bulk: Bulk) -> None:
        started = time.monotonic()
        core = self.working.store.core
        known = self._with_shelf(stage.kind, accounts)
        stage.total = len(known)  # the core may have blank ones besides, that a knock opened
        stage.shelves, stage.records = len(core.shelves_of(stage.kind).intersection(known)), 0
        unpack(bulk, stage, known)
        if stage.kind not in AT_ONCE:
            self.working.store.install(partial(add_blank_shelves, kind=stage.kind)).result()
        if stage.kind == ACCOUNT:
            self._knocks.names_proven = not self.anchor.tail.gaps and not self.anchor.broken
        tally = self._tallies[stage.kind] = tally_verdicts(core, stage.kind)
        self._announce(
            "stage",
            kind=stage.kind,
            shelves=tally.shelves,
            records=tally.records,
            incomplete=tally.incomplete,
            seconds=round(time.monotonic() - started, 3),
        )

    def _with_shelf(self, kind: str, accounts: Sequence[bytes]) -> list[bytes]:
        """The accounts that have, or must be feared to have, a shelf of this kind, by bucket."""
        known = {*self.anchor.accounts(kind), *self.anchor.accounts_later(kind)}
        if kind in AT_ONCE and kind != ACCOUNT:
            known |= self.working.store.core.shelves_of(ACCOUNT)
        if self.anchor.broken or any(gap.touched is None for gap in self.anchor.tail.gaps):
            known |= set(accounts)
        return sorted(known - read_erased(self.working.core.reader()).keys())

    def _adopt_unfinished(self, accounts: Sequence[bytes]) -> None:
        """Keys of accounts whose making was cut short: kept, so that their names can be used."""
        store = self.working.store
        finished = store.core.shelves_of(ACCOUNT)
        unfinished = [account for account in accounts if account not in finished]
        keyring = store.core.keyring
        wrapped = [
            (
                account,
                UNFINISHED + account.hex(),
                keyring.wrap(self._keys.get(account), account),
            )
            for account in unfinished
            if not self._keys.failing(account)
        ]

        def adopt(sql: sqlite3.Connection) -> None:
            add_accounts(sql, [row for row in wrapped if not is_erased(sql, row[0])])

        store.install(adopt).result()

    def _finish(self) -> None:
        working = self.working
        identity = msgspec.structs.replace(working.identity, recovering=False)
        working.store.install(
            lambda sql: working.core.keep_identity(identity, sql), durable=True
        ).result()
        working.identity = identity
        working.store.gate.opener = None
        sys.setswitchinterval(0.005)
        self._announce_whole(Tally(*map(sum, zip(*self._tallies.values(), strict=True))))
        clear_mirror(self._home)
        del self._kit, self._checked, self._keys, self._knocks, self.anchor  # no key stays

    def _announce_whole(self, tally: Tally) -> None:
        working = self.working
        end = read_end(working.core)
        self._announce(
            "whole",
            end=None if end is None else msgspec.to_builtins(end),
            verdicts=tally.verdicts,
            records=tally.records,
            accounts=working.store.accounts.count(),
            erased=len(read_erased(working.core.reader())),
        )


@contextmanager
def _in_words() -> Iterator[None]:
    """What can befall any program, as somebody who has to do something about it wants it told."""
    try:
        yield
    except (BrokenExecutor, OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"the bulk was interrupted: {str(error) or type(error).__name__}",
            safe="what is back is in the core, and everything acknowledged is in the vault",
            hint="look at the machine's memory and the room on its disk; then the same command"
            " goes on",
        ) from error


def _start_over(core: Core) -> None:
    """Take out what an attempt that could not seal has left in the home."""
    connection = core.connect()
    try:
        connection.execute("BEGIN IMMEDIATE")
        clear_rows(connection)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _executing(pragma: str) -> Callable[[sqlite3.Connection], object]:
    return lambda sql: sql.execute(pragma)
