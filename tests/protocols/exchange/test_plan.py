"""An import's plan: each card is added, updated or left, under a name that is free."""

import hashlib

from stillhere.kinds import KINDS
from stillhere.kinds.item import Item
from stillhere.protocols.exchange.plan import Known, Piece, Step, name_for, plan


def piece(line: int, body: bytes, uid: str, kind: str = "contacts") -> Piece:
    item = Item(uid, "", KINDS[kind].component, KINDS[kind].media_type)
    return Piece("f.vcf", line, kind, body, item)


ONE, TWO = piece(1, b"one", "uid-1"), piece(9, b"two", "uid-2")


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
    lost = known("held.vcf", b"one")._replace(held=True)
    done = plan([ONE], {"uid-1": lost}, {"held.vcf"})
    assert done.steps == [Step(ONE, "held.vcf", False)]


def test_names_are_plain_and_never_taken_twice() -> None:
    assert name_for(piece(1, b"", "a-b.c"), set()) == "a-b.c.vcf"
    assert name_for(piece(1, b"", "a"), {"a.vcf", "a-2.vcf"}) == "a-3.vcf"
    assert name_for(piece(1, b"", "a", "notes"), {"a.vcf"}) == "a.ics"
    for odd in ("urn:uuid:1", "../x", "a/b", "ü", "", "x" * 200, ".hidden"):
        stem = name_for(piece(1, b"", odd), set()).removesuffix(".vcf")
        assert len(stem) == 32
        assert stem.isalnum()
