"""PROPFIND: properties of what there is, asked for in every way."""

from __future__ import annotations

import pytest
from tests.protocols.dav.service import NAMESPACES, C, D, Device, Service, card

CS = "{http://calendarserver.org/ns/}"


def test_found_and_missing_properties_are_told_apart(phone: Device) -> None:
    answer = phone.propfind(phone.book, '<displayname/><x xmlns="urn:x"/><getetag/>')
    [book] = answer.found.values()
    assert set(book.properties[200]) == {f"{D}displayname"}
    assert set(book.properties[404]) == {"{urn:x}x", f"{D}getetag"}


def test_a_card_says_what_it_is(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    names = "<getetag/><getcontenttype/><getcontentlength/><getlastmodified/><resourcetype/>"
    [found] = phone.propfind(f"{phone.book}a.vcf", names).found.values()
    assert found.text(f"{D}getetag") == etag
    assert found.text(f"{D}getcontenttype") == "text/vcard; charset=utf-8"
    assert found.text(f"{D}getcontentlength") == str(len(card("u1")))
    assert (found.text(f"{D}getlastmodified") or "").endswith(" GMT")
    assert found.text(f"{D}resourcetype") == ""


def test_an_address_book_says_what_it_takes(phone: Device) -> None:
    names = (
        "<C:supported-address-data/><C:max-resource-size/><C:supported-collation-set/>"
        "<supported-report-set/><sync-token/><getctag xmlns='http://calendarserver.org/ns/'/>"
    )
    [book] = phone.propfind(phone.book, names).found.values()
    assert not book.properties.get(404)
    assert book.text(f"{C}max-resource-size") == "1000000"
    types = book.properties[200][f"{C}supported-address-data"]
    assert {node.get("version") for node in types} == {"3.0", "4.0"}
    reports = {node[0][0].tag for node in book.properties[200][f"{D}supported-report-set"]}
    assert reports == {
        f"{D}sync-collection",
        f"{C}addressbook-multiget",
        f"{C}addressbook-query",
        f"{D}expand-property",
    }
    assert book.text(f"{D}sync-token") == book.text(f"{CS}getctag") == phone.sync().token


def test_the_ctag_changes_with_the_cards(phone: Device) -> None:
    def ctag() -> str | None:
        name = "<getctag xmlns='http://calendarserver.org/ns/'/>"
        [book] = phone.propfind(phone.book, name).found.values()
        return book.text(f"{CS}getctag")

    first = ctag()
    assert ctag() == first
    phone.put("a.vcf", card("u1"))
    assert ctag() != first


def test_all_and_names(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    everything = phone.ask("PROPFIND", phone.book, depth="1").found
    assert everything[phone.book.replace("%20", " ")].text(f"{D}displayname") == "Contacts"
    [one] = [response for path, response in everything.items() if path.endswith("a.vcf")]
    assert set(one.properties[200]) == {
        f"{D}{name}"
        for name in (
            "resourcetype",
            "getetag",
            "getcontenttype",
            "getcontentlength",
            "getlastmodified",
        )
    }
    names = phone.ask(
        "PROPFIND", phone.book, f"<propfind {NAMESPACES}><propname/></propfind>", depth="1"
    )
    assert all(set(response.properties) == {200} for response in names.found.values())
    assert all(
        not "".join(node.itertext())
        for response in names.found.values()
        for node in response.properties[200].values()
    )
    included = f"<propfind {NAMESPACES}><allprop/><include><sync-token/></include></propfind>"
    [book] = phone.ask("PROPFIND", phone.book, included, depth="0").found.values()
    assert book.text(f"{D}sync-token")
    assert book.text(f"{D}displayname") == "Contacts"


def test_infinity_is_refused_on_collections_only(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    for path in ("/dav/", phone.home, phone.book):
        answer = phone.propfind(path, "<getetag/>", depth="infinity")
        assert (answer.status, answer.precondition) == (403, f"{D}propfind-finite-depth")
        assert phone.ask("PROPFIND", path).status == 403
    assert phone.propfind(f"{phone.book}a.vcf", "<getetag/>", depth="infinity").status == 207
    assert phone.propfind(phone.book, "<getetag/>", depth="2").status == 400


def test_what_is_missing_may_be_left_out(phone: Device) -> None:
    body = f'<propfind {NAMESPACES}><prop><displayname/><x xmlns="urn:x"/></prop></propfind>'
    answer = phone.ask("PROPFIND", phone.book, body, depth="0", prefer="return=minimal")
    [book] = answer.found.values()
    assert set(book.properties) == {200}
    none = f'<propfind {NAMESPACES}><prop><x xmlns="urn:x"/></prop></propfind>'
    answer = phone.ask("PROPFIND", phone.book, none, depth="0", prefer="return=minimal")
    assert answer.found[book.path].properties == {200: {}}


def test_what_does_not_exist_is_404(phone: Device) -> None:
    assert phone.propfind(f"{phone.home}none/").status == 404
    assert phone.propfind(f"{phone.book}none.vcf").status == 404


def test_strange_names_do_no_harm(phone: Device) -> None:
    body = (
        '<propfind xmlns="DAV:"><prop><a xmlns="u:a&amp;b%25s"/><b xmlns=""/>'
        '<c xmlns="urn:%25s"/></prop></propfind>'
    )
    phone.put("a.vcf", card("u1"))
    found = phone.ask("PROPFIND", phone.book, body, depth="1").found
    for response in found.values():
        assert set(response.properties[404]) == {"{u:a&b%25s}a", "b", "{urn:%25s}c"}


def test_a_thunderbird_of_old_finds_etags(phone: Device) -> None:
    etag = phone.put("a.vcf", card("u1")).etag
    answer = phone.multiget("a.vcf", properties="<getetag xmlns='http://calendarserver.org/ns/'/>")
    [response] = answer.found.values()
    assert response.text(f"{CS}getetag") == etag


@pytest.mark.parametrize("count", [1_000, 2_500])
def test_asking_for_too_much_is_400(phone: Device, count: int) -> None:
    names = "".join(f"<p{number}/>" for number in range(count))
    assert phone.propfind(phone.book, names).status == 400
    assert phone.propfind(phone.book, f"<{'n' * 20_000}/>").status == 400


def test_a_home_lists_every_book(service: Service) -> None:
    phone = service.person()
    for name in ("work", "caf%C3%A9"):
        phone.ask("MKCOL", f"{phone.home}{name}/")
    found = phone.propfind(phone.home, "<resourcetype/>", depth="1").found
    names = {path.removeprefix(phone.home.replace("%20", " ")) for path in found}
    assert names == {"", "contacts/", "work/", "café/"}
