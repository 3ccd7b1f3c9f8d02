"""Lives in which the vault has a second place, on a disk of its own, and where those lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from stillhere import config
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy
from stillhere.replication.members import FILE
from stillhere.replication.prune import prune
from stillhere.replication.start import Working
from stillhere.server.copies import remove

if TYPE_CHECKING:
    from tests.outage.lives import Life

PLACES = ("vault", "second")
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
