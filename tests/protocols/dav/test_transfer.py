"""COPY and MOVE within one person's address books."""

from __future__ import annotations

import pytest
from tests.protocols.dav.service import C, Device, Service, card

from stillhere.kinds.item import Span


@pytest.fixture
def work(phone: Device) -> str:
    """A second address book."""
    phone.ask("MKCOL", f"{phone.home}work/")
    return f"{phone.home}work/"


def send(phone: Device, method: str, target: str, **headers: str) -> int:
    return phone.ask(method, f"{phone.book}a.vcf", destination=target, **headers).status


def test_a_card_moves(phone: Device, work: str) -> None:
    phone.put("a.vcf", card("u1"))
    token = phone.sync().token
    assert send(phone, "MOVE", f"{work}b.vcf") == 201
    assert phone.ask("GET", f"{work}b.vcf").body == card("u1")
    assert phone.listed(phone.sync(token)) == {"a.vcf": ""}


def test_a_card_is_renamed(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    assert send(phone, "MOVE", f"https://stillhere.example{phone.book}b%20c.vcf") == 201
    assert phone.listed(phone.sync()).keys() == {"b c.vcf"}


def test_a_card_is_copied(phone: Device, work: str) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    assert send(phone, "COPY", f"{work}a.vcf") == 201
    assert phone.get("a.vcf").etag == phone.ask("GET", f"{work}a.vcf").etag == etag


def test_what_is_there_is_replaced_unless_forbidden(phone: Device, work: str) -> None:
    phone.put("a.vcf", card("u1"))
    phone.ask("PUT", f"{work}a.vcf", card("u2"))
    assert send(phone, "COPY", f"{work}a.vcf", overwrite="F") == 412
    assert send(phone, "COPY", f"{work}a.vcf", overwrite="T") == 204
    assert phone.ask("GET", f"{work}a.vcf").body == card("u1")


def test_conditions_and_uids_hold(phone: Device, work: str) -> None:
    phone.put("a.vcf", card("u1"))
    phone.ask("PUT", f"{work}twin.vcf", card("u1", "Twin"))
    assert send(phone, "MOVE", f"{work}b.vcf", if_match='"x"') == 412
    assert send(phone, "COPY", f"{phone.book}b.vcf") == 409
    answer = phone.ask("MOVE", f"{phone.book}a.vcf", destination=f"{work}b.vcf")
    assert (answer.status, answer.precondition) == (409, f"{C}no-uid-conflict")
    assert b"work/twin.vcf" in answer.body


def test_a_copy_without_depth_is_of_the_book_alone(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    to = phone.at("contacts", "shallow")
    copied = phone.ask("COPY", phone.book, destination=to.book, depth="0")
    assert copied.status == 201
    assert to.listed(to.sync()) == {}


def test_elsewhere_is_refused(phone: Device, service: Service) -> None:
    phone.put("a.vcf", card("u1"))
    other = service.person()
    assert send(phone, "MOVE", f"{other.book}a.vcf") == 403
    assert send(phone, "MOVE", "/dav/addressbooks/Nobody/contacts/a.vcf") == 403
    assert send(phone, "MOVE", f"https://elsewhere.example{phone.book}b.vcf") == 502
    assert send(phone, "MOVE", "/elsewhere/a.vcf") == 502
    assert send(phone, "MOVE", f"{phone.home}none/a.vcf") == 409
    assert send(phone, "MOVE", phone.home) == 403
    assert send(phone, "MOVE", f"{phone.book}a.vcf") == 403
    assert send(phone, "MOVE", "http://[broken") == 400
    assert phone.ask("MOVE", f"{phone.book}a.vcf").status == 400
    assert phone.ask("MOVE", phone.home, destination=phone.book).status == 405
    assert phone.get("a.vcf").status == 200


def test_when_a_record_is_goes_with_it(phone: Device, work: str) -> None:
    store, when = phone.service.store, Span(5, 9, exact=False)
    store.write(
        phone.account, "contacts", lambda shelf: shelf.put("contacts", "a.vcf", b"a", span=when)
    ).result()
    assert send(phone, "COPY", f"{work}b.vcf") == 201
    assert phone.ask("MOVE", f"{work}b.vcf", destination=f"{work}c.vcf").status == 201
    assert phone.ask("COPY", phone.book, destination=f"{phone.home}all/").status == 201
    with store.read(phone.account, "contacts") as shelf:
        for book, href in (("contacts", "a.vcf"), ("work", "c.vcf"), ("all", "a.vcf")):
            assert [(r.href, r.span) for r in shelf.overlapping(book, 8, 20)] == [(href, when)]


def test_an_address_book_is_renamed_with_its_cards(phone: Device) -> None:
    for number in range(3):
        phone.put(f"{number}.vcf", card(f"u{number}"))
    answer = phone.ask("MOVE", phone.book, destination=f"{phone.home}friends/")
    assert answer.status == 201
    assert phone.sync().status == 404
    assert phone.ask("GET", f"{phone.home}friends/2.vcf").body == card("u2")
    phone.ask("MKCOL", phone.book)
    phone.put("9.vcf", card("u9"))
    again = phone.ask("COPY", f"{phone.home}friends/", destination=phone.book, overwrite="F")
    assert again.status == 412
    assert phone.ask("COPY", f"{phone.home}friends/", destination=phone.book).status == 204
    assert phone.listed(phone.sync()).keys() == {"0.vcf", "1.vcf", "2.vcf"}
    assert phone.ask("GET", f"{phone.home}friends/2.vcf").status == 200
