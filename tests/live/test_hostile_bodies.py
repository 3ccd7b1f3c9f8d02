"""Bodies that no phone sends: each has a clear answer, and nothing is lost or held up."""

from __future__ import annotations

import contextlib

import pytest
from tests.live.conftest import Besieged, card
from tests.live.wire import request, wire

SPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
BOMB = (
    "<!DOCTYPE a [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12))
    + f"]><propfind {SPACES}><prop>&a12;</prop></propfind>"
)
QUADRATIC = (
    f"<!DOCTYPE a [<!ENTITY a '{'x' * 50_000}'>]><propfind {SPACES}>{'&a;' * 5_000}</propfind>"
)
READS = f"<!DOCTYPE a [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><propfind {SPACES}>&f;</propfind>"
CALLS = f"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><propfind {SPACES}><allprop/></propfind>"
ATTRIBUTE = BOMB.replace("<prop>&a12;</prop>", "<prop><x a='&a12;'/></prop>")
BAD_XML = {
    "bomb": BOMB.encode(),
    "bomb in UTF-16": BOMB.encode("utf-16"),
    "bomb in an attribute, in UTF-16": ATTRIBUTE.encode("utf-16"),
    "quadratic": QUADRATIC.encode(),
    "quadratic in UTF-16": QUADRATIC.encode("utf-16"),
    "reads files": READS.encode(),
    "calls out": CALLS.encode(),
    "deep": b"<a>" * 50_000 + b"</a>" * 50_000,
    "cut off": f"<propfind {SPACES}><prop>".encode(),
    "invalid UTF-8": f"<propfind {SPACES}><prop>\udcff</prop></propfind>".encode(
        errors="surrogateescape"
    ),
    "NUL": f"<propfind {SPACES}>\0</propfind>".encode(),
    "something else": b"<html/>",
    "no XML": b"BEGIN:VCARD",
}


@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "MKCOL", "REPORT"])
def test_hostile_xml_is_400_in_words(unharmed: Besieged, method: str) -> None:
    path = unharmed.ana.book if method != "MKCOL" else "/dav/addressbooks/ana/new/"
    for what, body in BAD_XML.items():
        reply = unharmed.ask(method, path, body, "depth: 1")
        if (method, what) == ("REPORT", "something else"):
            assert (reply.status, "supported-report" in reply.words) == (403, True)
            continue
        assert reply.status == 400, what
        assert "XML" in reply.words or "DAV:" in reply.words, (what, reply.words)
        assert "root:" not in reply.words, "a file of the server came back"


def test_a_card_over_the_limit_is_403_with_the_precondition(unharmed: Besieged) -> None:
    limit = 1_000_000
    told = unharmed.ask(
        "PROPFIND",
        unharmed.ana.book,
        f"<propfind {SPACES}><prop><C:max-resource-size/></prop></propfind>".encode(),
        "depth: 0",
    )
    assert f"max-resource-size>{limit}<" in told.words
    path = f"{unharmed.ana.book}large.vcf"
    large = card("large", f"NOTE:{'x' * limit}")
    for headers, body in (
        ((), large),
        (("transfer-encoding: chunked",), b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)),
        (("expect: 100-continue",), None),
    ):
        with wire(unharmed.url) as connection:
            length = () if body else (f"content-length: {len(large)}",)
            reply = connection.ask(request("PUT", path, unharmed.ana, body, *headers, *length))
            if reply.status == 100:
                reply = connection.ask(large)
            assert reply.status == 403
            assert "max-resource-size" in reply.words
            assert f"at most {limit} bytes" in reply.words
            # the connection goes on where the body was read to its end
            assert (
                connection.ask(request("GET", f"{unharmed.ana.book}0.vcf", unharmed.ana)).status
                == 200
            )
    fits = card("fits", f"NOTE:{'x' * (limit - 200)}")
    assert unharmed.ask("PUT", path, fits).status == 201
    assert unharmed.ask("DELETE", path).status == 204


def test_xml_over_the_limit_is_413(unharmed: Besieged) -> None:
    reply = unharmed.ask("PROPFIND", unharmed.ana.book, b" " * 2_000_001, "depth: 0")
    assert reply.status == 413
    assert "at most 2000000 bytes" in reply.words


def test_a_body_without_end_is_answered_and_cut_off(unharmed: Besieged) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with wire(unharmed.url) as connection:
        path = f"{unharmed.ana.book}endless.vcf"
        connection.send(request("PUT", path, unharmed.ana, b"", "transfer-encoding: chunked"))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 2_000:
                connection.send(piece)
                sent += 1
        assert sent < 2_000, "128 MB were taken"
    assert unharmed.ask("GET", path).status == 404


@pytest.mark.parametrize("path", ["/dav/", "/dav/addressbooks/ana/contacts/x.vcf"])
def test_who_is_refused_reads_why_however_much_they_send(unharmed: Besieged, path: str) -> None:
    """A reset instead of the 401 would look like a network that is down."""
    with wire(unharmed.url) as connection:
        body = b"x" * 3_000_000
        reply = connection.ask(request("PUT", path, None, body))
        assert (reply.status, "log in" in reply.words) == (401, True)
        assert (
            connection.ask(request("GET", f"{unharmed.ana.book}0.vcf", unharmed.ana)).status == 200
        )


def test_a_body_shorter_than_announced_changes_nothing(unharmed: Besieged) -> None:
    path = f"{unharmed.ana.book}short.vcf"
    whole = card("short")
    for body in (whole, whole[:20], b""):
        with wire(unharmed.url) as connection:
            length = f"content-length: {len(whole) + 1}"
            connection.send(request("PUT", path, unharmed.ana, body, length))
            connection.socket.shutdown(1)
            assert connection.is_closed()
    with wire(unharmed.url) as connection:
        half = b"%x\r\n%b\r\n" % (len(whole), whole)
        connection.send(request("PUT", path, unharmed.ana, half, "transfer-encoding: chunked"))
        connection.socket.shutdown(1)
        assert connection.is_closed()
    assert unharmed.ask("GET", path).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        ["content-length: -1"],
        ["content-length: 5x"],
        ["content-length: 99999999999999999999999"],
        ["content-length: 3", "content-length: 5"],
        ["content-length: 5", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked, identity"],
        ["x y: 1"],
        ["x: a\0b"],
    ],
)
def test_heads_that_contradict_themselves_are_400(unharmed: Besieged, headers: list[str]) -> None:
    with wire(unharmed.url) as connection:
        body = b"0\r\n\r\nGET /dav/ HTTP/1.1\r\n\r\n"
        path = f"{unharmed.ana.book}odd.vcf"
        reply = connection.ask(request("PUT", path, unharmed.ana, body, *headers))
        assert reply.status == 400
        assert "nvalid" in reply.words
        assert connection.is_closed(), "what follows is not taken for a request"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (card(""), "no UID"),
        (card("u9").replace(b"u9", b"\xff\xfe"), "not UTF-8"),
        (card("u9", "NOTE:\x07"), "control character"),
        (card("u9") + card("u10"), "more after END:VCARD"),
        (card("u9")[:-15], "no END:VCARD"),
        (card("u9").replace(b"3.0", b"9.9"), "not known"),
        (card("u" * 10_000), "longer than"),
        (card("u9").decode().encode("utf-16"), "UTF-16"),
        (b"", "no card"),
        (b"\0" * 1000, "control character"),
        (b"<xml/>", "not a vCard"),
    ],
)
def test_what_is_no_card_is_403_and_says_why(unharmed: Besieged, body: bytes, words: str) -> None:
    reply = unharmed.ask("PUT", f"{unharmed.ana.book}bad.vcf", body)
    assert reply.status == 403
    assert "valid-address-data" in reply.words
    assert words in reply.words


def test_a_uid_in_use_is_409_and_says_where(unharmed: Besieged) -> None:
    for path in ("other.vcf", "2.vcf"):
        reply = unharmed.ask("PUT", f"{unharmed.ana.book}{path}", card("u1"))
        assert reply.status == 409
        assert "no-uid-conflict" in reply.words
        assert f"{unharmed.ana.book}1.vcf" in reply.words


@pytest.mark.parametrize(
    ("header", "status"), [("content-encoding: gzip", 415), ("content-range: bytes 0-5/9", 400)]
)
def test_parts_and_encodings_are_refused(unharmed: Besieged, header: str, status: int) -> None:
    reply = unharmed.ask("PUT", f"{unharmed.ana.book}gz.vcf", card("u9"), header)
    assert reply.status == status
    assert "it is sent" in reply.words
