"""A service, and its core at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms import Service, make_service, quick_folder

from stillhere.replication.start import Working


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
