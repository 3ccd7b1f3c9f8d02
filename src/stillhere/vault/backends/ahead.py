"""A backend that is read ahead: for work that goes through objects from one end to the other."""

from __future__ import annotations

from typing import NamedTuple

from stillhere.errors import Damaged
from stillhere.vault.backends import Backend

AHEAD_BYTES = 1 << 20
MOST = 8  # objects of which a piece is kept


class _Piece(NamedTuple):
    start: int
    data: bytes


class Ahead:
    """Pieces of objects, each out of a larger one that is kept for those after it.

    Nothing is made or deleted here. For one thread."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._pieces: dict[str, _Piece] = {}

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing, BackendError."""
        return self._backend.read(name)

    def size(self, name: str) -> int:
        """An object's size in bytes. Raises Missing, BackendError."""
        return self._backend.size(name)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A piece of an object. Raises Missing, Damaged, BackendError."""
        piece = self._pieces.get(name)
        if piece is None or not 0 <= offset - piece.start <= len(piece.data) - length:
            try:
                data = self._backend.read_range(name, offset, max(length, AHEAD_BYTES))
            except Damaged:  # perhaps in what nobody has asked for
                return self._backend.read_range(name, offset, length)
            self._pieces.pop(name, None)
            if len(self._pieces) == MOST:
                del self._pieces[next(iter(self._pieces))]
            piece = self._pieces[name] = _Piece(offset, data)
        return piece.data[offset - piece.start : offset - piece.start + length]
