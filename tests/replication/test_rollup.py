"""Roll-ups: few objects for a first answer, with every part as it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from tests.rooms import (
    Service,
    bodies,
    content,
    content_of,
    image_of,
    make_service,
    put,
)

from stillhere.errors import Damaged, StillhereError
from stillhere.replication.rollup import MAX_ROLL_BYTES, roll_up
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verify import verify
from stillhere.vault.epochs import seal_journal
from stillhere.vault.tail import list_journal


def roll(working: Working, upto: int, *, after: int = 0, least: int = 2) -> int:
    key = working.identity.journal_key
    return roll_up(working.vault, key, 1, 0, after=after, upto=upto, least=least)


def shapes(service: Service) -> list[str]:
    """What lies in the journal: `3` a segment, `1-2` a roll-up."""
    names = [name.rpartition("/")[2] for name in service.objects("journal/")]
    return [
        "-".join(str(int(number)) for number in name.rpartition(".")[0].split("-"))
        for name in names
    ]


class Journal:
    """Somebody's twelve changes in as many segments, after the two of the account."""

    def __init__(self, service: Service, working: Working) -> None:
        self.service, self.working = service, working
        self.anna = working.store.accounts.create("anna")
        for number in range(12):
            put(working, self.anna, f"{number}.vcf", f"body {number}")
        self.last = working.journal.written
        self.before = content(working, self.anna)

    def is_unchanged(self) -> bool:
        image = image_of(self.working, self.anna)
        return (content_of(image), image.chain, image.problems) == (
            self.before.rows,
            self.before.chain,
            [],
        )


@pytest.fixture
def journal(service: Service, working: Working) -> Journal:
    return Journal(service, working)


def test_rolled_segments_are_one_object_and_say_the_same(journal: Journal) -> None:
    assert roll(journal.working, 6) == 6
    assert shapes(journal.service) == ["1-6", *map(str, range(7, journal.last + 1))]
    assert journal.is_unchanged()
    assert roll(journal.working, journal.last, after=6) == journal.last
    assert shapes(journal.service) == ["1-6", f"7-{journal.last}"]
    assert journal.is_unchanged()
    assert verify(journal.working).proven


def test_too_few_segments_are_left_alone(journal: Journal) -> None:
    assert roll(journal.working, 5, least=6) == 0
    assert "5" in shapes(journal.service)
    assert roll(journal.working, 5, least=5) == 5
    assert roll(journal.working, 6, least=2) == 5
    assert shapes(journal.service)[:2] == ["1-5", "6"]


def test_a_roll_up_that_was_interrupted_is_finished_or_harmless(
    service: Service, tmp_path: Path
) -> None:
    with service.unsteady() as (working, vault):
        journal = Journal(service, working)
        vault.forget = lambda name: name.endswith(".roll")
        with pytest.raises(StillhereError):
            roll(working, 6)
        vault.steady()
        assert "1-6" in shapes(service)
        assert "6" in shapes(service), "its segments were not removed"
        assert journal.is_unchanged()
        assert roll(working, journal.last) == journal.last
        assert journal.is_unchanged()
        listing = list_journal(working.vault, 1, 0)
        assert [(span.first, span.last) for span in listing.spans] == [(1, 6), (7, journal.last)]
    with service.recovered() as working:
        assert content(working, journal.anna).rows == journal.before.rows


def test_a_broken_segment_is_never_rolled_away(journal: Journal) -> None:
    """Rolled up as it is, its damage would look like something that was written so."""
    name = journal.service.objects("journal/")[3]
    size = (journal.service.place / name).stat().st_size
    for offset in (20, size - 20):
        journal.service.flip(name, offset)
    with pytest.raises(Damaged):
        roll(journal.working, 8)
    assert [shape for shape in shapes(journal.service) if "-" in shape] == []
    for offset in (20, size - 20):
        journal.service.flip(name, offset)
    assert roll(journal.working, 8) == 8
    assert journal.is_unchanged()


def test_segments_around_a_hole_are_not_rolled_over_it(journal: Journal) -> None:
    (journal.service.place / journal.service.objects("journal/")[3]).unlink()
    with pytest.raises(Damaged, match="missing"):
        roll(journal.working, 8)


def test_a_seal_is_not_rolled_up(journal: Journal) -> None:
    working = journal.working
    seal_journal(working.vault, journal.service.kit, 1, 0, journal.last)
    assert roll(working, journal.last + 1) == journal.last
    assert shapes(journal.service) == [f"1-{journal.last}", str(journal.last + 1)]
    assert journal.is_unchanged()


def test_a_damaged_part_of_a_roll_up_costs_itself(journal: Journal) -> None:
    roll(journal.working, journal.last)
    (name,) = journal.service.objects("journal/")
    (source,) = anchor_of(journal.working).tail.sources
    row = source.rows(journal.anna, "contacts")[5]
    journal.service.flip(name, source.start + row.offset + row.entries_length + 14)
    image = image_of(journal.working, journal.anna)
    assert image.proven
    assert [href for _, href in image.missing] == ["4.vcf"]


def test_a_segment_as_large_as_a_roll_up_is_kept_whatever_happens(
    service: Service, working: Working
) -> None:
    anna = working.store.accounts.create("anna")
    photo = os.urandom(17 << 20)
    put(working, anna, "photo", photo)
    put(working, anna, "a.vcf")
    put(working, anna, "b.vcf")
    last = working.journal.written
    for _ in range(3):
        roll(working, last)
        assert verify(working).proven
    image = image_of(working, anna)
    there = {item.href: body for item, body in zip(image.items, image.bodies, strict=True)}
    assert there["photo"] == photo


def test_large_segments_are_rolled_within_bounds_and_named_by_their_digests(
    service: Service, working: Working
) -> None:
    anna = working.store.accounts.create("anna")
    for number in range(10):
        put(working, anna, f"{number}.jpg", os.urandom(3 << 20))
    digests = b"".join(
        hashlib.sha256((service.place / name).read_bytes()).digest()
        for name in service.objects("journal/")
    )
    assert roll(working, working.journal.written) == working.journal.written
    rolls = service.objects("journal/")
    assert 1 < len(rolls) < 5
    for name in rolls:
        assert (service.place / name).stat().st_size <= MAX_ROLL_BYTES + (4 << 20)
    assert b"".join(s.header.digests for s in anchor_of(working).tail.sources) == digests
    assert verify(working).proven


def test_a_recovered_core_reads_rolled_and_lone_segments(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        journal = Journal(service, working)
        roll(working, 7)
    with service.recovered() as working:
        assert content(working, journal.anna).rows == journal.before.rows
        put(working, journal.anna, "new.vcf")
    with service.recovered() as working:
        assert set(bodies(working, journal.anna)) >= {"new.vcf", "11.vcf"}
