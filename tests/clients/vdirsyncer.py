"""vdirsyncer, as a real process: folders of files that it keeps in step with an account.

Two devices of one account, each its own folder, and the server whose core can be lost.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.live.client import Login
from tests.live.core import Core, Process

PATIENCE_S = 60
CONFIG = """
[general]
status_path = "{folder}/status"

[pair {pair.name}]
a = "device"
b = "server"
collections = [{collections}]
conflict_resolution = {resolution}

[storage device]
type = "filesystem"
path = "{folder}/{pair.name}"
fileext = "{pair.extension}"

[storage server]
type = "{pair.storage}"
url = "http://127.0.0.1:{port}/"
username = "{login.name}"
password = "{login.password}"
"""
CARD = "BEGIN:VCARD\nVERSION:3.0\nUID:{uid}\nFN:{name}\nN:{name};;;;\nEND:VCARD\n"
OBJECT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Stillhere//Tests//EN
BEGIN:{component}
UID:{uid}
DTSTAMP:20261101T000000Z
SUMMARY:{name}
DTSTART:20261130T100000Z
END:{component}
END:VCALENDAR
"""


class Pair(NamedTuple):
    """What of an account is kept in step: the text of an item by the name of its collection."""

    name: str
    storage: str
    extension: str
    texts: dict[str, str]


CONTACTS = Pair("contacts", "carddav", ".vcf", {"contacts": CARD})
COMPONENTS = {"calendar": "VEVENT", "tasks": "VTODO", "notes": "VJOURNAL"}
CALENDARS = Pair(
    "calendars",
    "caldav",
    ".ics",
    {name: OBJECT.replace("{component}", component) for name, component in COMPONENTS.items()},
)


@dataclass(frozen=True)
class Device:
    """A folder per collection that vdirsyncer keeps in step with the account."""

    program: Path
    folder: Path
    login: Login
    port: int
    pair: Pair = CONTACTS

    def set_up(self, resolution: str = "null") -> None:
        for collection in self.pair.texts:
            self.place(collection).mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            folder=self.folder,
            login=self.login,
            port=self.port,
            resolution=resolution,
            pair=self.pair,
            collections=", ".join(f'"{name}"' for name in self.pair.texts),
        )
        (self.folder / "config").write_text(text)

    def discover(self, *, fails: bool = False) -> str:
        """Finds the collections of the account; has to come before the first sync."""
        return self._run("discover", fails)

    def sync(self, *, fails: bool = False) -> str:
        """One two-way sync; returns everything it says, requests included."""
        return self._run("sync", fails)

    def holds(self, collection: str = "contacts") -> dict[str, bytes]:
        """Items by UID, with line ends as in `write`: XML parsers turn CRLF into LF."""
        return {
            item.split(b"UID:")[1].split()[0].decode(): item
            for item in (path.read_bytes().replace(b"\r\n", b"\n") for path in self._of(collection))
        }

    def holds_all(self) -> dict[str, dict[str, bytes]]:
        """The same by collection."""
        return {collection: self.holds(collection) for collection in self.pair.texts}

    def write(self, uid: str, name: str, collection: str = "contacts") -> bytes:
        """Creates or edits an item, as a program on the device would."""
        item = self.pair.texts[collection].format(uid=uid, name=name).encode()
        self._file(uid, collection).write_bytes(item.replace(b"\n", b"\r\n"))
        return item

    def delete(self, uid: str, collection: str = "contacts") -> None:
        self._file(uid, collection).unlink()

    def place(self, collection: str) -> Path:
        """The folder of a collection."""
        return self.folder / self.pair.name / collection

    def _of(self, collection: str) -> Iterator[Path]:
        return self.place(collection).glob(f"*{self.pair.extension}")

    def _file(self, uid: str, collection: str) -> Path:
        for path in self._of(collection):
            if f"UID:{uid}\r\n".encode() in path.read_bytes():
                return path
        return self.place(collection) / f"{uid}{self.pair.extension}"

    def _run(self, command: str, fails: bool) -> str:
        done = subprocess.run(
            [str(self.program), "-vdebug", "-c", str(self.folder / "config"), command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout


@dataclass
class Service:
    """A core with one account, its running server, and two devices."""

    core: Core
    server: Process
    phone: Device
    laptop: Device

    def stop(self) -> None:
        """The server is killed; its home stays."""
        self.server.kill()

    def start(self, event: str = "serving") -> None:
        """A server on the home at hand, which then says so."""
        self.server = self.core.serve()
        self.server.wait_for(event)

    def lose(self) -> None:
        """The server is killed and its home deleted."""
        self.server.kill()
        self.core.lose()

    def recover(self) -> None:
        """A blank home, the vault and the kit; waits until everything is back."""
        self.server = self.core.recover()
        self.server.wait_for("whole")


@contextmanager
def run_service(folder: Path, program: Path, pair: Pair) -> Iterator[Service]:
    """A new service, with both devices set up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    core = Core(folder / "core", ["dora"], port=port)
    devices = [
        Device(program, folder / name, core.logins[0], port, pair) for name in ("phone", "laptop")
    ]
    running = Service(core, core.serve(), *devices)
    try:
        running.server.wait_for("serving")
        for device in devices:
            device.set_up()
            device.discover()
        yield running
    finally:
        running.server.kill()
