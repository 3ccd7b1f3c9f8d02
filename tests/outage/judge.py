"""After a power cut: starts or recovers on what is left, and compares with what was promised.

Nothing acknowledged may be lost and nothing may be served that was never sent; what was tried
and not answered is there whole, or not at all. Once ``init`` has ended nothing may refuse,
but for an old core whose recovery has begun.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.crashing.model import Model
from tests.outage.copied import PLACES, move_here, places_below
from tests.outage.lives import SECRET
from tests.rooms import put

from stillhere import config
from stillhere.errors import Fenced, NotAVault, StillhereError
from stillhere.recovery.heal import heal
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import tally_verdicts
from stillhere.replication.start import Working, open_core
from stillhere.replication.verify import verify
from stillhere.server.recover import open_kit
from stillhere.store.logins import BadLogin
from stillhere.vault.kit import Kit

BOOK = "contacts"
ANSWERS = ("account made", "device made", "kept", "revoked")


class Account(NamedTuple):
    """One that was acknowledged."""

    id: bytes
    name: str
    password: str


class History:
    """What was tried and what was acknowledged by the time of the cut."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.said: set[str] = set()
        self.tried: set[str] = set()
        self.made: list[Account] = []
        self.gone: set[str] = set()
        self.doubtful: set[str] = set()
        self.erasing: set[bytes] = set()
        self.erased: set[bytes] = set()
        self.books: dict[bytes, Model] = {}
        self._open: dict[tuple[bytes, str], Any] = {}
        for line in lines:
            self.hear(**json.loads(line))

    def hear(self, what: str, **told: Any) -> None:
        """One line of the program's."""
        self.said.add(what)
        account = bytes.fromhex(told.get("account", ""))
        if what == "account":
            self.tried.add(told["name"])
        elif what == "account made":
            self.made.append(Account(account, told["name"], told["password"]))
        elif what == "device made":
            name = next(one.name for one in self.made if one.id == account)
            self.made.append(Account(account, name, told["password"]))
        elif what == "revoke":
            self.doubtful.add(told["password"])
        elif what == "revoked":
            self.gone.add(told["password"])
        elif what == "erase":
            self.erasing.add(account)
        elif what == "erased":
            self.erased.add(account)
        elif what == "put":
            book = self.books.setdefault(account, Model(account.hex()))
            body = told["body"]
            attempt = book.begin(told["href"], body.encode() if body is not None else None)
            self._open[account, told["href"]] = attempt
        elif what == "kept":
            attempt = self._open.pop((account, told["href"]))
            self.books[account].acknowledge(told["href"], attempt, etag=str(told["seq"]))

    @property
    def founded(self) -> bool:
        """Whether ``init`` has said that it is done."""
        return "founded" in self.said

    @property
    def is_left(self) -> bool:
        """Whether the first place has missed what came since."""
        return "left" in self.said and "back" not in self.said


def _shipped(lines: Sequence[str]) -> Iterator[str]:
    """What is acknowledged by the vault: with ack = core, what was by the last shipping."""
    said = [json.loads(line)["what"] for line in lines]
    last = max((n for n, what in enumerate(said) if what == "shipped"), default=len(said))
    for number, (what, line) in enumerate(zip(said, lines, strict=True)):
        if what not in ANSWERS or number < last:
            yield line


def compare(working: Working, history: History) -> list[str]:
    """Everything that the core serves against everything that was promised."""
    listed = {row.account: row.name for row in working.store.accounts.list()}
    gone = history.erasing - listed.keys()
    found = [f"an account nobody made: {n}" for n in set(listed.values()) - history.tried]
    found += [f"an account that was erased: {listed[id_]}" for id_ in history.erased - gone]
    for one in history.made:
        if listed.get(one.id) != one.name and one.id not in gone:
            found += [f"the account {one.name} is lost"]
        elif one.password not in history.doubtful - history.gone:
            found += _log_in(working, one, one.id not in gone and one.password not in history.gone)
    for id_ in (history.books.keys() | listed.keys()) - gone:
        book = history.books.setdefault(id_, Model(id_.hex()))
        bodies: dict[str, bytes] = {}
        seqs: dict[str, str] = {}
        if id_ in listed:
            with working.store.read(id_, BOOK) as shelf:
                for record, body in shelf.all_bodies(BOOK):
                    bodies[record.href] = body or b"(held)"
                    seqs[record.href] = str(record.seq)
        book.settle(bodies, seqs)
        found += [f"{one.what}: {one.href} {one.detail}" for one in book.findings]
        book.findings.clear()
    return found


def _log_in(working: Working, account: Account, expected: bool) -> list[str]:
    log_in = working.store.logins.authenticate(account.name, account.password, client="phone")
    try:
        let_in = asyncio.run(log_in).account == account.id
    except BadLogin:
        let_in = False
    if let_in == expected:
        return []
    return [f"a device of {account.name} is {'let in' if let_in else 'refused'}"]


class Site:
    """What a power cut has left: the disks, laid out in a folder, and what was promised."""

    def __init__(self, folder: Path, lines: Iterable[str]) -> None:
        self.folder = folder
        self.lines = list(lines)
        self.history = History(self.lines)
        self.shipped = History(_shipped(self.lines))
        self.place = folder / "vault" / "here"

    def copy(self, name: str) -> Site:
        """The same elsewhere, to try another way."""
        shutil.copytree(self.folder, self.folder.with_name(name))
        return Site(self.folder.with_name(name), self.lines)

    def kit(self) -> Kit:
        """The kit as its file has it."""
        return open_kit(self.folder / "kit" / "kit.txt")

    @contextmanager
    def opened(self, home: str = "core") -> Iterator[Working]:
        """The core in that home at work, if it may be."""
        at = self.folder / home / "home"
        move_here(at, self.folder)
        place, *more = config.places_of(config.load(at))
        working = open_core(at, place, more=more)
        try:
            yield working
        finally:
            working.close()

    def start(self, home: str = "core") -> list[str]:
        """Start the core, compare, go on working, and recover from what the vault has then."""
        found = self._readable()
        with self.opened(home) as working:
            found += compare(working, self.history)
            self._live_on(working)
            found += [f"then: {what}" for what in compare(working, self.history)]
            verified = verify(working)
            found += [f"verify: {problem}" for one in verified.findings for problem in one.problems]
        return found + [
            f"recovered after that: {what}" for what in self.recover("after", shipped=True)
        ]

    def recover(self, home: str = "fresh", *, shipped: bool = False) -> list[str]:
        """Recover from the vault and compare; go on with a recovery that was begun there.

        What a core has acknowledged by itself and not ``shipped`` may be gone with it."""
        with self.recovered(home, *places_below(self.folder)) as working:
            found = compare(working, self.history if shipped else self.shipped)
            tally = tally_verdicts(working.core)
            if tally.incomplete:
                found.append(f"{tally.incomplete} of {tally.shelves} verdicts are incomplete")
        return found

    @contextmanager
    def recovered(self, home: str, place: Path, *more: Path) -> Iterator[Working]:
        """What a recovery has, from these places."""
        at = self.folder / home / "home"
        move_here(at, self.folder)
        recovery = Recovery(at, place, self.kit(), lambda *_, **__: None, more=more)
        working = recovery.begin()
        try:
            recovery.run()
            yield working
        finally:
            working.close()

    def mended(self, working: Working) -> list[str]:
        """Heal from the copy that was set aside, whatever was accepted before, and compare; what
        comes back that way may have a new position."""
        found = heal(working, self.folder / "second" / "here")
        for book in self.history.books.values():
            book.etags.clear()
        left = [f"still so after healing: {found}"] if found.held or found.unproven else []
        return left + compare(working, self.history)

    def _readable(self) -> list[str]:
        """What can still be read of erased accounts, before anything is started; a place that
        was left does not count until it is back."""
        if not self.history.erased:
            return []
        left = self.folder / ("vault" if self.history.is_left else "nowhere")
        everything = (path for path in self.folder.rglob("*") if left not in path.parents)
        files = [path for path in everything if path.is_file()]
        keys = {one.hex() for one in self.history.erased}
        found = [
            f"a key of an erased account: {p.name}"
            for p in files
            if p.stem in keys and "keys" in p.parts
        ]
        secret = SECRET.encode()
        return found + [
            f"bytes of an erased account in {p.name}" for p in files if secret in p.read_bytes()
        ]

    def _live_on(self, working: Working) -> None:
        """One more change, as any other."""
        for account in working.store.accounts.list()[:1]:
            told = {"account": account.account.hex(), "href": "lived on.vcf"}
            self.history.hear("put", body="lived on", **told)
            seq = put(working, account.account, told["href"], "lived on")
            self.history.hear("kept", seq=seq, **told)


def after_a_life(site: Site) -> Iterator[tuple[str, list[str]]]:
    """What a person does when the power is back: start; or, with the core gone, recover."""
    other = site.copy("lost")
    yield "start", _what(site, site.start)
    shutil.rmtree(other.folder / "core")
    yield "recover", _what(other, other.recover)


def after_a_recovery(site: Site) -> Iterator[tuple[str, list[str]]]:
    """Begin it again in its home; begin it elsewhere; or start the old core after all."""
    elsewhere, old = site.copy("elsewhere"), site.copy("old")
    if "whole" in site.history.said:
        yield "start", _what(site, lambda: site.start("next"))
    else:
        yield "again", _what(site, lambda: site.recover("next"))
        yield "the old one then", _what(site, lambda: _must_be_fenced(site))
    yield "elsewhere", _what(elsewhere, elsewhere.recover)
    if "sealed" in old.history.said:
        yield "the old one", _what(old, lambda: _must_be_fenced(old))
    else:
        yield "the old one", _what(old, lambda: _may_be_fenced(old))


def after_two_places(site: Site) -> Iterator[tuple[str, list[str]]]:
    """Either; or the core is gone together with one of the places."""
    history = site.history
    counts = {"vault": not history.is_left, "second": "added" in history.said}
    for disk in PLACES:
        alone = site.copy(f"{disk} alone")
        for other in {"core", *PLACES} - {disk}:
            shutil.rmtree(alone.folder / other)
            (alone.folder / other).mkdir()
        if counts[disk]:
            yield f"{disk} alone", _what(alone, alone.recover)
        elif disk == "second":
            yield f"{disk} alone, if it can", _if_it_can(alone)
    yield from after_a_life(site)


def after_mending(site: Site) -> Iterator[tuple[str, list[str]]]:
    """Go on in that home, or recover elsewhere; and have the copy heal it, once more or at last."""
    elsewhere, both = site.copy("elsewhere"), site.copy("both")

    def go_on() -> list[str]:
        if "whole" in site.history.said:
            with site.opened("next") as working:
                return site.mended(working)
        with site.recovered("next", site.place) as working:
            return site.mended(working)

    def recover(other: Site, *more: Path) -> list[str]:
        with other.recovered("fresh", other.place, *more) as working:
            return other.mended(working)

    yield "go on", _what(site, go_on)
    yield "elsewhere", _what(elsewhere, lambda: recover(elsewhere))
    yield "both", _what(both, lambda: recover(both, both.folder / "second" / "here"))


def _if_it_can(site: Site) -> list[str]:
    """A place that is not whole yet is refused, or it has everything."""
    try:
        return site.recover()
    except StillhereError:
        return []


def _must_be_fenced(site: Site) -> list[str]:
    try:
        with site.opened():
            return ["the old core starts although it is sealed"]
    except Fenced:
        return []


def _may_be_fenced(site: Site) -> list[str]:
    try:
        return site.start()
    except Fenced:
        return site.recover()


def _what(site: Site, way: Callable[[], list[str]]) -> list[str]:
    """What a way finds; that it refuses is a finding once there is something to lose.

    A vault whose very first account is half made looks like half a vault, and is refused."""
    try:
        return way()
    except StillhereError as error:
        begun = isinstance(error, NotAVault) and not site.shipped.made
        founded = site.history.founded and not begun
        return [f"{type(error).__name__}: {error}"] if founded else []
    except Exception as error:
        return [f"not a clear answer: {error!r}"]
