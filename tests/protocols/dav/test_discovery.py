"""Finding one's address books from nothing but the host, as real programs do it."""

from __future__ import annotations

import pytest
from tests.protocols.dav.service import C, D, Device, Service, card

LEVELS = ("/dav/", "/dav/principals/", "/dav/addressbooks/", "/dav/calendars/")


def test_from_the_host_to_the_book(phone: Device) -> None:
    hop = phone.propfind("/.well-known/carddav", "<current-user-principal/>")
    assert (hop.status, hop.headers["location"]) == (301, "/dav/")
    root = phone.propfind("/dav/", "<current-user-principal/>").found["/dav/"]
    principal = root.text(f"{D}current-user-principal") or ""
    [person] = phone.propfind(principal, "<C:addressbook-home-set/><displayname/>").found.values()
    assert person.text(f"{D}displayname") == phone.name
    home = person.text(f"{C}addressbook-home-set") or ""
    books = phone.propfind(home, "<resourcetype/><displayname/>", depth="1").found
    [book] = [
        response
        for response in books.values()
        if response.properties[200][f"{D}resourcetype"].find(f"{C}addressbook") is not None
    ]
    assert book.text(f"{D}displayname") == "Contacts"
    assert book.path == phone.book.replace("%20", " ")


def test_everything_says_who_is_asking(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    for path in (*LEVELS, phone.home, phone.book, f"{phone.book}a.vcf", phone.book[:-1]):
        [response] = phone.propfind(path, "<current-user-principal/>").found.values()
        assert phone.name in (response.text(f"{D}current-user-principal") or "").replace("%20", " ")


def test_what_one_may_do_is_said(phone: Device) -> None:
    [book] = phone.propfind(phone.book, "<current-user-privilege-set/><owner/>").found.values()
    privileges = book.properties[200][f"{D}current-user-privilege-set"]
    assert privileges.find(f"{D}privilege/{D}write") is not None
    assert privileges.find(f"{D}privilege/{D}read") is not None
    assert book.text(f"{D}owner")


def test_options_say_what_there_is(phone: Device) -> None:
    for path in (*LEVELS, phone.home, phone.book, f"{phone.book}a.vcf"):
        answer = phone.ask("OPTIONS", path)
        assert answer.status == 200
        tokens = {token.strip() for token in answer.headers["dav"].split(",")}
        assert tokens >= {"1", "3", "addressbook", "extended-mkcol"}
        assert "PROPFIND" in answer.headers["allow"]
    assert "PUT" in phone.ask("OPTIONS", f"{phone.book}a.vcf").headers["allow"]


def test_depth_one_lists_one_level(phone: Device) -> None:
    root = phone.propfind("/dav/", "<resourcetype/>", depth="1").found
    assert set(root) == set(LEVELS)
    people = phone.propfind("/dav/principals/", "<resourcetype/>", depth="1").found
    assert set(people) == {"/dav/principals/", f"/dav/principals/{phone.name}/"}
    for path in ("/dav/addressbooks/", "/dav/calendars/"):
        homes = phone.propfind(path, "<resourcetype/>", depth="1").found
        assert set(homes) == {path, f"{path}{phone.name}/"}


def test_log_in_is_asked_for_in_utf8(phone: Device, service: Service) -> None:
    stranger = Device(service, service.door, "Nobody", "wrong", b"")
    wrong = Device(service, service.door, phone.name, "sh-aaaaaaaa-wrong", b"")
    answers = [stranger.propfind("/dav/"), wrong.propfind("/dav/"), wrong.get("a.vcf")]
    for answer in answers:
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="Stillhere", charset="UTF-8"'
    assert answers[0].body == answers[1].body == answers[2].body


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic YQ==", "Bearer abc"])
def test_other_log_ins_are_401(service: Service, header: str) -> None:
    person = service.person()
    assert person.ask("PROPFIND", "/dav/", authorization=header).status == 401


def test_a_name_beyond_ascii_logs_in(service: Service) -> None:
    phone = service.person("Žofie Nováková")
    assert phone.put("a.vcf", card("u1")).status == 201
    [person] = phone.propfind("/dav/", "<current-user-principal/>").found.values()
    principal = person.text(f"{D}current-user-principal") or ""
    assert principal == "/dav/principals/%C5%BDofie%20Nov%C3%A1kov%C3%A1/"
    assert phone.propfind(principal, "<displayname/>").status == 207
    lower = phone.book.replace(phone.home, "/dav/addressbooks/%C5%BEofie%20nov%C3%A1kov%C3%A1/")
    assert phone.ask("GET", f"{lower}a.vcf").status == 200


def test_another_persons_path_is_403_whether_it_exists_or_not(
    phone: Device, service: Service
) -> None:
    other = service.person()
    other.put("a.vcf", card("u1"))
    paths = [other.home, other.book, f"{other.book}a.vcf", f"{other.book}none.vcf"]
    nobody = [path.replace(other.home, "/dav/addressbooks/Nobody/") for path in paths]
    for method in ("GET", "PROPFIND", "PUT", "DELETE", "OPTIONS", "REPORT", "MKCOL", "NONE"):
        answers = [phone.ask(method, path, depth="0") for path in (*paths, *nobody)]
        assert {(answer.status, answer.body) for answer in answers} == {(403, answers[0].body)}


def test_unknown_methods_are_405(phone: Device) -> None:
    for method in ("LOCK", "POST", "PATCH", "ACL", "BREW"):
        answer = phone.ask(method, f"{phone.book}a.vcf")
        assert answer.status == 405
        assert "PUT" in answer.headers["allow"]


def test_nothing_is_anywhere_else(phone: Device) -> None:
    for path in ("/dav/other/", "/dav//", f"{phone.book}a.vcf/b/c", "/dav/addressbooks//x/"):
        assert phone.propfind(path).status == 404
        assert phone.ask("REPORT", path, "<x/>").status == 404
