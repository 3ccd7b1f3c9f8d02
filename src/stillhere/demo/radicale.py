"""Stock Radicale as the day's service: its built-in server, its folder, and a backup of it.

Nothing of Radicale is imported; it runs in a process of its own, from this Python's packages or
from a program that is named. What it can't know is what was acknowledged after its last backup.
"""

import fcntl
import importlib.util
import json
import re
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from stillhere.demo.kinds import CONTACTS, KINDS
from stillhere.demo.process import Running, environment, free_port
from stillhere.demo.service import Login, Returned
from stillhere.demo.wire import CARD_TYPE, Wire
from stillhere.errors import BadInput

Backup = Literal["hour", "none"]
_START_S = 30.0
_SAID = (
    r"^(UID|FN|TEL|NOTE|REV|SUMMARY|LOCATION|COMMENT|STATUS|SEQUENCE|DUE|DESCRIPTION)"
    r"\b[^:\n]*:(.*?)\r?$"
)
_CONFIG = """\
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {users}
htpasswd_encryption = plain
[storage]
filesystem_folder = {storage}
predefined_collections = {books}
[logging]
level = warning
"""
_BOOKS = {"contacts": {"tag": "VADDRESSBOOK", "D:displayname": "Contacts"}} | {
    kind.name: {
        "tag": "VCALENDAR",
        "D:displayname": kind.name.capitalize(),
        "C:supported-calendar-component-set": kind.component,
    }
    for kind in KINDS.values()
    if kind.name != CONTACTS
}


class Radicale:
    """A Radicale in a directory; its core is its folder of cards."""

    name = "Radicale"

    def __init__(self, place: Path, *, program: str | None = None, backup: Backup = "hour") -> None:
        self.port = free_port()
        self._command = find(program)
        self._backup = backup
        self._config, self._users = place / "radicale.conf", place / "users"
        self._storage, self._copy = place / "storage", place / "backup"
        self._server: Running | None = None
        self._log = place
        self._restarted = 0.0

    def open(self, names: list[str]) -> list[Login]:
        """Write its configuration and users, and start it."""
        logins = [Login(name, secrets.token_urlsafe(16)) for name in names]
        self._users.write_text("".join(f"{x.name}:{x.password}\n" for x in logins), "utf-8")
        self._config.write_text(
            _CONFIG.format(
                port=self.port, users=self._users, storage=self._storage, books=json.dumps(_BOOKS)
            ),
            "utf-8",
        )
        self._storage.mkdir()
        self._start()
        return logins

    def take_in(self, login: Login, kind: str, items: list[tuple[str, bytes]]) -> bool:
        """Upload the whole book in one request, which Radicale can; hrefs become UIDs."""
        if kind != CONTACTS:
            return False
        wire = Wire(self.port, *login)
        path = f"/{quote(login.name)}/contacts/"
        try:
            wire.ask("PROPFIND", f"/{quote(login.name)}/")  # makes the user's folder
            answer = wire.ask(
                "PUT", path, b"".join(card for _, card in items), {"Content-Type": CARD_TYPE}
            )
        finally:
            wire.close()
        return answer.status < 300

    def back_up(self) -> None:
        """Copy its folder while it holds still (a shared lock, as its documentation advises)."""
        if self._backup == "none":
            return
        with (self._storage / ".Radicale.lock").open("w+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            shutil.copytree(self._storage, self._copy)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._server is not None
        self._server.kill()

    def lose(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self._storage)

    def start_recovery(self) -> float:
        """Put the backup, or nothing, where the folder was, and start it again."""
        self._restarted = time.monotonic()
        if self._copy.exists():
            shutil.copytree(self._copy, self._storage)
        else:
            self._storage.mkdir()
        self._start()
        return self._restarted

    def contacts_are_back(self) -> float | None:
        """At once: all that will ever be back is there when it starts."""
        return self._restarted

    def wait_until_whole(self, seconds: float) -> Returned:
        """Return at once; it neither proves nor reports anything."""
        assert self._server is not None
        self._server.wait_for_port(self.port, seconds)
        return Returned()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that isn't heard."""
        if self._server is not None:
            self._server.stop()

    @staticmethod
    def same(one: bytes, other: bytes) -> bool:
        """Compare what an item says: Radicale writes each anew, in another order."""
        return _gist(one) == _gist(other)

    def _start(self) -> None:
        log = self._log / f"radicale-{time.monotonic_ns()}.log"
        command = [*self._command, "--config", str(self._config)]
        self._server = Running(command, log, environment())
        self._server.wait_for_port(self.port, _START_S)


def find(program: str | None) -> list[str]:
    """Return the command that runs Radicale; raises BadInput when there is none.

    `program` is a Python that has Radicale, or its start script; by default this very Python.
    """
    if program is None:
        if importlib.util.find_spec("radicale") is None:
            raise BadInput(
                "Radicale is not installed beside Stillhere",
                hint=f"{sys.executable} -m pip install 'radicale==3.9.*'",
            )
        return [sys.executable, "-m", "radicale"]
    path = shutil.which(program)
    if path is None:
        raise BadInput(
            f"{program} is not a program",
            hint="name Radicale's start script, or the Python that has it",
        )
    return [path, "-m", "radicale"] if Path(path).name.startswith("python") else [path]


def _gist(body: bytes) -> list[str]:
    """Return names, numbers, notes, times and revision: all that the demo's people change."""
    text = re.sub(r"\r?\n[ \t]|\\(?=[,;])", "", body.decode("utf-8", "replace"))
    wanted = re.findall(_SAID, text, re.MULTILINE)
    return sorted(f"{name}:{value}" for name, value in wanted)
