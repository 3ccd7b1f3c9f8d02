"""A real core under test: its home, vault and kit, and the processes that run on them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.live.client import Login

STILLHERE = (sys.executable, "-m", "stillhere")
PATIENCE_S = 60.0
# As small as the settings allow: roll-ups and compactions run all the time.
SETTINGS = {"rollup_segments": 4, "compact_every_s": 1, "fence_check_s": 1}


class Ended(Exception):
    """A process ended where it should have gone on; `code` is its exit code, if there is one."""

    def __init__(self, what: str, code: int | None = None) -> None:
        super().__init__(what)
        self.code = code


class Silent(Ended):
    """A process goes on, but did not say in time what it should have said."""


class Process:
    """One stillhere process in a process group of its own, with the events that it prints."""

    def __init__(self, arguments: list[str], log: Path, inside: Sequence[str] = ()) -> None:
        self.started = time.monotonic()
        self.log = log
        self._out = log.open("ab")
        self.process = subprocess.Popen(
            [*inside, *STILLHERE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._out,
            start_new_session=True,
        )
        self.events: list[dict[str, Any]] = []
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, event: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The event of that name. Raises Ended."""
        deadline = time.monotonic() + patience_s
        while True:
            for seen in self.events:
                if seen.get("event") == event:
                    return seen
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Silent(f"no {event!r} within {patience_s:.1f} s; see {self.log}") from None
            if not line:
                self._lines.put(b"")
                code = self.process.wait(60)
                raise Ended(f"exit {code} before {event!r}; see {self.log}", code)
            self._out.write(line)
            self._out.flush()
            if line.startswith(b"{"):
                self.events.append(json.loads(line))

    def has_seen(self, event: str) -> bool:
        """Whether it has printed that event by now, also if it has ended since."""
        try:
            self.wait_for(event, 0.0)
        except Ended:
            return False
        return True

    def kill(self, *, group: bool = True) -> None:
        """SIGKILL: to all of its processes, or to the first alone; then the rest must follow."""
        if self.process.poll() is None:
            if group:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait(10)
        if not group and not self._group_ends(10.0):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            raise Ended("its helpers outlived the killed process by 10 s")
        self._out.close()

    def _group_ends(self, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.02)
        return False

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(b"")


class Core:
    """One vault and kit, and the homes that its lives have had. Port 0 is another each life.

    ``inside`` stands before each command, for a vault that not everybody sees."""

    def __init__(
        self,
        folder: Path,
        names: list[str],
        *,
        port: int = 0,
        vault: str = "vault",
        inside: Sequence[str] = (),
        settings: Mapping[str, object] = SETTINGS,
    ) -> None:
        self.folder = folder
        self.port = port
        self._inside = inside
        self.settings = settings
        self.vault, self.kit = folder / vault, folder / "kit.txt"
        self.log = folder / "server.log"
        self.home = folder / "home-0"
        self._said = 0
        self.lives = 0
        self._run("init", "--home", self.home, "--vault", self.vault, "--kit", self.kit)
        added = self._run("account", "add", *names, "--device", "--home", self.home, "--json")
        told = [json.loads(line) for line in added.splitlines()]
        self.logins = [Login(one["name"], one["password"]) for one in told]

    def serve(self) -> Process:
        """Starts on the home at hand."""
        self._tune()
        return self._start("serve", "--home", self.home)

    def recover(self, *more: str | Path, vaults: Sequence[Path] = ()) -> Process:
        """Goes on with, or begins, a recovery into the home at hand, from copies of the vault."""
        named = [part for place in vaults or (self.vault,) for part in ("--vault", place)]
        where = (*named, "--kit", self.kit, "--home", self.home)
        return self._start("recover", *where, "--serve", *more)

    def wait_for_words(self, words: bytes) -> None:
        """Returns when the server at hand has said this since it was started. Raises Silent."""
        until = time.monotonic() + PATIENCE_S
        while words not in self.log.read_bytes()[self._said :]:
            if time.monotonic() > until:
                raise Silent(f"no {words!r}; see {self.log}")
            time.sleep(0.05)

    def compact(self) -> Process:
        """Compacts beside the running server."""
        log = self.folder / "compact.log"
        log.unlink(missing_ok=True)
        return Process(["compact", "--home", str(self.home), "--json"], log, self._inside)

    def copies(self, command: str, place: Path) -> Process:
        """Adds a copy of the vault, or removes one, beside the running server."""
        log = self.folder / "copies.log"
        log.unlink(missing_ok=True)
        told = ["vault", command, str(place), "--home", str(self.home), "--json"]
        return Process(told, log, self._inside)

    def lose(self) -> None:
        """Deletes the home; the next life gets a new one."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.move()

    def move(self) -> None:
        """The next life gets a home of its own, and the old one stays."""
        self.lives += 1
        self.home = self.folder / f"home-{self.lives}"

    def report(self, account: str) -> str:
        """What `stillhere report` says to one account."""
        return self._run("report", account, "--home", self.home)

    def status(self) -> dict[str, Any]:
        """What `stillhere status` says of the vault."""
        told = json.loads(self._run("status", "--home", self.home, "--json"))
        protection: dict[str, Any] = told["protection"]
        return protection

    def verify(self) -> tuple[int, str]:
        """Exit code and words of `stillhere verify`."""
        return self.ask("verify")

    def ask(self, *command: str) -> tuple[int, str]:
        """Exit code and words of a command on the home at hand."""
        done = subprocess.run(
            [*self._inside, *STILLHERE, *command, "--home", str(self.home)],
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")[-1000:]

    def _start(self, *arguments: str | Path) -> Process:
        told = [str(one) for one in arguments]
        self._said = self.log.stat().st_size if self.log.exists() else 0
        told += ["--listen", f"127.0.0.1:{self.port}", "--json"]
        return Process(told, self.log, self._inside)

    def _tune(self) -> None:
        path = self.home / "stillhere.toml"
        text = path.read_text("utf-8")
        for name, value in self.settings.items():
            line = f"{name} = {json.dumps(value)}"
            text = re.sub(rf"(?m)^(# )?{name} = .*$", line, text)
        path.write_text(text, "utf-8")

    def _run(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [*self._inside, *STILLHERE, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode:
            raise Ended(f"{arguments[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout
