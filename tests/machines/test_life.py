"""The life of a service in random order: write, tend, crash, lose the core, recover, go on.

After every step each open shelf must equal its book (``tests.recovery.model``) record by
record, and every sync token that was ever given out must lead to exactly the book's delta.
``STILLHERE_LONG=1`` plays 500 longer lives, different ones each time (2: 1000, …).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.recovery.faults import (
    Died,
    Fault,
    Faulty,
    died_after,
    died_before,
    lost,
    open_over,
    unknowable,
    unsure,
)
from tests.recovery.history import kept_revisions
from tests.recovery.model import (
    Act,
    Book,
    Conflict,
    Delete,
    DeleteCollection,
    Note,
    Put,
    PutCollection,
    delta_of,
    differences,
    draft,
)
from tests.recovery.ruin import Disk
from tests.rooms import image_of

from stillhere.errors import BadInput, Closed, Fenced, Unavailable
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.fence import check_fence
from stillhere.replication.found import found
from stillhere.replication.prune import prune
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, open_core
from stillhere.replication.verify import verify
from stillhere.store import NewAccount, Shelf, epoch_of

ACCOUNTS = 3
COLLECTIONS = ("contacts", "work", "Familie & Freunde")
HREFS = tuple(f"{name}.vcf" for name in ("a", "b", "ç", "d e", "f", "g"))
TOKENS = 40

collections = st.sampled_from(COLLECTIONS)
hrefs = st.sampled_from(HREFS)
bodies = st.binary(min_size=0, max_size=40)
puts = st.builds(Put, collections, hrefs, bodies)
moves = st.tuples(collections, hrefs, collections, hrefs, bodies).map(
    lambda m: [Put(m[2], m[3], m[4]), Delete(m[0], m[1])]
)
single_acts = st.one_of(
    puts,
    puts,
    puts,
    st.builds(Delete, collections, hrefs),
    st.builds(Conflict, collections, hrefs, bodies),
    st.builds(Note, st.sampled_from(("lost-tail token", "seen"))),
    st.builds(PutCollection, collections, st.text(max_size=5)),
)
drafts = st.one_of(
    st.lists(single_acts, min_size=1, max_size=5),
    moves,
    st.builds(DeleteCollection, collections).map(lambda act: [act]),
)
whose = st.integers(0, ACCOUNTS - 1)


class Owner(NamedTuple):
    """An account and how it logs in."""

    account: bytes
    name: str
    password: str


class Token(NamedTuple):
    """A sync token that a phone keeps."""

    owner: Owner
    collection: str
    text: str
    seq: int


class Abandoned(Exception):
    """The recovering process ends at one of its own announcements."""


class Life(RuleBasedStateMachine):
    """One service from its founding on."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stillhere-life-"))
        self.place = self.folder / "vault"
        self.homes = 0
        self.epoch = 1
        self._open: Working | None = None
        self.backend = Faulty(self.place)
        self.recovery: Recovery | None = None
        self.resumed: Path | None = None
        self.stop_at: Sequence[str] = ()
        self.zombie: Working | None = None
        self.owners: list[Owner] = []
        self.books: dict[bytes, Book] = {}
        self.own_shelves: dict[bytes, object] = {}
        self.tokens: list[Token] = []

    # where the service is in its life

    @property
    def working(self) -> Working | None:
        """The core that is open."""
        return self._open

    @working.setter
    def working(self, opened: Working | None) -> None:
        self._open = opened
        if opened is not None:
            self.disk = Disk(opened)

    @property
    def at_work(self) -> bool:
        """A whole core is open."""
        return self.working is not None and self.recovery is None

    @property
    def recovering(self) -> bool:
        """A recovery serves."""
        return self.recovery is not None

    @property
    def gone(self) -> bool:
        """There is no core, or only one that was cut off."""
        return self.working is None

    @initialize(bits=st.sampled_from((0, 1, 6)))
    def be_founded(self, bits: int) -> None:
        home = self._new_home()
        self.kit = found(home, self.place, bucket_bits=bits)
        self.working = open_core(home)
        self._create_account()

    # keeping

    @precondition(lambda self: self.at_work and len(self.owners) < ACCOUNTS)
    @rule()
    def create_account(self) -> None:
        self._create_account()

    @precondition(lambda self: self.working is not None)
    @rule(who=whose, acts=drafts)
    def write(self, who: int, acts: list[Act]) -> None:
        self._write(self._owner(who), acts)

    @precondition(lambda self: self.working is not None)
    @rule(parts=st.lists(st.tuples(whose, drafts), min_size=2, max_size=4))
    def write_together(self, parts: list[tuple[int, list[Act]]]) -> None:
        """Several shelves, and one shelf several times, in the queue at once."""
        working = self._working()
        waiting = []
        for who, acts in parts:
            owner = self._owner(who)
            self._enter(owner)
            book = self.books[owner.account]
            possible = self._possible(book, acts)
            write = partial(draft, acts=possible)
            waiting.append(working.store.write(owner.account, "contacts", write))
            book.apply(possible, self.epoch)
        for future in waiting:
            future.result()

    @precondition(lambda self: self.working is not None)
    @rule(who=whose, acts=drafts)
    def change_ones_mind(self, who: int, acts: list[Act]) -> None:
        """Nothing is kept of a draft whose function raises."""
        owner = self._owner(who)
        self._enter(owner)

        def fail(shelf: object) -> None:
            draft(shelf, self._possible(self.books[owner.account], acts))
            raise LookupError("changed my mind")

        future = self._working().store.write(owner.account, "contacts", fail)
        with pytest.raises(LookupError):
            future.result()

    @precondition(lambda self: self.at_work)
    @rule(who=whose)
    def add_device(self, who: int) -> None:
        """A change of the account's own shelf."""
        self._working().store.accounts.add_device(self._owner(who).account, "laptop")
        self._look_at_own_shelves()

    @precondition(lambda self: self.working is not None)
    @rule(who=whose, collection=collections)
    def keep_token(self, who: int, collection: str) -> None:
        owner = self._owner(who)
        position = self.books[owner.account].position(collection)
        text = self._working().store.tokens.make(owner.account, "contacts", collection, position)
        self.tokens = [*self.tokens, Token(owner, collection, text, position)][-TOKENS:]

    # the vault fails

    @precondition(lambda self: self.at_work)
    @rule(
        who=whose,
        acts=drafts,
        faults=st.lists(st.sampled_from((lost, unsure)), min_size=1, max_size=3),
    )
    def write_through_faults(self, who: int, acts: list[Act], faults: list[Fault]) -> None:
        """What the vault may have kept is looked for: kept is acknowledged, else tried again."""
        owner = self._owner(who)
        acts = self._possible(self.books[owner.account], acts)
        self._plan(faults)
        future = self._working().store.write(owner.account, "contacts", lambda s: draft(s, acts))
        if faults == [lost, lost, lost]:
            with pytest.raises(Unavailable) as refused:
                future.result()
            assert refused.value.retry_after > 0
        else:
            future.result()
            self.books[owner.account].apply(acts, self.epoch)
        self.backend.plan.clear()

    @precondition(lambda self: self.at_work)
    @rule(who=whose, acts=drafts, other=whose, more=drafts)
    def write_blindly(self, who: int, acts: list[Act], other: int, more: list[Act]) -> None:
        """Durable, and the vault can't say so: refused, and found before the next change."""
        owner = self._owner(who)
        acts = self._possible(self.books[owner.account], acts)
        self._plan([unknowable])
        future = self._working().store.write(owner.account, "contacts", lambda s: draft(s, acts))
        with pytest.raises(Unavailable):
            future.result()
        self.backend.blind = False
        self.books[owner.account].apply(acts, self.epoch)
        self._write(self._owner(other), more)

    # tending

    @precondition(lambda self: self.at_work)
    @rule(least=st.integers(2, 4))
    def roll_up(self, least: int) -> None:
        working = self._working()
        journal = working.journal
        if journal.writer is not None:
            journal.rolled = roll_up(
                working.vault,
                working.identity.journal_key,
                self.epoch,
                journal.writer,
                after=journal.rolled,
                upto=journal.written,
                least=least,
            )

    @precondition(lambda self: self.at_work)
    @rule()
    def compact(self) -> None:
        assert compact(self._working()).unproven == []

    @precondition(lambda self: self.at_work)
    @rule()
    def prune(self) -> None:
        """The seven days are over."""
        compact(self._working())
        prune(self._working(), keep_ms=0)

    @precondition(lambda self: self.at_work)
    @rule()
    def verify(self) -> None:
        verified = verify(self._working())
        assert verified.proven, verified.findings
        assert verified.shelves >= 2 * len(self.owners)
        for owner in self.owners:
            image = image_of(self._working(), owner.account)
            assert image.last == self.books[owner.account].last

    # crashing

    @precondition(lambda self: self.at_work)
    @rule()
    def restart(self) -> None:
        working, self.working = self._working(), None
        working.close()
        self.working = open_core(working.core.home)

    @precondition(lambda self: self.at_work)
    @rule(power=st.booleans())
    def crash(self, power: bool) -> None:
        self._crash(power)

    @precondition(lambda self: self.at_work)
    @rule(
        who=whose,
        acts=drafts,
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_writing(self, who: int, acts: list[Act], fault: Fault, power: bool) -> None:
        """The process ends around the moment its segment becomes durable."""
        owner = self._owner(who)
        acts = self._possible(self.books[owner.account], acts)
        self._plan([fault])
        future = self._working().store.write(owner.account, "contacts", lambda s: draft(s, acts))
        with pytest.raises(Unavailable):
            future.result()
        if fault is died_after:
            self.books[owner.account].apply(acts, self.epoch)
        self._crash(power)

    @precondition(lambda self: self.at_work)
    @rule(
        compacting=st.booleans(),
        steps=st.integers(0, 12),
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_tending(self, compacting: bool, steps: int, fault: Fault, power: bool) -> None:
        """The process ends in the middle of a compaction and its pruning, or of a roll-up."""
        self._plan([*[None] * steps, fault], only="")
        with suppress(Died):
            self.prune() if compacting else self.roll_up(2)
        self._crash(power)

    @precondition(lambda self: self.at_work and len(self.owners) < ACCOUNTS)
    @rule(
        steps=st.integers(0, 5),
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_creating_an_account(self, steps: int, fault: Fault, power: bool) -> None:
        """The process ends with an account half made; its name can be used again, now or later."""
        self._plan([*[None] * steps, fault], only="")
        try:
            self._create_account()
        except (Died, Unavailable):
            self._crash(power)
        self.backend.plan.clear()

    @precondition(lambda self: self.at_work)
    @rule(who=whose, acts=drafts, other=whose, more=drafts)
    def write_beside(self, who: int, acts: list[Act], other: int, more: list[Act]) -> None:
        """A command-line process writes for the same core, and the server goes on."""
        owner = self._owner(who)
        acts = self._possible(self.books[owner.account], acts)
        beside = open_core(self._working().core.home)
        try:
            beside.store.write(owner.account, "contacts", lambda s: draft(s, acts)).result()
        finally:
            beside.close()
        self.books[owner.account].apply(acts, self.epoch)
        self._write(self._owner(other), more)

    # losing and getting back

    @precondition(lambda self: self.at_work)
    @rule(cut_off=st.booleans())
    def lose(self, cut_off: bool) -> None:
        """The core burns; or it lives on where nobody hears of it."""
        working = self._working()
        if cut_off:
            self._end_zombie()
            self.zombie = working
        else:
            self._burn(working)
        self.working = self.resumed = None

    @precondition(lambda self: self.gone and self.zombie is not None)
    @rule(who=whose, acts=drafts)
    def write_to_the_lost(self, who: int, acts: list[Act]) -> None:
        """Until it is sealed, the old core acknowledges, and what it does counts."""
        assert self.zombie is not None
        if self.zombie.identity.epoch == self.epoch:
            owner = self._owner(who)
            acts = self._possible(self.books[owner.account], acts)
            self.zombie.store.write(owner.account, "contacts", lambda s: draft(s, acts)).result()
            self.books[owner.account].apply(acts, self.epoch)

    @precondition(lambda self: self.gone)
    @rule()
    def begin_recovery(self) -> None:
        home = self.resumed or self._new_home()
        if self.resumed is None:
            self.epoch += 1
            for book in self.books.values():
                book.end_epoch(self.epoch)
        self.recovery = Recovery(home, self.place, self.kit, self._announce)
        self.working = self.recovery.begin()
        assert self.working.identity.epoch == self.epoch
        if self.zombie is not None:
            self._assert_fenced(self.zombie)
            self._end_zombie()

    @precondition(lambda self: self.recovering)
    @rule(who=whose)
    def knock(self, who: int) -> None:
        owner = self._owner(who)
        assert self._log_in(owner) == owner.account
        assert self._is_open(owner.account)

    @precondition(lambda self: self.recovering)
    @rule()
    def finish_recovery(self) -> None:
        self.stop_at = ()
        assert self.recovery is not None
        self.recovery.run()
        self._assert_whole()
        self.recovery = self.resumed = None

    @precondition(lambda self: self.recovering)
    @rule(stop_at=st.sampled_from((("mirrored",), ("account",), ("contacts",), ("whole",))))
    def die_recovering(self, stop_at: Sequence[str]) -> None:
        """Part of the bulk is done; the same home goes on."""
        self.stop_at = stop_at
        assert self.recovery is not None
        with pytest.raises(Abandoned):
            self.recovery.run()
        if stop_at == ("whole",):
            self._assert_whole()
            self.recovery = None
            self._crash(power=True)
        else:
            self._leave_recovery(power=True)

    @precondition(lambda self: self.recovering)
    @rule(power=st.booleans())
    def crash_recovering(self, power: bool) -> None:
        self._leave_recovery(power)

    @precondition(lambda self: self.recovering)
    @rule()
    def lose_the_new_core_too(self) -> None:
        self._burn(self._working())
        self.working = self.recovery = self.resumed = None

    # what must hold at every step

    @invariant()
    def shelves_equal_their_books(self) -> None:
        if self.working is None:
            return
        for owner in self.owners:
            with self._read_if_back(owner, "contacts") as shelf:
                if shelf is not None:
                    assert differences(shelf, self.books[owner.account]) == []
        self._own_shelves_are_the_same()

    @invariant()
    def tokens_lead_to_exactly_what_changed(self) -> None:
        if self.working is None:
            return
        store = self.working.store
        for owner, collection, text, seq in self.tokens:
            assert store.tokens.read(owner.account, "contacts", collection, text) == seq
            with self._read_if_back(owner, "contacts") as shelf:
                if shelf is not None:
                    delta = delta_of(shelf, collection, seq)
                    assert delta == self.books[owner.account].delta(collection, seq)

    def teardown(self) -> None:
        try:
            if self.owners and sys.exc_info()[0] is None:
                self._come_to_rest()
        finally:
            if self.working is not None:
                self.working.close()
            self._end_zombie()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _come_to_rest(self) -> None:
        """However a life ended: it comes back whole, and the vault proves all of it."""
        if self.gone:
            self.begin_recovery()
        if self.recovering:
            self.finish_recovery()
        self.shelves_equal_their_books()
        self.tokens_lead_to_exactly_what_changed()
        self.verify()
        for owner in self.owners:
            kept = kept_revisions(self._working(), owner.account)
            assert self.books[owner.account].revisions <= kept

    def _create_account(self) -> None:
        """Make the next account; or find it, where the making of it ended only just too soon."""
        accounts = self._working().store.accounts
        name = f"person {len(self.owners)}"
        try:
            made = accounts.create_many([NewAccount(name, None, "phone")])[0]
            account, device = made.account, made.device
        except BadInput:
            account = accounts.find(name)
            device = accounts.add_device(account, "phone")
        assert device is not None
        self.owners.append(Owner(account, name, device.password))
        self.books[account] = self._new_book(account)
        self._look_at_own_shelves()

    def _new_book(self, account: bytes) -> Book:
        """A new account's; of one that was begun before the last recovery, as it was begun."""
        with self._working().store.read(account, "contacts") as shelf:
            epoch = epoch_of(shelf.last_seq)
        book = Book()
        book.apply([PutCollection("contacts", "Contacts")], epoch)
        if epoch < self.epoch:
            book.end_epoch(self.epoch)
        return book

    def _write(self, owner: Owner, acts: list[Act]) -> None:
        self._enter(owner)
        acts = self._possible(self.books[owner.account], acts)
        self._working().store.write(owner.account, "contacts", lambda s: draft(s, acts)).result()
        self.books[owner.account].apply(acts, self.epoch)

    def _possible(self, book: Book, acts: list[Act]) -> list[Act]:
        """A collection that is not there can't be deleted."""
        gone = [a for a in acts if isinstance(a, DeleteCollection)]
        if gone and gone[0].name not in book.present(""):
            return [PutCollection(gone[0].name, "new")]
        return acts

    def _plan(self, faults: Sequence[Fault | None], *, only: str = "journal/") -> None:
        """Reopen the core over a vault that fails so at its next changes, or next segments."""
        working, self.working = self._working(), None
        working.close()
        self.backend = Faulty(self.place)
        self.working = open_over(working.core.home, self.backend)
        self.backend.only = only
        self.backend.plan = list(faults)

    def _crash(self, power: bool) -> None:
        self.working = open_core(self._stop(power))

    def _leave_recovery(self, power: bool) -> None:
        self.resumed = self._stop(power)
        self.recovery = None

    def _stop(self, power: bool) -> Path:
        disk = self.disk
        self.working = None
        return disk.stop(self._new_home(), power=power)

    def _burn(self, working: Working) -> None:
        working.close()
        shutil.rmtree(working.core.home)

    def _end_zombie(self) -> None:
        if self.zombie is not None:
            self.zombie.close()
            self.zombie = None

    def _assert_fenced(self, zombie: Working) -> None:
        account = self.owners[0].account
        with pytest.raises(Fenced):
            zombie.store.write(account, "contacts", lambda s: s.put("contacts", "z", b"")).result()
        assert check_fence(zombie)
        with pytest.raises(Fenced), zombie.store.read(account, "contacts"):
            pass

    def _assert_whole(self) -> None:
        report = {(one.account, one.kind): one for one in read_report(self._working().core)}
        for owner, kind in product(self.owners, ("account", "contacts")):
            assert report[owner.account, kind].closed == ""
        for shelf in report.values():
            assert shelf.verdict.complete, shelf

    def _announce(self, event: str, **facts: object) -> None:
        if event in self.stop_at or facts.get("kind") in self.stop_at:
            raise Abandoned

    def _enter(self, owner: Owner) -> None:
        if self.recovering:
            asyncio.run(self._working().store.gate.enter(owner.account, "contacts"))

    def _log_in(self, owner: Owner) -> bytes:
        async def knock() -> bytes:
            store = self._working().store
            login = await store.logins.authenticate(owner.name, owner.password, client="here")
            await store.gate.enter(login.account, "contacts")
            return login.account

        return asyncio.run(knock())

    def _is_open(self, account: bytes) -> bool:
        with self._working().store.read(account, "contacts") as shelf:
            return shelf.account == account

    def _look_at_own_shelves(self) -> None:
        for owner in self.owners:
            with self._working().store.read(owner.account, "account") as shelf:
                self.own_shelves[owner.account] = _all_of(shelf)

    @contextmanager
    def _read_if_back(self, owner: Owner, kind: str) -> Iterator[Shelf | None]:
        """A shelf; None while a recovery has not brought it back (a core at work has all)."""
        working = self._working()
        if self.recovering and owner.account not in working.core.shelves_of(kind):
            with pytest.raises(Closed), working.store.read(owner.account, kind):
                pass
            yield None
        else:
            with working.store.read(owner.account, kind) as shelf:
                yield shelf

    def _own_shelves_are_the_same(self) -> None:
        for owner in self.owners:
            with self._read_if_back(owner, "account") as shelf:
                if shelf is not None:
                    assert _all_of(shelf) == self.own_shelves[owner.account]

    def _owner(self, who: int) -> Owner:
        return self.owners[who % len(self.owners)]

    def _working(self) -> Working:
        assert self.working is not None
        return self.working

    def _new_home(self) -> Path:
        self.homes += 1
        return self.folder / f"home-{self.homes}"


def _all_of(shelf: Shelf) -> object:
    return shelf.last_seq, shelf.chain, shelf.everything()


LONG = int(os.environ.get("STILLHERE_LONG", "0"))
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=500 * LONG or 25,
    stateful_step_count=50 if LONG else 30,
    derandomize=not LONG,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
