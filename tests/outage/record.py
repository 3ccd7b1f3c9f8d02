"""What a program does to its files, as its system calls say.

strace shows every call with all of its bytes. Calls that change something below one folder
become operations, in the order in which they ended; a sync covers what had ended when it began.
A call that would change a file and is not known here is an error, so that nothing is missed.

SQLite's index of its log (``-shm``) is left out: it lies in shared memory, and whoever opens a
database first makes it anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "open,openat,creat,close,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,"
    "fsync,fdatasync,sync_file_range,sync,syncfs,link,linkat,symlink,symlinkat,rename,renameat,"
    "renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,lseek,mmap,sendfile,copy_file_range,splice"
)
AT_REST = {"close", "lseek", "open", "openat"}  # these change no file by themselves
UNDER_WAY = {
    "write",
    "pwrite64",
    *("link", "linkat", "rename", "renameat", "renameat2"),
    *("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir"),
}
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$")
_RESULT = re.compile(r"\)\s+= (-?\w+|\?)(?:<([^>]*)>(\(deleted\))?)?")
_FILE = re.compile(r"(-?\w+)(?:<([^>]*)>(\(deleted\))?)?$")
_DELETED = " (deleted)"


class Op(NamedTuple):
    """One operation on the file at ``path``; paths are relative to the recorded folder.

    ``what`` is make, mkdir, write, size, sync, link, rename, remove or say (a line that the
    program wrote down for its judge). ``unnamed`` is a file that has no name, or none any more:
    ``path`` is then the one by which its calls know it. ``since`` counts the operations that had
    ended when a sync began."""

    what: str
    path: str
    unnamed: bool = False
    other: str = ""
    offset: int = 0
    data: bytes = b""
    size: int = 0
    since: int = 0


class Unmodelled(Exception):
    """The program changed its files in a way that nothing here knows."""


class File(NamedTuple):
    """An open file as a call shows it: its number and, below the folder, its path."""

    number: str
    path: str | None
    unnamed: bool


def record(command: Sequence[str], folder: Path, marks: str, **options: object) -> list[Op]:
    """Run a program and return what it did below ``folder``; lines that it writes to the file
    ``marks`` there are what it says. How the program ended is its own business."""
    trace = folder.with_name(f"{folder.name}.strace")
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", str(1 << 27)]
    done = subprocess.run(
        [*strace, "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace), *command],
        check=False,
        timeout=300,
        **options,  # type: ignore[call-overload]
    )
    try:
        with open(trace, encoding="ascii") as lines:
            reading = Reading(folder, marks)
            for line in lines:
                reading.take(line)
        reading.finish()
        if done.returncode not in (0, -9, 137):
            raise RuntimeError(f"{command} ended with {done.returncode}")
        return reading.ops
    finally:
        trace.unlink()


class Reading:
    """Turns lines of a trace into operations."""

    def __init__(self, folder: Path, marks: str) -> None:
        self.ops: list[Op] = []
        self._root = os.path.realpath(folder)
        self._marks = marks
        self._begun: dict[str, tuple[str, str, int]] = {}  # thread → call, arguments, since
        self._thread = ""
        self._opened: dict[tuple[str, str], File] = {}  # thread, number → what it opened last
        self._positions: dict[tuple[str, str | None], int] = {}

    def take(self, line: str) -> None:
        """One line: a call, its beginning, or its end."""
        found = _LINE.match(line)
        if found is None:
            return  # an exit, or a signal
        thread, resumed, rest, name, arguments = found.groups()
        if name is not None and arguments.endswith("<unfinished ...>"):
            self._begun[thread] = name, arguments.removesuffix("<unfinished ...>"), len(self.ops)
            return
        since = len(self.ops)
        if resumed is not None:
            if thread not in self._begun:
                return
            name, before, since = self._begun.pop(thread)
            arguments = before + rest
        result = _RESULT.search(arguments)
        if result is not None and result[1] == "?":  # the program ended in it
            self._begun[thread] = name, arguments[: result.start()], since
            return
        if result is None or result[1].startswith("-"):
            return
        assert name is not None
        self._thread = thread
        returned = File(result[1], *self._below(result[2], result[3]))
        given = [part.strip() for part in arguments[: result.start()].split(", ")]
        self._call(name, given, returned, since)

    def finish(self) -> None:
        """What was under way when the program was killed came about or not: the folder tells."""
        for thread, (name, arguments, since) in self._begun.items():
            if name in UNDER_WAY:
                self._thread, known = thread, len(self.ops)
                given = [part.strip() for part in arguments.split(", ")]
                self._call(name, given, File(str(sys.maxsize), None, False), since)
                self.ops[known:] = [op for op in self.ops[known:] if self._came_about(op)]

    def _came_about(self, op: Op) -> bool:
        path = Path(self._root, op.path)
        if op.what in ("link", "rename"):
            return Path(self._root, op.other).exists()
        if op.what == "write" and not op.unnamed and path.exists():
            return path.read_bytes()[op.offset :].startswith(op.data)
        return op.what == ("mkdir" if path.exists() else "remove")

    def _call(self, name: str, given: list[str], result: File, since: int) -> None:
        if name in ("open", "openat"):
            self._open(given, result)
        elif name in ("fsync", "fdatasync"):
            self._on_file(self._file(given[0]), "sync", since=since)
        elif name in ("write", "pwrite64"):
            self._write(name, given, int(result.number))
        elif name in ("ftruncate", "truncate"):
            file = self._file(given[0]) if name[0] == "f" else File("", self._path(given[0]), False)
            self._on_file(file, "size", size=int(given[1]))
        elif name == "lseek":
            file = self._file(given[0])
            self._positions[file.number, file.path] = int(result.number, 0)
        elif name in ("mkdir", "mkdirat"):
            self._on_name("mkdir", self._name(given, "at" in name))
        elif name in ("unlink", "rmdir", "unlinkat"):
            self._on_name("remove", self._name(given, "at" in name))
        elif name in ("link", "linkat", "rename", "renameat", "renameat2"):
            self._link(name, given)
        elif name not in AT_REST:
            self._refuse(name, given)

    def _open(self, given: list[str], result: File) -> None:
        flags = next((part for part in given if part.startswith("O_")), "").split("|")
        self._opened[self._thread, result.number] = result
        self._positions[result.number, result.path] = 0
        if result.path is None or "O_DIRECTORY" in flags:
            return
        if "O_TMPFILE" in flags or "O_CREAT" in flags:
            self._on_file(result, "make")
        if "O_TRUNC" in flags:
            self._on_file(result, "size", size=0)

    def _write(self, name: str, given: list[str], written: int) -> None:
        file = self._file(given[0])
        data = _bytes(given[1])[:written]
        if file.path == self._marks:
            self.ops.append(Op("say", "", data=data))
            return
        at = self._positions.get((file.number, file.path), 0)
        offset = int(given[3]) if name == "pwrite64" else at
        if name == "write":
            self._positions[file.number, file.path] = offset + written
        self._on_file(file, "write", offset=offset, data=data)

    def _link(self, name: str, given: list[str]) -> None:
        if "at" in name:
            old, new = self._name(given[:2], True), self._name(given[2:4], True)
            through = re.fullmatch(r"/proc/self/fd/(\d+)", _text(given[1]))
        else:
            old, new, through = self._path(given[0]), self._path(given[1]), None
        unnamed = False
        if through is not None:
            _, old, unnamed = self._opened[self._thread, through[1]]
        if new is None and old is None:
            return
        if new is None or old is None:
            raise Unmodelled(f"{name} across the border of {self._root}")
        what = "link" if name.startswith("link") else "rename"
        self.ops.append(Op(what, old, unnamed, other=new))

    def _refuse(self, name: str, given: list[str]) -> None:
        if name == "mmap" and not {"PROT_WRITE", "MAP_SHARED"} <= set("|".join(given).split("|")):
            return
        if name in ("sync", "syncfs"):
            raise Unmodelled(name)
        for part in given:
            path = self._path(part) if part.startswith('"') else self._file(part).path
            if path is not None and not path.endswith("-shm"):
                raise Unmodelled(f"{name} on {path}")

    def _on_file(self, file: File, what: str, **more: object) -> None:
        if file.path is not None and not file.path.endswith("-shm"):
            self.ops.append(Op(what, file.path, file.unnamed, **more))  # type: ignore[arg-type]

    def _on_name(self, what: str, path: str | None) -> None:
        if path is not None and not path.endswith("-shm"):
            self.ops.append(Op(what, path))

    def _file(self, part: str) -> File:
        found = _FILE.match(part)
        return File(found[1], *self._below(found[2], found[3])) if found else File("", None, False)

    def _name(self, given: list[str], at: bool) -> str | None:
        """The path that a call names, which may be relative to an open folder."""
        if not at:
            return self._path(given[0])
        name = _text(given[1])
        found = _FILE.match(given[0])
        if not os.path.isabs(name) and found is not None and found[2]:
            name = os.path.join(_decode(found[2]), name)
        return self._relative(name)

    def _path(self, part: str) -> str | None:
        return self._relative(_text(part))

    def _below(self, path: str | None, deleted: str | None) -> tuple[str | None, bool]:
        found = _decode(path or "")
        unnamed = deleted is not None or found.endswith(_DELETED)  # as versions of strace have it
        return self._relative(found.removesuffix(_DELETED)), unnamed

    def _relative(self, path: str) -> str | None:
        found = os.path.normpath(path)
        if found == self._root:
            return ""
        return found.removeprefix(self._root + "/") if found.startswith(self._root + "/") else None


def _bytes(part: str) -> bytes:
    """The bytes of a string, every one of which is written as ``\\x00``."""
    return bytes.fromhex(part.strip('"').replace("\\x", ""))


def _text(part: str) -> str:
    return _decode(part.strip('"'))


def _decode(escaped: str) -> str:
    return re.sub(
        r"(?:\\x[0-9a-f]{2})+",
        lambda found: os.fsdecode(bytes.fromhex(found[0].replace("\\x", ""))),
        escaped,
    )


def said(ops: Sequence[Op]) -> Iterator[tuple[int, str]]:
    """The lines that the program wrote down, each with the number of operations up to it."""
    for number, op in enumerate(ops, start=1):
        if op.what == "say":
            for line in op.data.decode().splitlines():
                yield number, line
