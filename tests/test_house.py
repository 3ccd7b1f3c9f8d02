"""Rules of the house that no tool checks: sizes, names, locks, and a reason per dependency."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

LINES_IN_A_FILE = 400
LINES_IN_A_FUNCTION = 60
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "context", "misc"}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-")


def test_files_hold_one_idea() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > LINES_IN_A_FILE} == {}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LINES_IN_A_FUNCTION
    ]
    assert long == []


def test_names_of_modules_say_something() -> None:
    named = {path.stem.strip("_") for path in SOURCES} | {path.parent.name for path in SOURCES}
    assert named & EMPTY_NAMES == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_name_no_registry_and_no_folder_of_a_machine(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert (
        re.findall(r"https?://\S+|^\s*-.*(?:index|find-links|host).*|/\w+/\w+.*", text, re.M) == []
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_pin_every_package_with_hashes(lock: Path) -> None:
    text = re.sub(r"\\\n", " ", lock.read_text("utf-8"))
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert pins
    assert [
        pin for pin in pins if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", pin)
    ] == []


def test_locks_agree_on_versions() -> None:
    versions: dict[str, set[str]] = {}
    for path in LOCKS:
        if path.stem == "conformance":  # its environment is its own
            continue
        here: dict[str, set[str]] = {}
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text("utf-8"), re.M):
            here.setdefault(name, set()).add(version)
        for name, found in here.items():
            assert versions.setdefault(name, found) == found, name


def test_each_dependency_has_a_stated_reason() -> None:
    page = (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
    stated = set(re.findall(r"^\| ([a-z0-9-]+) \|", page, re.M))
    groups = PROJECT["dependency-groups"].values()
    named = [entry for group in groups for entry in group if isinstance(entry, str)]
    wanted = {name_of(entry) for entry in [*PROJECT["project"]["dependencies"], *named]}
    assert stated == wanted


def test_what_runs_needs_nothing_that_is_not_named() -> None:
    page = (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements/run.txt").read_text("utf-8"), re.M)
    named = set(re.findall(r"(?:^\| |[ ])([a-z0-9-]+) (?:\||\()", page, re.M))
    assert len(pinned) > 12
    assert {name for name in pinned if name_of(name) not in named} == set()
