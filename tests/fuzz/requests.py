"""Requests in XML: every reader refuses in its own words, and every answer is well-formed.

The first byte chooses the request, the rest is its body. What only reads goes through the
door; what would change an address book is read, settled and described as the handlers do it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree
from tests.fuzz import Check
from tests.fuzz.door import BOOK, OWN, Knocker, knocking

from stillhere.errors import BadInput
from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.mkcol import mkcol_response, read_mkcol
from stillhere.protocols.dav.grammar.webdav import Instruction
from stillhere.protocols.dav.grammar.xml import C, D, parse
from stillhere.protocols.dav.handlers.properties import _kept_element, settle

LIMIT = 65_536
ASKED = (
    ("PROPFIND", BOOK, b"1"),
    ("PROPFIND", BOOK, b"0"),
    ("PROPFIND", OWN, b"1"),
    ("PROPFIND", f"{BOOK}1.vcf", b"0"),
    ("PROPFIND", "/dav/principals/zo%C3%AB/", b"0"),
    ("REPORT", BOOK, b"1"),
    ("REPORT", f"{BOOK}1.vcf", b"0"),
    ("REPORT", OWN, b"1"),
)
PROPPATCH, MKCOL = len(ASKED), len(ASKED) + 1


@contextmanager
def opened(folder: Path) -> Iterator[Check]:
    with knocking(folder) as knocker:
        yield lambda data: check(knocker, data)


def check(knocker: Knocker, data: bytes) -> None:
    if not data:
        return
    choice, body = data[0] % (len(ASKED) + 2), data[1:]
    if choice < len(ASKED):
        method, path, depth = ASKED[choice]
        headers = [knocker.login, (b"depth", depth), (b"host", b"stillhere.example")]
        knocker.ask(method, path.encode(), headers, body).check()
        return
    try:
        if choice == PROPPATCH:
            steps = webdav.read_proppatch(body)
        else:
            steps = read_mkcol(body).settings
    except BadInput:
        return
    _check_settled(steps)


def _check_settled(steps: list[Instruction]) -> None:
    kept, outcome = settle({}, steps, LIMIT)
    etree.fromstring(mkcol_response(outcome))
    patched = webdav.response("/x/", webdav.outcome_propstats(outcome))
    etree.fromstring(webdav.multistatus([patched]))
    found = "".join(_kept_element(name, value) for name, value in kept.items())
    answer = webdav.multistatus([webdav.response("/x/", webdav.propstat(found, ""))])
    prop = parse(answer).find(f"{D}response/{D}propstat/{D}prop")
    assert prop is not None
    assert [child.tag for child in prop] == list(kept), "a property came back under another name"
    sent_on = [etree.tostring(child, encoding="utf-8", with_tail=False) for child in prop]
    for name, sent in zip(kept, sent_on, strict=True):
        update = b'<propertyupdate xmlns="DAV:"><set><prop>' + sent + b"</prop></set>"
        [step] = webdav.read_proppatch(update + b"</propertyupdate>")
        assert step.value is not None
        assert step.name == name
        assert _meaning(name, step.value) == _meaning(name, kept[name]), "it changed on its way"


def _meaning(name: str, value: str) -> object:
    return value if name in webdav.TEXT_PROPERTIES else _tree(parse(value.encode()))


def _tree(node: etree._Element) -> tuple[object, ...]:
    inside = [(_tree(child), child.tail or "") for child in node]
    return node.tag, sorted(node.items()), node.text or "", inside


def seeds() -> Iterator[bytes]:
    spaces = f'xmlns="DAV:" xmlns:C="{C[1:-1]}" xmlns:x="urn:x"'
    names = "<getetag/><displayname/><C:address-data/><x:a/><resourcetype/><sync-token/>"
    for choice in range(5):
        yield bytes([choice]) + f"<propfind {spaces}><prop>{names}</prop></propfind>".encode()
        yield bytes([choice]) + f"<propfind {spaces}><propname/></propfind>".encode()
    yield b"\0" + f"<propfind {spaces}><allprop/><include><x:b/></include></propfind>".encode()
    yield b"\0" + f"<propfind {spaces}><allprop/></propfind>".encode("utf-16")
    hrefs = f"<href>{BOOK}1.vcf</href><href>{BOOK}2.vcf</href><href>http://h/x?y#z</href>"
    reports = (
        f"<C:addressbook-multiget {spaces}><prop>{names}</prop>{hrefs}</C:addressbook-multiget>",
        (
            f"<sync-collection {spaces}><sync-token/><sync-level>1</sync-level>"
            f"<limit><nresults>2</nresults></limit><prop>{names}</prop></sync-collection>"
        ),
        (
            f"<sync-collection {spaces}><sync-token>urn:stillhere:sync:10000000003-0</sync-token>"
            f"<prop>{names}</prop></sync-collection>"
        ),
        (
            f"<expand-property {spaces}><property name='owner'><property name='displayname'/>"
            f"<property name='x' namespace='urn:x'/></property></expand-property>"
        ),
        (
            f"<C:addressbook-query {spaces}><prop>{names}</prop><C:filter test='anyof'>"
            "<C:prop-filter name='FN' test='allof'><C:text-match collation='i;unicode-casemap'"
            " match-type='contains' negate-condition='no'>zo</C:text-match>"
            "<C:param-filter name='TYPE'><C:is-not-defined/></C:param-filter></C:prop-filter>"
            "</C:filter><C:limit><C:nresults>2</C:nresults></C:limit></C:addressbook-query>"
        ),
    )
    for report in reports:
        for choice in (5, 6, 7):
            yield bytes([choice]) + report.encode()
    changes = (
        "<displayname>A &amp; &#13;B</displayname><x:a xml:lang='de' y='1'>a<x:b/>b</x:a>"
        "<C:addressbook-description>c</C:addressbook-description>"
    )
    yield (
        bytes([PROPPATCH])
        + (
            f"<propertyupdate {spaces}><set><prop>{changes}</prop></set>"
            f"<remove><prop>{names}</prop></remove></propertyupdate>"
        ).encode()
    )
    kind = "<resourcetype><collection/><C:addressbook/></resourcetype>"
    yield (
        bytes([MKCOL])
        + (f"<mkcol {spaces}><set><prop>{kind}{changes}</prop></set></mkcol>").encode()
    )
