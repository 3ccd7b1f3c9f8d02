"""The contacts that every bench uses: about 400 bytes each, as phones write them."""

from __future__ import annotations

import random

from stillhere.demo.people import cards, revise

__all__ = ["BOOK", "book_of", "books_of", "make_cards", "revise"]

BOOK = 150  # contacts in the address book of each account of a built vault
FIRST_BOOK = 200  # and of the first of them, who is the first to ask


def book_of(number: int) -> int:
    """How many contacts the account of this number has."""
    return BOOK if number else FIRST_BOOK


def books_of(accounts: int, between: tuple[int, int] | None) -> list[int]:
    """How many contacts each of so many accounts has: as ever, or between two numbers by lot."""
    if between is None:
        return [book_of(number) for number in range(accounts)]
    lot = random.Random(accounts)
    return [lot.randint(*between) for _ in range(accounts)]


def make_cards(seed: int, count: int) -> list[tuple[str, bytes]]:
    """(href, vCard) pairs, the same for the same seed."""
    return cards(seed, count)
