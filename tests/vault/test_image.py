"""A shelf out of the vault: base, delta and tail give the store's own shelf, or say what lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms import (
    CONTACTS,
    Service,
    content,
    content_of,
    delete,
    image_of,
    make_service,
    put,
    put_many,
)

from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.rosters import HELD
from stillhere.vault.image import Image
from stillhere.vault.packs import HEADER_BYTES, scan_pack

MANY = {f"{n:02d}.vcf": b"BEGIN:VCARD %d" % n * 20 for n in range(20)}


class Shelves:
    """A service with two accounts whose shelves have a base, a delta and a tail."""

    def __init__(self, service: Service, working: Working) -> None:
        self.service, self.working = service, working
        self.anna = working.store.accounts.create("anna")
        self.ben = working.store.accounts.create("ben")

    def fill(self) -> None:
        """A base of twenty contacts, a delta of two changes, and a tail."""
        for account in (self.anna, self.ben):
            put_many(self.working, account, MANY)
        compact(self.working)
        for account in (self.anna, self.ben):
            put(self.working, account, "03.vcf", "in the delta")
            delete(self.working, account, "04.vcf")
        compact(self.working)
        for account in (self.anna, self.ben):
            put(self.working, account, "05.vcf", "in the tail")
            delete(self.working, account, "03.vcf")
            put(self.working, account, "new.vcf", "in the tail too")

    def image(self, account: bytes) -> Image:
        return image_of(self.working, account)

    def packs(self, letter: str) -> list[str]:
        """The contacts' packs: b bodies, r rosters, t their twins."""
        names = self.service.objects("ledger/contacts/")
        return [name for name in names if f"-000001{letter}-" in name]


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    service = make_service(tmp_path)
    with service.at_work() as working:
        yield Shelves(service, working)


def test_base_delta_and_tail_are_the_store_s_shelf(shelves: Shelves) -> None:
    shelves.fill()
    for kind in (CONTACTS, "account"):
        for account in (shelves.anna, shelves.ben):
            there = content(shelves.working, account, kind)
            image = image_of(shelves.working, account, kind)
            assert image.proven
            assert content_of(image) == there.rows
            assert (image.last, image.chain) == (there.last, there.chain)
            assert (image.missing, image.problems) == ({}, [])


def test_an_image_is_the_same_before_and_after_every_compaction(shelves: Shelves) -> None:
    shelves.fill()
    before = content(shelves.working, shelves.anna)
    for _ in range(2):
        compact(shelves.working)
        image = shelves.image(shelves.anna)
        assert (content_of(image), image.last, image.chain) == (
            before.rows,
            before.last,
            before.chain,
        )


def test_a_shelf_that_nobody_has_is_not_there(shelves: Shelves) -> None:
    shelves.fill()
    image = image_of(shelves.working, shelves.anna, "calendar")
    assert not image.exists
    assert image.items == []


def test_a_broken_chunk_of_bodies_holds_its_records_by_name(shelves: Shelves) -> None:
    shelves.fill()
    known = {item.href: item for item in shelves.image(shelves.anna).items}
    for pack in shelves.packs("b"):
        data = (shelves.service.place / pack).read_bytes()
        for offset, header in scan_pack(data):
            if header.account == shelves.anna:
                shelves.service.flip(pack, offset + HEADER_BYTES + 9)
    assert not shelves.image(shelves.ben).missing, "a broken chunk costs its own shelf"
    image = shelves.image(shelves.anna)
    assert image.proven
    in_the_tail, deleted = {"05.vcf", "new.vcf"}, {"03.vcf", "04.vcf"}
    assert {href for _, href in image.missing} == known.keys() - in_the_tail - deleted
    assert all("does not open" in cause for cause in image.missing.values())
    held = {item.href: item for item in image.items if item.state == HELD}
    for href, item in held.items():
        assert item == known[href]._replace(state=HELD), "size, digest, uid and time stay"
    assert len(held) == len(image.missing)


@pytest.mark.parametrize("letter", ["r", "t"])
def test_a_broken_roster_has_a_twin(shelves: Shelves, letter: str) -> None:
    shelves.fill()
    there = content(shelves.working, shelves.anna).rows
    for pack in shelves.packs(letter):
        shelves.service.flip(pack)
        (shelves.service.place / pack).unlink()
    image = shelves.image(shelves.anna)
    assert image.proven
    assert content_of(image) == there


def test_a_roster_lost_twice_leaves_its_shelf_unproven_and_keeps_the_rest(shelves: Shelves) -> None:
    shelves.fill()
    for letter in "rb":
        for pack in shelves.packs(letter):
            (shelves.service.place / pack).unlink()
    image = shelves.image(shelves.anna)
    assert not image.proven
    assert "roster" in image.problems[0]
    hrefs = {item.href for item in image.items}
    assert {"05.vcf", "03.vcf", "new.vcf"} <= hrefs, "what the tail has is still shown"


def test_a_lost_manifest_leaves_its_shelves_unproven(shelves: Shelves) -> None:
    shelves.fill()
    newest = shelves.service.objects("manifest/contacts/")[-2:]
    assert newest[1] == f"{newest[0]}.twin"
    (shelves.service.place / newest[0]).unlink()
    assert shelves.image(shelves.anna).proven
    (shelves.service.place / newest[1]).unlink()
    image = shelves.image(shelves.anna)
    assert not image.proven
    assert newest[0] in image.problems[0]


def segments(shelves: Shelves) -> list[str]:
    return shelves.service.objects("journal/")


def lose(shelves: Shelves, name: str) -> None:
    (shelves.service.place / name).unlink()


def test_a_segment_lost_alone_concerns_exactly_those_it_touched(shelves: Shelves) -> None:
    put(shelves.working, shelves.anna, "1.vcf", "before")
    put(shelves.working, shelves.ben, "1.vcf", "lost")
    put(shelves.working, shelves.anna, "2.vcf", "after")
    lose(shelves, segments(shelves)[-2])
    assert shelves.image(shelves.anna).proven
    ben = shelves.image(shelves.ben)
    assert not ben.proven
    assert "lost" in ben.problems[0]
    assert image_of(shelves.working, shelves.ben, "account").proven
    assert "1.vcf" not in {item.href for item in ben.items}


def test_a_lost_segment_is_seen_in_the_chain_of_what_follows(shelves: Shelves) -> None:
    put(shelves.working, shelves.ben, "1.vcf", "lost")
    put(shelves.working, shelves.ben, "2.vcf", "after")
    lose(shelves, segments(shelves)[-2])
    ben = shelves.image(shelves.ben)
    assert any("missing from the journal" in problem for problem in ben.problems)
    assert "2.vcf" in {item.href for item in ben.items}, "what was found is in the image"


def test_two_lost_segments_leave_unproven_whom_nothing_later_proves(shelves: Shelves) -> None:
    put(shelves.working, shelves.anna, "1.vcf", "before")
    put(shelves.working, shelves.ben, "1.vcf", "lost")
    put(shelves.working, shelves.ben, "2.vcf", "lost")
    put(shelves.working, shelves.anna, "2.vcf", "after")
    for name in segments(shelves)[-3:-1]:
        lose(shelves, name)
    assert shelves.image(shelves.anna).proven, "its chain goes on after the loss"
    assert not shelves.image(shelves.ben).proven
    for account in (shelves.anna, shelves.ben):
        assert not image_of(shelves.working, account, "account").proven, "it may have been touched"


def test_a_segment_lost_between_two_processes_concerns_whom_it_touched(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        anna, ben = working.store.accounts.create("anna"), working.store.accounts.create("ben")
        put(working, anna, "1.vcf", "the last of this process")
    lost = service.objects("journal/")[-1]
    with service.at_work() as working:
        put(working, ben, "1.vcf", "the first of the next")
        (service.place / lost).unlink()
        assert not image_of(working, anna).proven
        assert image_of(working, ben).proven


def test_a_broken_part_of_the_tail_holds_its_bodies_or_says_what_is_lost(shelves: Shelves) -> None:
    put(shelves.working, shelves.anna, "1.vcf", "body " * 200)
    name = segments(shelves)[-1]
    data = (shelves.service.place / name).read_bytes()
    outcomes = set()
    for offset in range(0, len(data), 7):
        shelves.service.flip(name, offset)
        image = shelves.image(shelves.anna)
        rows = {item.href: body for item, body in zip(image.items, image.bodies, strict=True)}
        if image.proven and not image.missing:
            assert rows["1.vcf"] == b"body " * 200
            outcomes.add("proven")
        elif image.proven:
            assert image.missing.keys() == {(CONTACTS, "1.vcf")}
            assert rows["1.vcf"] is None
            outcomes.add("held")
        else:
            assert "1.vcf" not in rows
            outcomes.add("unproven")
        shelves.service.flip(name, offset)
    assert outcomes == {"proven", "held", "unproven"}
