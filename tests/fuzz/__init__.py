"""Fuzzing: what a stranger can send or leave in the vault, one target per family of parsers.

A target is a module with ``opened(folder)``, which gives a function of bytes, and ``seeds()``.
The function returns for input that is answered or refused in the project's own words, and
raises for everything else: an exception of another family, a broken promise, a broken answer.
``make fuzz`` looks for such input; ``test_corpus.py`` replays what is kept in ``corpus/``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, cast

Check = Callable[[bytes], None]
CORPUS = Path(__file__).parent / "corpus"
TARGETS = ("requests", "cards", "calendars", "headers", "objects")


class Target(Protocol):
    def opened(self, folder: Path) -> AbstractContextManager[Check]: ...

    def seeds(self) -> Iterator[bytes]: ...


def load(name: str) -> Target:
    """The target of that name."""
    return cast(Target, importlib.import_module(f"tests.fuzz.{name}"))
