"""Command-line sessions as text: what a person types, and what they are shown.

A line that starts with "$ " is run by a shell; what follows is everything it printed, both
streams, and "[exit N]" where N is not 0. Ids, passwords, times and sizes are replaced by their
names first. `TRANSCRIPTS=write` writes what happened instead of comparing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(HERE.glob("*.txt"))
TIME = r"\d{1,2} [A-Z][a-z]+ 20\d\d, \d\d:\d\d:\d\d UTC"
NAMES = (
    (r"sh-[a-z2-7]{8}-[a-z2-7]{32}", "<device password>"),
    (r"\b[0-9a-f]{64}\b", "<key>"),
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"(?<=device )[a-z2-7]{8}(?= \()", "<device>"),
    (r"^[a-z2-7]{8}(?=  .*  since )", "<device>"),
    (rf"(?:[\d.]+ s|\d+ \w+) ago \({TIME}\)", "<a while> ago (<time>)"),
    (TIME, "<time>"),
    (r"^ *\d+\.\d{3} s ", "<s> s "),
    (r" +\d+(?:\.\d+)? s\b", " <s> s"),
    (r"\b\d+(?:\.\d+)? (?:bytes|[KMG]B)\b", "<size>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
)


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_session_goes_as_written(transcript: Path, tmp_path: Path) -> None:
    wanted = transcript.read_text("utf-8")
    happened = play(wanted, tmp_path)
    if os.environ.get("TRANSCRIPTS") == "write":
        transcript.write_text(happened, "utf-8")
    assert happened == wanted


def play(text: str, place: Path) -> str:
    """The transcript as it goes now: its commands, each with what it prints."""
    environment = {
        "PATH": f"{program(place)}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TZ": "UTC",
        "COLUMNS": "80",
        "HOME": str(place),
    }
    work = place / "work"
    work.mkdir()
    said: list[str] = []
    for line in text.splitlines():
        if line.startswith("#") and (not said or said[-1].startswith("#")):
            said.append(line)
        elif line.startswith("$ "):
            said += ["", line, *answer(line[2:], work, environment)]
    return "\n".join(said).lstrip("\n") + "\n"


def answer(command: str, work: Path, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    shown = done.stdout.replace(str(work), ".").replace(environment["HOME"], "~")
    for pattern, name in NAMES:
        shown = re.sub(pattern, name, shown, flags=re.MULTILINE)
    ended = [f"[exit {done.returncode}]"] if done.returncode else []
    return [line.rstrip() for line in shown.splitlines()] + ended


def program(place: Path) -> Path:
    """A folder with `stillhere` in it, run by this Python."""
    folder = place / "bin"
    folder.mkdir()
    (folder / "stillhere").write_text(f'#!/bin/sh\nexec {sys.executable} -m stillhere "$@"\n')
    (folder / "stillhere").chmod(0o755)
    return folder
