"""Sync tokens: of this service, for this collection, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rooms import CONTACTS, Service

from stillhere.errors import BadInput
from stillhere.store import BadToken, Tokens, seq_of

ANNA, BEN = b"a" * 16, b"b" * 16
TOKENS = Tokens(b"k" * 32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1), st.text(max_size=20))
def test_a_token_stands_for_its_position(seq: int, collection: str) -> None:
    token = TOKENS.make(ANNA, CONTACTS, collection, seq)
    assert TOKENS.read(ANNA, CONTACTS, collection, token) == seq
    assert token.isascii()
    assert token.startswith("urn:"), "RFC 6578 wants a URI"


def test_tokens_of_every_other_place_are_refused() -> None:
    token = TOKENS.make(ANNA, CONTACTS, "work", 7)
    elsewhere = [
        (TOKENS, BEN, CONTACTS, "work"),
        (TOKENS, ANNA, "calendar", "work"),
        (TOKENS, ANNA, CONTACTS, "home"),
        (TOKENS, ANNA, CONTACTS, ""),
        (Tokens(b"x" * 32), ANNA, CONTACTS, "work"),
    ]
    for tokens, *place in elsewhere:
        with pytest.raises(BadToken):
            tokens.read(*place, token)  # type: ignore[arg-type]


def test_a_token_with_any_letter_changed_is_refused() -> None:
    token = TOKENS.make(ANNA, CONTACTS, "work", seq_of(3, 88213))
    for place in range(len(token)):
        for other in "0f-":
            if token[place] != other:
                changed = token[:place] + other + token[place + 1 :]
                with pytest.raises(BadToken):
                    TOKENS.read(ANNA, CONTACTS, "work", changed)
    for cut in range(len(token)):
        with pytest.raises(BadToken):
            TOKENS.read(ANNA, CONTACTS, "work", token[:cut])


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text("0123456789abcdef-", max_size=60))
def test_whatever_a_device_sends_is_a_token_or_refused(text: str) -> None:
    for token in (text, "urn:stillhere:sync:" + text):
        with pytest.raises(BadToken):
            TOKENS.read(ANNA, CONTACTS, "work", token)


def test_a_refusal_is_the_device_s_fault() -> None:
    assert issubclass(BadToken, BadInput)


def test_a_token_outlives_the_core(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        token = working.store.tokens.make(anna, CONTACTS, CONTACTS, 5)
    with service.recovered() as working:
        assert working.store.tokens.read(anna, CONTACTS, CONTACTS, token) == 5
