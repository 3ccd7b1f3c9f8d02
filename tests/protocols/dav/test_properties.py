"""PROPPATCH and MKCOL: what devices keep with an address book."""

from __future__ import annotations

import pytest
from tests.protocols.dav.service import NAMESPACES, Answer, C, D, Device, Service, card

COLOR = "{http://inf-it.com/ns/ab/}addressbook-color"


def patch(phone: Device, *steps: str, path: str = "") -> Answer:
    inner = "".join(
        f"<{'remove' if step.startswith('-') else 'set'}><prop>{step.lstrip('-')}</prop>"
        f"</{'remove' if step.startswith('-') else 'set'}>"
        for step in steps
    )
    body = f"<propertyupdate {NAMESPACES}>{inner}</propertyupdate>"
    return phone.ask("PROPPATCH", path or phone.book, body)


def read(phone: Device, name: str, path: str = "") -> str | None:
    namespace, _, local = name[1:].partition("}")
    asked = f'<{local} xmlns="{namespace}"/>'
    [found] = phone.propfind(path or phone.book, asked).found.values()
    return found.text(name)


def test_sets_and_removes(phone: Device) -> None:
    answer = patch(
        phone,
        "<displayname>R&amp;D &lt;team&gt;</displayname>",
        "<C:addressbook-description>Friends\nand others</C:addressbook-description>",
        '<addressbook-color xmlns="http://inf-it.com/ns/ab/">#ff0000ff</addressbook-color>',
    )
    [response] = answer.found.values()
    assert set(response.properties) == {200}
    assert read(phone, f"{D}displayname") == "R&D <team>"
    assert read(phone, f"{C}addressbook-description") == "Friends\nand others"
    assert read(phone, COLOR) == "#ff0000ff"
    patch(phone, '-<addressbook-color xmlns="http://inf-it.com/ns/ab/"/>', "-<displayname/>")
    assert read(phone, COLOR) is None
    assert read(phone, f"{D}displayname") is None
    assert read(phone, f"{C}addressbook-description") == "Friends\nand others"


def test_structure_and_language_are_kept(phone: Device) -> None:
    patch(phone, '<q:x xmlns:q="urn:q" xml:lang="fr"><q:y z="1">é</q:y> tail</q:x>')
    [found] = phone.propfind(phone.book, '<x xmlns="urn:q"/>').found.values()
    kept = found.properties[200]["{urn:q}x"]
    assert kept.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
    child = kept.find("{urn:q}y")
    assert child is not None
    assert (child.get("z"), child.text, child.tail) == ("1", "é", " tail")
    assert "{urn:q}x" in {
        tag
        for response in phone.ask("PROPFIND", phone.book, depth="0").found.values()
        for tag in response.properties[200]
    }


def test_all_or_nothing(phone: Device) -> None:
    answer = patch(phone, "<displayname>New</displayname>", "<getetag>x</getetag>")
    [response] = answer.found.values()
    assert set(response.properties[403]) == {f"{D}getetag"}
    assert set(response.properties[424]) == {f"{D}displayname"}
    assert b"cannot-modify-protected-property" in answer.body
    assert read(phone, f"{D}displayname") == "Contacts"


@pytest.mark.parametrize(
    "name", ["<resourcetype/>", "<sync-token/>", "<C:max-resource-size/>", "<owner/>"]
)
def test_live_properties_are_protected(phone: Device, name: str) -> None:
    [response] = patch(phone, name).found.values()
    assert set(response.properties) == {403}


def test_what_is_kept_has_a_limit(phone: Device) -> None:
    [response] = patch(phone, f"<big xmlns='urn:x'>{'x' * 70_000}</big>").found.values()
    assert set(response.properties) == {507}
    assert read(phone, "{urn:x}big") is None


def test_nothing_else_keeps_properties(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    for path in ("/dav/", phone.home, f"{phone.book}a.vcf"):
        [response] = patch(phone, "<displayname>x</displayname>", path=path).found.values()
        assert set(response.properties) == {403}
    assert patch(phone, "<displayname>x</displayname>", path=f"{phone.home}no/").status == 404
    assert patch(phone, "<displayname>x</displayname>", path=f"{phone.book}no").status == 404


def test_a_plain_mkcol_makes_an_address_book(phone: Device) -> None:
    assert phone.ask("MKCOL", f"{phone.home}work/").status == 201
    [book] = phone.propfind(f"{phone.home}work/", "<resourcetype/>").found.values()
    assert book.properties[200][f"{D}resourcetype"].find(f"{C}addressbook") is not None
    assert phone.ask("MKCOL", f"{phone.home}work").status == 405


def test_an_extended_mkcol_sets_properties(phone: Device) -> None:
    path = f"{phone.home}work/"
    answer = phone.ask("MKCOL", path, _mkcol("<C:addressbook/>", "<displayname>Work</displayname>"))
    assert answer.status == 201
    assert read(phone, f"{D}displayname", path) == "Work"


def test_a_refused_mkcol_makes_nothing(phone: Device) -> None:
    path = f"{phone.home}work/"
    wrong = phone.ask(
        "MKCOL", path, _mkcol('<calendar xmlns="urn:x"/>', "<displayname>W</displayname>")
    )
    assert wrong.status == 403
    assert b"valid-resourcetype" in wrong.body
    assert b"<D:mkcol-response" in wrong.body
    protected = phone.ask("MKCOL", path, _mkcol("<C:addressbook/>", "<getctag/><sync-token/>"))
    assert protected.status == 403
    assert phone.propfind(path).status == 404


def test_address_books_stand_in_a_home_only(phone: Device) -> None:
    inside = phone.ask("MKCOL", f"{phone.book}inner/")
    assert (inside.status, inside.precondition) == (403, f"{C}addressbook-collection-location-ok")
    assert phone.ask("MKCOL", f"{phone.home}none/inner/").status == 409
    assert phone.ask("MKCOL", "/dav/other/").status == 409
    assert phone.ask("MKCOL", phone.home).status == 405


@pytest.mark.parametrize("body", ["<x/>", "not xml", "<propfind xmlns='DAV:'/>"])
def test_other_bodies_are_400(service: Service, body: str) -> None:
    phone = service.person()
    assert phone.ask("MKCOL", f"{phone.home}w/", body).status == 400
    assert phone.ask("PROPPATCH", phone.book, body).status == 400


def _mkcol(kind: str, properties: str) -> str:
    return (
        f"<mkcol {NAMESPACES}><set><prop><resourcetype><collection/>{kind}</resourcetype>"
        f"{properties}</prop></set></mkcol>"
    )
