"""The lives that are recorded. Usage: lives.py LIFE FOLDER [NTH [SPOILT]].

Below FOLDER are the disks: ``core`` with the home, ``next`` with the home that a recovery makes,
``vault``, ``second`` with another place of the vault, and ``kit``. Before every change the program
says what it tries, and after it that it was acknowledged. With NTH, ``begin`` and ``recover`` end
themselves by SIGKILL instead of their nth sync of the vault. SPOILT makes a life one that must be
found out: it leaves out a sync.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import Future
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # it is run as a file

import pytest
from tests.conformance import file_systems
from tests.outage.copied import mend, move_here, part, places_below, raze, ruin, seed, two

from stillhere import config
from stillhere.cli import kit as paper
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.prune import prune
from stillhere.replication.start import Working, open_core
from stillhere.replication.window import Window
from stillhere.server.found import found
from stillhere.server.recover import Lost, open_kit, settle
from stillhere.store import NewAccount, ShelfWrite, schema

MARKS = "said"
BOOK = "contacts"
SECRET = "what nora told nobody"
LOG_PAGES = 12  # so that the log is moved into the core's file, and begun again, all the time


class Life:
    """Where a life takes place, and what it says."""

    def __init__(self, folder: Path, nth: int) -> None:
        self.folder = folder
        self.nth = nth
        self.home = folder / "core" / "home"
        self.next = folder / "next" / "home"
        self.place = folder / "vault" / "here"
        self.second = folder / "second" / "here"
        self.kit = folder / "kit" / "kit.txt"
        self._marks = os.open(folder / MARKS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._numbers = count(1)

    def say(self, what: str, **fields: object) -> None:
        """One line for the judge."""
        os.write(self._marks, json.dumps({"what": what, **fields}).encode() + b"\n")

    def found(self) -> None:
        """What ``init`` does."""
        paper.reserve(self.kit)
        made = found(self.home, self.place, None)
        paper.write(self.kit, made.kit)
        self.say("founded")

    def opened(self, window: Window | None = None) -> Working:
        """The core at work."""
        move_here(self.home, self.folder)
        place, *more = config.places_of(config.load(self.home))
        working = open_core(self.home, place, window, more=more)
        working.store.install(
            lambda sql: sql.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        ).result()
        return working

    def accounts(self, working: Working, *names: str) -> list[bytes]:
        """New accounts, each with a device."""
        for name in names:
            self.say("account", name=name)
        made = working.store.accounts.create_many([NewAccount(n, None, "phone") for n in names])
        for one in made:
            assert one.device is not None
            self.say(
                "account made",
                name=one.name,
                account=one.account.hex(),
                password=one.device.password,
            )
        return [one.account for one in made]

    def device(self, working: Working, account: bytes) -> str:
        """Another device; its password."""
        made = working.store.accounts.add_device(account, "tablet")
        self.say("device made", account=account.hex(), password=made.password)
        return made.password

    def revoke(self, working: Working, account: bytes, password: str) -> None:
        """No device any more."""
        self.say("revoke", account=account.hex(), password=password)
        working.store.accounts.revoke_device(account, password.split("-")[1])
        self.say("revoked", account=account.hex(), password=password)

    def erase(self, working: Working, account: bytes, name: str) -> None:
        """An account's end."""
        self.say("erase", account=account.hex())
        working.eraser.erase(account, name)
        self.say("erased", account=account.hex())

    def put(self, working: Working, *wanted: tuple[bytes, str], size: int = 40) -> None:
        """Contacts, all at once."""
        waiting: list[tuple[bytes, str, Future[int]]] = []
        for account, href in wanted:
            body = f"{href} {next(self._numbers)} of {os.getpid()} ".ljust(size, "x").encode()
            self.say("put", account=account.hex(), href=href, body=body.decode())

            def fill(shelf: ShelfWrite, href: str = href, body: bytes = body) -> int:
                return shelf.put(BOOK, href, body, uid=href).seq

            waiting.append((account, href, working.store.write(account, BOOK, fill)))
        for account, href, future in waiting:
            self.say("kept", account=account.hex(), href=href, seq=future.result())

    def ship(self, working: Working) -> None:
        """Everything that was acknowledged is in the vault."""
        working.ship()
        self.say("shipped")

    def delete(self, working: Working, account: bytes, href: str) -> None:
        """One contact's end."""
        self.say("put", account=account.hex(), href=href, body=None)
        working.store.write(account, BOOK, lambda shelf: shelf.delete(BOOK, href)).result()
        self.say("kept", account=account.hex(), href=href, seq=None)


def found_it(life: Life) -> None:
    """A service begins, with its first account."""
    life.found()
    working = life.opened()
    life.accounts(working, "anna")
    working.close()


def work(life: Life) -> None:
    """Everything that a core does in its life, more than once."""
    life.found()
    working = life.opened()
    anna, bert, nora = life.accounts(working, "anna", "bert", "nora")
    life.put(working, (nora, f"{SECRET}.vcf"), (nora, "0.vcf"))
    people = (anna, bert)
    for number in range(4):
        life.put(working, (anna, f"{number}.vcf"))
    life.put(working, *((who, f"group {n}.vcf") for n in range(5) for who in people), size=700)
    tablet = life.device(working, anna)
    life.put(working, (anna, "0.vcf"), (bert, "0.vcf"))
    working.roll(least=2)
    subprocess.run([sys.executable, __file__, "beside", str(life.folder)], check=True)
    life.delete(working, anna, "1.vcf")
    compact(working)
    life.put(working, (anna, "2.vcf"), (anna, "late.vcf"), (bert, "late.vcf"), size=3000)
    life.revoke(working, anna, tablet)
    (chandra,) = life.accounts(working, "chandra")
    life.put(working, (chandra, "0.vcf"))
    working.roll(least=2)
    life.erase(working, nora, "nora")
    compact(working)
    prune(working, keep_ms=-1)
    working.core.checkpoint()
    life.put(working, (anna, "0.vcf"), (chandra, "last.vcf"))
    life.delete(working, bert, "late.vcf")
    working.close()


def beside(life: Life) -> None:
    """A command beside the server: a writer of its own."""
    working = life.opened()
    (account,) = life.accounts(working, "beside")
    life.put(working, (account, "0.vcf"), (working.store.accounts.find("bert"), "beside.vcf"))
    working.close()


def spool(life: Life) -> None:
    """A core that acknowledges before the vault has a change."""
    life.found()
    working = life.opened(Window(3600, 1 << 20))
    life.ship(working)
    (anna,) = life.accounts(working, "anna")
    if life.nth:
        die_at(life.nth)
    for number in range(3):
        life.put(working, (anna, f"{number}.vcf"))
    life.ship(working)
    working.roll(least=2)
    life.put(working, (anna, "0.vcf"))
    life.put(working, (anna, "1.vcf"))
    compact(working)
    life.put(working, *((anna, f"{number}.vcf") for number in range(6)))
    over = threading.Event()
    shipper = threading.Thread(target=_ship_on, args=(working, over))
    shipper.start()
    for number in range(5):
        life.put(working, (anna, f"{number}.vcf"))
    over.set()
    shipper.join()
    life.ship(working)
    prune(working, keep_ms=-1)
    life.put(working, (anna, "last.vcf"))
    life.say("over")
    working.close()


def begin(life: Life) -> None:
    """A short life, which may end anywhere."""
    life.found()
    if life.nth:
        die_at(life.nth)
    working = life.opened()
    anna, bert = life.accounts(working, "anna", "bert")
    life.put(working, (anna, "0.vcf"), (bert, "0.vcf"))
    life.put(working, (anna, "1.vcf"))
    working.roll(least=2)
    compact(working)
    life.put(working, (anna, "2.vcf"))
    life.say("over")


def leave(life: Life) -> None:
    """A life that ends when a segment has its name, and the name is not synced yet."""
    life.found()
    working = life.opened()
    (anna,) = life.accounts(working, "anna")
    life.put(working, (anna, "0.vcf"))
    die_at(1, "/journal/")
    life.put(working, (anna, "1.vcf"))


def start(life: Life) -> None:
    """The life after another: whatever was cut short is done again, then work goes on."""
    working = life.opened()
    known = {row.name for row in working.store.accounts.list()}
    for name in ("anna", "bert"):
        if name not in known:
            life.accounts(working, name)
    anna = working.store.accounts.find("anna")
    for _ in range(2):
        life.put(working, (anna, "1.vcf"))
    working.roll(least=2)
    compact(working)
    life.put(working, (anna, "3.vcf"))
    working.close()


def recover(life: Life) -> None:
    """The core is lost: another one takes over, and phones write to it from the first moment."""

    if life.nth:
        die_at(life.nth)

    def announce(what: str, **_: object) -> None:
        life.say(what)

    move_here(life.next, life.folder)
    place, *more = places = places_below(life.folder)
    recovery = Recovery(life.next, place, open_kit(life.kit), announce, more=more)
    working = recovery.begin()
    settle(Lost(life.next, places, life.kit), working, None)
    found_here = working.store.accounts.list()
    if not found_here:  # nobody is in the core yet: whoever knocks is
        anna = asyncio.run(_knock(working, "anna"))
        life.put(working, (anna, "while recovering.vcf"))
        life.put(working, (anna, "0.vcf"))
    recovery.run()
    anna, bert = (working.store.accounts.find(name) for name in ("anna", "bert"))
    life.put(working, (anna, "0.vcf"), (bert, "0.vcf"))
    working.roll(least=2)
    compact(working)
    life.put(working, (bert, "last.vcf"))
    life.say("over")
    working.close()


def _ship_on(working: Working, over: threading.Event) -> None:
    while not over.is_set():
        working.ship()


async def _knock(working: Working, name: str) -> bytes:
    account = await working.store.gate.find(name)
    assert account is not None
    await working.store.gate.enter(account, BOOK)
    return account


def die_at(nth: int, folders: str = "") -> None:
    """Have the nth sync of the vault be the end, or of those of its folders that are named so,
    before anything is synced."""
    left, sync = count(1), os.fsync

    def deadly(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}") if folders else ""
        meant = folders in path and "#" not in path
        if meant and next(left) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = deadly


def without_folders() -> None:
    """Names are not synced."""
    sync = os.fsync
    os.fsync = lambda fd: None if stat.S_ISDIR(os.fstat(fd).st_mode) else sync(fd)


def without_bytes() -> None:
    """Bytes are not synced."""
    sync = os.fsync
    os.fsync = lambda fd: sync(fd) if stat.S_ISDIR(os.fstat(fd).st_mode) else None


def without_second() -> None:
    """Nothing of the vault's second place is synced."""
    sync = os.fsync
    os.fsync = lambda fd: None if "/second/" in os.readlink(f"/proc/self/fd/{fd}") else sync(fd)


def without_core() -> None:
    """The core's file is not synced."""
    schema.PRAGMAS = tuple(p.replace("NORMAL", "OFF") for p in schema.PRAGMAS)


def without_unnamed() -> None:
    """Nothing is wrong, but that the file system has no files without names."""
    file_systems.without_unnamed(pytest.MonkeyPatch())


def without_links() -> None:
    """Nor hard links, as FAT."""
    file_systems.without_links(pytest.MonkeyPatch())


LIVES = {
    life.__name__: life
    for life in (
        *(found_it, work, beside, spool, begin, leave, start, recover),
        *(seed, two, part, ruin, raze, mend),
    )
}
SPOILT = {
    spoil.__name__: spoil
    for spoil in (
        without_folders,
        without_bytes,
        without_second,
        without_core,
        without_unnamed,
        without_links,
    )
}


def main(name: str, folder: str, nth: str = "0", spoilt: str = "") -> None:
    if spoilt:
        SPOILT[spoilt]()
    LIVES[name](Life(Path(folder), int(nth)))


if __name__ == "__main__":
    main(*sys.argv[1:])
