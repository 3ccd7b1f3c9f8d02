"""A witness: how far a vault was seen to reach, remembered outside of core and vault.

Nothing in a vault proves that its newest objects are there. Whoever can delete from it can take
away its end, or put yesterday's whole vault in its place, and neither leaves a trace in it. A core
notices; a recovery has none, and asks whoever remembers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged
from stillhere.replication.start import Working
from stillhere.store.core import Core
from stillhere.store.erased import read_erased
from stillhere.vault.backends import Missing
from stillhere.vault.epochs import Epoch, read_epochs
from stillhere.vault.erasures import Erasure, read_erasures
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import Vault
from stillhere.vault.segments import digest_of
from stillhere.vault.tail import list_journal, read_source


class End(msgspec.Struct, frozen=True):
    """The last segment of a writer: its number, and its SHA-256 in hexadecimal ("": not known)."""

    segment: int
    sha256: str


class Seen(msgspec.Struct, frozen=True):
    """How far a vault (its id in hexadecimal) reached ``at`` some time (milliseconds): its newest
    epoch, the last segment of each of its writers, and how many accounts were erased."""

    vault: str
    at: int
    epoch: int
    writers: dict[int, End]
    erased: int = 0


class Shortfall(NamedTuple):
    """What a vault lacks of what was seen of it, in words, and when that was (milliseconds)."""

    seen_at: int
    what: str

    @property
    def when(self) -> str:
        """When it was seen, for a message."""
        at = datetime.fromtimestamp(self.seen_at / 1000, UTC)
        return f"{at.day} {at:%B %Y, %H:%M:%S} UTC"


def see(working: Working) -> Seen:
    """How far the vault of a core at work reaches. Raises Damaged, BackendError."""
    identity, reached = working.identity, working.shipped_positions()
    rows = working.core.reader().execute(
        "SELECT writer, segment, digest FROM writers WHERE epoch = ?", (identity.epoch,)
    )
    writers = {
        writer: End(reached[writer], digest.hex() if segment == reached[writer] else "")
        for writer, segment, digest in rows
        if writer in reached
    }
    erased = _count_erased(working.vault, read_epochs(working.vault), known_erasures(working.core))
    now = time.time_ns() // 1_000_000
    return Seen(identity.vault.hex(), now, identity.epoch, writers, erased)


def known_erasures(core: Core) -> list[Erasure]:
    """The erasures that a core knows: a vault that lost them gets them again from it."""
    return [Erasure(one.account, one.at, one.names) for one in read_erased(core.reader()).values()]


def find_shortfall(
    vault: Vault,
    epochs: Sequence[Epoch],
    journal_keys: Mapping[int, bytes],
    seen: Seen,
    known: Iterable[Erasure] = (),
) -> Shortfall | None:
    """What a vault with these epochs lacks of what was seen of it, and whoever asks has not got:
    the erasures that are ``known``. Raises Damaged, BackendError."""
    newest = epochs[-1].number
    if newest < seen.epoch:
        what = [f"it had {seen.epoch} epochs, and has {newest}"]
    else:
        what = list(_compare(vault, epochs, journal_keys[seen.epoch], seen))
    erased = _count_erased(vault, epochs, known)
    if erased < seen.erased:
        what.append(f"erasures: it had {seen.erased}, and has {erased}")
    return Shortfall(seen.at, "; ".join(what)) if what else None


def _count_erased(vault: Vault, epochs: Sequence[Epoch], known: Iterable[Erasure]) -> int:
    newest = epochs[-1]
    return len(read_erasures(vault, newest.number, [*newest.erased, *known]).valid)


def _compare(
    vault: Vault, epochs: Sequence[Epoch], journal_key: bytes, seen: Seen
) -> Iterator[str]:
    after = next((epoch for epoch in epochs if epoch.number == seen.epoch + 1), None)
    cut = read_root(vault).cut.get(seen.epoch, {})
    for writer, end in sorted(seen.writers.items()):
        folded = cut.get(writer, 0)
        listing = list_journal(vault, seen.epoch, writer, folded)
        there = listing.last if after is None else after.ends.get(writer, 0)
        if there < end.segment:
            yield f"it had {end.segment} segments of writer {writer}, and has {there}"
        elif folded < end.segment and end.sha256:
            span = next((span for span in listing.spans if span.last >= end.segment), None)
            if span is None or span.first > end.segment:
                continue  # a gap, which the journal shows by itself
            with suppress(Missing, Damaged):  # so does damage
                source = read_source(vault, journal_key, span.name, seen.epoch, writer, span)
                if source is None:
                    continue
                first, last, digests = span.first, span.last, source.header.digests
                digest = digests[32 * (end.segment - first) :][:32]
                if first == last:
                    digest = digest_of(source.whole or vault.backend.read(span.name))
                if digest.hex() != end.sha256:
                    yield f"segment {end.segment} of writer {writer} is another one"
