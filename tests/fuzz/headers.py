"""Headers and paths: lines as a stranger writes them, the first one a method and a path.

The rest are ``name: value``. Requests that change nothing go through the door; the readers of
the others are asked directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.fuzz import Check
from tests.fuzz.door import BOOK, OWN, Knocker, knocking

from stillhere.errors import BadInput
from stillhere.protocols.dav.grammar import basic, paths
from stillhere.protocols.dav.grammar.conditional import read_conditions
from stillhere.protocols.dav.grammar.paths import BadPath, Level, Place
from stillhere.protocols.dav.grammar.webdav import read_depth
from stillhere.store import BadToken
from stillhere.store.accounts import fold_name

METHODS = ("GET", "HEAD", "OPTIONS", "PROPFIND")
ETAG = '"0123456789abcdef0123456789abcdef"'


@contextmanager
def opened(folder: Path) -> Iterator[Check]:
    with knocking(folder) as knocker:
        yield lambda data: check(knocker, data)


def check(knocker: Knocker, data: bytes) -> None:
    first, *lines = data.replace(b"\0", b"").replace(b"\r", b"").split(b"\n")
    method, _, path = first.partition(b" ")
    pairs = [(n.strip().lower(), v.strip()) for n, _, v in (ln.partition(b":") for ln in lines)]
    headers = dict(pairs)
    _check_readers(headers, path)
    _check_place(path)
    _check_token(knocker, headers.get(b"x-token", b""))
    if method.decode("latin-1") in METHODS:
        others = [pair for pair in pairs if pair[0] != b"authorization"]
        answer = knocker.ask(method.decode("latin-1"), path, [*others, knocker.login])
        if method != b"HEAD":
            answer.check()


def _check_readers(headers: dict[bytes, bytes], path: bytes) -> None:
    conditions = read_conditions(headers, path.decode("latin-1"))
    for etag in (None, ETAG):
        conditions.allow_change(etag, 1_700_000_000_000)
    conditions.is_fresh(ETAG, 1_700_000_000_000)
    with suppress(BadInput):
        assert read_depth(headers.get(b"depth"), 1) in (0, 1, None)
    with suppress(BadPath):
        destination = headers.get(b"destination", b"").decode("latin-1")
        paths.read_href(destination, headers.get(b"host", b"").decode("latin-1"))
    with suppress(basic.NoCredentials, BadInput):
        name, _ = basic.read_credentials(headers.get(b"authorization"))
        folded = fold_name(name)
        assert fold_name(folded) == folded, "a folded name folds into another"


def _check_place(path: bytes) -> None:
    """A place has one path, and that path names the place."""
    try:
        place = paths.read_path(path)
    except BadPath:
        return
    if place.level < Level.COLLECTION:
        return
    assert place.home is not None
    written = paths.home_path(place.home, place.owner) + paths.write_name(place.collection) + "/"
    if place.level is Level.ITEM:
        written += paths.write_name(place.item)
    assert written.isascii()
    assert paths.read_path(written) == place
    assert paths.read_href(written, "h") == place
    assert isinstance(place, Place)


def _check_token(knocker: Knocker, token: bytes) -> None:
    tokens, account = knocker.device.service.store.tokens, knocker.device.account
    with suppress(BadToken):
        seq = tokens.read(account, "contacts", "contacts", token.decode("latin-1"))
        raise AssertionError(f"a made-up token was taken for {seq}")


def seeds() -> Iterator[bytes]:
    lines = (
        'If-Match: W/"a", b, *',
        "If-None-Match: *",
        f'If: <{BOOK}1.vcf> (Not <urn:x> [{ETAG}]) ([W/"x"])',
        "If-Modified-Since: Tue, 24 Nov 2026 16:00:00 GMT",
        "If-Unmodified-Since: Tue, 24 Nov 2026 16:00:00 +0100",
        "Depth: infinity",
        f"Destination: http://user@stillhere.example:80{BOOK}a%20b.vcf",
        "Host: stillhere.example:80",
        "Prefer: return=minimal",
        "X-Token: urn:stillhere:sync:10000000003-0123456789abcdef01234567",
    )
    for method in METHODS:
        yield "\n".join((f"{method} {BOOK}1.vcf", *lines)).encode()
    for line in lines:
        yield f"GET {BOOK}sp%20ace.vcf\n{line}".encode()
    for login in ("em/DqzpwYXNz", "em/rOnNoLTEtMg==", "", "===="):
        yield f"OPTIONS /dav/\nAuthorization: Basic {login}".encode()
    for path in (
        OWN,
        "/dav",
        "//",
        "/dav/addressbooks/%2e%2e/a",
        f"{BOOK}%EF%BF%BE",
        "/.well-known",
    ):
        yield f"GET {path}".encode()
