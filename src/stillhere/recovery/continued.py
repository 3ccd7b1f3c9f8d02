"""A copy of the vault that missed epochs which have ended, continued by their journal."""

from __future__ import annotations

from collections.abc import Sequence

from stillhere.vault.backends import Backend, Readable
from stillhere.vault.backends.read_only import ReadOnly
from stillhere.vault.layout import JOURNAL


class Continued(ReadOnly):
    """The copy; but the journal of the ``missed`` epochs is read from the core's own vault.

    Without it a copy that missed what anybody has changed since could prove nobody's shelf."""

    def __init__(self, copy: Backend, own: Backend, missed: range) -> None:
        super().__init__(copy)
        self._own = own
        self._missed = missed
        self.read = lambda name: self._of(name).read(name)
        self.read_range = lambda name, offset, length: self._of(name).read_range(
            name, offset, length
        )
        self.size = lambda name: self._of(name).size(name)
        self.names = lambda folder: self._of(folder).names(folder)

    @property
    def copies(self) -> Sequence[Readable]:
        """The two are no copies of each other."""
        return (self,)

    def _of(self, name: str) -> Backend:
        folder, _, rest = name.partition("/")
        epoch = rest.partition("/")[0]
        known = folder == JOURNAL and epoch.isdecimal()
        return self._own if known and int(epoch) in self._missed else self._backend
