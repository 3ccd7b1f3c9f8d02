"""The command line itself: help on one screen, errors in three lines, quick to start."""

import json
import subprocess
import sys

import pytest

from stillhere import cli
from stillhere.cli.output import fail
from stillhere.errors import BadInput, Closed, Damaged, Fenced, NotFound, StillhereError, WrongKit

SCREEN_LINES = 40
PATHS = [
    *([name] for name in cli.COMMANDS),
    ["account", "add"],
    ["account", "passwd"],
    ["account", "device"],
    ["account", "device", "revoke"],
]
HEAVY = {"rich", "uvicorn", "starlette", "lxml", "cryptography", "segno", "msgspec", "asyncio"}


def test_the_first_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        assert cli.main(arguments) == 0
        shown = capsys.readouterr().out
        assert len(shown.splitlines()) <= SCREEN_LINES
        assert all(f"  {name} " in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_help_fits_a_screen(path: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*path, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "arguments",
    [["sevre"], ["serve", "--prot"], ["export", "ana"], ["demo", "--accounts", "many"]],
    ids=" ".join,
)
def test_wrong_usage_is_told_in_three_lines(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line[:6] for line in said] == ["error:", "safe: ", "hint: "]
    assert "--help" in said[2]


def test_wrong_usage_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "ana", "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    told = json.loads(captured.err)
    assert set(told) == {"error", "safe", "hint", "kind"}
    assert told["kind"] == "BadInput"


def test_no_home_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STILLHERE_HOME", raising=False)
    assert cli.main(["account", "list"]) == 2
    assert "no home was named" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StillhereError("x"), 1),
        (Closed(retry_after=1, reason="x"), 1),
        (BadInput("x"), 2),
        (NotFound("x"), 3),
        (Damaged("x"), 4),
        (WrongKit("x"), 5),
        (Fenced("x"), 6),
    ],
)
def test_exit_codes_say_what_kind_of_error_it_was(error: StillhereError, code: int) -> None:
    assert fail(error, as_json=True) == code


def test_a_start_loads_only_what_the_parse_needs() -> None:
    code = "import sys, stillhere.cli; stillhere.cli.build(['recover']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(run.stdout.split()) == set()


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m stillhere --help | true"
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert run.stderr == ""
