"""A service of one test session, its people's devices, and what has happened to its shelves."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import msgspec

from stillhere.protocols.dav import Door, app
from stillhere.replication.found import found
from stillhere.replication.start import Working, open_core
from stillhere.store import NewAccount, Store

D = "{DAV:}"
C = "{urn:ietf:params:xml:ns:carddav}"
CAL = "{urn:ietf:params:xml:ns:caldav}"
NAMESPACES = (
    'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
    ' xmlns:CAL="urn:ietf:params:xml:ns:caldav"'
)
_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    """What came back over ASGI."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("etag", "")

    @property
    def found(self) -> dict[str, Response]:
        """Responses of a 207 by their decoded paths."""
        assert self.status == 207, (self.status, self.body)
        root = ElementTree.fromstring(self.body)
        return {r.path: r for r in map(Response.read, root.iterfind(f"{D}response"))}

    @property
    def token(self) -> str:
        return (ElementTree.fromstring(self.body).findtext(f"{D}sync-token") or "").strip()

    @property
    def precondition(self) -> str:
        """The Clark name in a DAV:error."""
        root = ElementTree.fromstring(self.body)
        assert root.tag == f"{D}error"
        return root[0].tag

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return msgspec.json.decode(self.body, type=dict[str, Any])


@dataclass(frozen=True)
class Response:
    """One response of a 207: its own status, or properties by status."""

    path: str
    status: int
    properties: dict[int, dict[str, ElementTree.Element]]

    @classmethod
    def read(cls, node: ElementTree.Element) -> Response:
        properties: dict[int, dict[str, ElementTree.Element]] = {}
        for propstat in node.iterfind(f"{D}propstat"):
            status = int((propstat.findtext(f"{D}status") or "").split()[1])
            prop = propstat.find(f"{D}prop")
            assert prop is not None
            properties.setdefault(status, {}).update({p.tag: p for p in prop})
        own = node.findtext(f"{D}status")
        return cls(
            unquote(node.findtext(f"{D}href") or ""),
            int(own.split()[1]) if own else 200,
            properties,
        )

    def text(self, name: str) -> str | None:
        """The text of a property that was found, or None."""
        found = self.properties.get(200, {}).get(name)
        return None if found is None else "".join(found.itertext())


@dataclass
class Service:
    """A founded service with its door."""

    working: Working
    runner: asyncio.Runner
    door: Door

    @property
    def store(self) -> Store:
        return self.working.store

    def person(self, name: str = "", **limits: int) -> Device:
        """A new account's device; its own door when it has limits of its own."""
        name = name or f"Person {next(_numbers)}"
        [made] = self.store.accounts.create_many([NewAccount(name, device="phone")])
        assert made.device is not None
        door = app(self.store, **limits) if limits else self.door
        return Device(self, door, name, made.device.password, made.account)


@dataclass
class Device:
    """Asks as one person; ``book`` is the path of a collection, their first address book."""

    service: Service
    door: Door
    name: str
    password: str
    account: bytes
    extra: dict[str, str] = field(default_factory=dict)
    kind: str = "contacts"
    collection: str = "contacts"

    def at(self, kind: str, collection: str = "") -> Device:
        """The same device, looking at a collection of a kind, else at the first of that kind."""
        return replace(self, kind=kind, collection=collection or kind)

    @property
    def home(self) -> str:
        home = "addressbooks" if self.kind == "contacts" else "calendars"
        return f"/dav/{home}/{quote(self.name)}/"

    @property
    def book(self) -> str:
        return f"{self.home}{self.collection}/"

    def look(self) -> Answer:
        """What is in the home, as a device finds out that sees it for the first time."""
        return self.propfind(self.home, "<resourcetype/><displayname/>", depth="1")

    def ask(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Answer:
        """One request; underscores in header names become hyphens."""
        return self.service.runner.run(self.asking(method, path, body, **headers))

    async def asking(
        self, method: str, path: str, body: bytes | str = b"", **headers: str
    ) -> Answer:
        """The same, for several at a time."""
        sent = body.encode() if isinstance(body, str) else body
        pair = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        named = {"authorization": f"Basic {pair}", "host": "stillhere.example"} | headers
        return await _ask(self.door, method, path, named, [sent])

    def put(self, name: str, card: bytes, **headers: str) -> Answer:
        return self.ask("PUT", f"{self.book}{name}", card, **headers)

    def get(self, name: str) -> Answer:
        return self.ask("GET", f"{self.book}{name}")

    def propfind(self, path: str, properties: str = "", depth: str = "0") -> Answer:
        inner = f"<prop>{properties}</prop>" if properties else "<allprop/>"
        return self.ask("PROPFIND", path, f"<propfind {NAMESPACES}>{inner}</propfind>", depth=depth)

    def sync(self, token: str = "", limit: int = 0, properties: str = "<getetag/>") -> Answer:
        bound = f"<limit><nresults>{limit}</nresults></limit>" if limit else ""
        return self.ask(
            "REPORT",
            self.book,
            f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token>"
            f"<sync-level>1</sync-level>{bound}<prop>{properties}</prop></sync-collection>",
        )

    def multiget(self, *names: str, properties: str = "") -> Answer:
        hrefs = "".join(f"<href>{self.book}{name}</href>" for name in names)
        report = "C:addressbook-multiget"
        if self.kind != "contacts":
            report = "CAL:calendar-multiget"
        data = "<C:address-data/>" if self.kind == "contacts" else "<CAL:calendar-data/>"
        return self.ask(
            "REPORT",
            self.book,
            f"<{report} {NAMESPACES}><prop>{properties or '<getetag/>' + data}</prop>{hrefs}"
            f"</{report}>",
        )

    def query(
        self, inside: str = "", *, properties: str = "<getetag/>", path: str = "", **headers: str
    ) -> Answer:
        """addressbook-query or calendar-query with a filter, and what may follow it."""
        report = "C:addressbook-query" if self.kind == "contacts" else "CAL:calendar-query"
        return self.ask(
            "REPORT",
            path or self.book,
            f"<{report} {NAMESPACES}><prop>{properties}</prop>{inside}</{report}>",
            **({"depth": "1"} | headers),
        )

    def listed(self, answer: Answer) -> dict[str, str]:
        """ETags by name of the cards in a listing or delta; "" for those that are gone."""
        return {
            path.removeprefix(unquote(self.book)): (
                "" if response.status == 404 else response.text(f"{D}getetag") or ""
            )
            for path, response in answer.found.items()
            if path != unquote(self.book)
        }

    def hold(self, *names: str) -> None:
        """Makes items held, as a recovery that proved the roster and did not find the bodies."""
        marks = ",".join("?" * len(names))

        def lose(sql: Any) -> None:
            (shelf,) = sql.execute(
                "SELECT id FROM shelves WHERE account = ? AND kind = ?", (self.account, self.kind)
            ).fetchone()
            sql.execute(
                f"UPDATE records SET state = 2, body = NULL WHERE shelf = ? AND href IN ({marks})",
                (shelf, *names),
            )
            sql.execute("UPDATE shelves SET held = ? WHERE id = ?", (len(names), shelf))

        self.service.store.install(lose).result()

    def change_shelf(self, column: str, value: object, kind: str = "") -> None:
        """Gives the shelf's row what a recovery would have left in it."""
        self.service.store.install(
            lambda sql: sql.execute(
                f"UPDATE shelves SET {column} = ? WHERE account = ? AND kind = ?",
                (value, self.account, kind or self.kind),
            )
        ).result()

    def kept(self) -> list[tuple[int, str, bytes]]:
        """Operation, name and body of everything kept beside the records (``Op`` 2 and 3)."""
        rows = self.service.store.core.reader().execute(
            "SELECT n.op, n.href, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
            " WHERE s.account = ? ORDER BY n.seq",
            (self.account,),
        )
        return list(rows)


@contextmanager
def run_service(folder: Path) -> Iterator[Service]:
    """A new service in a folder."""
    found(folder / "home", folder / "vault")
    working = open_core(folder / "home")
    with asyncio.Runner() as runner:
        yield Service(working, runner, app(working.store))
    working.close()


def card(uid: str, name: str = "Ada Lovelace", *more: str, version: str = "3.0") -> bytes:
    """A small card."""
    lines = ("BEGIN:VCARD", f"VERSION:{version}", f"FN:{name}", f"UID:{uid}", *more, "END:VCARD")
    return ("\r\n".join(lines) + "\r\n").encode()


def event(uid: str, summary: str = "Tea", *more: str, component: str = "VEVENT") -> bytes:
    """A small event, or what else ``component`` is; without ``more``, on a day in 2026."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Stillhere//Tests//EN",
        f"BEGIN:{component}",
        f"UID:{uid}",
        "DTSTAMP:20261101T000000Z",
        f"SUMMARY:{summary}",
        *(more or ("DTSTART:20261130T100000Z",)),
        f"END:{component}",
        "END:VCALENDAR",
    )
    return ("\r\n".join(lines) + "\r\n").encode()


async def _ask(
    door: Door, method: str, path: str, headers: dict[str, str], pieces: list[bytes]
) -> Answer:
    sent: list[Any] = []
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "headers": [
            (name.replace("_", "-").lower().encode(), value.encode("latin-1"))
            for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 50_000),
    }
    await door(scope, receive, send)
    start, body = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        body["body"],
    )


ask_in_pieces: Callable[..., Any] = _ask
