"""The contacts that every bench uses: about 400 bytes each, as phones write them."""

from __future__ import annotations

from stillhere.demo.people import cards, revise

__all__ = ["BOOK", "make_cards", "revise"]

BOOK = 150  # contacts in the address book of each account of a built vault


def make_cards(seed: int, count: int) -> list[tuple[str, bytes]]:
    """(href, vCard) pairs, the same for the same seed."""
    return cards(seed, count)
