"""addressbook-multiget, expand-property, and reports that are not there."""

from __future__ import annotations

from tests.protocols.dav.service import NAMESPACES, C, D, Device, Service, card


def multiget(phone: Device, *hrefs: str, path: str = "") -> dict[str, int]:
    inner = "".join(f"<href>{href}</href>" for href in hrefs)
    body = (
        f"<C:addressbook-multiget {NAMESPACES}><prop><getetag/><C:address-data/></prop>{inner}"
        "</C:addressbook-multiget>"
    )
    answer = phone.ask("REPORT", path or phone.book, body)
    return {path: response.status for path, response in answer.found.items()}


def test_gives_cards_byte_for_byte(phone: Device) -> None:
    sent = {f"{n}.vcf": card(f"u{n}", "<&>]]> Ōe\t'\"", "X:\r\n  y") for n in range(3)}
    etags = {name: phone.put(name, body).etag for name, body in sent.items()}
    found = phone.multiget(*sent).found
    for name, body in sent.items():
        response = found[f"{phone.book}{name}".replace("%20", " ")]
        assert (response.text(f"{C}address-data") or "").encode() == body
        assert response.text(f"{D}getetag") == etags[name]


def test_what_is_not_there_is_404_one_by_one(phone: Device, service: Service) -> None:
    other = service.person()
    other.put("a.vcf", card("u1"))
    phone.put("a.vcf", card("u1"))
    strange = [
        f"{other.book}a.vcf",
        "/elsewhere/a.vcf",
        f"{phone.book}%2e%2e",
        "http://[broken",
        f"https://elsewhere.example{phone.book}a.vcf",
        "a.vcf",
        phone.book,
    ]
    found = multiget(phone, f"{phone.book}a.vcf", f"{phone.book}none.vcf", *strange)
    own = f"{phone.book}a.vcf".replace("%20", " ")
    assert {path for path, status in found.items() if status == 200} == {own}
    assert len(found) == 2 + len(strange)


def test_takes_hrefs_in_any_spelling(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    own = f"{phone.book}a.vcf".replace("%20", " ")
    for href in (
        f"https://stillhere.example{phone.book}a.vcf",
        f"{phone.book}%61.vcf",
        f"  {phone.book}a.vcf\n",
        own,
    ):
        assert multiget(phone, href) == {own: 200}
        assert multiget(phone, href, path=f"{phone.book}a.vcf") == {own: 200}


def test_gives_each_card_once(phone: Device) -> None:
    phone.put("a.vcf", card("u1"))
    assert len(multiget(phone, *[f"{phone.book}a.vcf"] * 5)) == 1


def test_has_a_limit(service: Service) -> None:
    phone = service.person(max_hrefs=3)
    body = f"<C:addressbook-multiget {NAMESPACES}><prop/>{'<href>/x</href>' * 4}"
    assert phone.ask("REPORT", phone.book, f"{body}</C:addressbook-multiget>").status == 207
    many = "".join(f"<href>/{n}</href>" for n in range(4))
    body = f"<C:addressbook-multiget {NAMESPACES}><prop/>{many}</C:addressbook-multiget>"
    answer = phone.ask("REPORT", phone.book, body)
    assert answer.status == 400
    assert "at most 3" in answer.problem["detail"]


def test_many_cards_at_once(service: Service) -> None:
    phone = service.person()
    names = [f"{n}.vcf" for n in range(150)]
    for name in names:
        phone.put(name, card(f"u{name}"))
    assert len(multiget(phone, *[f"{phone.book}{name}" for name in names])) == 150


def test_needs_a_book(phone: Device) -> None:
    body = f"<C:addressbook-multiget {NAMESPACES}><prop/></C:addressbook-multiget>"
    assert phone.ask("REPORT", f"{phone.home}none/", body).status == 404
    assert phone.ask("REPORT", phone.home, body).status == 403


def test_other_reports_are_403_by_name(phone: Device) -> None:
    for body in (
        f"<principal-property-search {NAMESPACES}/>",
        "<x/>",
    ):
        answer = phone.ask("REPORT", phone.book, body)
        assert (answer.status, answer.precondition) == (403, f"{D}supported-report")


def test_expands_properties(phone: Device) -> None:
    body = (
        f'<expand-property {NAMESPACES}><property name="current-user-principal">'
        '<property name="displayname"/>'
        '<property name="addressbook-home-set" namespace="urn:ietf:params:xml:ns:carddav">'
        '<property name="displayname"/></property></property>'
        '<property name="resourcetype"/></expand-property>'
    )
    answer = phone.ask("REPORT", "/dav/", body)
    root = answer.found["/dav/"].properties[200]
    assert root[f"{D}resourcetype"].find(f"{D}collection") is not None
    person = root[f"{D}current-user-principal"].find(f"{D}response")
    assert person is not None
    assert person.findtext(f"{D}propstat/{D}prop/{D}displayname") == phone.name
    home = person.find(f".//{C}addressbook-home-set/{D}response/{D}href")
    assert home is not None
    assert home.text == phone.home
    assert phone.ask("REPORT", phone.book, body).status == 207
    assert phone.ask("REPORT", f"{phone.home}none/", body).status == 404
    for wrong in ('<property name="a b"/>', "<property/>", '<property name="&lt;"/>'):
        broken = f"<expand-property {NAMESPACES}>{wrong}</expand-property>"
        assert phone.ask("REPORT", "/dav/", broken).status == 400
    deep = '<property name="owner">' * 9 + "</property>" * 9
    broken = f"<expand-property {NAMESPACES}>{deep}</expand-property>"
    assert phone.ask("REPORT", phone.book, broken).status == 400
