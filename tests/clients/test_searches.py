"""addressbook-query as programs send it, to a real server, and to the one that comes after it.

The bodies have the shape, the namespaces and the order of the programs that they are named after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.live.client import Client, read_multistatus
from tests.live.core import Core

CARDS = {
    "ada.vcf": "FN:Ada Lovelace\r\nEMAIL;TYPE=HOME:ada@engine.example\r\nTEL:+44 20 555 1",
    "zoe.vcf": "FN:Zoë Müller\r\nitem1.EMAIL:zoe@home.example\r\nitem1.X-ABLabel:Boat",
    "ivan.vcf": "FN:Иван Петров\r\nNICKNAME:Ваня\r\nTEL;TYPE=CELL:+7 495 555 2",
}
ALL = set(CARDS)

# Akonadi (KDE) lists an address book with it, and takes what is not in the answer for deleted.
KDE = b"""<?xml version="1.0" encoding="utf-8"?>
<addressbook-query xmlns="urn:ietf:params:xml:ns:carddav"><prop xmlns="DAV:"><getetag/>\
<resourcetype/></prop><filter xmlns="urn:ietf:params:xml:ns:carddav"><prop-filter name="FN"/>\
</filter></addressbook-query>
"""
# Scripts and web pages that fetch everything leave the filter out.
EVERYTHING = b"""<?xml version="1.0"?>
<card:addressbook-query xmlns:d="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav">
  <d:prop><d:getetag/><card:address-data/></d:prop>
</card:addressbook-query>"""
# What is typed into the search field of Contacts on a Mac, with the parts of cards that it shows.
APPLE = """<?xml version="1.0" encoding="UTF-8"?>
<B:addressbook-query xmlns:B="urn:ietf:params:xml:ns:carddav">
  <A:prop xmlns:A="DAV:"><A:getetag/><B:address-data><B:prop name="FN"/><B:prop name="UID"/>
  </B:address-data></A:prop>
  <B:filter test="anyof">%s</B:filter>
  <B:limit><B:nresults>50</B:nresults></B:limit>
</B:addressbook-query>"""
APPLE_FIELD = """<B:prop-filter name="%s" test="allof"><B:text-match
  collation="i;unicode-casemap" match-type="contains">%s</B:text-match></B:prop-filter>"""
# Who is calling? A number, looked up by its end.
CALLER = b"""<?xml version="1.0" encoding="UTF-8"?>
<C:addressbook-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">
  <D:prop><D:getetag/><C:address-data content-type="text/vcard" version="3.0"/></D:prop>
  <C:filter><C:prop-filter name="TEL"><C:text-match match-type="ends-with">555 2</C:text-match>
  <C:param-filter name="TYPE"><C:text-match match-type="equals">fax</C:text-match>
  </C:param-filter></C:prop-filter></C:filter>
</C:addressbook-query>"""


def apple(words: str) -> bytes:
    fields = ("FN", "NICKNAME", "ORG", "EMAIL", "TEL")
    return (APPLE % "".join(APPLE_FIELD % (name, words) for name in fields)).encode()


SEARCHES = [
    (KDE, ALL),
    (EVERYTHING, ALL),
    (apple("zoe"), {"zoe.vcf"}),
    (apple("ВАНЯ"), {"ivan.vcf"}),
    (apple("example"), {"ada.vcf", "zoe.vcf"}),
    (apple("nobody"), set()),
    (CALLER, {"ivan.vcf"}),
]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(tmp_path_factory.mktemp("searches"), ["zoe"])


@pytest.fixture(scope="module")
def before(core: Core) -> list[bytes]:
    """The answers of the first server, which is then killed and its core deleted."""
    server = core.serve()
    phone = Client(server.wait_for("serving")["url"], core.logins[0])
    for name, lines in CARDS.items():
        card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\n{lines}\r\nEND:VCARD\r\n"
        assert phone.ask("PUT", phone.login.book + name, card.encode()).status == 201
    answers = [ask(phone, body) for body, _ in SEARCHES]
    phone.close()
    server.kill()
    core.lose()
    return answers


@pytest.fixture(scope="module")
def recovering(core: Core, before: list[bytes]) -> Iterator[Client]:
    """The first device that asks the server which takes its place."""
    server = core.recover()
    phone = Client(server.wait_for("serving")["url"], core.logins[0])
    yield phone
    phone.close()
    server.kill()


def ask(phone: Client, body: bytes) -> bytes:
    answer = phone.ask("REPORT", phone.login.book, body, Depth="1")
    assert answer.status == 207, answer.body
    return answer.body


def test_who_is_looked_for_is_found(core: Core, before: list[bytes]) -> None:
    for (body, expected), answer in zip(SEARCHES, before, strict=True):
        found = read_multistatus(answer, core.logins[0].book)
        assert {entry.href for entry in found.entries} == expected
        assert all(entry.etag for entry in found.entries)
        data = len(re.findall(rb"BEGIN:VCARD", answer))
        assert data == (len(expected) if b"address-data" in body else 0)


def test_a_recovery_answers_every_search_as_before(before: list[bytes], recovering: Client) -> None:
    assert [ask(recovering, body) for body, _ in SEARCHES] == before
