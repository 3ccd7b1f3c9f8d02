"""Objects that are in memory already, to be read as if from a vault."""

from __future__ import annotations

from collections.abc import Mapping

from stillhere.vault.backends import Missing


class Memory:
    """A few whole objects by name. Nothing is made or deleted here."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self._objects = objects

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing."""
        if name not in self._objects:
            raise Missing
        return self._objects[name]

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A piece of an object. Raises Missing."""
        return self.read(name)[offset : offset + length]

    def size(self, name: str) -> int:
        """An object's size in bytes. Raises Missing."""
        return len(self.read(name))
