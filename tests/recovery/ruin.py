"""What a machine that stops leaves behind: its home as the disk has it, and no process."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stillhere.replication.start import Working

WAL, WAL_INDEX = "core.sqlite-wal", "core.sqlite-shm"
WAL_HEADER, FRAME_HEADER = 32, 24
_INDEX_HEADER = struct.Struct("=14xHI12x8s")  # page size, last frame, salts: SQLite's walformat
_BACKFILLED = struct.Struct("=96xI")


class Log(NamedTuple):
    """A write-ahead log: how many frames it has, and its salts, which change when it restarts."""

    page: int
    frames: int
    salts: bytes
    backfilled: int


class Disk:
    """Knows how much of a core is durable.

    SQLite syncs its log when a commit is made with ``synchronous = FULL`` and before a
    checkpoint; every other commit is in the machine's memory only."""

    def __init__(self, working: Working) -> None:
        self.working = working
        self._synchronous = ""
        self._committed = False
        self._synced: Log | None = None
        self._trace(self._see)

    def stop(self, new: Path, *, power: bool) -> Path:
        """End the core without its leave; returns its home as it is found afterwards, at ``new``.

        With ``power`` everything that was written is there, as after kill -9; without it, only
        what was synced. The intent is never synced."""
        home = self.working.core.home
        self._trace(None)
        self._see("")
        shutil.copytree(home, new, ignore=shutil.ignore_patterns("*-shm"))
        if not power:
            self._forget_unsynced(read_log(home), new)
        self.working.close()
        shutil.rmtree(home)
        return new

    def _trace(self, see: Callable[[str], None] | None) -> None:
        """Set by the writing thread itself: another would wait for it, and it for the other."""
        self.working.store.install(lambda sql: sql.set_trace_callback(see)).result(60)

    def _see(self, statement: str) -> None:
        if self._committed:
            self._synced = read_log(self.working.core.home)
            self._committed = False
        if statement.startswith("PRAGMA synchronous"):
            self._synchronous = statement.rpartition(" ")[2]
        self._committed = statement == "COMMIT" and self._synchronous == "FULL"

    def _forget_unsynced(self, log: Log, new: Path) -> None:
        durable = log.backfilled
        if self._synced is not None and self._synced.salts == log.salts:
            durable = max(durable, self._synced.frames)
        with open(new / WAL, "r+b") as file:
            file.truncate(WAL_HEADER + durable * (FRAME_HEADER + log.page) if durable else 0)
        (new / "intent").unlink(missing_ok=True)


def read_log(home: Path) -> Log:
    """How the write-ahead log of a core stands."""
    index = (home / WAL_INDEX).read_bytes()
    page, frames, salts = _INDEX_HEADER.unpack_from(index)
    return Log(page, frames, salts, *_BACKFILLED.unpack_from(index))
