"""A damaged SQLite file as pages: those of the file itself, and those of its write-ahead log.

SQLite Database File Format, 1.3 and 4.1. Nothing here relies on the file's header: whatever it
says is tried against the pages. Files are opened for reading, and never through SQLite, which
writes to a core that it opens.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stillhere.errors import BadInput

OWN_PAGE_SIZE = 16384  # what the core's schema asks for
LOG = "-wal"
LEAVES = (2, 10, 13)  # types of pages that have rows: index interior, index leaf, table leaf
_MAGIC = b"SQLite format 3\0"
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_LOG_HEADER, _FRAME_HEADER = 32, 24
_BEGINNING = 512  # bytes of a page that say whether it is one


class Page(NamedTuple):
    """One page as it was once: ``at`` a frame of the log, 0 for the file without it.

    ``moments`` says as of when the pages lie that it refers to, the likeliest first."""

    number: int
    at: int
    moments: tuple[int, ...]
    data: bytes


class DamagedFile:
    """A core's file, or what is left of it, with the log beside it. Close it when done."""

    def __init__(self, path: Path) -> None:
        """``path`` is the file, with its log beside it if it has one, or a log alone.

        Raises BadInput where neither can be read."""
        self._files: list[int] = []
        file = self._open(path)
        log = self._open(path.with_name(path.name + LOG))
        if file is not None and _number(_read(file, 0, 4), 0) in _LOG_MAGIC:
            file, log = None, file
        if file is None and log is None:
            raise BadInput(
                f"nothing can be read from {path}",
                safe="nothing was changed",
                hint="name the damaged core's file: core.sqlite in its home, or a copy of it",
            )
        self._file, self._log = file, log
        self.page_size = self._find_page_size()
        size = 0 if file is None else os.fstat(file).st_size
        self.pages_in_file = -(-size // self.page_size)
        self._frames: dict[int, list[int]] = {}
        self._commits: list[int] = []
        self.frames = 0
        if log is not None:
            self._read_frames(log)

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            os.close(self._files.pop())

    def pages(self) -> Iterator[Page]:
        """Every page of the file, then every page of the log in the order of its frames."""
        last = (self.frames,) if self.frames else ()
        for number in range(1, self.pages_in_file + 1):
            yield Page(number, 0, (0, *last), self.page(number, 0))
        frames = sorted((frame, n) for n, frames in self._frames.items() for frame in frames)
        for frame, number in frames:
            at = bisect_right(self._commits, frame - 1)
            commit = self._commits[at] if at < len(self._commits) else self.frames
            moments = tuple(dict.fromkeys((commit, *last)))
            yield Page(number, frame, moments, self.page(number, frame))

    def page(self, number: int, moment: int) -> bytes:
        """A page as of a moment, filled up with zeros where it can't be read; b"" where there
        is none."""
        frames = self._frames.get(number, [])
        at = bisect_right(frames, moment)
        if at and self._log is not None:
            return self._read_page(self._log, self._frame_at(frames[at - 1]) + _FRAME_HEADER)
        if self._file is None or not 0 < number <= self.pages_in_file:
            return b""
        return self._read_page(self._file, (number - 1) * self.page_size)

    def _read_page(self, file: int, offset: int) -> bytes:
        return _read(file, offset, self.page_size).ljust(self.page_size, b"\0")

    def _open(self, path: Path) -> int | None:
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if os.path.isfile(path):
                self._files.append(file)
                return file
            os.close(file)
        return None

    def _find_page_size(self) -> int:
        """The size under which most pages look like pages that have rows."""
        sizes = [OWN_PAGE_SIZE]
        if self._file is not None and _read(self._file, 0, 16) == _MAGIC:
            sizes.insert(0, _number(_read(self._file, 16, 2), 0, 2))
        if self._log is not None:
            sizes.insert(0, _number(_read(self._log, 8, 4), 0))
        sizes = [n for n in dict.fromkeys(sizes) if 512 <= n <= 65536 and n & (n - 1) == 0]
        return sizes[0] if len(sizes) == 1 else max(sizes, key=self._count_leaves)

    def _count_leaves(self, page_size: int) -> int:
        """How many pages would have rows if pages were of this size: their arrays of cells lie
        where the page begins, and lead to places in it."""
        if self._file is None:
            return 0
        size = os.fstat(self._file).st_size
        return sum(
            _has_rows(_read(self._file, offset, _BEGINNING), page_size)
            for offset in range(page_size, size, page_size)
        )

    def _frame_at(self, frame: int) -> int:
        return _LOG_HEADER + (frame - 1) * (_FRAME_HEADER + self.page_size)

    def _read_frames(self, log: int) -> None:
        """Find the log's frames: from 1, as long as it has been since it last began anew.

        Frames are numbered by where they lie, so that a damaged one costs no other."""
        self.frames = (os.fstat(log).st_size - _LOG_HEADER) // (_FRAME_HEADER + self.page_size)
        header = _read(log, 0, _LOG_HEADER)
        salts = header[16:24] if _number(header, 0) in _LOG_MAGIC else None
        for frame in range(1, self.frames + 1):
            head = _read(log, self._frame_at(frame), _FRAME_HEADER)
            if salts is None:
                salts = head[8:16]
            number = _number(head, 0)
            if len(head) < _FRAME_HEADER or head[8:16] != salts or number == 0:
                continue
            self._frames.setdefault(number, []).append(frame)
            if _number(head, 4):
                self._commits.append(frame)


def _has_rows(beginning: bytes, page_size: int) -> bool:
    if len(beginning) < _BEGINNING or beginning[0] not in LEAVES:
        return False
    first = 12 if beginning[0] == LEAVES[0] else 8
    array = range(first, min(first + 2 * _number(beginning, 3, 2), _BEGINNING - 1), 2)
    cells = [_number(beginning, at, 2) for at in array]
    return bool(cells) and first + 2 * len(cells) <= min(cells) and max(cells) < page_size


def _read(file: int, offset: int, length: int) -> bytes:
    """What can be read there; a disk that fails gives nothing, and is not asked through a map of
    memory, where it would end the process."""
    try:
        return os.pread(file, length, offset)
    except OSError:
        return b""


def _number(data: bytes, at: int, width: int = 4) -> int:
    return int.from_bytes(data[at : at + width], "big")
