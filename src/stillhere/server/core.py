"""A core opened for one command, beside a running server or alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stillhere.config import Settings, find_home, load, places_of
from stillhere.replication.start import Working, open_core
from stillhere.store import Store
from stillhere.vault.backends.place import is_remote


@dataclass(frozen=True)
class Opened:
    """A core that was proven to be the one, its settings, and everything it works with."""

    home: Path
    settings: Settings
    working: Working

    @property
    def store(self) -> Store:
        """The door to accounts, shelves and records."""
        return self.working.store


@contextmanager
def opened(
    option: Path | None, *, mend: bool = False, to_erase: bool = False, uneven: bool = False
) -> Iterator[Opened]:
    """The core at `--home` or STILLHERE_HOME, closed at the end.

    A command that writes is one more writer of the core; it may run beside the server. With
    `mend` the vault may lack what the core has; `uneven` copies may be behind each other; a core
    that is being recovered is opened `to_erase`, and for nothing else. Raises BadInput, NotFound,
    Fenced, Surplus, Damaged, and Unavailable when the vault cannot be read.
    """
    home = find_home(option)
    settings = load(home)
    first, *more = places_of(settings)
    working = open_core(home, first, more=more, mend=mend, to_erase=to_erase, uneven=uneven)
    try:
        yield Opened(home, settings, working)
    finally:
        working.close()


def same_disk(home: Path, vault: str) -> bool:
    """Whether core and vault share a file system, and with it the fate of one disk."""
    if is_remote(vault):
        return False
    try:
        return home.stat().st_dev == Path(vault).stat().st_dev
    except OSError:
        return False
