"""Tending: the bounds of the journal hold by themselves, and trouble is told and outlived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from tests.rooms import Service, bodies, content, content_of, image_of, is_segment, put

from stillhere.errors import Fenced, Unavailable
from stillhere.replication.compact import tail_figures
from stillhere.replication.journal import MAX_UNROLLED
from stillhere.replication.start import Working
from stillhere.replication.tend import Limits, Tender
from stillhere.replication.verify import verify

PATIENCE_S = 20.0
SMALL = Limits(roll_segments=8, tail_bytes=1 << 30, tail_rolls=1000, fence_every_s=0.01)


@contextmanager
def tended(working: Working, limits: Limits = SMALL) -> Iterator[Tender]:
    tender = Tender(working, limits)
    try:
        yield tender
    finally:
        tender.close()


def eventually(happens: Callable[[], bool]) -> None:
    """Wait for what must come; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def alone(service: Service) -> int:
    return sum(map(is_segment, service.objects("journal/")))


def test_two_thousand_segments_stay_within_the_bounds(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    worst = 0
    with tended(working, Limits(fence_every_s=0.05)):
        for number in range(2000):
            put(working, anna, f"{number % 300}.vcf", f"revision {number}")
            if number % 50 == 0:
                worst = max(worst, alone(service))
                assert bodies(working, anna)[f"{number % 300}.vcf"] == b"revision %d" % number
    assert worst <= 2 * MAX_UNROLLED
    figures = tail_figures(working)
    assert figures.segments >= 2000
    assert figures.objects <= MAX_UNROLLED + 20
    image, there = image_of(working, anna), content(working, anna)
    assert (content_of(image), image.chain) == (there.rows, there.chain)


def test_many_short_lives_stay_within_the_bounds_too(service: Service) -> None:
    """As many commands beside a server that is not running."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
    for life in range(24):
        with service.at_work() as working:
            for number in range(25):
                put(working, anna, f"{number}.vcf", f"life {life}")
        assert alone(service) <= MAX_UNROLLED
    with service.at_work() as working:
        assert tail_figures(working).objects <= MAX_UNROLLED
        assert verify(working).proven


def test_a_tail_that_grows_is_compacted(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    names = (f"{number}.vcf" for number in count())

    def grow() -> bool:
        put(working, anna, next(names))
        return bool(service.objects("manifest/root/"))

    with tended(working, Limits(roll_segments=4, tail_rolls=3, fence_every_s=0.01)):
        eventually(grow)
    assert verify(working).proven


def test_bytes_alone_make_a_compaction_due(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    with tended(working, Limits(tail_bytes=20_000, fence_every_s=0.01)):
        for number in range(6):
            put(working, anna, f"{number}.vcf", bytes(range(256)) * 16 + b"%d" % number)
        put(working, anna, "large.vcf", service.kit.seed.hex() * 2000)
        for number in range(40):
            put(working, anna, f"b{number}.vcf", f"{number}" * 900)
        eventually(lambda: bool(service.objects("manifest/root/")))
    assert verify(working).proven


def test_a_tender_told_not_to_compact_does_not(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    limits = Limits(roll_segments=4, tail_rolls=1, tail_bytes=1, fence_every_s=0.01)
    tender = Tender(working, limits, compacting=False)
    try:
        for number in range(30):
            put(working, anna, f"{number}.vcf")
        eventually(lambda: alone(service) < 8)
        assert service.objects("manifest/") == []
        tender.compacting = True
        eventually(lambda: bool(service.objects("manifest/root/")))
    finally:
        tender.close()


def test_a_replaced_core_is_halted_without_being_asked(service: Service) -> None:
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        with tended(old), service.recovered():
            eventually(lambda: old.store.gate.halted is not None)
            with pytest.raises(Fenced):
                bodies(old, anna)


def test_trouble_with_the_vault_is_told_and_ends(service: Service) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        vault.refuse = lambda name: name.endswith(".roll")
        with tended(working) as tender:
            for number in range(20):
                put(working, anna, f"{number}.vcf")
            eventually(lambda: tender.trouble is not None)
            assert tender.trouble is not None
            assert "no space" in tender.trouble.what
            vault.steady()
            eventually(lambda: tender.trouble is None)
            eventually(lambda: alone(service) < 8)
        assert verify(working).proven


def test_whatever_else_fails_the_fence_is_looked_at(service: Service) -> None:
    """A round that fails in an unforeseen way must not be the last."""
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        (service.home / "compact.lock").mkdir()
        limits = Limits(roll_segments=4, tail_bytes=1, fence_every_s=0.01)
        with tended(old, limits) as tender:
            for number in range(12):
                put(old, anna, f"{number}.vcf")
            eventually(lambda: tender.trouble is not None)
            with service.recovered():
                eventually(lambda: old.store.gate.halted is not None)


def test_a_vault_that_is_away_stops_nobody_from_reading(service: Service) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        with tended(working):
            vault.refuse = vault.blind = lambda name: True
            with pytest.raises(Unavailable):
                put(working, anna, "b.vcf")
            assert set(bodies(working, anna)) == {"a.vcf"}
            vault.steady()
            put(working, anna, "b.vcf")
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}
