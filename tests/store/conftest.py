"""A core at work, and somebody whose shelves a test may write to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.rooms import Service, make_service, quick_folder

from stillhere.replication.start import Working
from stillhere.store import Store, logins

Paused = Callable[[Store], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _quick_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here measures how long a wrong password takes."""
    monkeypatch.setattr(logins, "FAILURE_TICK_S", 0.001)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path)


@pytest.fixture
def working(service: Service) -> Iterator[Working]:
    with service.at_work() as working:
        yield working


@pytest.fixture
def store(working: Working) -> Store:
    return working.store


@pytest.fixture
def anna(store: Store) -> bytes:
    return store.accounts.create("anna")


@pytest.fixture
def paused() -> Paused:
    """Holds the writing thread up, so that what is submitted meanwhile is one group."""

    @contextmanager
    def pause(store: Store) -> Iterator[None]:
        held, go = threading.Event(), threading.Event()
        store.install(lambda _: (held.set(), go.wait(60)))
        held.wait(60)
        try:
            yield
        finally:
            go.set()

    return pause
