"""The comparison of what a server has with what it acknowledged."""

import pytest

from stillhere.demo.ledger import Comparison, Ledger


def same(one, other):
    return one == other


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.send("a", b"1")
    ledger.acknowledge("a", b"1")
    return ledger


def test_what_is_there_as_acknowledged_is_kept(ledger):
    assert ledger.compare({"a": b"1"}, same) == Comparison(expected=1, kept=1)


def test_what_is_gone_is_missing(ledger):
    assert ledger.compare({}, same) == Comparison(expected=1, missing=1)


def test_another_content_is_wrong(ledger):
    assert ledger.compare({"a": b"0"}, same) == Comparison(expected=1, wrong=1)


def test_what_nobody_sent_is_a_phantom(ledger):
    found = {"a": b"1", "b": b"2"}
    assert ledger.compare(found, same) == Comparison(expected=1, kept=1, phantom=1)


def test_what_was_sent_without_an_answer_may_be_there_or_not(ledger):
    ledger.send("a", b"2")
    ledger.send("new", b"3")
    assert ledger.compare({"a": b"1"}, same) == Comparison(expected=1, kept=1)
    assert ledger.compare({"a": b"2", "new": b"3"}, same) == Comparison(expected=1, kept=1)
    assert ledger.compare({"a": b"3"}, same).wrong == 1


def test_a_deletion_without_an_answer_may_have_happened(ledger):
    ledger.send("a", None)
    assert ledger.compare({}, same) == Comparison(expected=1, kept=1)


def test_an_acknowledged_deletion_that_comes_back_is_wrong(ledger):
    ledger.send("a", None)
    ledger.acknowledge("a", None)
    assert ledger.compare({}, same) == Comparison()
    assert ledger.compare({"a": b"1"}, same) == Comparison(wrong=1)


def test_a_refused_change_must_not_be_there(ledger):
    ledger.send("a", b"2")
    ledger.refuse("a")
    assert ledger.compare({"a": b"2"}, same).wrong == 1
