"""What a simulated phone has of a collection goes as with real ones, harm included."""

import pytest
from tests.demo.conftest import collection_of

from stillhere.demo.collection import Outcome
from stillhere.demo.kinds import KINDS
from stillhere.demo.ledger import Ledger

REFUSED_TOKEN = b'<error xmlns="DAV:"><valid-sync-token/></error>'


def always(status, headers=None, body=b""):
    return lambda asked: (status, headers or {}, body)


def test_its_first_sync_takes_everything_and_harms_nothing(phone):
    assert {href: local.body for href, local in phone.items.items()} == {
        "a.vcf": b"A",
        "b.vcf": b"B",
    }
    assert phone.harm == type(phone.harm)()


def test_an_empty_delta_costs_it_nothing(phone, script):
    asked = len(script.asked)
    assert phone.sync() is Outcome.DONE
    assert len(script.asked) == asked + 1
    assert len(phone.items) == 2
    assert phone.harm.downloads == 0


def test_on_503_it_keeps_its_copy_and_its_edits_and_sends_them_later(phone, script):
    script.odd = {"PUT": always(503, {"Retry-After": "7"})}
    phone.edit("a.vcf", b"edited")
    assert phone.sync() is Outcome.CLOSED
    assert phone.retry_after == 7
    assert phone.pending() == 1
    script.odd = {}
    assert phone.sync() is Outcome.DONE
    assert phone.pending() == 0
    assert phone.ledger.acknowledged["a.vcf"] == b"edited"
    assert phone.harm.deletions == phone.harm.discarded == 0


def test_without_a_server_it_keeps_its_copy_and_its_edits(phone, script):
    script.close()
    phone.client.wire.close()
    phone.remove("a.vcf")
    assert phone.sync() is Outcome.UNREACHABLE
    assert phone.pending() == 1
    assert list(phone.items) == ["b.vcf"]


def test_it_deletes_what_a_delta_reports_as_deleted(phone, script):
    script.removed = ["a.vcf"]
    phone.sync()
    assert list(phone.items) == ["b.vcf"]
    assert phone.harm.deletions == 1


def test_on_a_refused_token_it_lists_anew_and_deletes_what_the_listing_lacks(phone, script):
    script.etags, script.cards = {"a.vcf": '"0"'}, {"a.vcf": "old"}
    script.odd = {"REPORT": lambda asked: (400, {}, REFUSED_TOKEN) if "urn:t" in asked else None}
    assert phone.sync() is Outcome.DONE
    assert {href: local.body for href, local in phone.items.items()} == {"a.vcf": b"old"}
    assert phone.harm.resyncs == phone.harm.deletions == phone.harm.overwrites == 1


def test_it_deletes_everything_when_the_book_is_not_there(phone, script):
    script.odd = {"REPORT": always(404)}
    assert phone.sync() is Outcome.REFUSED
    assert not phone.items
    assert phone.harm.deletions == 2


def test_on_412_it_throws_its_edit_away_and_takes_the_servers_card(phone, script):
    script.etags, script.cards = {"a.vcf": '"2"'}, {"a.vcf": "theirs"}
    script.odd = {"PUT": always(412)}
    phone.edit("a.vcf", b"mine")
    assert phone.sync() is Outcome.DONE
    assert phone.items["a.vcf"].body == b"theirs"
    assert phone.harm.discarded == 1
    assert "a.vcf" not in phone.ledger.acknowledged


def test_a_refused_log_in_changes_nothing(phone, script):
    script.odd = {"REPORT": always(401)}
    assert phone.sync() is Outcome.REFUSED
    assert len(phone.items) == 2
    assert phone.harm.deletions == 0


def test_edits_are_conditional(phone, script):
    phone.edit("a.vcf", b"changed")
    phone.edit("new.vcf", b"new")
    phone.remove("b.vcf")
    phone.sync()
    sent = {
        (method, path.rsplit("/", 1)[1]): headers
        for method, path, _, headers in script.asked
        if method in ("PUT", "DELETE")
    }
    assert sent["PUT", "a.vcf"]["If-Match"] == '"1"'
    assert sent["PUT", "new.vcf"]["If-None-Match"] == "*"
    assert sent["DELETE", "b.vcf"]["If-Match"] == '"1"'


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_two_phones_of_one_person_meet_on_a_real_server(service, kind):
    [login] = service.open(["ελένη-1"])
    ledger = Ledger()
    one, two = (collection_of(service.port, *login, ledger, kind.name) for _ in range(2))
    items = kind.make("meet", 70)  # more than one multiget
    for href, body in items:
        one.edit(href, body)
    assert one.sync() is Outcome.DONE, one.trouble
    assert two.sync() is Outcome.DONE, two.trouble
    assert two.items.keys() == dict(items).keys()
    assert all(service.same(two.items[href].body, body) for href, body in items)

    (changed, body), (removed, _) = items[:2]
    one.edit(changed, kind.revise(body, 1))
    one.remove(removed)
    assert one.sync() is Outcome.DONE
    two.edit(changed, kind.revise(body, 2))
    assert two.sync() is Outcome.DONE
    assert two.harm.discarded == 1
    assert service.same(two.items[changed].body, kind.revise(body, 1))
    assert removed not in two.items
    assert one.harm.deletions == one.harm.overwrites == one.harm.downloads == 0
    for phone in (one, two):
        phone.client.wire.close()
