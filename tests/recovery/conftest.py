"""One service that has lived, for every test here to lose and ruin its own copy of."""

from pathlib import Path

import pytest
from tests.recovery.service import Worn, wear


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Worn:
    """The service as its last core left it. Not to be changed."""
    return wear(tmp_path_factory.mktemp("lived"))


@pytest.fixture
def worn(lived: Worn, tmp_path: Path) -> Worn:
    """A copy of the vault for one test."""
    return lived.copy(tmp_path)
