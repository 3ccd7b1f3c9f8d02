"""What every test may ask for: files of real programs, and programs that PyPI does not have."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what reads ../shared/data, so that `-m real` selects all of it."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires_tool"):
        for name in marker.args:
            find_tool(name)


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands remember of vaults stays out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def requires_tool() -> Callable[[str], Path]:
    """Path of a program by its name; the test is skipped without it, and fails in CI.

    The marker of the same name is for a test that needs the program and not its path.
    """
    return find_tool


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of files that other programs wrote: contacts/, calendar/, mail/, photos/."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data beside the project")
    return SHARED_DATA


def find_tool(name: str) -> Path:
    """The program `name`, from this Python's environment before the rest of the machine."""
    beside_python = os.path.dirname(sys.executable)
    found = shutil.which(name, path=os.pathsep.join((beside_python, os.environ.get("PATH", ""))))
    if found:
        return Path(found)
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {name}, which .ci/run has to install", pytrace=False)
    pytest.skip(f"needs {name}")
