"""Every object of a vault by its name, in the order in which another place can take them."""

from __future__ import annotations

from collections.abc import Iterator

from stillhere.vault.backends import Backend
from stillhere.vault.layout import ERASURES, JOURNAL, ROOT_FOLDER

_LASTING = ((ERASURES, 2), ("wraps", 1), ("keys", 2), ("names", 2))
_BUCKET_FOLDER = 2  # hexadecimal digits that name a folder of keys


def list_objects(backend: Backend) -> Iterator[str]:
    """Everything but the format and the beginnings of epochs, without which a place is no vault
    to anybody; what names others comes after them, and the journal last.

    Raises BackendError."""
    for folder, depth in (*_LASTING, ("ledger", 2)):
        yield from _walk(backend, folder, depth)
    for kind in backend.names("manifest"):
        if f"manifest/{kind}" != ROOT_FOLDER:
            yield from _walk(backend, f"manifest/{kind}", 2)
    yield from _walk(backend, ROOT_FOLDER, 1)
    yield from _walk_epochs(backend)
    yield from _walk(backend, JOURNAL, 3)


def list_lasting(backend: Backend) -> Iterator[str]:
    """Those that no compaction replaces: keys and what opens them, names, erasures, and what
    epochs record. Raises BackendError."""
    for folder, depth in _LASTING:
        yield from _walk(backend, folder, depth)
    yield from _walk_epochs(backend)


def list_beginnings(backend: Backend) -> Iterator[str]:
    """The beginnings of epochs, and their twins, oldest first: what makes a place a vault."""
    for epoch in backend.names("epochs"):
        for name in ("epoch", "epoch.twin"):
            if name in backend.names(f"epochs/{epoch}"):
                yield f"epochs/{epoch}/{name}"


def _walk_epochs(backend: Backend) -> Iterator[str]:
    for epoch in backend.names("epochs"):
        for folder in ("writers", "sets"):
            yield from _walk(backend, f"epochs/{epoch}/{folder}", 1)


def _walk(backend: Backend, folder: str, depth: int) -> Iterator[str]:
    for name in backend.names(folder):
        below = f"{folder}/{name}"
        if depth == 1 or (folder == "keys" and len(name) != _BUCKET_FOLDER):
            yield below
        else:
            yield from _walk(backend, below, depth - 1)
