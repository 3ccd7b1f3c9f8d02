"""A vault that is only looked at: for drills, which must not be able to change anything."""

from __future__ import annotations

from collections.abc import Sequence

from stillhere.vault.backends import Backend, BackendError, Readable, each


class ReadOnly:
    """A backend in which nothing can be made or deleted."""

    def __init__(self, backend: Backend) -> None:
        self.place = backend.place
        self._backend = backend
        self.read = backend.read
        self.read_range = backend.read_range
        self.size = backend.size
        self.names = backend.names

    @property
    def copies(self) -> Sequence[Readable]:
        """Every copy of the vault."""
        return each(self._backend)

    def create(self, name: str, data: bytes) -> None:  # noqa: ARG002
        """Raises BackendError."""
        raise self._refuse(f"{name} is not made")

    def delete(self, name: str, *, durable: bool = False) -> None:  # noqa: ARG002
        """Raises BackendError."""
        raise self._refuse(f"{name} is not deleted")

    def prove(self) -> None:
        """Nothing is made here that had to be safe."""

    def _refuse(self, what: str) -> BackendError:
        return BackendError(
            f"{what}: the vault in {self.place} is only looked at",
            safe="the vault is as it was",
        )
