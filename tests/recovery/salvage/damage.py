"""A copy of a core's files, and what can happen to them."""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.rooms import Content, Service, contents

from stillhere.recovery.salvage.file import LOG, OWN_PAGE_SIZE
from stillhere.recovery.salvage.salvage import salvage
from stillhere.recovery.salvage.scan import Salvage
from stillhere.recovery.salvage.wanted import Wanted
from stillhere.replication.start import Working
from stillhere.store import Record, State

Bodies = dict[bytes, bytes]
"""Bodies by their digest."""


@dataclass(frozen=True)
class Core:
    """The files of a core as they lay there, and what was in it."""

    path: Path
    contents: dict[tuple[bytes, str], Content]

    @property
    def log(self) -> Path:
        """Its write-ahead log."""
        return self.path.with_name(self.path.name + LOG)

    @property
    def present(self) -> list[tuple[bytes, Record]]:
        """Every record that has a body, and whose it is."""
        return [
            (account, Record._make(row[:-1]))
            for (account, _), content in self.contents.items()
            for row in content.rows
            if row[3] == State.PRESENT
        ]

    @property
    def bodies(self) -> Bodies:
        """The body of every present record."""
        rows = (row for content in self.contents.values() for row in content.rows)
        bodies = [row[-1] for row in rows if isinstance(row[-1], bytes)]
        return {sha256(body).digest(): body for body in bodies}

    def copy(self, folder: Path) -> Core:
        """A copy of its file and log, taken while nobody writes."""
        folder.mkdir()
        for path in (self.path, self.log):
            if path.exists():
                shutil.copy(path, folder / path.name)
        return Core(folder / self.path.name, self.contents)

    def filed(self) -> Core:
        """The same, its log moved into its file."""
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return self

    def spoil(self, pages: int, seed: int = 1, *, log: bool = False) -> None:
        """Overwrite some pages, chosen at random, with noise."""
        path = self.log if log else self.path
        chance = random.Random(seed)
        data = bytearray(path.read_bytes())
        for page in chance.sample(range(len(data) // OWN_PAGE_SIZE), pages):
            at = page * OWN_PAGE_SIZE
            data[at : at + OWN_PAGE_SIZE] = chance.randbytes(OWN_PAGE_SIZE)
        path.write_bytes(data)

    def cut(self, share: float) -> None:
        """Leave a share of the file, from its beginning."""
        data = self.path.read_bytes()
        self.path.write_bytes(data[: int(len(data) * share)])


def named(path: Path) -> Bodies:
    """The bodies of what salvage calls by name; it is to prove them."""
    with Salvage(path) as salvage:
        found = {row.record.digest: row.body for row in salvage.records()}
    return {digest: body for digest, body in found.items() if body is not None}


def searched(path: Path, core: Core) -> Bodies:
    """The bodies that salvage finds when asked for everything that was there."""
    with Salvage(path) as salvage:
        return dict(salvage.bodies(Wanted(core.present)))


class Told(list[dict[str, Any]]):
    """What was announced."""

    def __call__(self, event: str, **facts: object) -> None:
        self.append({"event": event, **facts})


def copy_core(service: Service, working: Working, folder: Path) -> Core:
    """A copy of a service's core as it is now."""
    core = Core(service.home / "core.sqlite", contents(working))
    return core.copy(folder)


def salvaged(working: Working, *cores: Core) -> dict[str, Any]:
    """Search damaged cores; what was announced of the last."""
    told = Told()
    salvage(working, [core.path for core in cores], told)
    return told[-1]
