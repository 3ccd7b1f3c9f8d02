"""One service for all tests of the door; what a test breaks for good it gets for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.protocols.dav.service import Device, Service, run_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with run_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service that a test may bring down."""
    with run_service(tmp_path) as running:
        yield running


@pytest.fixture
def phone(service: Service) -> Device:
    """A device of somebody whose address book is empty."""
    return service.person()
