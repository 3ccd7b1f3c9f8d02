"""What a machine's other users may see of this process's children: arguments and environment."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

EVERY_S = 0.02


class Watch:
    """Looks at every process below this one, as long as it is open; `seen` has what it read."""

    def __init__(self) -> None:
        self.seen: dict[int, bytes] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(EVERY_S):
            parents = {}
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    stat = _read(entry, "stat").rpartition(b") ")[2].split()
                    parents[int(entry)] = int(stat[1]) if stat else 0
            for process in parents:
                if _descends(process, parents):
                    told = _read(process, "cmdline") + b"\n" + _read(process, "environ")
                    self.seen[process] = self.seen.get(process, b"") + told


def _descends(process: int, parents: dict[int, int]) -> bool:
    above = parents.get(process, 0)
    while above and above != os.getpid():
        above = parents.get(above, 0)
    return bool(above)


def _read(process: int | str, what: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{what}").read_bytes()
    except OSError:
        return b""  # it has ended
