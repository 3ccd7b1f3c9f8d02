"""XML that comes back as it was, and XML that is refused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.protocols.dav.grammar import mkcol, sync, versioning, webdav, xml
from stillhere.protocols.dav.grammar.webdav import Ask, Instruction, Outcome, Wanted
from stillhere.protocols.dav.grammar.xml import BadXML, C, D

# What XML 1.0 can carry, section 2.2.
CHARACTERS = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[chr(n) for n in range(32) if n not in (9, 10, 13)]
        + ["\ufffe", "\uffff"],
    )
)


@given(CHARACTERS)
def test_text_survives_the_way_through_xml(text: str) -> None:
    for inner in (xml.escape(text), xml.escape_bytes(text.encode()).decode()):
        body = webdav.error(f"{C}valid-address-data", inner)
        assert (ElementTree.fromstring(body)[0].text or "") == text


@pytest.mark.parametrize(
    "name", [f"{D}href", f"{C}x", "{urn:a?b=c&d}x", "plain", "{http://x/}ü", xml.XML_LANG]
)
def test_names_survive(name: str) -> None:
    body = webdav.error(name, "content")
    assert ElementTree.fromstring(body)[0].tag == name


@pytest.mark.parametrize(
    "body", [b"", b"<a", b"<a/><b/>", b"\xff", b"<!DOCTYPE a><a/>", b"<a>&nbsp;</a>"]
)
def test_what_is_no_xml_is_refused(body: bytes) -> None:
    with pytest.raises(BadXML):
        xml.parse(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for parse in (webdav.read_propfind, webdav.read_proppatch, mkcol.read_mkcol):
        try:
            parse(body)
        except BadXML:
            continue


def test_reads_what_a_propfind_asks_for() -> None:
    assert webdav.read_propfind(b" ") == Wanted(Ask.ALL)
    assert webdav.read_propfind(b'<propfind xmlns="DAV:"/>') == Wanted(Ask.ALL)
    named = b'<propfind xmlns="DAV:"><prop><a/><b xmlns="u:"/><a/></prop></propfind>'
    assert webdav.read_propfind(named) == Wanted(Ask.NAMED, (f"{D}a", "{u:}b"))


def test_reads_a_propertyupdate_in_its_order() -> None:
    body = (
        b'<propertyupdate xmlns="DAV:"><set><prop><displayname>A</displayname></prop></set>'
        b"<remove><prop><x/></prop></remove><set><prop><displayname>B</displayname></prop></set>"
        b"</propertyupdate>"
    )
    assert webdav.read_proppatch(body) == [
        Instruction(f"{D}displayname", "A"),
        Instruction(f"{D}x", None),
        Instruction(f"{D}displayname", "B"),
    ]


@pytest.mark.parametrize(
    ("header", "depth"), [(b"0", 0), (b" 1 ", 1), (b"Infinity", None), (None, 7)]
)
def test_reads_depth(header: bytes | None, depth: int | None) -> None:
    assert webdav.read_depth(header, missing=7) == depth


def test_writes_an_outcome_by_status() -> None:
    outcome = Outcome({f"{D}a": 403, f"{D}b": 424}, f"{D}cannot-modify-protected-property")
    written = webdav.outcome_propstats(outcome)
    assert not outcome.done
    assert written.count("cannot-modify-protected-property") == 1
    assert written.index("403 Forbidden") < written.index("424 Failed Dependency")


def test_reads_a_sync_request() -> None:
    root = xml.parse(
        b'<sync-collection xmlns="DAV:"><sync-token> t </sync-token><sync-level>1</sync-level>'
        b"<limit><nresults>5</nresults></limit><prop><getetag/></prop></sync-collection>"
    )
    asked = sync.read_sync_collection(root)
    assert (asked.token, asked.limit, asked.wanted.names) == ("t", 5, (f"{D}getetag",))


def test_reads_properties_to_expand() -> None:
    root = xml.parse(
        b'<expand-property xmlns="DAV:"><property name="owner"><property name="x" '
        b'namespace="u:"/></property></expand-property>'
    )
    [owner] = versioning.read_expand_property(root)
    assert (owner.name, owner.inside[0].name) == (f"{D}owner", "{u:}x")


@pytest.mark.parametrize(
    "names",
    [
        'name=""',
        'name="a b"',
        'name="ª"',
        'name="x" namespace="}urn:x"',
        'name="x" namespace="a b"',
        f'name="x" namespace="{xml.XMLNS}"',
    ],
)
def test_refuses_to_expand_what_has_no_name_in_xml(names: str) -> None:
    body = f'<expand-property xmlns="DAV:"><property {names}/></expand-property>'
    with pytest.raises(BadXML, match="name"):
        versioning.read_expand_property(xml.parse(body.encode()))
