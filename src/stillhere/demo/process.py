"""Real processes of the demo: started, listened to, and ended by their own process id."""

import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stillhere.errors import StillhereError

Event = dict[str, Any]
_TRIES = 100  # of ports
_POLL_S = 0.005


class DemoFailedError(StillhereError):
    """The day could not be played to its end; nothing was proven either way."""


class Running:
    """A server process; its standard output is read as JSON events, one a line.

    `started` is the time of its start (`time.monotonic`); what it says on standard error goes to
    the file `log`. It is in a session of its own, so that Ctrl-C ends it through the demo only.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.events: list[Event] = []
        self.log = log
        self._changed = threading.Condition()
        self._log_file = log.open("wb")
        self.started = time.monotonic()
        self._popen = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            stdin=subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def wait_for(self, event: str, seconds: float) -> Event:
        """Return the first event of that name; raises DemoFailedError when it doesn't come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (found := self.find(event)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._failed(f"no '{event}' within {seconds:.0f} s")
                if self._popen.poll() is not None and not self._reader.is_alive():
                    raise self._failed(f"it ended ({self._popen.returncode}) before '{event}'")
                self._changed.wait(min(left, 0.1))
        return found

    def find(self, event: str, **fields: object) -> Event | None:
        """Return the first event of that name and those fields so far."""
        for candidate in list(self.events):
            if candidate.get("event") == event and fields.items() <= candidate.items():
                return candidate
        return None

    def wait_for_port(self, port: int, seconds: float) -> None:
        """Return when something listens on the port; raises DemoFailedError otherwise."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._popen.poll() is not None:
                raise self._failed(f"it ended with {self._popen.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
        raise self._failed(f"nothing listens on port {port} after {seconds:.0f} s")

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL), and wait until it is gone."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._finish()

    def stop(self, seconds: float = 10.0) -> None:
        """Ask it to end (SIGTERM), insist after `seconds`."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._finish()

    def _finish(self) -> None:
        self._popen.wait()
        self._reader.join(5)
        self._log_file.close()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    with self._changed:
                        self.events.append(event)
                        self._changed.notify_all()

    def _failed(self, why: str) -> DemoFailedError:
        said = self.log.read_text(errors="replace").strip().splitlines()[-8:]
        return DemoFailedError(
            f"the server {self.log.stem} is of no use: {why}" + "".join(f"\n{x}" for x in said)
        )


def run(command: Sequence[str], env: Mapping[str, str], seconds: float = 120.0) -> str:
    """Run a command to its end and return what it printed; raises DemoFailedError."""
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            text=True,
            encoding="utf-8",
        )
    except subprocess.TimeoutExpired as error:
        raise DemoFailedError(f"'{_short(command)}' did not end in {seconds:.0f} s") from error
    if done.returncode != 0:
        raise DemoFailedError(
            f"'{_short(command)}' ended with {done.returncode}\n{done.stderr.strip()[-2000:]}"
        )
    return done.stdout


def environment() -> dict[str, str]:
    """Return this process's environment without Stillhere's own settings in it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("STILLHERE_")}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses and nobody is given for a connection out.

    The server must come back on the same port after it was killed, while phones call it without
    pause. A port out of the range for outgoing connections might meanwhile be given to one.
    """
    for _ in range(_TRIES):
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DemoFailedError("no free port between 10000 and 32000 on 127.0.0.1")


def _short(command: Sequence[str]) -> str:
    text = " ".join(command)
    return text if len(text) < 200 else text[:200] + "…"
