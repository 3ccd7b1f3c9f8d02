"""GET, HEAD and DELETE of cards and address books."""

from __future__ import annotations

from tests.protocols.dav.service import Device, card


def test_head_is_get_without_a_body(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    got, head = phone.get("a.vcf"), phone.ask("HEAD", f"{phone.book}a.vcf")
    assert (head.status, head.headers, head.body) == (200, got.headers, b"")
    assert head.headers["content-length"] == str(len(card("u1")))
    assert phone.ask("HEAD", f"{phone.book}b.vcf").body == b""


def test_who_has_the_card_is_told_so(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    path = f"{phone.book}a.vcf"
    for condition in (
        {"if_none_match": etag},
        {"if_none_match": f'"x", W/{etag}'},
        {"if_none_match": "*"},
        {"if_modified_since": "Fri, 01 Oct 2100 00:00:00 GMT"},
    ):
        answer = phone.ask("GET", path, **condition)
        assert (answer.status, answer.body, answer.etag) == (304, b"", etag)
        assert "content-length" not in answer.headers
    assert phone.ask("GET", path, if_none_match='"x"').status == 200
    assert phone.ask("GET", path, if_modified_since="Thu, 01 Oct 2009 00:00:00 GMT").status == 200


def test_only_cards_can_be_fetched(phone: Device) -> None:
    answer = phone.ask("GET", phone.book)
    assert answer.status == 405
    assert "PROPFIND" in answer.headers["allow"]
    assert phone.get("none.vcf").status == 404


def test_delete_leaves_a_tombstone(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    token = phone.sync().token
    assert phone.ask("DELETE", f"{phone.book}a.vcf").status == 204
    assert phone.get("a.vcf").status == 404
    assert phone.listed(phone.sync(token)) == {"a.vcf": ""}
    assert phone.ask("DELETE", f"{phone.book}a.vcf").status == 404
    assert phone.ask("DELETE", f"{phone.book}a.vcf", if_match='"x"').status == 404


def test_delete_heeds_conditions(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    assert phone.ask("DELETE", f"{phone.book}a.vcf", if_match='"x"').status == 412
    assert phone.get("a.vcf").status == 200
    assert phone.ask("DELETE", f"{phone.book}a.vcf", if_match=etag).status == 204


def test_an_address_book_goes_with_everything_in_it(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    token = phone.sync().token
    assert phone.ask("DELETE", phone.book).status == 204
    assert phone.get("a.vcf").status == 404
    assert phone.sync().status == 404
    assert phone.ask("DELETE", phone.book).status == 404
    phone.ask("MKCOL", phone.book)
    assert phone.listed(phone.sync()) == {}
    assert phone.listed(phone.sync(token)) == {"a.vcf": ""}


def test_what_is_not_ones_own_to_delete_stays(phone: Device) -> None:
    for path in ("/dav/", phone.home, f"/dav/principals/{phone.name}/".replace(" ", "%20")):
        assert phone.ask("DELETE", path).status == 405
