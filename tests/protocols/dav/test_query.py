"""addressbook-query: what it takes, what it refuses by name, and what it answers."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from tests.protocols.dav.service import NAMESPACES, C, D, Device, Service, card

from stillhere.kinds import search

DATA = "<getetag/><C:address-data/>"


def names(phone: Device, inside: str, **kept: str) -> set[str]:
    """The names of the cards in the answer."""
    return set(phone.listed(phone.query(inside, **kept)))


def filtered(*conditions: str, test: str = "anyof") -> str:
    return f'<C:filter test="{test}">{"".join(conditions)}</C:filter>'


def prop(name: str, *tests: str, test: str = "anyof") -> str:
    return f'<C:prop-filter name="{name}" test="{test}">{"".join(tests)}</C:prop-filter>'


def param(name: str, *tests: str) -> str:
    return f'<C:param-filter name="{name}">{"".join(tests)}</C:param-filter>'


def text(words: str, attributes: str = "") -> str:
    return f"<C:text-match {attributes}>{words}</C:text-match>"


def fn(words: str, attributes: str = "") -> str:
    """The filter that phones send for what somebody types."""
    return filtered(prop("FN", text(words, attributes)))


NOT_DEFINED = "<C:is-not-defined/>"


@pytest.fixture(scope="module")
def book(service: Service) -> Device:
    """A device of somebody with three people in their address book."""
    phone = service.person()
    phone.put("a.vcf", card("u1", "Ada Lovelace", "NICKNAME:countess", "TEL;TYPE=HOME:555 1"))
    phone.put("b.vcf", card("u2", "Zoë Müller", "item1.TEL:555 2", "item1.X-ABLabel:Boat"))
    phone.put("c.vcf", card("u3", "ИВАН", "TEL;TYPE=WORK:777", "TEL:555 3"))
    return phone


ALL = {"a.vcf", "b.vcf", "c.vcf"}


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", ALL),
        ("<C:filter/>", ALL),
        (filtered(test="allof"), ALL),
        (filtered(prop("FN")), ALL),
        (fn("ada"), {"a.vcf"}),
        (fn("ZOË"), {"b.vcf"}),
        (fn("иван"), {"c.vcf"}),
        (fn("ada", 'collation="default"'), {"a.vcf"}),
        (fn("ada", 'collation="i;octet"'), set()),
        (fn("ZOË", 'collation="i;ascii-casemap"'), set()),
        (fn("ZOë", 'collation="i;ascii-casemap"'), {"b.vcf"}),
        (fn("love", 'match-type="starts-with"'), set()),
        (fn("lace", 'match-type="ends-with"'), {"a.vcf"}),
        (fn("ada lovelace", 'match-type="equals"'), {"a.vcf"}),
        (fn("ada", 'negate-condition="yes"'), {"b.vcf", "c.vcf"}),
        (fn("<![CDATA[a]]>&#100;<!-- -->a"), {"a.vcf"}),
        (filtered(prop("nickname", NOT_DEFINED)), {"b.vcf", "c.vcf"}),
        (filtered(prop("item1.tel")), {"b.vcf"}),
        (filtered(prop("FN"), prop("NICKNAME"), test="allof"), {"a.vcf"}),
        (filtered(prop("NICKNAME"), prop("X-ABLABEL")), {"a.vcf", "b.vcf"}),
        (filtered(prop("TEL", text("555"), param("type"), test="allof")), {"a.vcf"}),
        (filtered(prop("TEL", param("TYPE", NOT_DEFINED))), {"b.vcf", "c.vcf"}),
        (filtered(prop("TEL", param("TYPE", text("work", 'match-type="equals"')))), {"c.vcf"}),
    ],
)
def test_finds_who_is_looked_for(book: Device, inside: str, expected: set[str]) -> None:
    assert names(book, inside) == expected


@pytest.mark.parametrize("depth", ["0", "1", "infinity"])
def test_a_book_is_searched_whatever_the_depth(book: Device, depth: str) -> None:
    assert names(book, fn("ada"), depth=depth) == {"a.vcf"}


def test_a_book_is_searched_without_depth(book: Device) -> None:
    body = f"<C:addressbook-query {NAMESPACES}>{fn('ada')}</C:addressbook-query>"
    assert set(book.listed(book.ask("REPORT", book.book, body))) == {"a.vcf"}


def test_gives_what_is_asked_for(book: Device) -> None:
    answer = book.query(fn("zoe"), properties=f"{DATA}<getcontenttype/><C:nonsense/>")
    [found] = answer.found.values()
    sent = book.get("b.vcf")
    assert (found.text(f"{C}address-data") or "").encode() == sent.body
    assert found.text(f"{D}getetag") == sent.etag
    assert found.text(f"{D}getcontenttype") == "text/vcard; charset=utf-8"
    assert set(found.properties[404]) == {f"{C}nonsense"}


def test_gives_whole_cards_whatever_part_is_asked_for(book: Device) -> None:
    asked = '<C:address-data version="4.0"><C:prop name="FN"/></C:address-data>'
    [found] = book.query(fn("ada"), properties=asked).found.values()
    assert (found.text(f"{C}address-data") or "").encode() == book.get("a.vcf").body


@pytest.mark.parametrize(
    "asked", ['content-type="application/vcard+json"', 'content-type="text/vcard" version="5.0"']
)
def test_cards_come_as_vcards_only(book: Device, asked: str) -> None:
    for answer in (
        book.query("", properties=f"<C:address-data {asked}/>"),
        book.multiget("a.vcf", properties=f"<C:address-data {asked}/>"),
    ):
        assert (answer.status, answer.precondition) == (403, f"{C}supported-address-data")


def test_one_card_is_asked_about(book: Device) -> None:
    for words, expected in [("ada", {"a.vcf"}), ("zoe", set())]:
        assert names(book, fn(words), path=f"{book.book}a.vcf", depth="0") == expected
    assert book.query(fn("ada"), path=f"{book.book}none.vcf").status == 404


def test_what_is_no_book_is_not_searched(book: Device) -> None:
    assert book.query("", path=f"{book.home}none/").status == 404
    for path in (book.home, "/dav/", book.home.replace("addressbooks", "principals")):
        answer = book.query("", path=path)
        assert (answer.status, answer.precondition) == (403, f"{D}supported-report")


def test_the_device_says_how_many_it_takes(book: Device) -> None:
    limit = "<C:limit><C:nresults>{}</C:nresults></C:limit>"
    answer = book.query("<C:filter/>" + limit.format(2))
    responses = answer.found
    assert {path: one.status for path, one in responses.items()} == {
        unquote(book.book): 507,
        unquote(f"{book.book}a.vcf"): 200,
        unquote(f"{book.book}b.vcf"): 200,
    }
    assert b"<D:error><D:number-of-matches-within-limits/></D:error>" in answer.body
    for enough in (3, 4):
        assert names(book, "<C:filter/>" + limit.format(enough)) == ALL
        assert b" 507 " not in book.query(limit.format(enough)).body
    # What is cut off has to match, too.
    assert b" 507 " not in book.query(fn("ada") + limit.format(1)).body
    for wrong in ("0", "-1", "many", ""):
        assert book.query(limit.format(wrong)).status == 400


def test_an_answer_that_would_be_too_long_is_refused_whole(service: Service) -> None:
    phone = service.person(max_answer_bytes=3_000)
    for number in range(10):
        phone.put(f"{number}.vcf", card(f"u{number}", "Somebody", f"NOTE:{'x' * 300}"))
    answer = phone.query("", properties=DATA)
    assert (answer.status, answer.precondition) == (507, f"{D}number-of-matches-within-limits")
    assert len(phone.query(fn("some"), properties="<getcontentlength/>").found) == 10


def test_a_search_that_takes_too_long_is_refused_whole(service: Service) -> None:
    phone = service.person(max_search_s=0)
    assert phone.query(fn("ada")).found == {}
    phone.put("a.vcf", card("u1"))
    answer = phone.query(fn("ada"))
    assert (answer.status, answer.precondition) == (507, f"{D}number-of-matches-within-limits")


@pytest.mark.parametrize(
    "inside",
    [
        filtered(test="some"),
        "<C:filter/><C:filter/>",
        "<C:filter><C:prop-filter/></C:filter>",
        filtered(prop("")),
        filtered(prop("a b")),
        filtered(prop("a.b.c")),
        filtered(prop("FN", test="none")),
        filtered(prop("FN", NOT_DEFINED, text("x"))),
        filtered(prop("TEL", "<C:param-filter/>")),
        filtered(prop("TEL", param("a.TYPE"))),
        filtered(prop("TEL", param("TYPE", text("x"), text("y")))),
        fn("x", 'match-type="sounds-like"'),
        fn("x", 'negate-condition="perhaps"'),
        filtered(*[prop("FN")] * 101),
        fn("x" * 10_001),
    ],
)
def test_what_is_no_filter_is_400(book: Device, inside: str) -> None:
    answer = book.query(inside)
    assert answer.status == 400
    assert answer.problem["detail"]


@pytest.mark.parametrize("collation", ["i;basic", "i;*", "", "I;OCTET"])
def test_an_unknown_collation_is_403_by_name(book: Device, collation: str) -> None:
    answer = book.query(fn("x", f'collation="{collation}"'))
    if not collation:
        assert answer.status == 207
        return
    assert (answer.status, answer.precondition) == (403, f"{C}supported-collation")
    listed = book.propfind(book.book, "<C:supported-collation-set/>").found
    [known] = [one.text(f"{C}supported-collation-set") for one in listed.values()]
    assert known == "i;ascii-casemapi;octeti;unicode-casemap"


def test_a_condition_that_is_not_known_is_403_and_shown(book: Device) -> None:
    for unknown in ("<C:filter><C:time-range/></C:filter>", fn("x").replace("text", "sound")):
        answer = book.query(unknown)
        assert (answer.status, answer.precondition) == (403, f"{C}supported-filter")
    assert b'name="FN"' in answer.body


def test_the_book_says_that_it_can_be_searched(book: Device) -> None:
    answer = book.propfind(book.book, "<supported-report-set/>")
    assert b"addressbook-query" in answer.body


def test_cards_that_do_not_have_the_text_are_not_taken_apart(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = service.person()
    for number in range(50):
        phone.put(f"{number}.vcf", card(f"u{number}", f"Person {number}", "NOTE:Größe"))
    taken_apart: list[bytes] = []
    lines = search.Lines

    def note(body: bytes) -> search.Lines:
        taken_apart.append(body)
        return lines(body)

    monkeypatch.setattr(search, "Lines", note)
    assert names(phone, fn("person 33")) == {"33.vcf"}
    assert [re.findall(rb"UID:(\w+)", body) for body in taken_apart] == [[b"u33"]]
