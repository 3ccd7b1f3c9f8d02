"""One real server for everybody who is hostile to it, and what must be the same afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.live.client import Client, Login, read_multistatus, sync_body
from tests.live.core import STILLHERE, Core
from tests.live.wire import Reply, Wire, request, wire
from tests.rooms import quick_folder

CARDS = 3
CHOSEN = Login("cleo", "a password that cleo chose")


@dataclass
class Besieged:
    """A server process with two people's cards on it, and a third who chose a password."""

    url: str
    core: Core
    ana: Login
    ben: Login
    log: Path

    def ask(
        self, method: str, path: str | bytes, body: bytes | None = None, *headers: str
    ) -> Reply:
        """One request of ana's over a connection of its own."""
        with wire(self.url) as connection:
            return connection.ask(request(method, path, self.ana, body, *headers))

    def open(self, *, source: str = "") -> Wire:
        return Wire(self.url, source=source)

    def records(self) -> dict[str, bytes]:
        """Everything that ana and ben have, as the server gives it out."""
        found = {}
        for login in (self.ana, self.ben):
            client = Client(self.url, login)
            listing = client.ask("REPORT", login.book, sync_body(""))
            assert listing.status == 207
            for entry in read_multistatus(listing.body, login.book).entries:
                got = client.ask("GET", login.book + entry.href)
                assert (got.status, got.etag) == (200, entry.etag)
                found[login.book + entry.href] = got.body
            client.close()
        return found


def card(uid: str, *more: str) -> bytes:
    lines = ("BEGIN:VCARD", "VERSION:3.0", f"FN:{uid}", *([f"UID:{uid}"] if uid else []), *more)
    return ("\r\n".join((*lines, "END:VCARD")) + "\r\n").encode()


@pytest.fixture(scope="session")
def besieged() -> Iterator[Besieged]:
    with quick_folder() as folder:
        # so many open files are what most systems begin with
        inside = ("sh", "-c", 'ulimit -S -n 1024 && exec "$@"', "sh")
        core = Core(folder, ["ana", "ben"], inside=inside)
        add = [*STILLHERE, "account", "add", CHOSEN.name, "--password-stdin", "--home"]
        line = f"{CHOSEN.password}\n"
        subprocess.run([*add, core.home], input=line, text=True, capture_output=True, check=True)
        server = core.serve()
        try:
            url = server.wait_for("serving")["url"]
            here = Besieged(url, core, *core.logins, core.log)
            for login in core.logins:
                client = Client(url, login)
                for number in range(CARDS):
                    put = client.ask("PUT", f"{login.book}{number}.vcf", card(f"u{number}"))
                    assert put.status == 201
                client.close()
            yield here
            assert server.process.poll() is None, "the server has ended"
        finally:
            server.kill()


@pytest.fixture
def unharmed(besieged: Besieged) -> Iterator[Besieged]:
    """The server, which must serve the same records after the test as before."""
    before = besieged.records()
    yield besieged
    assert besieged.records() == before
