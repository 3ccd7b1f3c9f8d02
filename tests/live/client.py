"""One kept-alive CardDAV connection of a test, and the answers that it has to understand."""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote
from xml.etree import ElementTree

DAV = "{DAV:}"
TIMEOUT = 20.0


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("ETag") or ""


class Lost(Exception):
    """No answer came: whether the request was carried out is not known.

    `gone` says that the server itself went away, so that it will not be carried out later.
    """

    def __init__(self, cause: Exception, *, gone: bool) -> None:
        super().__init__(str(cause))
        self.gone = gone


@dataclass(frozen=True)
class Login:
    name: str
    password: str

    @property
    def book(self) -> str:
        """Path of the account's default address book, with its slash."""
        return f"/dav/addressbooks/{quote(self.name)}/contacts/"


class Client:
    """Asks one server as one account, over one connection, one request at a time."""

    def __init__(self, url: str, login: Login) -> None:
        self.login = login
        self._connection = http.client.HTTPConnection(url.split("//")[1], timeout=TIMEOUT)
        pair = base64.b64encode(f"{login.name}:{login.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request; underscores in header names become hyphens. Raises Lost."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body or None, self._headers | named)
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except TimeoutError as error:
            self._connection.close()
            raise Lost(error, gone=False) from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Lost(error, gone=True) from error

    def begin(
        self, method: str, path: str, body: bytes, **headers: str
    ) -> http.client.HTTPConnection:
        """Sends a request and does not wait: the connection will have the answer."""
        self._connection.request(method, path, body or None, self._headers | headers)
        return self._connection

    def close(self) -> None:
        self._connection.close()


class Entry(NamedTuple):
    """One response of a multistatus: `etag` is empty when the item is gone."""

    href: str
    etag: str
    status: int


class Multistatus(NamedTuple):
    entries: list[Entry]
    token: str
    truncated: bool


def read_multistatus(body: bytes, book: str) -> Multistatus:
    """Entries by their name in the book; the book itself is left out (507 on it = truncated)."""
    root, book = ElementTree.fromstring(body), unquote(book)
    entries, truncated = [], False
    for response in root.findall(f"{DAV}response"):
        path = unquote((response.findtext(f"{DAV}href") or "").strip())
        status = _status(response.findtext(f"{DAV}status"))
        if path.rstrip("/") == book.rstrip("/"):
            truncated = truncated or status == 507
            continue
        etag = response.findtext(f"{DAV}propstat/{DAV}prop/{DAV}getetag") or ""
        entries.append(Entry(path.removeprefix(book), etag, status))
    return Multistatus(entries, (root.findtext(f"{DAV}sync-token") or "").strip(), truncated)


def _status(line: str | None) -> int:
    return int(line.split()[1]) if line else 200


def sync_body(token: str, limit: int = 0) -> bytes:
    """A sync-collection request (RFC 6578) for ETags."""
    bound = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?><D:sync-collection xmlns:D="DAV:">'
        f"<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{bound}"
        "<D:prop><D:getetag/></D:prop></D:sync-collection>"
    ).encode()


LISTING = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:">'
    b"<D:prop><D:getetag/></D:prop></D:propfind>"
)
