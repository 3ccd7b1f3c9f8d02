"""sync-collection: deltas, pages and tokens."""

from __future__ import annotations

import pytest
from tests.protocols.dav.service import NAMESPACES, C, D, Device, Service, card


def test_first_everything_then_changes(phone: Device) -> None:
    etags = {f"{n}.vcf": phone.put(f"{n}.vcf", card(f"u{n}")).etag for n in range(3)}
    first = phone.sync()
    assert phone.listed(first) == etags
    nothing = phone.sync(first.token)
    assert (phone.listed(nothing), nothing.token) == ({}, first.token)
    phone.ask("DELETE", f"{phone.book}0.vcf")
    edited = phone.put("1.vcf", card("u1", "New")).etag
    added = phone.put("3.vcf", card("u3")).etag
    delta = phone.sync(first.token)
    assert phone.listed(delta) == {"0.vcf": "", "1.vcf": edited, "3.vcf": added}
    assert phone.listed(phone.sync(delta.token)) == {}


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_add_up(phone: Device, limit: int) -> None:
    for n in range(7):
        phone.put(f"{n}.vcf", card(f"u{n}"))
    seen: dict[str, str] = {}
    token, pages = "", 0
    while True:
        page = phone.sync(token, limit=limit)
        own = phone.book.replace("%20", " ")
        more = page.found.get(own)
        listed = phone.listed(page)
        assert len(listed) <= limit
        seen |= listed
        token, pages = page.token, pages + 1
        if more is None:
            break
        assert more.status == 507
        assert b"number-of-matches-within-limits" in page.body
    assert set(seen) == {f"{n}.vcf" for n in range(7)}
    assert pages == -(-7 // limit)
    assert token == phone.sync().token


def test_pages_of_a_delta_carry_tombstones(phone: Device) -> None:
    token = phone.sync().token
    for n in range(4):
        phone.put(f"{n}.vcf", card(f"u{n}"))
    for n in range(2):
        phone.ask("DELETE", f"{phone.book}{n}.vcf")
    first = phone.sync(token, limit=3)
    second = phone.sync(first.token, limit=3)
    assert list(phone.listed(first)) == ["2.vcf", "3.vcf", "0.vcf"]
    assert phone.listed(second) == {"1.vcf": ""}


def test_the_server_has_a_page_size_of_its_own(service: Service) -> None:
    phone = service.person(max_page=2)
    for n in range(3):
        phone.put(f"{n}.vcf", card(f"u{n}"))
    first = phone.sync(limit=100)
    assert len(phone.listed(first)) == 2
    assert len(phone.listed(phone.sync(first.token))) == 1


def test_cards_come_along_when_asked_for(phone: Device) -> None:
    token = phone.sync().token
    phone.put("a.vcf", card("u1"))
    for answer in (phone.sync(token, properties="<getetag/><C:address-data/>"),):
        [response] = answer.found.values()
        assert (response.text(f"{C}address-data") or "").encode() == card("u1")


def test_cards_that_are_too_much_for_one_answer_come_in_pages(service: Service) -> None:
    phone = service.person(max_answer_bytes=3_000)
    for number in range(10):
        phone.put(f"{number}.vcf", card(f"u{number}", "Somebody", f"NOTE:{'x' * 500}"))
    asked = "<getetag/><C:address-data/>"
    answer = phone.sync(properties=asked)
    assert (answer.status, answer.precondition) == (507, f"{D}number-of-matches-within-limits")
    assert len(phone.listed(phone.sync(limit=3, properties=asked))) == 3


def test_a_new_name_of_the_book_is_no_change_of_cards(phone: Device) -> None:
    token = phone.sync().token
    body = "<set><prop><displayname>New</displayname></prop></set>"
    phone.ask("PROPPATCH", phone.book, f"<propertyupdate {NAMESPACES}>{body}</propertyupdate>")
    delta = phone.sync(token)
    assert phone.listed(delta) == {}
    [book] = phone.propfind(phone.book, "<sync-token/>").found.values()
    assert delta.token == book.text(f"{D}sync-token")


@pytest.mark.parametrize(
    "token", ["x", "urn:stillhere:sync:1-0", "http://other.example/1", "&amp;"]
)
def test_tokens_of_others_are_400_by_name(phone: Device, token: str) -> None:
    answer = phone.sync(token)
    assert (answer.status, answer.precondition) == (400, f"{D}valid-sync-token")


def test_a_token_is_good_for_its_own_book_only(phone: Device, service: Service) -> None:
    token = phone.sync().token
    assert service.person().sync(token).status == 400
    phone.ask("MKCOL", f"{phone.home}work/")
    body = (
        f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><prop/></sync-collection>"
    )
    assert phone.ask("REPORT", f"{phone.home}work/", body).status == 400


@pytest.mark.parametrize(
    "inner",
    [
        "<sync-token/><sync-level>2</sync-level><prop/>",
        "<sync-token/><limit><nresults>none</nresults></limit><prop/>",
        "<sync-token/><limit><nresults>0</nresults></limit><prop/>",
        f"<sync-token>{'x' * 5000}</sync-token><prop/>",
    ],
)
def test_nonsense_is_400(phone: Device, inner: str) -> None:
    body = f"<sync-collection {NAMESPACES}>{inner}</sync-collection>"
    assert phone.ask("REPORT", phone.book, body).status == 400


def test_only_books_are_synced(phone: Device) -> None:
    body = f"<sync-collection {NAMESPACES}><sync-token/><prop/></sync-collection>"
    answer = phone.ask("REPORT", phone.home, body)
    assert (answer.status, answer.precondition) == (403, f"{D}supported-report")
    assert phone.ask("REPORT", f"{phone.home}none/", body).status == 404
