"""PUT: a card is kept as it came, and every refusal says why."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.protocols.dav.service import C, Device, Service, ask_in_pieces, card

from stillhere.kinds import contacts
from stillhere.kinds.item import BadItem


def test_keeps_a_card_byte_for_byte(phone: Device) -> None:
    sent = card("u1", "Ōe Kenzaburō", "NOTE:folded\r\n  line", version="4.0")
    answer = phone.put("a.vcf", sent, if_none_match="*")
    assert answer.status == 201
    got = phone.get("a.vcf")
    assert (got.status, got.body, got.etag) == (200, sent, answer.etag)
    assert got.headers["content-type"] == "text/vcard; charset=utf-8"


def test_replaces_a_card_and_its_etag(phone: Device) -> None:
    first = phone.put("a.vcf", card("u1"))
    second = phone.put("a.vcf", card("u1", "Ada King"), if_match=first.etag)
    assert (second.status, second.etag != first.etag) == (204, True)
    assert phone.get("a.vcf").body == card("u1", "Ada King")


def test_equal_cards_have_equal_etags(phone: Device, service: Service) -> None:
    assert phone.put("a.vcf", card("u1")).etag == service.person().put("b.vcf", card("u1")).etag


@pytest.mark.parametrize(
    ("condition", "value"),
    [("if_match", '"other"'), ("if_none_match", "*"), ("if_match", '"x", W/"y"')],
)
def test_an_edit_of_something_else_is_412_and_kept(
    phone: Device, condition: str, value: str
) -> None:
    phone.put("a.vcf", card("u1"))
    answer = phone.put("a.vcf", card("u1", "Mine"), **{condition: value})
    assert answer.status == 412
    assert phone.get("a.vcf").body == card("u1")
    assert phone.kept() == [(2, "a.vcf", card("u1", "Mine"))]


def test_an_edit_of_something_deleted_is_412_and_kept(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    phone.ask("DELETE", f"{phone.book}a.vcf")
    assert phone.put("a.vcf", card("u1", "Mine"), if_match=etag).status == 412
    assert phone.kept() == [(2, "a.vcf", card("u1", "Mine"))]


def test_a_weakened_etag_still_names_the_same_bytes(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    assert phone.put("a.vcf", card("u1", "Ada King"), if_match=f"W/{etag}").status == 204


def test_dates_guard_too(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    old, new = "Thu, 01 Oct 2009 00:00:00 GMT", "Fri, 01 Oct 2100 00:00:00 GMT"
    assert phone.put("a.vcf", card("u1", "B"), if_unmodified_since=old).status == 412
    assert phone.put("a.vcf", card("u1", "B"), if_unmodified_since=new).status == 204
    assert phone.put("a.vcf", card("u1", "C"), if_unmodified_since="yesterday").status == 204


def test_the_if_header_guards_too(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    path = f"{phone.book}a.vcf"
    assert phone.ask("PUT", path, card("u1", "B"), **{"if": '(["x"])'}).status == 412
    assert phone.ask("DELETE", path, **{"if": "(<urn:uuid:lock>)"}).status == 412
    assert phone.ask("PUT", path, card("u1", "B"), **{"if": f"<{path}> ([{etag}])"}).status == 204


def test_a_uid_in_use_is_409_and_says_where(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    answer = phone.put("b.vcf", card("u1", "Twin"))
    assert (answer.status, answer.precondition) == (409, f"{C}no-uid-conflict")
    assert f"<D:href>{phone.book}a.vcf</D:href>" in answer.body.decode()
    assert phone.get("b.vcf").status == 404


def test_a_uid_may_be_used_in_another_address_book(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    phone.ask("MKCOL", f"{phone.home}work/")
    assert phone.ask("PUT", f"{phone.home}work/a.vcf", card("u1")).status == 201


def test_a_uid_does_not_change(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    answer = phone.put("a.vcf", card("u2"), if_match=etag)
    assert (answer.status, answer.precondition) == (409, f"{C}no-uid-conflict")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        card("u1") + card("u2"),
        card("u1").replace(b"UID:u1\r\n", b""),
        card("u1").replace(b"Ada", b"J\xf6rg"),
        card("u1").replace(b"Ada", b"A\x00da"),
        card("u1")[:-8],
    ],
)
def test_what_is_no_card_is_403_with_a_reason(phone: Device, body: bytes) -> None:
    answer = phone.put("a.vcf", body)
    assert (answer.status, answer.precondition) == (403, f"{C}valid-address-data")
    assert b"<D:responsedescription>" in answer.body
    assert phone.get("a.vcf").status == 404


def test_an_old_card_in_an_old_character_set_is_kept(phone: Device) -> None:
    sent = card("u1", "X", version="2.1").replace(b"FN:X", b"FN;CHARSET=ISO-8859-1:J\xf6rg")
    assert phone.put("a.vcf", sent).status == 201
    assert phone.get("a.vcf").body == sent
    given = phone.multiget("a.vcf").found[f"{phone.book}a.vcf".replace("%20", " ")]
    assert "Jörg" in (given.text(f"{C}address-data") or "")


def test_a_card_over_the_limit_is_403_and_says_the_limit(service: Service) -> None:
    phone = service.person(max_item_bytes=500)
    answer = phone.put("a.vcf", card("u1", "x" * 600))
    assert (answer.status, answer.precondition) == (403, f"{C}max-resource-size")
    assert b"500 bytes" in answer.body


def test_a_body_that_comes_in_pieces_or_stops(service: Service) -> None:
    phone = service.person()
    sent = card("u1")
    whole = [sent[:10], sent[10:50], sent[50:]]

    def ask(pieces: list[bytes]) -> None:
        import base64

        pair = base64.b64encode(f"{phone.name}:{phone.password}".encode()).decode()
        headers = {"authorization": f"Basic {pair}"}
        path = f"{phone.book}a.vcf"
        service.runner.run(ask_in_pieces(phone.door, "PUT", path, headers, pieces))

    ask(whole)
    assert phone.get("a.vcf").body == sent


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("content_range", "bytes 0-3/10", 400), ("content_encoding", "gzip", 415)],
)
def test_a_part_or_an_encoding_is_refused(
    phone: Device, header: str, value: str, status: int
) -> None:
    assert phone.put("a.vcf", card("u1"), **{header: value}).status == status


def test_needs_an_address_book(phone: Device) -> None:
    assert phone.ask("PUT", f"{phone.home}none/a.vcf", card("u1")).status == 409
    for path in (phone.home, phone.book, f"{phone.home}x.vcf", "/dav/", "/dav/principals/"):
        assert phone.ask("PUT", path, card("u1")).status == 405


@pytest.mark.parametrize(
    "name",
    [
        "a b.vcf",
        "ä.vcf",
        "%.vcf",
        "urn:uuid:4f.vcf",
        "a&b<c>'\".vcf",
        "x" * 251 + ".vcf",
        "?#;,=+@!.vcf",
    ],
)
def test_names_come_back_as_they_were_chosen(phone: Device, name: str) -> None:
    from urllib.parse import quote

    assert phone.put(quote(name, safe=""), card("u1")).status == 201
    assert list(phone.listed(phone.sync())) == [name]
    assert list(phone.listed(phone.multiget(quote(name)))) == [name]
    assert phone.get(quote(name, safe="")).status == 200


@pytest.mark.parametrize(
    "name", ["a%2Fb", "%00", "%2e%2e", "..", "a%0Ab", "%ff", "x" * 300, "x" * 10_000, "%E4" * 200]
)
def test_names_that_cannot_be_are_400(phone: Device, name: str) -> None:
    assert phone.put(name, card("u1")).status == 400


def test_simultaneous_edits_have_one_winner(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag

    async def race() -> list[int]:
        import base64

        pair = base64.b64encode(f"{phone.name}:{phone.password}".encode()).decode()
        headers = {"authorization": f"Basic {pair}", "if-match": etag}
        path = f"{phone.book}a.vcf"
        asked = [
            ask_in_pieces(phone.door, "PUT", path, headers, [card("u1", f"Edit {n}")])
            for n in range(8)
        ]
        return [answer.status for answer in await asyncio.gather(*asked)]

    assert sorted(phone.service.runner.run(race())) == [204] + [412] * 7
    assert len(phone.kept()) == 7


def test_cards_of_real_programs_come_back_byte_for_byte(
    service: Service, shared_data: Path
) -> None:
    phone = service.person()
    sent: dict[str, bytes] = {}
    for file in sorted((shared_data / "contacts").glob("*.vcf")):
        for line, piece in contacts.split_cards(file.read_bytes()):
            try:
                uid = contacts.parse(piece).uid
            except BadItem:
                continue
            name = f"{file.stem}-{line}.vcf"
            kept = piece if uid else contacts.give_uid(piece, name)
            answer = phone.put(name, kept)
            assert answer.status in (201, 409), (name, answer.body)
            if answer.status == 201:
                sent[name] = kept
    assert len(sent) > 35
    assert {name: phone.get(name).body for name in sent} == sent
    given = phone.multiget(*sent)
    data = {
        path.rpartition("/")[2]: (response.text(f"{C}address-data") or "").encode()
        for path, response in given.found.items()
    }
    assert data == sent
    assert set(phone.listed(phone.propfind(phone.book, "<getetag/>", depth="1"))) == set(sent)
