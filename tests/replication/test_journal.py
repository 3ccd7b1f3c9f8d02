"""Journal before commit: what is acknowledged is in the vault, what failed is nowhere."""

from __future__ import annotations

import pytest
from tests.rooms import (
    CONTACTS,
    Service,
    bodies,
    content,
    content_of,
    image_of,
    is_segment,
    put,
)

from stillhere.errors import Fenced, Surplus, Unavailable
from stillhere.replication.fence import check_fence
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.vault.epochs import seal_journal
from stillhere.vault.layout import segment_name
from stillhere.vault.tail import list_journal


def next_segment(working: Working) -> str:
    writer = working.journal.writer or 0
    last = list_journal(working.vault, working.identity.epoch, writer).last
    return segment_name(working.identity.epoch, writer, last + 1)


def test_an_acknowledged_change_is_in_the_vault_already(working: Working) -> None:
    anna = working.store.accounts.create("anna")
    for number in range(3):
        put(working, anna, f"{number}.vcf")
        image = image_of(working, anna)
        there = content(working, anna)
        assert (content_of(image), image.chain) == (there.rows, there.chain)


def test_a_change_is_in_the_vault_before_anybody_sees_it(service: Service) -> None:
    """Nobody is ever ahead of the vault: not even while the segment is being written."""
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        seen: list[set[str]] = []

        def look(name: str) -> bool:
            if is_segment(name):
                seen.append(set(bodies(working, anna)))
            return False

        vault.forget = look  # called when the segment is durable
        put(working, anna, "b.vcf")
        assert seen == [{"a.vcf"}]
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}


def test_a_vault_that_can_not_be_written_refuses_and_keeps_nothing(service: Service) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        before, objects = content(working, anna), service.objects()
        vault.refuse = is_segment
        for _ in range(2):
            with pytest.raises(Unavailable) as failed:
                put(working, anna, "b.vcf")
            assert "not acknowledged" in failed.value.safe
        assert content(working, anna) == before
        assert service.objects() == objects
        vault.steady()
        assert put(working, anna, "b.vcf") == before.last + 1
    with service.recovered() as working:
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}


def test_a_write_whose_answer_was_lost_is_found_to_be_done(service: Service) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        vault.forget = is_segment
        put(working, anna, "a.vcf")
        put(working, anna, "b.vcf")
        vault.steady()
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}
        assert verify(working).proven
    with service.recovered() as working:
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}


def test_what_is_there_and_may_not_be_durable_is_not_acknowledged(service: Service) -> None:
    """The name is there, and the sync of its folder fails: a power cut could still take it."""
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put(working, anna, "1.vcf")
        vault.forget = is_segment
        vault.refuse = lambda name: is_segment(name) and (service.place / name).exists()
        with pytest.raises(Unavailable):
            put(working, anna, "2.vcf")
        assert set(bodies(working, anna)) == {"1.vcf"}
        vault.steady()
        put(working, anna, "3.vcf")
        assert set(bodies(working, anna)) == {"1.vcf", "2.vcf", "3.vcf"}
        assert verify(working).proven


class TestUncertain:
    """The segment is durable, its answer was lost, and the slot could not be read."""

    def leave(self, service: Service) -> bytes:
        """Leave 2.vcf in that state; whose it is."""
        with service.unsteady() as (working, vault):
            anna = working.store.accounts.create("anna")
            put(working, anna, "1.vcf")
            vault.forget = vault.blind = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "2.vcf")
            assert set(bodies(working, anna)) == {"1.vcf"}, "not acknowledged, not shown"
        return anna

    def test_the_next_change_comes_after_it(self, service: Service) -> None:
        with service.unsteady() as (working, vault):
            anna = working.store.accounts.create("anna")
            vault.forget = vault.blind = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "2.vcf", "sent once")
            vault.steady()
            put(working, anna, "3.vcf")
            assert set(bodies(working, anna)) == {"2.vcf", "3.vcf"}
            assert verify(working).proven

    def test_sending_it_again_is_harmless(self, service: Service) -> None:
        with service.unsteady() as (working, vault):
            anna = working.store.accounts.create("anna")
            vault.forget = vault.blind = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "2.vcf", "sent twice")
            vault.steady()
            put(working, anna, "2.vcf", "sent twice")
            assert bodies(working, anna) == {"2.vcf": b"sent twice"}
            assert verify(working).proven

    def test_a_restart_brings_it_in(self, service: Service) -> None:
        anna = self.leave(service)
        with service.at_work() as working:
            assert set(bodies(working, anna)) == {"1.vcf", "2.vcf"}
            assert verify(working).proven

    def test_a_recovery_brings_it_in(self, service: Service) -> None:
        anna = self.leave(service)
        with service.recovered() as working:
            assert set(bodies(working, anna)) == {"1.vcf", "2.vcf"}

    def test_another_process_of_the_core_settles_it_before_its_own(self, service: Service) -> None:
        with service.unsteady() as (working, vault), service.at_work() as beside:
            anna = working.store.accounts.create("anna")
            put(beside, anna, "other.vcf")
            vault.forget = vault.blind = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "2.vcf")
            seen = beside.store.write(
                anna, CONTACTS, lambda s: [record.href for record in s.records(CONTACTS)]
            ).result(60)
            assert seen == ["2.vcf", "other.vcf"]
            put(beside, anna, "3.vcf")
            vault.steady()
            put(working, anna, "4.vcf")
            assert set(bodies(beside, anna)) == {"other.vcf", "2.vcf", "3.vcf", "4.vcf"}
            assert verify(beside).proven

    def test_it_is_not_taken_for_a_stranger_s(self, service: Service) -> None:
        with service.unsteady() as (working, vault):
            anna = working.store.accounts.create("anna")
            vault.forget = vault.blind = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "2.vcf")
            vault.steady()
            assert check_fence(working)
            put(working, anna, "3.vcf")
            assert set(bodies(working, anna)) == {"2.vcf", "3.vcf"}


def test_a_seal_in_the_slot_ends_this_core(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    last = list_journal(working.vault, 1, 0).last
    assert seal_journal(working.vault, service.kit, 1, 0, last) == last
    with pytest.raises(Fenced, match="sealed"):
        put(working, anna, "b.vcf")
    with pytest.raises(Fenced):
        bodies(working, anna)


def test_a_stranger_s_segment_in_the_slot_ends_this_core(working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    working.vault.backend.create(next_segment(working), b"not ours")
    with pytest.raises(Surplus, match="somebody else"):
        put(working, anna, "b.vcf")
    with pytest.raises(Surplus):
        bodies(working, anna)


def test_two_processes_of_one_core_take_turns(service: Service) -> None:
    with service.at_work() as one, service.at_work() as two:
        anna = one.store.accounts.create("anna")
        for number in range(10):
            put((one, two)[number % 2], anna, f"{number}.vcf")
        assert {one.journal.writer, two.journal.writer} == {0, 1}
        assert content(one, anna) == content(two, anna)
        assert len(bodies(two, anna)) == 10
        assert verify(one).proven
    with service.at_work() as again:
        put(again, anna, "again.vcf")
        assert again.journal.writer == 0, "a slot is used again once its process is gone"
    with service.recovered() as working:
        assert len(bodies(working, anna)) == 11


def test_a_reader_takes_no_slot(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
    objects = service.objects()
    with service.at_work() as working:
        assert bodies(working, anna) == {}
        assert verify(working).proven
    assert service.objects() == objects
