"""A real server process of a real core, and what it says."""

import json
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Event = dict[str, Any]
WAIT_S = 30


class Process:
    """A running `stillhere` command that prints events."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "stillhere", *map(str, arguments), "--json"]
        self.popen = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._events: queue.Queue[Event] = queue.Queue()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._drain)]
        self.seen: list[Event] = []
        self.said: list[str] = []
        for thread in self._threads:
            thread.start()

    def wait_for(self, event: str) -> Event:
        """The next event of that name; those before it are in `seen`."""
        while True:
            happened = self._events.get(timeout=WAIT_S)
            self.seen.append(happened)
            if happened["event"] == event:
                return happened

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.popen.terminate()
        code = self.popen.wait(WAIT_S)
        self.close()
        return code

    def close(self) -> None:
        """Ends it, however it is."""
        self.popen.kill()
        self.popen.wait()
        for thread in self._threads:
            thread.join()
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.popen.stdout.close()
        self.popen.stderr.close()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._events.put(json.loads(line))

    def _drain(self) -> None:
        assert self.popen.stderr is not None
        self.said.extend(self.popen.stderr)


@contextmanager
def running(*arguments: object) -> Iterator[Process]:
    """The process, ended at the end."""
    process = Process(*arguments)
    try:
        yield process
    finally:
        process.close()


def command(*arguments: object, stdin: str = "") -> str:
    """What a command printed; it must have gone well."""
    line = [sys.executable, "-m", "stillhere", *map(str, arguments)]
    done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails_with(*arguments: object) -> tuple[int, str]:
    """The exit code of a command that fails, and what it said."""
    line = [sys.executable, "-m", "stillhere", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def ask(url: str, method: str = "OPTIONS") -> tuple[int, dict[str, str]]:
    """Status and headers (lower case) of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as got:
            return got.status, {name.lower(): value for name, value in got.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}


def make_core(place: Path) -> Path:
    """A core with one account, `ana`; its home, beside `vault` and `kit.txt`."""
    home = place / "core"
    command("init", "--home", home, "--vault", place / "vault", "--kit", place / "kit.txt")
    command("account", "add", "ana", "--password-stdin", "--home", home, stdin="a-password\n")
    return home
