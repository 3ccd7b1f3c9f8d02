"""Lives in which the vault has a second place, or a copy, on a disk of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from stillhere import config
from stillhere.recovery.accept import accept, take_back
from stillhere.recovery.heal import heal
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.reprove import find_unproven
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy
from stillhere.replication.members import FILE
from stillhere.replication.prune import prune
from stillhere.replication.start import Working
from stillhere.server.copies import remove
from stillhere.server.recover import Lost, open_kit, settle
from stillhere.vault.backends.directory import Directory

if TYPE_CHECKING:
    from tests.outage.lives import Life

PLACES = ("vault", "second")
BOOK = "contacts"
_NAMED = re.compile(rb'"[^"]*/(vault|second)/here"')


def move_here(home: Path, folder: Path) -> None:
    """Have a home's files name the places below this folder, where the disks are now."""
    for path in (home / FILE, home / config.FILE):
        if path.exists():
            data = path.read_bytes()
            moved = _NAMED.sub(rb'"%b/\1/here"' % str(folder).encode(), data)
            if moved != data:
                path.write_bytes(moved)


def places_below(folder: Path) -> list[Path]:
    """The places whose disks have anything on them; the first in any case."""
    return [folder / disk / "here" for disk in PLACES if disk == "vault" or any_in(folder / disk)]


def any_in(disk: Path) -> bool:
    """Whether there is anything on a disk."""
    return disk.is_dir() and any(disk.iterdir())


def seed(life: Life) -> None:
    """The vault gets another place, and everything goes on there too."""
    life.found()
    working = life.opened()
    anna, bert = life.accounts(working, "anna", "bert")
    life.put(working, *((who, f"{n}.vcf") for n in range(3) for who in (anna, bert)), size=700)
    working.roll(least=1)
    compact(working)
    life.put(working, (anna, "0.vcf"), (bert, "late.vcf"))
    _add(working, life.second)
    life.say("added")
    life.put(working, (anna, "1.vcf"))
    life.delete(working, bert, "2.vcf")
    working.roll(least=2)
    compact(working)
    prune(working, keep_ms=-1)
    life.put(working, (bert, "last.vcf"))
    working.close()


def two(life: Life) -> None:
    """A short life with two places, whose core is lost next."""
    _begin_with_two(life).close()
    life.say("over")


def part(life: Life) -> None:
    """One of two places is left, everything goes on without it, and it comes back."""
    working = _begin_with_two(life)
    anna, bert = map(working.store.accounts.find, ("anna", "bert"))
    life.say("left")
    remove(life.home, life.place)
    life.put(working, (anna, "0.vcf"))
    life.erase(working, bert, "bert")
    compact(working)
    _add(working, life.place)
    life.say("back")
    life.put(working, (anna, "3.vcf"))
    life.delete(working, anna, "1.vcf")
    working.close()


def ruin(life: Life) -> None:
    """A copy of the vault is set aside on the second disk; then the vault loses bodies."""
    _lose(life, "b")


def raze(life: Life) -> None:
    """The same, and the rosters go too."""
    _lose(life, "br")


def _lose(life: Life, packs: str) -> None:
    life.found()
    working = life.opened()
    anna, bert = life.accounts(working, "anna", "bert")
    life.put(working, *((who, f"{n}.vcf") for n in range(3) for who in (anna, bert)))
    life.delete(working, anna, "1.vcf")
    compact(working)
    life.put(working, (anna, "0.vcf"), (bert, "0.vcf"))
    working.close()
    copy = Directory(life.second, create=True)  # so that it is durable
    for path in (path for path in life.place.rglob("*") if path.is_file()):
        copy.create(str(path.relative_to(life.place)), path.read_bytes())
    for pack in life.place.glob(f"ledger/contacts/*[{packs}]-*.pack"):
        pack.unlink()
    life.say("over")


def mend(life: Life) -> None:
    """The core is lost as well: what is closed is accepted, and the copy heals all of it."""

    def announce(what: str, **_: object) -> None:
        life.say(what)

    recovery = Recovery(life.next, life.place, open_kit(life.kit), announce)
    working = recovery.begin()
    settle(Lost(life.next, [life.place], life.kit), working, None)
    recovery.run()
    anna, bert = map(working.store.accounts.find, ("anna", "bert"))
    closed = find_unproven(working)
    for account, kind in closed:
        accept(working, account, kind)
    life.put(working, (anna, "since.vcf"), (bert, "since.vcf"))
    for account, kind in closed:
        take_back(working, account, kind)
        accept(working, account, kind)
    life.put(working, (anna, "2.vcf"))
    found = heal(working, life.second)
    assert (found.proven, found.held, found.unproven) == (len(closed), 0, 0)
    assert closed or found.healed
    life.put(working, (anna, "last.vcf"), (bert, "last.vcf"))
    compact(working)
    working.close()


def _begin_with_two(life: Life) -> Working:
    life.found()
    working = life.opened()
    anna, bert = life.accounts(working, "anna", "bert")
    _add(working, life.second)
    life.say("added")
    life.put(working, (anna, "0.vcf"), (anna, "1.vcf"), (bert, "0.vcf"))
    working.roll(least=1)
    compact(working)
    life.put(working, (anna, "2.vcf"))
    return working


def _add(working: Working, place: Path) -> None:
    """What ``vault add`` does, in the process that writes."""
    added = add_copy(working, place, lambda done, total: None)
    first, *more = added.members.places
    config.name_places(working.core.home, first, more)
