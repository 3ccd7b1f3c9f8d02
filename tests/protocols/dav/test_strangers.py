"""Requests that no device sends: clear answers, and nothing lost."""

from __future__ import annotations

import base64

import pytest
from tests.protocols.dav.service import Device, Service, ask_in_pieces, card

from stillhere.errors import Damaged, NotFound, StillhereError
from stillhere.protocols.dav.door import explain

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><propfind xmlns="DAV:"><prop>&c;</prop></propfind>'
)
READS_FILES = (
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    '<propertyupdate xmlns="DAV:"><set><prop><displayname>&f;</displayname></prop></set>'
    "</propertyupdate>"
)


@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "REPORT", "MKCOL"])
@pytest.mark.parametrize(
    "body",
    [
        BOMB.encode(),
        BOMB.encode("utf-16"),
        READS_FILES.encode(),
        b'<?xml version="1.0"?><!DOCTYPE propfind SYSTEM "http://127.0.0.1:9/x.dtd"><propfind/>',
        b"<propfind",
        b"\xff\xfe\x00",
        b"\x00",
        b"<a>" * 5_000,
        b"<propfind xmlns='DAV:'>" + b"<x>" * 400 + b"</x>" * 400 + b"</propfind>",
        b'<?xml version="1.0" encoding="none"?><a/>',
    ],
)
def test_broken_and_hostile_xml_is_400(phone: Device, method: str, body: bytes) -> None:
    path = f"{phone.home}new/" if method == "MKCOL" else phone.book
    assert phone.ask(method, path, body, depth="0").status == 400
    assert phone.propfind(phone.book, "<displayname/>").status == 207


def test_xml_in_other_encodings_is_read(phone: Device) -> None:
    body = '<?xml version="1.0" encoding="utf-16"?><propfind xmlns="DAV:"><propname/></propfind>'
    assert phone.ask("PROPFIND", phone.book, body.encode("utf-16"), depth="0").status == 207


def test_comments_and_instructions_are_passed_over(phone: Device) -> None:
    body = (
        "<!-- a --><propfind xmlns='DAV:'><?p i?><prop><!-- b --><displayname/></prop></propfind>"
    )
    assert phone.ask("PROPFIND", phone.book, body, depth="0").status == 207


def test_a_body_over_the_limit_is_413(service: Service) -> None:
    phone = service.person(max_xml_bytes=2_000)
    answer = phone.ask("PROPFIND", phone.book, "x" * 2_001, depth="0")
    assert answer.status == 413
    assert "connection" not in answer.headers


def test_a_card_that_does_not_end_is_refused(service: Service) -> None:
    phone = service.person(max_item_bytes=1_000)
    pair = base64.b64encode(f"{phone.name}:{phone.password}".encode()).decode()
    endless = [b"x" * 1_000 for _ in range(100)]
    answer = service.runner.run(
        ask_in_pieces(
            phone.door, "PUT", f"{phone.book}a.vcf", {"authorization": f"Basic {pair}"}, endless
        )
    )
    assert answer.status == 403


def test_errors_of_the_server_say_nothing_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = service.person()

    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service.store.tokens, "make", fail)
    answer = phone.sync()
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.problem["status"] == 500


@pytest.mark.parametrize("error", [NotFound("x"), Damaged("x"), StillhereError("x")])
def test_no_error_of_the_store_looks_like_a_deletion(error: StillhereError) -> None:
    answer = explain(error)
    assert answer.status == 503
    assert any(name == b"retry-after" for name, _ in answer.headers)


def test_wrong_passwords_are_throttled(service: Service) -> None:
    made = service.person()
    stranger = Device(service, service.door, made.name, "guess", b"")
    statuses = [stranger.propfind("/dav/").status for _ in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert "retry-after" in stranger.propfind("/dav/").headers
    assert made.put("a.vcf", card("u1")).status == 201


def test_repeated_headers_count_together(phone: Device) -> None:
    from stillhere.protocols.dav.door import _read_headers

    joined = _read_headers([(b"if-match", b'"a"'), (b"host", b"h"), (b"if-match", b'"b"')])
    assert joined == {b"if-match": b'"a", "b"', b"host": b"h"}
