"""The life of a service in random order: write, tend, crash, lose the core, recover, go on.

After every step each open shelf must equal its book (``tests.recovery.model``) record by
record, and every sync token that was ever given out must lead to exactly the book's delta.
``STILLHERE_LONG=1`` plays 500 longer lives, different ones each time (2: 1000, …).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.machines.ruins import Ruins
from tests.machines.world import SHELVES, Abandoned, Token
from tests.recovery.faults import (
    Died,
    Fault,
    died_after,
    died_before,
    lost,
    unknowable,
    unsure,
)
from tests.recovery.history import kept_revisions
from tests.recovery.model import (
    Act,
    Conflict,
    Delete,
    DeleteCollection,
    Note,
    Put,
    PutCollection,
    draft,
)
from tests.rooms import image_of

from stillhere.errors import Unavailable
from stillhere.kinds import KINDS
from stillhere.replication.compact import compact
from stillhere.replication.found import found
from stillhere.replication.prune import prune
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import open_core
from stillhere.replication.verify import verify
from stillhere.store.accounts import begin
from stillhere.store.erased import read_erased

ACCOUNTS = 3
TOKENS = 40
STOPS = (("mirrored",), ("account",), ("contacts",), ("calendar",), ("whole",))
COLLECTIONS = ("contacts", "work", "Familie & Freunde")
HREFS = tuple(f"{name}.vcf" for name in ("a", "b", "ç", "d e", "f", "g"))

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
shelves = st.tuples(whose, st.sampled_from(("contacts", *SHELVES)))


Where = tuple[int, str]


class Life(Ruins):
    """What may happen to a service."""

    @initialize(bits=st.sampled_from((0, 1, 6)))
    def be_founded(self, bits: int) -> None:
        home = self.new_home()
        self.kit = found(home, self.places[0], bucket_bits=bits)
        self.working = open_core(home)
        self.make_account()

    # keeping

    @precondition(lambda self: self.at_work and len(self.owners) < ACCOUNTS)
    @rule()
    def create_account(self) -> None:
        self.make_account()

    @precondition(lambda self: self.working is not None)
    @rule(where=shelves, acts=drafts)
    def write(self, where: Where, acts: list[Act]) -> None:
        self.write_as(self.shelf(where), acts)

    @precondition(lambda self: self.working is not None)
    @rule(where=shelves)
    def look_into(self, where: Where) -> None:
        """A device finds the first collection on a shelf to which nothing was written."""
        at = self.shelf(where)
        if not self.books[at.key].rows:
            self.enter(at)
            kind = KINDS[at.kind]
            self.core().store.write(*at.key, partial(begin, kind)).result()
            name, properties = kind.first
            made = PutCollection(name, properties["{DAV:}displayname"])
            self.books[at.key].apply([made], self.epoch)

    @precondition(lambda self: self.working is not None)
    @rule(parts=st.lists(st.tuples(shelves, drafts), min_size=2, max_size=4))
    def write_together(self, parts: list[tuple[Where, list[Act]]]) -> None:
        """Several shelves, and one shelf several times, in the queue at once."""
        working = self.core()
        waiting = []
        for where, acts in parts:
            at = self.shelf(where)
            self.enter(at)
            book = self.books[at.key]
            possible = self.possible(book, acts)
            write = partial(draft, acts=possible)
            waiting.append(working.store.write(*at.key, write))
            book.apply(possible, self.epoch)
        for future in waiting:
            future.result()

    @precondition(lambda self: self.working is not None)
    @rule(where=shelves, acts=drafts)
    def change_ones_mind(self, where: Where, acts: list[Act]) -> None:
        """Nothing is kept of a draft whose function raises."""
        at = self.shelf(where)
        self.enter(at)

        def fail(shelf: object) -> None:
            draft(shelf, self.possible(self.books[at.key], acts))
            raise LookupError("changed my mind")

        future = self.core().store.write(*at.key, fail)
        with pytest.raises(LookupError):
            future.result()

    @precondition(lambda self: self.at_work)
    @rule(who=whose)
    def add_device(self, who: int) -> None:
        """A change of the account's own shelf."""
        self.core().store.accounts.add_device(self.owner(who).account, "laptop")
        self.look_at_own_shelves()

    @precondition(lambda self: self.working is not None)
    @rule(where=shelves, collection=collections)
    def keep_token(self, where: Where, collection: str) -> None:
        at = self.shelf(where)
        position = self.books[at.key].position(collection)
        text = self.core().store.tokens.make(*at.key, collection, position)
        self.tokens = [*self.tokens, Token(at, collection, text, position)][-TOKENS:]

    # the vault fails

    @precondition(lambda self: self.at_work)
    @rule(
        where=shelves,
        acts=drafts,
        faults=st.lists(st.sampled_from((lost, unsure)), min_size=1, max_size=2)
        | st.just([lost, lost, lost]),  # what is there is made once more: unsure needs a try left
    )
    def write_through_faults(self, where: Where, acts: list[Act], faults: list[Fault]) -> None:
        """What the vault may have kept is looked for: kept is acknowledged, else tried again."""
        at = self.shelf(where)
        acts = self.possible(self.books[at.key], acts)
        self.fail_next(faults, first=faults == [lost, lost, lost])
        future = self.core().store.write(*at.key, lambda s: draft(s, acts))
        if faults == [lost, lost, lost]:
            with pytest.raises(Unavailable) as refused:
                future.result()
            assert refused.value.retry_after > 0
        else:
            future.result()
            self.books[at.key].apply(acts, self.epoch)
        self.backend.plan.clear()

    @precondition(lambda self: self.at_work)
    @rule(where=shelves, acts=drafts, other=shelves, more=drafts)
    def write_blindly(self, where: Where, acts: list[Act], other: Where, more: list[Act]) -> None:
        """Durable, and the vault can't say so: refused, and found before the next change."""
        at = self.shelf(where)
        acts = self.possible(self.books[at.key], acts)
        self.fail_next([unknowable])
        future = self.core().store.write(*at.key, lambda s: draft(s, acts))
        with pytest.raises(Unavailable):
            future.result()
        self.backend.blind = False
        self.books[at.key].apply(acts, self.epoch)
        self.write_as(self.shelf(other), more)

    # tending

    @precondition(lambda self: self.at_work)
    @rule(least=st.integers(2, 4))
    def roll_up(self, least: int) -> None:
        working = self.core()
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
        assert compact(self.core()).unproven == []

    @precondition(lambda self: self.at_work)
    @rule()
    def prune(self) -> None:
        """The seven days are over."""
        compact(self.core())
        prune(self.core(), keep_ms=0)

    @precondition(lambda self: self.at_work)
    @rule()
    def verify(self) -> None:
        verified = verify(self.core())
        assert verified.proven, verified.findings
        assert verified.shelves >= 2 * len(self.owners)
        for at in self.shelves():
            assert image_of(self.core(), *at.key).last == self.books[at.key].last

    # crashing

    @precondition(lambda self: self.at_work)
    @rule()
    def restart(self) -> None:
        working, self.working = self.core(), None
        working.close()
        self.working = open_core(working.core.home)

    @precondition(lambda self: self.at_work)
    @rule(power=st.booleans())
    def crash(self, power: bool) -> None:
        self.crash_now(power)

    @precondition(lambda self: self.at_work)
    @rule(
        where=shelves,
        acts=drafts,
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_writing(self, where: Where, acts: list[Act], fault: Fault, power: bool) -> None:
        """The process ends around the moment its segment becomes durable."""
        at = self.shelf(where)
        acts = self.possible(self.books[at.key], acts)
        self.fail_next([fault])
        future = self.core().store.write(*at.key, lambda s: draft(s, acts))
        with pytest.raises(Unavailable):
            future.result()
        if fault is died_after or not self.first_fails:
            self.books[at.key].apply(acts, self.epoch)
        self.crash_now(power)

    @precondition(lambda self: self.at_work)
    @rule(
        compacting=st.booleans(),
        steps=st.integers(0, 12),
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_tending(self, compacting: bool, steps: int, fault: Fault, power: bool) -> None:
        """The process ends in the middle of a compaction and its pruning, or of a roll-up."""
        self.fail_next([*[None] * steps, fault], only="")
        with suppress(Died):
            self.prune() if compacting else self.roll_up(2)
        self.crash_now(power)

    @precondition(lambda self: self.at_work and len(self.owners) < ACCOUNTS)
    @rule(
        steps=st.integers(0, 5),
        fault=st.sampled_from((died_before, died_after)),
        power=st.booleans(),
    )
    def die_creating_an_account(self, steps: int, fault: Fault, power: bool) -> None:
        """The process ends with an account half made; its name can be used again, now or later."""
        self.fail_next([*[None] * steps, fault], only="")
        try:
            self.make_account()
        except (Died, Unavailable):
            self.crash_now(power)
        self.backend.plan.clear()

    @precondition(lambda self: self.at_work)
    @rule(where=shelves, acts=drafts, other=shelves, more=drafts)
    def write_beside(self, where: Where, acts: list[Act], other: Where, more: list[Act]) -> None:
        """A command-line process writes for the same core, and the server goes on."""
        at = self.shelf(where)
        acts = self.possible(self.books[at.key], acts)
        beside = open_core(self.core().core.home)
        try:
            beside.store.write(*at.key, lambda s: draft(s, acts)).result()
        finally:
            beside.close()
        self.books[at.key].apply(acts, self.epoch)
        self.write_as(self.shelf(other), more)

    # erasing

    @precondition(lambda self: self.working is not None and len(self.owners) > 1)
    @rule(who=whose)
    def erase(self, who: int) -> None:
        """Also on a core that is being recovered."""
        owner = self.owner(who)
        self.core().eraser.erase(owner.account, owner.name)
        self.bury(owner)

    @precondition(lambda self: self.at_work and len(self.owners) > 1)
    @rule(
        who=whose,
        steps=st.integers(0, 6),
        fault=st.sampled_from((died_before, died_after, lost, unsure)),
        power=st.booleans(),
    )
    def die_erasing(self, who: int, steps: int, fault: Fault, power: bool) -> None:
        """The process ends in the middle of an erasure, or the vault is in its way."""
        owner = self.owner(who)
        self.fail_next([*[None] * steps, fault], only="")
        with suppress(Died, Unavailable):
            self.core().eraser.erase(owner.account, owner.name)
        self.crash_now(power)
        if owner.account in read_erased(self.core().core.reader()):
            self.bury(owner)

    @precondition(lambda self: self.gone and self.zombie is not None and len(self.owners) > 1)
    @rule(who=whose)
    def erase_from_the_lost(self, who: int) -> None:
        """Until it is sealed, what the old core erases is erased."""
        assert self.zombie is not None
        if self.zombie.identity.epoch == self.epoch:
            owner = self.owner(who)
            self.zombie.eraser.erase(owner.account, owner.name)
            self.bury(owner)

    # losing and getting back

    @precondition(lambda self: self.at_work)
    @rule(cut_off=st.booleans())
    def lose(self, cut_off: bool) -> None:
        """The core burns; or it lives on where nobody hears of it."""
        working = self.core()
        if cut_off:
            self.end_zombie()
            self.zombie = working
        else:
            self.burn(working)
        self.working = self.resumed = None

    @precondition(lambda self: self.gone and self.zombie is not None)
    @rule(where=shelves, acts=drafts)
    def write_to_the_lost(self, where: Where, acts: list[Act]) -> None:
        """Until it is sealed, the old core acknowledges, and what it does counts."""
        assert self.zombie is not None
        if self.zombie.identity.epoch == self.epoch:
            at = self.shelf(where)
            acts = self.possible(self.books[at.key], acts)
            self.zombie.store.write(*at.key, lambda s: draft(s, acts)).result()
            self.books[at.key].apply(acts, self.epoch)

    @precondition(lambda self: self.recovering)
    @rule(where=shelves)
    def knock(self, where: Where) -> None:
        """Also at a shelf to which nothing was ever written: it is proven to be empty."""
        at = self.shelf(where)
        assert self.log_in(at.owner, at.kind) == at.owner.account
        assert self.is_open(at)

    @precondition(lambda self: self.recovering)
    @rule()
    def finish_recovery(self) -> None:
        self.stop_at = ()
        assert self.recovery is not None
        self.recovery.run()
        self.assert_whole()
        self.recovery = self.resumed = None

    @precondition(lambda self: self.recovering)
    @rule(stop_at=st.sampled_from(STOPS))
    def die_recovering(self, stop_at: Sequence[str]) -> None:
        """Part of the bulk is done; the same home goes on."""
        self.stop_at = stop_at
        assert self.recovery is not None
        with pytest.raises(Abandoned):
            self.recovery.run()
        if stop_at == ("whole",):
            self.assert_whole()
            self.recovery = None
            self.crash_now(power=True)
        else:
            self.leave_recovery(power=True)

    @precondition(lambda self: self.recovering)
    @rule(power=st.booleans())
    def crash_recovering(self, power: bool) -> None:
        self.leave_recovery(power)

    @precondition(lambda self: self.recovering)
    @rule()
    def lose_the_new_core_too(self) -> None:
        self.burn(self.core())
        self.working = self.recovery = self.resumed = None

    # the end

    def teardown(self) -> None:
        try:
            if self.owners and sys.exc_info()[0] is None:
                self._come_to_rest()
        finally:
            if self.working is not None:
                self.working.close()
            self.end_zombie()
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
        for at in self.shelves():
            assert self.books[at.key].revisions <= kept_revisions(self.core(), *at.key)


LONG = int(os.environ.get("STILLHERE_LONG", "0"))
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=500 * LONG or 50,
    stateful_step_count=50 if LONG else 30,
    derandomize=not LONG,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
