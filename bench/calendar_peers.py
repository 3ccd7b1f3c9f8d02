"""The calendar servers that are measured side by side, each with its calendars filled by the
quickest way that it has itself."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import dav
from events import Event
from load import Address, Connection
from peers import NAME, start_radicale, start_stillhere, start_xandikos
from processes import run_cli

Calendars = Mapping[str, Sequence[Event]]
COMMIT = """\
import sys
from dulwich import porcelain
porcelain.init(sys.argv[1]) if not __import__("os").path.exists(sys.argv[1] + "/.git") else None
porcelain.add(sys.argv[1], paths=sorted(
    str(p) for p in __import__("pathlib").Path(sys.argv[1]).glob("*.ics")))
porcelain.commit(sys.argv[1], message=b"import", author=b"a <a@b>", committer=b"a <a@b>")
"""


@dataclass(frozen=True)
class CalendarServer:
    """A running server, and the path of each of its calendars."""

    address: Address
    login: dav.Login
    calendars: dict[str, str]


@contextlib.contextmanager
def stillhere(scratch: Path, tools: Path, calendars: Calendars) -> Iterator[CalendarServer]:
    """Ours: `stillhere import` of one file per calendar, beside the running server."""
    with start_stillhere(scratch, tools) as server:
        for name, events in calendars.items():
            folder = scratch / name
            folder.mkdir()
            for event in events:
                (folder / event.href).write_bytes(event.body)
            home = str(scratch / "home")
            run_cli("import", NAME, str(folder), "--into", name, "--home", home)
        paths = {name: f"/dav/calendars/{NAME}/{name}/" for name in calendars}
        yield CalendarServer(server.address, server.login, paths)


@contextlib.contextmanager
def radicale(scratch: Path, tools: Path, calendars: Calendars) -> Iterator[CalendarServer]:
    """Radicale: the events' files are put into each calendar's folder before its first request."""
    with start_radicale(scratch, tools) as server:
        paths = {name: f"/{NAME}/{name}/" for name in calendars}
        for name, events in calendars.items():
            Connection(server.address).ask(dav.make_calendar(paths[name], server.login), expect=201)
            folder = scratch / "collections" / "collection-root" / NAME / name
            for event in events:
                (folder / event.href).write_bytes(event.body)
        yield CalendarServer(server.address, server.login, paths)


@contextlib.contextmanager
def xandikos(scratch: Path, tools: Path, calendars: Calendars) -> Iterator[CalendarServer]:
    """Xandikos: the events' files are committed into each calendar's repository."""
    with start_xandikos(scratch, tools) as server:
        paths = {name: f"/user/calendars/{name}/" for name in calendars}
        for name, events in calendars.items():
            made = dav.make_calendar(paths[name], server.login)
            Connection(server.address).ask(made, expect=201)
            folder = scratch / "files" / "user" / "calendars" / name
            for event in events:
                (folder / event.href).write_bytes(event.body)
            subprocess.run([str(tools / "python"), "-c", COMMIT, str(folder)], check=True)
        yield CalendarServer(server.address, server.login, paths)


Start = Callable[[Path, Path, Calendars], AbstractContextManager[CalendarServer]]
SERVERS: dict[str, Start] = {
    "stillhere": stillhere,
    "radicale": radicale,
    "xandikos": xandikos,
}
