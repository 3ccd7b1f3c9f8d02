"""What is told is held against what was sent, record by record; the page of a second act."""

import io
import random
from dataclasses import replace

import pytest
from rich.console import Console

from stillhere.demo.damage import PAGE, flip_packs, spoil_core
from stillhere.demo.ledger import Ledger
from stillhere.demo.ours import Ours
from stillhere.demo.person import Kept
from stillhere.demo.toll import Surveyed, Toll
from stillhere.demo.truth import FIGURES, Account, Lack, Span, account_for, count_known

SPANS = {name: Span(10, 10) for name in FIGURES}
TOLL = Toll(
    accounts=3,
    acknowledged=150,
    acknowledged_before_loss=140,
    bad_pages=10,
    pages=20,
    bad_packs=2,
    packs=6,
    records=120,
    present=100,
    held=20,
    unaccounted=0,
    wrong=0,
    phantom=0,
    misnamed=0,
    unlisted=0,
    missed_by_vault=40,
    salvaged=19,
    settled_by_phones=1,
    phone_healed=True,
    surveys=(Surveyed("contacts", 2, 3, 0.1, SPANS, SPANS),),
    letters=1,
    faults=(),
    resent=5,
    discarded=0,
    phone_deletions=0,
    phone_overwrites=0,
    phones_back=3,
    first_contact_s=0.4,
    serving_s=0.3,
    contacts_s=0.8,
    whole_s=1.0,
    salvaged_s=1.5,
    seconds=20.0,
)


@pytest.fixture
def ledger():
    """Of somebody whose cards a, b and c were acknowledged, and the deletion of d."""
    ledger = Ledger()
    for href in "abc":
        ledger.acknowledge(href, href.encode())
    ledger.acknowledge("d", None)
    return ledger


def judged(ledger, cards, listed, missing):
    kept = Kept({href: href.encode() for href in cards}, set(listed))
    return account_for(ledger, kept, Lack(missing, {}, 0), Ours)


def test_what_is_held_is_named_with_a_cause_and_listed(ledger):
    found = judged(ledger, "ab", "abc", {"c": "a reason"})
    assert found == Account(expected=3, present=2, given=2, held=1)
    assert judged(ledger, "ab", "abc", {"c": ""}).unaccounted == 1
    assert judged(ledger, "ab", "ab", {"c": "a reason"}).unlisted == 1


def test_what_is_gone_and_not_named_is_not_accounted_for(ledger):
    assert judged(ledger, "ab", "ab", {}).unaccounted == 1
    assert account_for(ledger, Kept({}, set()), None, Ours).unaccounted == 3


def test_what_is_there_or_deleted_or_unheard_of_is_not_missing(ledger):
    for href in ("a", "d", "e"):
        found = judged(ledger, "abc", "abc", {href: "a reason"})
        assert (found.misnamed, found.held, found.present) == (1, 0, 3)


def test_what_was_deleted_and_is_back_is_wrong_and_what_nobody_sent_a_phantom(ledger):
    found = judged(ledger, "abcde", "abcde", {})
    assert (found.present, found.wrong, found.phantom) == (3, 1, 1)


def test_a_change_that_was_under_way_may_have_got_there(ledger):
    assert count_known([ledger]) == Span(3, 3)
    ledger.send("e", b"e")
    ledger.send("a", None)
    ledger.send("b", b"B")
    assert count_known([ledger]) == Span(2, 4)


def test_a_figure_must_be_able_to_be_true():
    assert Span(2, 4).meets(Span(4, 9))
    assert not Span(2, 4).meets(Span(5, 9))
    off = Surveyed("contacts", 2, 3, 0.1, SPANS | {"missing": Span(11, 12)}, SPANS)
    assert off.off == ["missing"]
    toll = replace(TOLL, surveys=(off,))
    assert not toll.ok
    assert (
        "contacts 'missing' in a survey of 2 shelves: 11 to 12, and 10 was true" in toll.verdict()
    )
    assert "THIS IS WRONG" in printed(toll)


def printed(toll):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(toll.page())
    return console.export_text()


def test_an_act_in_which_every_record_is_accounted_for_says_so():
    assert TOLL.ok
    assert "20 are held, each named" in printed(TOLL)
    lines = [line.rstrip() for line in printed(TOLL).splitlines()]  # 80 columns are enough
    assert any(line.endswith("named in the report, with a cause") for line in lines)
    assert any(line.endswith("until all that the vault has is proven") for line in lines)


@pytest.mark.parametrize(
    "harm",
    [
        "unaccounted",
        "wrong",
        "phantom",
        "misnamed",
        "unlisted",
        "phone_deletions",
        "phone_overwrites",
        "discarded",
    ],
)
def test_anything_that_is_not_accounted_for_is_named(harm):
    toll = replace(TOLL, **{harm: 7})
    assert not toll.ok
    assert toll.verdict().endswith(": 7")


def test_a_phone_that_could_not_heal_or_is_not_back_and_a_false_page_are_named():
    assert "could not heal: 1" in replace(TOLL, phone_healed=False).verdict()
    assert replace(TOLL, phone_healed=None).ok
    assert "not back: 1" in replace(TOLL, phones_back=2).verdict()
    assert "held is 3, not 4" in replace(TOLL, faults=("held is 3, not 4",)).verdict()


def test_the_same_seed_damages_the_same(tmp_path):
    (tmp_path / "core.sqlite").write_bytes(bytes(10 * PAGE))
    (tmp_path / "core.sqlite-wal").write_bytes(bytes(4 * PAGE + 32))
    assert spoil_core(tmp_path, random.Random(1)) == (7, 14)
    first = (tmp_path / "core.sqlite").read_bytes()
    assert sum(any(first[n * PAGE : (n + 1) * PAGE]) for n in range(10)) == 5
    (tmp_path / "core.sqlite").write_bytes(bytes(10 * PAGE))
    spoil_core(tmp_path, random.Random(1))
    assert (tmp_path / "core.sqlite").read_bytes() == first


def test_a_bit_flips_in_bodies_and_in_rosters_of_other_buckets(tmp_path):
    folder = tmp_path / "ledger" / "contacts"
    folder.mkdir(parents=True)
    for bucket in range(10):
        for role in "br":
            (folder / f"{bucket:04x}-1{role}-x.pack").write_bytes(bytes(100))
    assert flip_packs(tmp_path, random.Random(1)) == (5, 20)
    flipped = [path.name for path in folder.iterdir() if any(path.read_bytes())]
    assert len({name[:4] for name in flipped}) == len(flipped) == 5
