"""How far one copy of a vault reaches by itself: what a recovery from it alone would lack."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from stillhere.errors import Damaged
from stillhere.vault.backends import Backend
from stillhere.vault.epochs import is_sealed
from stillhere.vault.layout import epoch_name, numbers_of, twin
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import Vault
from stillhere.vault.tail import list_journal


def lacking_epochs(copy: Backend, newest: int) -> list[int]:
    """The epochs up to ``newest`` that have not begun in a copy: it was not there when they
    did, and a recovery from it alone is refused. Raises BackendError."""
    there = set(numbers_of(copy.names("epochs")))
    return [n for n in range(1, newest + 1) if n not in there or not has_begun(copy, n)]


def newest_epoch(copy: Backend) -> int:
    """The last epoch that has begun in a copy; 0 where none has. Raises BackendError."""
    begun = (n for n in numbers_of(copy.names("epochs")) if has_begun(copy, n))
    return max(begun, default=0)


def own_ends(alone: Vault, epoch: int, reached: Mapping[int, int]) -> dict[int, int]:
    """Up to which segment of each writer in ``reached`` a vault of one copy has everything: its
    own ledger, and the journal behind that without a gap. Raises BackendError."""
    cut: Mapping[int, int] = {}
    with suppress(Damaged):  # without its own ledger it needs the whole journal
        cut = read_root(alone).cut.get(epoch, {})
    ends = {}
    for writer in reached:
        listing = list_journal(alone, epoch, writer, cut.get(writer, 0))
        ends[writer] = listing.gaps[0][0] - 1 if listing.gaps else listing.last
    return ends


def count_lacking(alone: Vault, epoch: int, reached: Mapping[int, int]) -> int:
    """How many segments of an epoch a vault of one copy is behind. Raises BackendError."""
    ends = own_ends(alone, epoch, reached)
    return sum(max(0, last - ends[writer]) for writer, last in reached.items())


def last_segment(vault: Vault, epoch: int, writer: int, cut: int = 0) -> int:
    """A writer's last segment that is listed after ``cut``, whatever seals lie beyond it."""
    for span in reversed(list_journal(vault, epoch, writer, cut).spans):
        if not is_sealed(vault, span.name):  # else a segment, perhaps rolled up since
            return span.last
    return cut


def has_begun(copy: Backend, epoch: int) -> bool:
    """Whether an epoch's beginning is there, or its twin. Raises BackendError."""
    names = copy.names(epoch_name(epoch).rpartition("/")[0])
    whole = epoch_name(epoch).rpartition("/")[2]
    return whole in names or twin(whole) in names
