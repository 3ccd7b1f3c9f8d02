"""One kept-alive HTTP connection of a simulated phone, and the WebDAV answers it reads.

Only the standard library, and nothing of Stillhere's own server code: a phone that shared a
parser with the server would share its mistakes.
"""

import base64
import http.client
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

if TYPE_CHECKING:
    import socket

DAV = "{DAV:}"
CARD = "{urn:ietf:params:xml:ns:carddav}"
CALENDAR = "{urn:ietf:params:xml:ns:caldav}"
XML = "application/xml; charset=utf-8"
CARD_TYPE = "text/vcard; charset=utf-8"


class UnreachableError(Exception):
    """Nothing listens, or the connection broke before an answer: nobody knows what happened.

    `listening` is False when there was not even a connection.
    """

    def __init__(self, why: str, *, listening: bool = True) -> None:
        super().__init__(why)
        self.listening = listening


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after(self) -> float:
        """Seconds to wait before asking again (RFC 9110, 10.2.3); 60 when not said in seconds."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdigit() else 60.0


class Item(NamedTuple):
    """One response of a multistatus (RFC 4918, 13; RFC 6578, 3.4)."""

    path: str
    """Percent-decoded path."""
    status: int
    """200, or the status of the response as a whole: 404 is a deletion in a delta, 507 a page."""
    etag: str
    data: bytes | None
    properties: dict[str, ElementTree.Element]
    """Found properties by Clark name."""


class Multistatus(NamedTuple):
    """The body of a 207; `token` is empty where there is none."""

    items: list[Item]
    token: str


class Wire:
    """A connection to 127.0.0.1 with HTTP Basic log-in; reconnects by itself; one thread only."""

    def __init__(self, port: int, name: str, password: str, *, timeout: float = 15.0) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.homes: dict[str, str] = {}
        """Where collections are, by what it was asked for: what was found once is remembered."""
        secret = base64.b64encode(f"{name}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}", "User-Agent": "Stillhere demo phone"}

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        An idle connection that the server has closed meanwhile is opened again once, as browsers
        do. Raises UnreachableError.
        """
        warm = self._http.sock is not None
        try:
            return self._exchange(method, path, body, headers or {})
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            if not warm:
                raise UnreachableError(str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnreachableError(str(error)) from error
        try:
            return self._exchange(method, path, body, headers or {})
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnreachableError(str(error)) from error

    def close(self) -> None:
        """Hang up; the next request connects again."""
        self._http.close()

    def _connect(self) -> None:
        """Connect if not connected; raises UnreachableError when nobody listens."""
        if self._http.sock is not None:
            return
        try:
            self._http.connect()
        except OSError as error:
            self.close()
            raise UnreachableError(str(error), listening=False) from error
        # A connection to a dead port of one's own machine may meet itself (TCP's simultaneous
        # open) when the port it is given happens to be the one it calls.
        connection = cast("socket.socket", self._http.sock)
        if connection.getsockname() == connection.getpeername():
            self.close()
            raise UnreachableError("connected to itself", listening=False)

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        self._connect()
        self._http.request(method, path, body or None, self._headers | headers)
        answer = self._http.getresponse()
        content = answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)


def read_multistatus(body: bytes) -> Multistatus:
    """Read a 207's body; raises ElementTree.ParseError when it isn't XML."""
    # The servers on the other side are ones that this program started itself.
    root = ElementTree.fromstring(body)  # noqa: S314
    items = [_read_response(response) for response in root.iterfind(f"{DAV}response")]
    return Multistatus(items, root.findtext(f"{DAV}sync-token", "").strip())


def path_of(href: str) -> str:
    """Return an href, which may be a whole URL, as a percent-decoded path."""
    return unquote(urlsplit(href.strip()).path)


def refuses_token(answer: Answer) -> bool:
    """Say whether the answer is the precondition DAV:valid-sync-token (RFC 6578, 3.2)."""
    return answer.status in (400, 403, 409, 410, 412) and b"valid-sync-token" in answer.body


def _read_response(response: ElementTree.Element) -> Item:
    found: dict[str, ElementTree.Element] = {}
    for propstat in response.iterfind(f"{DAV}propstat"):
        if _status(propstat.findtext(f"{DAV}status", "")) == 200:
            for group in propstat.iterfind(f"{DAV}prop"):
                found.update((element.tag, element) for element in group)
    etag = found.get(f"{DAV}getetag")
    data = found.get(f"{CARD}address-data", found.get(f"{CALENDAR}calendar-data"))
    return Item(
        path=path_of(response.findtext(f"{DAV}href", "")),
        status=_status(response.findtext(f"{DAV}status", "HTTP/1.1 200 OK")),
        etag=(etag.text or "") if etag is not None else "",
        data=(data.text or "").encode() if data is not None else None,
        properties=found,
    )


def _status(line: str) -> int:
    match = re.match(r"HTTP/\S+ (\d{3})", line.strip())
    return int(match.group(1)) if match else 0
