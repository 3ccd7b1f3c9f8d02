"""Contacts of the demo and the benches are realistic, valid enough, and the same every time."""

import statistics
import unicodedata

from stillhere.demo.names import SCRIPTS
from stillhere.demo.people import account_names, book_sizes, cards, revise

BOOK = cards(7, 3_000)


def test_a_seed_gives_the_same_cards_and_a_prefix_of_more():
    assert cards(7, 50) == BOOK[:50]
    assert cards(8, 50) != BOOK[:50]


def test_hrefs_and_uids_are_unique_and_belong_together():
    assert len({href for href, _ in BOOK}) == len(BOOK)
    for href, card in BOOK:
        assert f"UID:{href.removesuffix('.vcf')}\r\n".encode() in card


def test_cards_are_about_400_bytes_in_lines_of_at_most_75():
    sizes = [len(card) for _, card in BOOK]
    assert 350 < statistics.mean(sizes) < 450
    for _, card in BOOK:
        assert card.startswith(b"BEGIN:VCARD\r\nVERSION:")
        assert card.endswith(b"\r\nEND:VCARD\r\n")
        for line in card.split(b"\r\n"):
            assert len(line) <= 75
            line.decode()  # no character is cut in two


def test_both_versions_and_every_script_are_there():
    versions = {card.split(b"\r\n")[1] for _, card in BOOK}
    assert versions == {b"VERSION:3.0", b"VERSION:4.0"}
    text = "".join(card.decode().replace("\r\n ", "") for _, card in BOOK)
    for script in SCRIPTS:
        assert any(family in text for family in script.family), script.tag


def test_names_are_normalised_as_people_type_them():
    for script in SCRIPTS:
        for text in (*script.given, *script.family, *script.notes):
            assert unicodedata.is_normalized("NFC", text), text
    assert sum(script.share for script in SCRIPTS) == 100


def test_a_revision_changes_the_card_and_only_the_last_one_shows():
    _, card = BOOK[0]
    once, twice = revise(card, 1), revise(revise(card, 1), 2)
    assert len({card, once, twice}) == 3
    assert twice.count(b"NOTE:Changed") == 1
    assert twice.count(b"REV:") == 1
    assert b"\n" not in twice.replace(b"\r\n", b"")


def test_address_books_are_of_very_different_sizes_around_the_mean():
    sizes = book_sizes(1, 2_000, mean=40)
    assert 36 < statistics.mean(sizes) < 44
    assert min(sizes) >= 1
    assert max(sizes) > 200


def test_account_names_differ_and_some_are_not_ascii():
    names = list(account_names(1, 400))
    assert len({name.casefold() for name in names}) == 400
    assert 30 < sum(not name.isascii() for name in names) < 70
    assert not any("/" in name or ":" in name for name in names)
