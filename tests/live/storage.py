"""A file system that misbehaves as it is told; what is asked of it happens in a folder.

    python tests/live/storage.py FOLDER MOUNTPOINT

Each line on standard input is a mood, whole: "fsync=2 link=lost read@/ledger=EACCES", or nothing
when all is well again. An operation (on paths that begin so) that has a number answers after so
many seconds, one that has "hang" when it is told something else, one that has "lost" is done and
fails all the same, and with the name of an error it fails before anything is done.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

_STAT = ("mode", "nlink", "uid", "gid", "size")


class Moody(Operations):
    """One folder, passed on operation by operation."""

    use_ns = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mood: dict[str, str] = {}
        self._changed = threading.Condition()

    def init(self, path: str) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        print("mounted", flush=True)
        for text in sys.stdin:
            with self._changed:
                self._mood = dict(part.split("=") for part in text.split())
                self._changed.notify_all()
            print("heard", flush=True)

    def _how(self, name: str, path: str) -> str:
        for what, how in self._mood.items():
            operation, _, beginning = what.partition("@")
            if operation == name and path.startswith(beginning):
                return how
        return ""

    def _do(self, name: str, path: str, work: Callable[[], Any]) -> Any:
        with self._changed:
            mood = self._how(name, path)
            if mood == "hang":
                self._changed.wait_for(lambda: self._how(name, path) != "hang")
            elif mood.replace(".", "").isdigit():
                self._changed.wait_for(lambda: self._how(name, path) != mood, float(mood))
        if mood.startswith("E"):
            raise FuseOSError(getattr(errno, mood))
        done = work()
        if mood == "lost":
            raise FuseOSError(errno.EIO)
        return done

    def _at(self, path: str) -> str:
        return str(self._folder) + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            found = os.lstat(self._at(path))
            times = {f"st_{t}time": getattr(found, f"st_{t}time_ns") for t in "acm"}
            return {f"st_{name}": getattr(found, f"st_{name}") for name in _STAT} | times

        return self._do("getattr", path, look)

    def readdir(self, path: str, fh: int) -> list[str]:
        return self._do("readdir", path, lambda: [".", "..", *os.listdir(self._at(path))])

    def mkdir(self, path: str, mode: int) -> int:
        return self._do("mkdir", path, lambda: os.mkdir(self._at(path), mode)) or 0

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        return self._do("create", path, lambda: os.open(self._at(path), flags, mode))

    def open(self, path: str, flags: int) -> int:
        return self._do("open", path, lambda: os.open(self._at(path), flags))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._do("read", path, lambda: os.pread(fh, size, offset))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return self._do("write", path, lambda: os.pwrite(fh, data, offset))

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        return self._do("fsync", path, lambda: os.fsync(fh)) or 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return self._do("fsyncdir", path, lambda: 0)

    def link(self, target: str, source: str) -> int:
        return self._do("link", target, lambda: os.link(self._at(source), self._at(target))) or 0

    def unlink(self, path: str) -> int:
        return self._do("unlink", path, lambda: os.unlink(self._at(path))) or 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0


if __name__ == "__main__":
    FUSE(
        Moody(Path(sys.argv[1])),
        sys.argv[2],
        foreground=True,
        attr_timeout=0,
        entry_timeout=0,
        default_permissions=True,
    )
