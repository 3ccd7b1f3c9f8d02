"""Six rounds of the crash harness: kill the real server, come back, miss nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "crash.py"
ROUNDS = 6


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, str(HARNESS), "--rounds", str(ROUNDS), "--json", "--minutes", "4"]
    done = subprocess.run(
        [*command, "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout, done.stderr
    summary = json.loads(done.stdout)
    assert summary["findings"] == [], done.stderr
    assert done.returncode == 0
    assert summary["acknowledged"] > 0
    assert summary["calendars_changed"] > 0
    assert summary["kills"] >= summary["rounds"] >= ROUNDS // 2
