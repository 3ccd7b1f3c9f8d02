"""vdirsyncer, as a real process, keeps folders in step with a real server, and through its loss.

Two devices of one account sync with the server, each its own folder. What a user would notice is
asserted: which contacts lie in which folder, and whether a device downloads anything again.
"""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.live.client import Login
from tests.live.core import Core, Process

PATIENCE_S = 60

pytestmark = pytest.mark.slow

CONFIG = """
[general]
status_path = "{folder}/status"

[pair contacts]
a = "device"
b = "server"
collections = ["contacts"]
conflict_resolution = {resolution}

[storage device]
type = "filesystem"
path = "{folder}/cards"
fileext = ".vcf"

[storage server]
type = "carddav"
url = "http://127.0.0.1:{port}/"
username = "{login.name}"
password = "{login.password}"
"""


@dataclass(frozen=True)
class Device:
    """A folder of cards that vdirsyncer keeps in step with the account."""

    vdirsyncer: Path
    folder: Path
    login: Login
    port: int

    def set_up(self, resolution: str = "null") -> None:
        self.cards.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            folder=self.folder, login=self.login, port=self.port, resolution=resolution
        )
        (self.folder / "config").write_text(text)
        assert self._run("discover").returncode == 0

    @property
    def cards(self) -> Path:
        return self.folder / "cards" / "contacts"

    def sync(self, *, fails: bool = False) -> str:
        """One two-way sync; returns everything it says, requests included."""
        done = self._run("sync")
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def holds(self) -> dict[str, bytes]:
        """Cards by UID, with line ends as in `write`: XML parsers turn CRLF into LF."""
        found = [path.read_bytes().replace(b"\r\n", b"\n") for path in self.cards.glob("*.vcf")]
        return {card.split(b"UID:")[1].split()[0].decode(): card for card in found}

    def write(self, uid: str, name: str) -> bytes:
        """Creates or edits a card, as an address book program would."""
        card = f"BEGIN:VCARD\nVERSION:3.0\nUID:{uid}\nFN:{name}\nN:{name};;;;\nEND:VCARD\n".encode()
        self._file(uid).write_bytes(card.replace(b"\n", b"\r\n"))
        return card

    def delete(self, uid: str) -> None:
        self._file(uid).unlink()

    def _file(self, uid: str) -> Path:
        for path in self.cards.glob("*.vcf"):
            if f"UID:{uid}\r\n".encode() in path.read_bytes():
                return path
        return self.cards / f"{uid}.vcf"

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.vdirsyncer), "-vdebug", "-c", str(self.folder / "config"), command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@dataclass
class Service:
    """A core with one account, its running server, and two devices."""

    core: Core
    server: Process
    phone: Device
    laptop: Device

    def lose(self) -> None:
        """The server is killed and its home deleted."""
        self.server.kill()
        self.core.lose()

    def recover(self) -> None:
        """A blank home, the vault and the kit; waits until everything is back."""
        self.server = self.core.recover()
        self.server.wait_for("whole")


@pytest.fixture
def service(tmp_path: Path, requires_tool: Callable[[str], Path]) -> Iterator[Service]:
    program = requires_tool("vdirsyncer")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    core = Core(tmp_path / "core", ["dora"], port=port)
    devices = [
        Device(program, tmp_path / name, core.logins[0], port) for name in ("phone", "laptop")
    ]
    running = Service(core, core.serve(), *devices)
    running.server.wait_for("serving")
    for device in devices:
        device.set_up()
    try:
        yield running
    finally:
        running.server.kill()


def test_creates_edits_and_deletes_travel_both_ways(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    created = {"one": phone.write("one", "Ada Łovelace"), "two": phone.write("two", "Berta")}
    phone.sync()
    laptop.sync()
    assert laptop.holds() == created

    edited = laptop.write("one", "Ada King")
    laptop.delete("two")
    third = laptop.write("three", "川端 三")
    laptop.sync()
    phone.sync()
    assert phone.holds() == laptop.holds() == {"one": edited, "three": third}


def test_a_conflict_is_refused_until_somebody_decides_and_no_side_is_lost(
    service: Service,
) -> None:
    phone, laptop = service.phone, service.laptop
    phone.write("one", "Ada")
    phone.sync()
    laptop.sync()

    theirs = laptop.write("one", "Ada from the laptop")
    laptop.sync()
    ours = phone.write("one", "Ada from the phone")
    assert "conflict" in phone.sync(fails=True).lower()
    assert phone.holds() == {"one": ours}
    laptop.sync()
    assert laptop.holds() == {"one": theirs}


@pytest.mark.parametrize(("resolution", "winner"), [('"a wins"', "phone"), ('"b wins"', "laptop")])
def test_a_conflict_ends_as_the_device_is_set_to(
    service: Service, resolution: str, winner: str
) -> None:
    phone, laptop = service.phone, service.laptop
    phone.set_up(resolution)
    phone.write("one", "Ada")
    phone.sync()
    laptop.sync()

    edits = {"laptop": laptop.write("one", "Ada from the laptop")}
    laptop.sync()
    edits["phone"] = phone.write("one", "Ada from the phone")
    phone.sync()
    laptop.sync()
    assert phone.holds() == laptop.holds() == {"one": edits[winner]}


def test_an_outage_loses_nothing_and_nothing_is_downloaded_anew(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    kept = {uid: phone.write(uid, f"Person {uid}") for uid in ("one", "two", "three")}
    phone.sync()
    laptop.sync()

    service.lose()
    kept["one"] = phone.write("one", "edited while the server was away")
    kept["four"] = phone.write("four", "made while the server was away")
    phone.sync(fails=True)
    laptop.sync(fails=True)
    assert phone.holds() == kept
    assert set(laptop.holds()) == {"one", "two", "three"}

    service.recover()
    assert "addressbook-multiget" not in laptop.sync()
    assert "addressbook-multiget" not in phone.sync()
    assert phone.holds() == kept
    laptop.sync()
    assert laptop.holds() == kept


def test_a_superseded_core_that_comes_back_takes_nothing_from_a_device(service: Service) -> None:
    phone = service.phone
    phone.write("one", "Ada")
    phone.sync()
    old_home = shutil.copytree(service.core.home, service.core.folder / "old")

    service.lose()
    service.recover()
    kept = {"one": phone.write("one", "Ada, edited later"), "two": phone.write("two", "Berta")}
    phone.sync()
    recovered = service.core.home

    service.server.kill()
    service.core.home = old_home
    service.server = service.core.serve()
    service.server.wait_for("refusing")
    phone.sync(fails=True)
    assert phone.holds() == kept

    service.server.kill()
    service.core.home = recovered
    service.server = service.core.serve()
    service.server.wait_for("serving")
    phone.sync()
    assert phone.holds() == kept
