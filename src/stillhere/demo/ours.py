"""Stillhere itself as the day's service: real commands, real processes, its own vault and kit."""

import json
import shutil
import sys
import time
from pathlib import Path

from stillhere.demo.process import DemoFailedError, Running, environment, free_port, run
from stillhere.demo.service import Login, Returned

_NAMES_AT_ONCE = 1_000
_START_S = 60.0


class Ours:
    """A Stillhere in a directory: core, vault and kit each in a folder of their own.

    The vault is on the same disk here, which only a demo may do. The core is deleted for real.
    """

    name = "Stillhere"

    def __init__(self, place: Path) -> None:
        self.port = free_port()
        self._vault, self._kit = place / "vault", place / "kit" / "recovery-kit.txt"
        self._core, self._blank = place / "core", place / "blank-machine"
        self._logs = place / "logs"
        self._server: Running | None = None
        self._env = environment()
        self._program = [sys.executable, "-m", "stillhere"]

    def open(self, names: list[str]) -> list[Login]:
        """`stillhere init`, `account add` for all, `serve`."""
        self._kit.parent.mkdir(parents=True)
        self._logs.mkdir()
        self._command("init", "--vault", self._vault, "--kit", self._kit, "--home", self._core)
        logins = []
        for first in range(0, len(names), _NAMES_AT_ONCE):
            some = names[first : first + _NAMES_AT_ONCE]
            said = self._command("account", "add", *some, "--device", "--home", self._core)
            logins += [_read_login(line) for line in said.splitlines() if line.strip()]
        if [login.name for login in logins] != names:
            raise DemoFailedError(f"{len(names)} accounts wanted, {len(logins)} made")
        self._server = self._start("serve", "--home", self._core)
        self._server.wait_for("serving", _START_S)
        return logins

    def take_in(self, login: Login, kind: str, items: list[tuple[str, bytes]]) -> bool:  # noqa: ARG002
        """Nothing: a computer sends what it has as it would any edit."""
        return False

    def back_up(self) -> None:
        """Nothing: every acknowledged change is in the vault already."""

    def kill(self) -> None:
        """SIGKILL."""
        assert self._server is not None
        self._server.kill()

    def lose(self) -> None:
        """Delete the core with its database, keys and all."""
        shutil.rmtree(self._core)

    def start_recovery(self) -> float:
        """`stillhere recover --serve` into a home that does not exist yet."""
        self._server = self._start(
            "recover", "--vault", self._vault, "--kit", self._kit, "--home", self._blank, "--serve"
        )
        return self._server.started

    def contacts_are_back(self) -> float | None:
        """Return the time of the contacts stage's event."""
        assert self._server is not None
        event = self._server.find("stage", kind="contacts")
        return self._server.started + float(event["at_s"]) if event else None

    def wait_until_whole(self, seconds: float) -> Returned:
        """Wait for the event `whole` and read off the others."""
        assert self._server is not None
        whole = self._server.wait_for("whole", seconds)
        stage = self._server.find("stage", kind="contacts") or {}
        verdicts = whole.get("verdicts", {})
        return Returned(
            serving_s=(self._server.find("serving") or {}).get("at_s"),
            contacts_s=stage.get("at_s"),
            mirrored_s=(self._server.find("mirrored") or {}).get("at_s"),
            whole_s=whole["at_s"],
            complete=verdicts.get("complete"),
            incomplete=verdicts.get("incomplete"),
        )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that isn't heard."""
        if self._server is not None:
            self._server.stop()

    @staticmethod
    def same(one: bytes, other: bytes) -> bool:
        """Byte for byte."""
        return one == other

    def _command(self, *words: object) -> str:
        command = [*self._program, *map(str, words), "--json"]
        return run(command, self._env)

    def _start(self, *words: object) -> Running:
        command = [*self._program, *map(str, words)]
        command += ["--listen", f"127.0.0.1:{self.port}", "--json"]
        log = self._logs / f"{words[0]}-{time.monotonic_ns()}.log"
        return Running(command, log, self._env)


def _read_login(line: str) -> Login:
    said = json.loads(line)
    return Login(said["name"], said["password"])
