"""An import's plan: each card is added, updated or left, under a name that is free."""

import hashlib

from stillhere.protocols.exchange.plan import Card, Known, Step, name_for, plan

ONE = Card("f.vcf", 1, b"one", "uid-1", "text/vcard")
TWO = Card("f.vcf", 9, b"two", "uid-2", "text/vcard")


def known(href: str, body: bytes) -> Known:
    return Known(href, hashlib.sha256(body).digest())


def test_new_cards_are_added_under_their_uid() -> None:
    done = plan([ONE, TWO], {}, set())
    assert done.steps == [Step(ONE, "uid-1.vcf", True), Step(TWO, "uid-2.vcf", True)]
    assert done.unchanged == 0


def test_what_is_there_is_left_and_what_differs_is_updated_where_it_is() -> None:
    book = {"uid-1": known("phone-made.vcf", b"one"), "uid-2": known("x.vcf", b"older")}
    done = plan([ONE, TWO], book, {"phone-made.vcf", "x.vcf"})
    assert done.steps == [Step(TWO, "x.vcf", False)]
    assert done.unchanged == 1


def test_a_held_record_is_written_again() -> None:
    done = plan([ONE], {"uid-1": Known("held.vcf", b"")}, {"held.vcf"})
    assert done.steps == [Step(ONE, "held.vcf", False)]


def test_names_are_plain_and_never_taken_twice() -> None:
    assert name_for("a-b.c", set()) == "a-b.c.vcf"
    assert name_for("a", {"a.vcf", "a-2.vcf"}) == "a-3.vcf"
    for odd in ("urn:uuid:1", "../x", "a/b", "ü", "", "x" * 200, ".hidden"):
        stem = name_for(odd, set()).removesuffix(".vcf")
        assert len(stem) == 32
        assert stem.isalnum()
