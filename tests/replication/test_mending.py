"""Damage under a live core: mended from its rows, dense packs, and unproven shelves kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rooms import (
    CONTACTS,
    Service,
    bodies,
    image_of,
    make_service,
    put,
    put_many,
)

from stillhere.errors import Closed
from stillhere.recovery.accept import accept
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact, tail_figures
from stillhere.replication.prune import prune
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verify import verify
from stillhere.vault.layout import bucket_of

MANY = {f"{n:02d}.vcf": b"BEGIN:VCARD %d" % n * 20 for n in range(40)}


def packs(service: Service, letter: str) -> list[str]:
    names = service.objects("ledger/contacts/")
    return [name for name in names if f"{letter}-" in name.rpartition("/")[2]]


@pytest.fixture
def anna(working: Working) -> bytes:
    anna = working.store.accounts.create("anna")
    put_many(working, anna, MANY)
    compact(working)
    return anna


@pytest.mark.parametrize("loss", ["flipped", "gone"])
@pytest.mark.parametrize("letters", ["b", "r", "br"])
def test_a_damaged_pack_is_mended_from_the_live_core(
    service: Service, working: Working, anna: bytes, letters: str, loss: str
) -> None:
    """The next compaction of the shelf writes again what the vault lost."""
    for letter in letters:
        for name in packs(service, letter):
            if loss == "gone":
                (service.place / name).unlink()
            else:
                service.flip(name)
    found = verify(working)
    assert found.findings or found.spares
    put(working, anna, "new.vcf")
    assert compact(working).unproven == []
    found = verify(working)
    assert (found.findings, found.spares) == ([], [])
    with service.recovered() as working:
        assert bodies(working, anna) == MANY | {"new.vcf": b"new.vcf"}


def test_what_a_verification_found_is_mended_without_waiting_for_a_change(
    service: Service, working: Working, anna: bytes
) -> None:
    for name in packs(service, "b"):
        service.flip(name)
    assert not verify(working).proven
    compact(working)
    assert verify(working).proven
    with service.recovered() as working:
        assert bodies(working, anna) == MANY


def test_a_lost_manifest_is_written_anew_from_the_live_core(
    service: Service, working: Working, anna: bytes
) -> None:
    ben = working.store.accounts.create("ben")
    put(working, ben, "b.vcf")
    compact(working)
    for name in service.objects("manifest/contacts/")[-2:]:
        service.flip(name)
    assert not verify(working).proven
    put(working, anna, "new.vcf")
    compact(working)
    assert verify(working).proven
    with service.recovered() as working:
        assert bodies(working, anna) == MANY | {"new.vcf": b"new.vcf"}
        assert set(bodies(working, ben)) == {"b.vcf"}


def test_a_lost_manifest_closes_its_shelves_when_the_core_is_lost_too(
    service: Service, working: Working, anna: bytes
) -> None:
    for name in service.objects("manifest/contacts/"):
        service.flip(name)
    with service.recovered() as working:
        with pytest.raises(Closed):
            bodies(working, anna)
        (verdict,) = [v for v in read_report(working.core) if v.kind == CONTACTS]
        assert verdict.closed == "unproven"


def test_a_neighbour_s_lost_pack_does_not_stop_a_compaction(
    service: Service, working: Working, anna: bytes
) -> None:
    ben = working.store.accounts.create("ben")
    put(working, ben, "b.vcf")
    compact(working)
    for name in packs(service, "b"):
        (service.place / name).unlink()
    put_many(working, ben, MANY)
    compact(working)
    assert tail_figures(working).segments == 0
    assert image_of(working, ben).proven


def test_sparse_packs_are_left_and_the_chunks_in_them_moved(
    service: Service, working: Working
) -> None:
    """A pack of many shelves that has one left is given up."""
    accounts = [working.store.accounts.create(f"person {n}") for n in range(6)]
    for account in accounts:
        put_many(working, account, MANY)
    compact(working)
    first = set(packs(service, "b"))
    for number in range(5):
        put_many(working, accounts[number], {h: b"new" + body for h, body in MANY.items()})
        compact(working)
    bucket = bucket_of(accounts[0], working.vault.bucket_bits)
    manifest = anchor_of(working).manifest(CONTACTS, bucket)
    assert manifest is not None
    needed = {pack.name for pack in manifest.packs}
    assert not first & needed
    assert first <= {dropped.name for dropped in manifest.dropped}
    assert verify(working).proven
    prune(working, keep_ms=-1)
    assert not first & set(service.objects("ledger/contacts/"))
    assert verify(working).proven
    with service.recovered() as working:
        assert bodies(working, accounts[5]) == MANY


def test_packs_do_not_multiply_with_compactions(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put_many(working, anna, MANY)
    for number in range(40):
        put(working, anna, "changing.vcf", f"{number}")
        compact(working)
    manifest = anchor_of(working).source(anna, CONTACTS).manifest
    assert manifest is not None
    assert len(manifest.packs) <= 80
    assert verify(working).proven


class TestUnproven:
    """A core that was recovered from a vault with a lost segment."""

    @pytest.fixture
    def lost(self, tmp_path: Path) -> tuple[Service, bytes, bytes]:
        service = make_service(tmp_path)
        with service.at_work() as working:
            anna, ben = (working.store.accounts.create(name) for name in ("anna", "ben"))
            put_many(working, anna, MANY)
            compact(working)
            put(working, anna, "a.vcf", "kept")
            put(working, anna, "b.vcf", "lost")
            put(working, ben, "b.vcf", "kept")
        (service.place / service.objects("journal/")[-2]).unlink()
        return service, anna, ben

    def test_it_stays_unproven_through_compactions_and_recoveries(
        self, lost: tuple[Service, bytes, bytes]
    ) -> None:
        service, anna, ben = lost
        for unproven in ([(anna, CONTACTS)], []):  # the second time it is not even touched
            with service.recovered() as working:
                put(working, ben, "more.vcf")
                assert compact(working).unproven == unproven
                prune(working, keep_ms=-1)
                assert not image_of(working, anna).proven
                with pytest.raises(Closed):
                    bodies(working, anna)

    def test_once_accepted_it_is_proven_from_then_on(
        self, lost: tuple[Service, bytes, bytes]
    ) -> None:
        service, anna, _ = lost
        there = MANY | {"a.vcf": b"kept"}
        with service.recovered() as working:
            accept(working, anna, CONTACTS)
            assert bodies(working, anna) == there
            put(working, anna, "new.vcf")
            found = verify(working)
            assert found.proven, found.findings
        with service.recovered() as working:
            assert bodies(working, anna) == there | {"new.vcf": b"new.vcf"}
            assert compact(working).unproven == []
