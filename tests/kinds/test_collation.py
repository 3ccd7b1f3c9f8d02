"""Collations: which texts are the same, character by character as the RFCs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.kinds.collation import (
    ASCII,
    COLLATIONS,
    OCTET,
    UNICODE,
    fold_ascii,
    fold_unicode,
    sketch_unicode,
)


@pytest.mark.parametrize(
    ("one", "other", "same_in"),
    [
        ("ada", "ada", {OCTET, ASCII, UNICODE}),
        ("ada", "ADA", {ASCII, UNICODE}),
        ("zoë", "ZOË", {UNICODE}),
        ("zoë", "ZOë", {ASCII, UNICODE}),
        ("zoe\u0308", "zoë", {UNICODE}),
        ("иван", "ИВАН", {UNICODE}),
        ("νίκος", "ΝΊΚΟΣ", {UNICODE}),
        ("ﾊﾟ", "パ", {UNICODE}),
        ("ａｂｃ", "ABC", {UNICODE}),
        ("ǆ", "ǅ", {UNICODE}),
        ("straße", "STRASSE", set()),  # no titlecase of ß in UnicodeData.txt
        ("ﬁ", "fi", set()),  # taken apart after titlecase, so that it stays small
        ("한", "하\u11ab", set()),  # syllables have no decomposition in UnicodeData.txt
        ("zoe", "zoë", set()),
        ("i", "İ", set()),
        ("", "", {OCTET, ASCII, UNICODE}),
    ],
)
def test_which_texts_are_the_same(one: str, other: str, same_in: set[str]) -> None:
    assert {name for name, fold in COLLATIONS.items() if fold(one) == fold(other)} == same_in


def test_a_letter_is_part_of_it_with_an_accent() -> None:
    assert fold_unicode("zoe") in fold_unicode("Zoë")
    assert fold_unicode("noel") not in fold_unicode("Noël")


@given(st.text(), st.text())
def test_a_part_of_a_text_is_a_part_of_it_folded(one: str, other: str) -> None:
    for fold in COLLATIONS.values():
        assert fold(one + other) == fold(one) + fold(other)


def test_what_gives_an_ascii_letter_gives_it_to_the_likeness_too() -> None:
    """For every character of the planes that have letters: to miss one loses a search."""
    for code in range(0x30000):
        folded = fold_unicode(chr(code))
        if any(character < "\x80" for character in folded):
            assert folded.upper() == sketch_unicode(chr(code))


def test_texts_that_are_no_text_are_folded_all_the_same() -> None:
    assert fold_ascii("a\ud800") == "A\ud800"
    assert fold_unicode("é\ud800") == "E\u0301\ud800"
