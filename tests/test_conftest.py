"""A test that lacks a program says so by name, and CI does not let it pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.requires_tool("no-such-tool")
def test_marked():
    pass

def test_asking(requires_tool):
    requires_tool("no-such-tool")

def test_found(requires_tool):
    assert requires_tool("pytest").exists()

def test_real(shared_data):
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with these tests and our conftest, and no ../shared beside it."""
    tests = tmp_path / "project" / "tests"
    tests.mkdir(parents=True)
    ours = Path(__file__).with_name("conftest.py")
    (tests / "conftest.py").write_text(ours.read_text("utf-8"), "utf-8")
    (tests / "test_it.py").write_text(TESTS, "utf-8")
    (tests.parent / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  real: x\n  requires_tool: x\n", "utf-8"
    )
    return tests.parent


def run_pytest(project: Path, *arguments: str, ci: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env=os.environ | {"CI": "true" if ci else ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_elsewhere_a_missing_tool_skips_by_name(project: Path) -> None:
    said = run_pytest(project, ci=False)
    assert "needs no-such-tool" in said
    assert "1 passed, 3 skipped" in said


def test_in_ci_a_missing_tool_fails(project: Path) -> None:
    said = run_pytest(project, ci=True)
    assert "needs no-such-tool, which .ci/run has to install" in said
    assert "1 failed, 1 passed, 1 skipped, 1 error" in said


def test_missing_shared_data_skips_saying_so_even_in_ci(project: Path) -> None:
    said = run_pytest(project, "-m", "real", ci=True)
    assert "needs ../shared/data beside the project" in said
    assert "1 skipped, 3 deselected" in said
