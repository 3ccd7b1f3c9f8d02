"""Comparing the vault's copies: what one lacks, or has broken, and another makes good.

Every object that a recovery would read is read in every copy, and proven there. What no copy
proves is no flaw of one of them: a verification says what it costs.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from stillhere.errors import Damaged
from stillhere.replication.proving import proof_of
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verified import CopyFlaw
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Backend, Missing
from stillhere.vault.backends.copies import Copies
from stillhere.vault.layout import FORMAT, manifest_name, root_name, twin
from stillhere.vault.manifests import manifests_of
from stillhere.vault.objects import list_beginnings, list_lasting
from stillhere.vault.proof import Proof

THREADS = 4
LOOKS, APART_S = 3, 1.0
"""What looks flawed is looked at again: an object that is being made is in one copy first."""

WHOLE = ""


def compare_copies(working: Working) -> list[CopyFlaw]:
    """What copies of the vault have missing or broken that another has whole; nothing where there
    is one copy alone. Raises BackendError."""
    copies = _compared(working)
    if len(copies) < 2:
        return []
    look = partial(_look, copies, proof_of(working.core, working.identity, working.vault))
    flaws = _find(look, _needed(anchor_of(working)))
    for _ in range(LOOKS):
        if not flaws:
            break
        time.sleep(APART_S)
        working.store.install(_nothing).result()  # behind the commit that is under way
        flaws = _find(look, dict.fromkeys(flaw.name for flaw in flaws))
    return flaws


def _compared(working: Working) -> Sequence[Backend]:
    backend, follower = working.vault.backend, working.follower
    copies = backend.written if isinstance(backend, Copies) else ()
    joining = follower is not None and follower.members.joining
    return copies[:-1] if joining else copies


def _needed(anchor: Anchor) -> Iterator[str]:
    """The objects that a recovery reads: what was superseded may be in one copy alone."""
    backend, root = anchor.vault.backend, anchor.root
    yield from (FORMAT, twin(FORMAT), *list_beginnings(backend), *list_lasting(backend))
    if root.number:
        yield from (root_name(root.number), twin(root_name(root.number)))
    for kind in root.buckets:
        for bucket, (number, _) in manifests_of(root, kind).items():
            name = manifest_name(kind, bucket, number)
            yield from (name, twin(name))
            manifest = anchor.manifest(kind, bucket)
            yield from (pack.name for pack in manifest.packs) if manifest is not None else ()
    yield from (source.name for source in anchor.tail.sources)


def _find(look: partial[list[CopyFlaw]], names: Iterable[str]) -> list[CopyFlaw]:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="compare") as pool:
        return [flaw for flaws in pool.map(look, names) for flaw in flaws]


def _look(copies: Sequence[Backend], proof: Proof, name: str) -> list[CopyFlaw]:
    """The flaws of one object, if a copy has it whole."""
    states = [_state(copy, proof, name) for copy in copies]
    if WHOLE not in states:
        return []
    pairs = zip(copies, states, strict=True)
    return [CopyFlaw(copy.place, name, state) for copy, state in pairs if state != WHOLE]


def _state(copy: Backend, proof: Proof, name: str) -> str:
    try:
        proof(name, copy.read(name))
    except Missing:
        return "missing"
    except Damaged:
        return "broken"
    return WHOLE


def _nothing(sql: sqlite3.Connection) -> None:
    """A transaction that changes nothing."""
