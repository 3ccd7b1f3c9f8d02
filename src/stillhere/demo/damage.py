"""What happens to disks: pages of a core's file turn to noise, bytes of a vault's packs flip.

Files are damaged by their shape alone, as a disk would; where pages and packs lie is in SQLite's
file format and in docs/format.md.
"""

import random
from pathlib import Path
from typing import NamedTuple

from stillhere.demo.kinds import KINDS

PAGE = 16384
"""Bytes of a page of the core's file."""
BAD_PAGES = 0.5
"""Share of its pages that are lost, those of its write-ahead log included."""
BAD_PACKS = 0.3
"""Share of the packs of each kind with a byte flipped, of each role."""
_ROLES = {"bodies": "b", "rosters": "r"}


class Bad(NamedTuple):
    """So many of them are damaged."""

    bad: int
    of: int

    def __str__(self) -> str:
        """In words, without the noun."""
        return f"{self.bad:,} of {self.of:,}"


def spoil_core(core: Path, chance: random.Random) -> Bad:
    """Overwrite pages of a core's file and of its log with noise, and return how many."""
    bad = total = 0
    for path in sorted(core.glob("core.sqlite*")):
        if path.name.endswith("-shm"):
            continue
        data = bytearray(path.read_bytes())
        pages = len(data) // PAGE
        for page in chance.sample(range(pages), round(pages * BAD_PAGES)):
            data[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)
            bad += 1
        total += pages
        path.write_bytes(data)
    return Bad(bad, total)


def flip_packs(vault: Path, chance: random.Random) -> Bad:
    """Flip a bit in packs of each kind, and return in how many."""
    flipped = [_flip_packs(vault / "ledger" / kind, chance) for kind in KINDS]
    return Bad(sum(one.bad for one in flipped), sum(one.of for one in flipped))


def _flip_packs(folder: Path, chance: random.Random) -> Bad:
    """Of one kind.

    A pack of bodies loses what lies there. Of a roster nothing is lost as long as the same names
    beside its bodies are left, so the packs of rosters are those of other buckets.
    """
    packs = {role: sorted(folder.glob(f"*-*{letter}-*.pack")) for role, letter in _ROLES.items()}
    bodies = packs["bodies"]
    hit = chance.sample(bodies, max(1, round(len(bodies) * BAD_PACKS))) if bodies else []
    buckets = {_bucket(path) for path in hit}
    others = [path for path in packs["rosters"] if _bucket(path) not in buckets]
    hit += chance.sample(others, round(len(others) * BAD_PACKS))
    for path in hit:
        data = bytearray(path.read_bytes())
        # the first half: chunks of bodies and rosters, and not what says where they lie
        data[chance.randrange(8, max(9, len(data) // 2))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
    return Bad(len(hit), sum(map(len, packs.values())))


def _bucket(pack: Path) -> str:
    return pack.name.split("-")[0]
