"""What of the vault lies near: parts of a few large files.

Making a file may take longer than filling it, so each process that brings objects near has one,
in which they lie one behind the other; what of them was not copied is a hole. Nothing of it is
made durable: it serves the recovery that made it, and one that is begun again starts with an
empty folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from stillhere.errors import Damaged
from stillhere.vault.backends import Missing


class Region(NamedTuple):
    """Where an object lies near: ``size`` bytes of a file from ``start``."""

    path: Path
    start: int
    size: int


class NearFile:
    """The file of one process, filled region by region."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"near-{os.getpid()}"
        self._file = self._path.open("wb", buffering=0)
        self._end = 0

    def reserve(self, size: int) -> Region:
        """Room for an object of ``size`` bytes; it is a hole yet."""
        region = Region(self._path, self._end, size)
        self._end += size
        return region

    def write(self, region: Region, offset: int, data: bytes) -> None:
        """Fill a part of a region. Raises Damaged where the object has no such part, OSError."""
        if not 0 <= offset <= region.size - len(data):
            raise Damaged("a part of an object lies past its end")
        at, left = region.start + offset, memoryview(data)
        while left:  # on a disk that is nearly full a write may end early
            written = os.pwrite(self._file.fileno(), left, at)
            at, left = at + written, left[written:]

    def close(self) -> None:
        """Nothing more is coming."""
        self._file.close()


class Near:
    """The objects that lie near, by name: what an ``Overlay`` reads first."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}

    def add(self, regions: dict[str, Region]) -> None:
        """Know of more objects."""
        self._regions |= regions

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing."""
        return self.read_range(name, 0, self.size(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A piece of an object. Raises Missing."""
        region = self._find(name)
        length = max(0, min(length, region.size - offset))
        try:
            with region.path.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), length, region.start + offset)
        except OSError:
            raise Missing(name) from None
        if len(data) < length:  # it is not all there
            raise Missing(name)
        return data

    def size(self, name: str) -> int:
        """An object's size in bytes. Raises Missing."""
        return self._find(name).size

    def _find(self, name: str) -> Region:
        region = self._regions.get(name)
        if region is None:
            raise Missing(name)
        return region
