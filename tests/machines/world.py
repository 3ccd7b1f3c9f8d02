"""The world that a life is played in: one service, its devices, and what they were promised.

``test_life`` plays in it. What is here looks after where the service is in its life, keeps a
book of every shelf as it was acknowledged, and says what must hold after every step. A shelf to
which nothing was ever written has an empty book, and is open and empty.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant
from tests.recovery.faults import Fault, Faulty, open_over
from tests.recovery.model import (
    Act,
    Book,
    DeleteCollection,
    PutCollection,
    delta_of,
    differences,
    draft,
)
from tests.recovery.ruin import Disk

from stillhere.errors import BadInput, Closed, Erased, Fenced
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.replication.fence import check_fence
from stillhere.replication.members import read_members
from stillhere.replication.start import Working, open_core
from stillhere.store import BadLogin, NewAccount, Shelf, Throttled, epoch_of
from stillhere.vault.backends.copies import Copies

SHELVES = ("contacts", "calendar", "notes")
"""The kinds that are played with; nothing but their names tells to-do lists from notes."""


class Owner(NamedTuple):
    """An account and how it logs in."""

    account: bytes
    name: str
    password: str


class ShelfName(NamedTuple):
    """One of an owner's shelves."""

    owner: Owner
    kind: str

    @property
    def key(self) -> tuple[bytes, str]:
        return self.owner.account, self.kind


class Token(NamedTuple):
    """A sync token that a phone keeps."""

    at: ShelfName
    collection: str
    text: str
    seq: int


class Abandoned(Exception):
    """The recovering process ends at one of its own announcements."""


class World(RuleBasedStateMachine):
    """One service from its founding on."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stillhere-life-"))
        self.places = [self.folder / "vault"]
        self.turns = count()
        self.homes = 0
        self.epoch = 1
        self._open: Working | None = None
        self.backend = Faulty(self.places[0])
        self.recovery: Recovery | None = None
        self.resumed: Path | None = None
        self.stop_at: Sequence[str] = ()
        self.zombie: Working | None = None
        self.owners: list[Owner] = []
        self.books: dict[tuple[bytes, str], Book] = {}
        self.own_shelves: dict[bytes, object] = {}
        self.tokens: list[Token] = []
        self.erased: list[Owner] = []

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

    # what must hold at every step

    @invariant()
    def shelves_equal_their_books(self) -> None:
        if self.working is None:
            return
        for at in self.shelves():
            with self._read_if_back(*at) as shelf:
                if shelf is not None:
                    assert differences(shelf, self.books[at.key]) == []
        self._own_shelves_are_the_same()

    @invariant()
    def tokens_lead_to_exactly_what_changed(self) -> None:
        if self.working is None:
            return
        store = self.working.store
        for at, collection, text, seq in self.tokens:
            assert store.tokens.read(*at.key, collection, text) == seq
            with self._read_if_back(*at) as shelf:
                if shelf is not None:
                    delta = delta_of(shelf, collection, seq)
                    assert delta == self.books[at.key].delta(collection, seq)

    @invariant()
    def the_erased_hear_401_and_have_no_row(self) -> None:
        if self.working is None:
            return
        refusals: tuple[type[Exception], ...] = (BadLogin, Throttled)  # whoever asks often waits
        if self.working.store.gate.opener is not None:
            refusals += (Closed,)  # an account that was only half made may have taken the name
        for owner in self.erased:
            with pytest.raises(refusals):
                self.log_in(owner)
            for kind in SHELVES:
                with pytest.raises(Erased), self.working.store.read(owner.account, kind):
                    pass

    # what rules are made of

    def make_account(self) -> None:
        """Make the next account; or find it, where the making of it ended only just too soon."""
        accounts = self.core().store.accounts
        taken = {owner.name for owner in self.owners}
        name = next(name for n in count() if (name := f"person {n}") not in taken)
        try:
            made = accounts.create_many([NewAccount(name, None, "phone")])[0]
            account, device = made.account, made.device
        except BadInput:
            account = accounts.find(name)
            device = accounts.add_device(account, "phone")
        assert device is not None
        self.owners.append(Owner(account, name, device.password))
        self.books |= self._new_books(account)
        self.look_at_own_shelves()

    def _new_books(self, account: bytes) -> dict[tuple[bytes, str], Book]:
        """A new account's; of one that was begun before the last recovery, as it was begun."""
        with self.core().store.read(account, "contacts") as shelf:
            epoch = epoch_of(shelf.last_seq)
        books = {(account, kind): Book() for kind in SHELVES}
        books[account, "contacts"].apply([PutCollection("contacts", "Contacts")], epoch)
        if epoch < self.epoch:
            for book in books.values():
                book.end_epoch(self.epoch)
        return books

    def bury(self, owner: Owner) -> None:
        """From now on the owner is one of the erased."""
        self.owners.remove(owner)
        self.erased.append(owner)
        for kind in SHELVES:
            del self.books[owner.account, kind]
        del self.own_shelves[owner.account]
        self.tokens = [token for token in self.tokens if token.at.owner != owner]

    def write_as(self, at: ShelfName, acts: list[Act]) -> None:
        self.enter(at)
        acts = self.possible(self.books[at.key], acts)
        self.core().store.write(*at.key, lambda s: draft(s, acts)).result()
        self.books[at.key].apply(acts, self.epoch)

    def possible(self, book: Book, acts: list[Act]) -> list[Act]:
        """A collection that is not there can't be deleted."""
        gone = [a for a in acts if isinstance(a, DeleteCollection)]
        if gone and gone[0].name not in book.present(""):
            return [PutCollection(gone[0].name, "new")]
        return acts

    def fail_next(
        self, faults: Sequence[Fault | None], *, only: str = "journal/", first: bool = False
    ) -> None:
        """Reopen the core over a vault that fails so at its next changes, or next segments: in
        the ``first`` of its places, or in one after the other."""
        working, self.working = self.core(), None
        working.close()
        home = working.core.home
        places = [Path(place) for place in read_members(home, str(self.places[0])).places]
        at = 0 if first else next(self.turns) % len(places)
        backends = [Faulty(place) for place in places]
        self.backend = backends[at]
        self.first_fails = at == 0
        self.working = open_over(home, Copies(backends))
        self.backend.only = only
        self.backend.plan = list(faults)

    def crash_now(self, power: bool) -> None:
        self.working = open_core(self.stop(power))

    def leave_recovery(self, power: bool) -> None:
        self.resumed = self.stop(power)
        self.recovery = None

    def stop(self, power: bool) -> Path:
        disk = self.disk
        self.working = None
        return disk.stop(self.new_home(), power=power)

    def burn(self, working: Working) -> None:
        working.close()
        shutil.rmtree(working.core.home)

    def end_zombie(self) -> None:
        if self.zombie is not None:
            self.zombie.close()
            self.zombie = None

    def assert_fenced(self, zombie: Working) -> None:
        account = self.owners[0].account
        with pytest.raises(Fenced):
            zombie.store.write(account, "contacts", lambda s: s.put("contacts", "z", b"")).result()
        assert check_fence(zombie)
        with pytest.raises(Fenced), zombie.store.read(account, "contacts"):
            pass

    def assert_whole(self) -> None:
        report = {(one.account, one.kind): one for one in read_report(self.core().core)}
        for owner in self.owners:
            assert report[owner.account, "account"].closed == ""
        for at in self.shelves():
            if self.books[at.key].rows:
                assert report[at.key].closed == ""
        for shelf in report.values():
            assert shelf.verdict.complete, shelf

    def announce(self, event: str, **facts: object) -> None:
        if event in self.stop_at or facts.get("kind") in self.stop_at:
            raise Abandoned

    def enter(self, at: ShelfName) -> None:
        if self.recovering:
            asyncio.run(self.core().store.gate.enter(*at.key))

    def log_in(self, owner: Owner, kind: str = "contacts") -> bytes:
        async def knock() -> bytes:
            store = self.core().store
            login = await store.logins.authenticate(owner.name, owner.password, client="here")
            await store.gate.enter(login.account, kind)
            return login.account

        return asyncio.run(knock())

    def is_open(self, at: ShelfName) -> bool:
        with self.core().store.read(*at.key) as shelf:
            return (shelf.account, shelf.kind) == at.key

    def look_at_own_shelves(self) -> None:
        for owner in self.owners:
            with self.core().store.read(owner.account, "account") as shelf:
                self.own_shelves[owner.account] = _all_of(shelf)

    @contextmanager
    def _read_if_back(self, owner: Owner, kind: str) -> Iterator[Shelf | None]:
        """A shelf; None while a recovery has not brought it back (a core at work has all)."""
        working = self.core()
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

    def owner(self, who: int) -> Owner:
        return self.owners[who % len(self.owners)]

    def shelf(self, whose: tuple[int, str]) -> ShelfName:
        return ShelfName(self.owner(whose[0]), whose[1])

    def shelves(self) -> list[ShelfName]:
        return [ShelfName(owner, kind) for owner, kind in product(self.owners, SHELVES)]

    def core(self) -> Working:
        assert self.working is not None
        return self.working

    def new_home(self) -> Path:
        self.homes += 1
        return self.folder / f"home-{self.homes}"


def _all_of(shelf: Shelf) -> object:
    return shelf.last_seq, shelf.chain, shelf.everything()
