"""Sealed bytes: they open where they belong, whole, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhere.errors import Damaged
from stillhere.vault.codec import JOURNAL_LEVEL, LEDGER_LEVEL, derive, seal, unseal

KEY = bytes(range(32))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000), st.binary(max_size=40), st.sampled_from([1, 3]))
def test_what_is_sealed_comes_back(plain: bytes, place: bytes, level: int) -> None:
    assert unseal(KEY, seal(KEY, plain, place, level), place) == plain


def test_the_same_bytes_never_look_the_same_twice() -> None:
    sealed = {seal(KEY, b"BEGIN:VCARD", b"", JOURNAL_LEVEL) for _ in range(20)}
    assert len(sealed) == 20
    assert not any(b"VCARD" in one for one in sealed)


def test_another_place_another_key_and_any_broken_byte_open_nothing() -> None:
    sealed = seal(KEY, b"BEGIN:VCARD", b"anna", LEDGER_LEVEL)
    refused = [(KEY, sealed, b"ben"), (bytes(32), sealed, b"anna")]
    refused += [(KEY, sealed[:length], b"anna") for length in range(len(sealed))]
    for place in range(len(sealed)):
        broken = sealed[:place] + bytes([sealed[place] ^ 4]) + sealed[place + 1 :]
        refused.append((KEY, broken, b"anna"))
    for key, data, where in refused:
        with pytest.raises(Damaged):
            unseal(key, data, where)


def test_a_sealed_piece_may_be_a_view_of_a_larger_object() -> None:
    data = b"before" + seal(KEY, b"body", b"", JOURNAL_LEVEL) + b"after"
    assert unseal(KEY, memoryview(data)[6:-5], b"") == b"body"


def test_keys_for_two_purposes_differ() -> None:
    assert len(derive(KEY, "chain contacts")) == 32
    assert derive(KEY, "chain contacts") != derive(KEY, "chain account")
    assert derive(KEY, "chain contacts") != derive(bytes(32), "chain contacts")
