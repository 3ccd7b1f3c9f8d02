"""One backend before another: what lies near is read near, the rest from the vault."""

from __future__ import annotations

from collections.abc import Sequence

from stillhere.vault.backends import Backend, Missing, Readable, each


class Overlay:
    """Objects that lie near before those of the vault; objects are only ever made in the vault."""

    def __init__(self, near: Readable, far: Backend) -> None:
        """``near`` raises Missing for what does not lie there."""
        self.place = far.place
        self._near = near
        self._far = far

    @property
    def copies(self) -> Sequence[Readable]:
        """What lies near, then every copy of the vault."""
        return (*each(self._near), *each(self._far))

    def create(self, name: str, data: bytes) -> None:
        """Objects are only ever made in the vault."""
        self._far.create(name, data)

    def read(self, name: str) -> bytes:
        """A whole object."""
        try:
            return self._near.read(name)
        except Missing:
            return self._far.read(name)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A piece of an object."""
        try:
            return self._near.read_range(name, offset, length)
        except Missing:
            return self._far.read_range(name, offset, length)

    def size(self, name: str) -> int:
        """An object's size in bytes."""
        try:
            return self._near.size(name)
        except Missing:
            return self._far.size(name)

    def names(self, folder: str) -> list[str]:
        """A folder's names, as the vault has them."""
        return self._far.names(folder)

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object from the vault."""
        self._far.delete(name, durable=durable)

    def prove(self) -> None:
        """Of two creates of a name only one succeeds in the vault. Raises NotAVault,
        BackendError."""
        self._far.prove()
