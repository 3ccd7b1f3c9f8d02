"""A door with somebody's address book behind it, for requests that change nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree
from tests.protocols.dav.service import Device, card, run_service

NAME = "zoë"
OWN = "/dav/addressbooks/zo%C3%AB/"
BOOK = f"{OWN}contacts/"
CARDS = {"1.vcf": card("u1"), "2.vcf": card("u2", "Zoë"), "sp ace.vcf": card("u3", "100 %")}

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def check(self) -> None:
        """It is a word of HTTP's, and a body that is what it says."""
        held = self.status == 503 and b"has not been found yet" in self.body
        assert held or self.status in {200, 207, 301, 304, 400, 401, 403, 404, 405}, self
        kind = self.headers.get(b"content-type", b"")
        if kind.startswith(b"application/xml") and self.body:
            etree.fromstring(self.body)
        if self.status >= 400 and self.status != 405:
            assert self.body, "a refusal without a word"


@dataclass(frozen=True)
class Knocker:
    """Sends requests to the door as they are."""

    device: Device

    def ask(self, method: str, path: bytes, headers: Sequence[Header], body: bytes = b"") -> Answer:
        return self.device.service.runner.run(self._ask(method, path, headers, body))

    @property
    def login(self) -> Header:
        pair = f"{self.device.name}:{self.device.password}".encode()
        return b"authorization", b"Basic " + base64.b64encode(pair)

    async def _ask(
        self, method: str, path: bytes, headers: Sequence[Header], body: bytes
    ) -> Answer:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path,
            "headers": list(headers),
            "client": ("127.0.0.1", 50_000),
        }
        await self.device.door(scope, receive, send)
        start, content = sent
        return Answer(start["status"], dict(start["headers"]), content["body"])


@contextmanager
def knocking(folder: Path) -> Iterator[Knocker]:
    """A person with three cards, one of them held, and a book with properties of its own."""
    with run_service(folder) as service:
        device = service.person(NAME)
        for name, body in CARDS.items():
            assert device.put(name.replace(" ", "%20"), body).status == 201
        device.hold("2.vcf")
        yield Knocker(device)
