"""A simulated phone syncs each kind whatever becomes of the others."""

import pytest
from tests.demo.conftest import BOOK

from stillhere.demo.collection import Outcome
from stillhere.demo.kinds import KINDS
from stillhere.demo.ledger import Ledger
from stillhere.demo.phone import Phone
from stillhere.demo.service import Login


@pytest.fixture
def whole(script):
    """A phone that knows where each kind is, with an edit of each that waits."""
    phone = Phone.of(script.port, Login("anna", "secret"), {kind: Ledger() for kind in KINDS})
    for collection in phone:
        collection.path = BOOK
        collection.edit("new", b"new")
    yield phone
    phone.close()


def test_a_kind_that_is_closed_keeps_no_other_from_its_sync(whole, script):
    script.odd = {
        "REPORT": lambda asked: (503, {"Retry-After": "9"}, b"") if "caldav" in asked else None
    }
    assert whole.pending() == len(KINDS)
    assert whole.sync() is Outcome.CLOSED
    assert whole.retry_after == 9
    assert whole.collections["contacts"].token == "urn:t"
    assert not whole.collections["notes"].token
    script.odd = {}
    assert whole.sync() is Outcome.DONE
    assert whole.pending() == 0
    assert all(collection.token for collection in whole)


def test_what_each_kind_noticed_is_told_apart(whole, script):
    script.odd = {"PUT": lambda asked: (412, {}, b"")}
    whole.collections["tasks"].sync()
    assert whole.harm("tasks").discarded == 1
    assert whole.harm("contacts").discarded == 0
    assert sum(collection.harm.discarded for collection in whole) == 1
