"""The servers that are measured side by side, each a real process on loopback.

Stillhere: `stillhere serve`, every PUT acknowledged by the vault; device password over Basic.
Radicale: stock, with htpasswd (plain text file, read at every request, as it comes).
Xandikos: stock; it takes passwords only over HTTPS, so it runs without, which favours it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import dav
from load import Address, Connection
from processes import STILLHERE, Watched, free_port, run_cli, serve_plain

NAME = "bench"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Server:
    """A running server, and where books can be made on it."""

    address: Address
    login: dav.Login
    books: str
    pid: int

    def make_book(self, name: str) -> str:
        """Makes an empty address book; returns its path, which ends with a slash."""
        path = f"{self.books}{name}/"
        Connection(self.address).ask(dav.make_book(path, self.login), expect=201)
        return path


@contextlib.contextmanager
def start_stillhere(scratch: Path, tools: Path, place: str = "") -> Iterator[Server]:
    """Ours, on a fresh home and a fresh vault, on the same file system or in a place."""
    home, vault, kit = (str(scratch / part) for part in ("home", "vault", "kit.txt"))
    vault = place or vault
    run_cli("init", "--home", home, "--vault", vault, "--kit", kit)
    added = run_cli("account", "add", NAME, "--device", "--home", home, "--json")
    password = str(json.loads(added.splitlines()[-1])["password"])
    watched = Watched(
        [*STILLHERE, "serve", "--home", home, "--listen", "127.0.0.1:0", "--json"],
        scratch / "server.log",
    )
    try:
        login = dav.Login(NAME, password)
        books = f"/dav/addressbooks/{NAME}/"
        yield Server(watched.address(), login, books, watched.process.pid)
    finally:
        watched.end()


@contextlib.contextmanager
def start_radicale(scratch: Path, tools: Path) -> Iterator[Server]:
    """Radicale as it comes, but for the place of its files, its port and its user."""
    address = ("127.0.0.1", free_port())
    users = scratch / "users"
    users.write_text(f"{NAME}:{PASSWORD}\n")
    config = scratch / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{address[1]}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\n"
        f"[storage]\nfilesystem_folder = {scratch / 'collections'}\n"
    )
    command = [str(tools / "radicale"), "--config", str(config)]
    with serve_plain(command, address, scratch / "server.log") as pid:
        login = dav.Login(NAME, PASSWORD)
        Connection(address).ask(dav.find_principal(f"/{NAME}/", login), expect=207)
        yield Server(address, login, f"/{NAME}/", pid)


@contextlib.contextmanager
def start_xandikos(scratch: Path, tools: Path) -> Iterator[Server]:
    """Xandikos as it comes: one user, no password, each change a git commit."""
    address = ("127.0.0.1", free_port())
    command = [str(tools / "xandikos"), "serve", "--defaults", "--no-detect-systemd"]
    command += ["-d", str(scratch / "files"), "--state-dir", str(scratch / "state")]
    command += ["-l", address[0], "-p", str(address[1])]
    with serve_plain(command, address, scratch / "server.log") as pid:
        yield Server(address, dav.Login(), "/user/contacts/", pid)


Start = Callable[[Path, Path], AbstractContextManager[Server]]
SERVERS: dict[str, Start] = {
    "stillhere": start_stillhere,
    "radicale": start_radicale,
    "xandikos": start_xandikos,
}
