"""Names, tokens and hrefs that no phone sends."""

from __future__ import annotations

import contextlib
import re

import pytest
from tests.live.conftest import Besieged, card
from tests.live.wire import request, wire

SPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
BAD_NAMES = {
    "%2F": "slash",
    "a%2Fb": "slash",
    "..%2F..%2Fetc%2Fpasswd": "slash",
    "%2e%2e": "..",
    "..": "..",
    ".": ".",
    "%00": "control",
    "a%00.vcf": "control",
    "a%0d%0ab": "control",
    "%7f": "control",
    "%ff%fe": "UTF-8",
    "%c0%af": "UTF-8",
    "%ed%a0%80": "UTF-8",
    "x" * 256: "longer than 255",
    "x" * 10_000: "longer than 255",
    "%C3%BC" * 128: "longer than 255",
}
ODD_NAMES = [
    "%25",
    "%252e",
    "%zz",
    "a%",
    "a b".replace(" ", "%20"),
    "..a",
    "%3Cb%3E&'",
    "%EF%BF%BE",
]
TOKENS = [
    "http://sabre.io/ns/sync/15",
    "http://radicale.org/ns/sync/0123456789abcdef",
    "data:,1234567890_42",
    "https://example.com/ns/sync-token/1",
    "urn:stillhere:sync:",
    "urn:stillhere:sync:10000000005",
    "urn:stillhere:sync:10000000005-",
    "urn:stillhere:sync:10000000005-0123456789abcdef01234567",
    "urn:stillhere:sync:ffffffffffffffffffff-0123456789abcdef01234567",
    "urn:stillhere:sync:-1-0123456789abcdef01234567",
    "urn:stillhere:sync:٣-ü",
    "x" * 10_000,
]


def sync(token: str) -> bytes:
    return (
        f"<sync-collection {SPACES}><sync-token>{token}</sync-token><sync-level>1</sync-level>"
        "<prop><getetag/></prop></sync-collection>"
    ).encode()


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: name[:20])
def test_a_name_that_nothing_may_have_is_400_in_words(unharmed: Besieged, name: str) -> None:
    path = f"{unharmed.ana.book}{name}"
    for method, body in (("PUT", card("bad")), ("GET", None), ("DELETE", None)):
        reply = unharmed.ask(method, path, body)
        assert reply.status == 400
        assert BAD_NAMES[name] in reply.words
    destination = f"destination: http://stillhere.example{path}"
    for method in ("COPY", "MOVE"):
        assert unharmed.ask(method, f"{unharmed.ana.book}0.vcf", None, destination).status == 400
    assert unharmed.ask("MKCOL", f"/dav/addressbooks/ana/{name}/").status == 400


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_a_name_like_any_other(unharmed: Besieged, name: str) -> None:
    path = f"{unharmed.ana.book}{name}"
    assert unharmed.ask("PUT", path, card("odd"), "if-none-match: *").status == 201
    assert unharmed.ask("GET", path).body == card("odd")
    listed = unharmed.ask("PROPFIND", unharmed.ana.book, b"", "depth: 1").words
    hrefs = re.findall("<D:href>([^<]*)</D:href>", listed)
    [href] = (
        set(hrefs)
        - {unharmed.ana.book + rest for rest in ("", "0.vcf", "1.vcf", "2.vcf")}
        - {other for other in hrefs if "/contacts/" not in other}
    )
    assert unharmed.ask("GET", href.replace("&amp;", "&")).body == card("odd")
    assert unharmed.ask("DELETE", path).status == 204


@pytest.mark.parametrize(
    "path", ["/dav/\0", "/dav/ x", "dav", "/dav/\xff", "*", "//dav//", "/../etc/passwd"]
)
def test_a_path_that_is_none_is_refused_in_words(unharmed: Besieged, path: str) -> None:
    with wire(unharmed.url) as connection:
        reply = connection.ask(request("GET", path.encode("latin-1"), unharmed.ana))
        assert reply.status in (400, 404)
        assert reply.body


@pytest.mark.parametrize("line", [b"x: 1\r\n", b"x"], ids=["many headers", "one long header"])
def test_a_head_without_end_is_431(unharmed: Besieged, line: bytes) -> None:
    with wire(unharmed.url) as connection:
        connection.send(request("GET", "/dav/", unharmed.ana)[:-2])
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.send(line * (10_000 // len(line)))
        reply = connection.reply()
        assert (reply.status, "too large" in reply.words) == (431, True)
    assert unharmed.ask("GET", "/dav/" + "x" * 100_000).status == 400


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:30])
def test_a_token_that_is_not_ours_is_400_valid_sync_token(unharmed: Besieged, token: str) -> None:
    reply = unharmed.ask("REPORT", unharmed.ana.book, sync(token))
    assert reply.status == 400
    assert "valid-sync-token" in reply.words


def test_a_token_of_somebody_else_or_another_book_is_not_ours(unharmed: Besieged) -> None:
    other = "/dav/addressbooks/ana/other/"
    assert unharmed.ask("MKCOL", other).status == 201
    with wire(unharmed.url) as connection:
        replies = [
            unharmed.ask("REPORT", other, sync("")),
            connection.ask(request("REPORT", unharmed.ben.book, unharmed.ben, sync(""))),
        ]
    for reply in replies:
        [token] = re.findall("<D:sync-token>([^<]*)</D:sync-token>", reply.words)
        refused = unharmed.ask("REPORT", unharmed.ana.book, sync(token))
        assert (refused.status, "valid-sync-token" in refused.words) == (400, True)
    assert unharmed.ask("DELETE", other).status == 204


def multiget(hrefs: list[str]) -> bytes:
    inner = "".join(f"<href>{href}</href>" for href in hrefs)
    return (
        f"<C:addressbook-multiget {SPACES}><prop><getetag/><C:address-data/></prop>{inner}"
        "</C:addressbook-multiget>"
    ).encode()


def test_10_000_hrefs_are_answered_and_more_are_400(unharmed: Besieged) -> None:
    book = unharmed.ana.book
    made_up = [f"{book}{'0' * 100}-{number}.vcf" for number in range(9_997)]
    hrefs = [f"{book}{number}.vcf" for number in range(3)]
    reply = unharmed.ask("REPORT", book, multiget(hrefs + made_up))
    assert reply.status == 207
    assert reply.words.count("BEGIN:VCARD") == 3
    assert reply.words.count("404 Not Found") == 9_997
    refused = unharmed.ask("REPORT", book, multiget([*hrefs, *made_up, f"{book}more.vcf"]))
    assert refused.status == 400
    assert "at most 10000 hrefs" in refused.words
    assert "several requests" in refused.words


def test_hrefs_of_other_places_are_not_found_and_nothing_is_looked_up(unharmed: Besieged) -> None:
    odd = [
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "//",
        "http://[",
        unharmed.ben.book + "0.vcf",
    ]
    odd += ["", "%00", "..", unharmed.ana.book, unharmed.ana.book + "%ff", "x" * 10_000]
    reply = unharmed.ask("REPORT", unharmed.ana.book, multiget(odd))
    assert reply.status == 207
    assert reply.words.count("404 Not Found") == len(odd)
    assert "VCARD" not in reply.words


@pytest.mark.parametrize("path", ["", "contacts/"])
def test_depth_infinity_is_403_with_the_precondition(unharmed: Besieged, path: str) -> None:
    for headers in (["depth: infinity"], []):
        reply = unharmed.ask("PROPFIND", f"/dav/addressbooks/ana/{path}", b"", *headers)
        assert reply.status == 403
        assert "propfind-finite-depth" in reply.words
    for depth in ("2", "-1", "one", "1, 1"):
        reply = unharmed.ask("PROPFIND", unharmed.ana.book, b"", f"depth: {depth}")
        assert (reply.status, "Depth is 0, 1 or infinity" in reply.words) == (400, True)


@pytest.mark.parametrize("method", ["BREW", "LOCK", "TRACE", "CONNECT", "PROPFIND2", "get"])
def test_methods_that_there_are_not_are_refused(unharmed: Besieged, method: str) -> None:
    with wire(unharmed.url) as connection:
        reply = connection.ask(request(method, unharmed.ana.book, unharmed.ana))
        assert reply.status in (400, 405)
        assert reply.body


def test_somebody_else_s_paths_are_403_whether_or_not_they_exist(unharmed: Besieged) -> None:
    bodies = set()
    for name in ("ben", "nobody", "ana2"):
        for method in ("GET", "PUT", "DELETE", "PROPFIND", "MKCOL", "REPORT"):
            reply = unharmed.ask(method, f"/dav/addressbooks/{name}/contacts/0.vcf", b"")
            assert reply.status == 403
            bodies.add(reply.body)
    assert len(bodies) == 1
