"""Pruning: only what nothing has needed for a week, and never by a core that was replaced."""

from __future__ import annotations

import pytest
from tests.rooms import Service, bodies, contents, is_segment, put, put_many

from stillhere.replication.compact import compact
from stillhere.replication.prune import KEEP_MS, prune
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verify import verify
from stillhere.vault.layout import manifest_name, twin
from stillhere.vault.manifests import read_root

MANY = {f"{n:02d}.vcf": b"BEGIN:VCARD %d" % n * 20 for n in range(20)}
NOW_OLD = -1  # everything that is there is older than this


def busy(working: Working, times: int = 4) -> bytes:
    """Somebody whose contacts are compacted again and again."""
    anna = working.store.accounts.create("anna")
    for number in range(times):
        put_many(working, anna, {href: body + b"%d" % number for href, body in MANY.items()})
        compact(working)
    return anna


def needed(working: Working) -> set[str]:
    """What the newest root leads to."""
    root = read_root(working.vault)
    names = {f"manifest/root/{root.number:08d}"}
    for kind, buckets in root.buckets.items():
        for bucket, (number, _) in buckets.items():
            name = manifest_name(kind, bucket, number)
            manifest = anchor_of(working).manifest(kind, bucket)
            assert manifest is not None
            names |= {name, twin(name), *(pack.name for pack in manifest.packs)}
    return names


def test_within_the_week_everything_stays(service: Service, working: Working) -> None:
    busy(working)
    objects = service.objects()
    assert prune(working) == 0
    assert prune(working, keep_ms=KEEP_MS) == 0
    assert service.objects() == objects


def test_after_it_only_what_is_needed_stays(service: Service, working: Working) -> None:
    anna = busy(working)
    now = contents(working)
    keep = needed(working)
    assert prune(working, keep_ms=NOW_OLD) > 0
    left = set(service.objects())
    assert keep <= left
    journal = [name for name in left if name.startswith("journal/")]
    assert len(journal) == 1, "a vault without any journal is half a vault"
    ledger = {name for name in left if name.startswith(("ledger/", "manifest/"))}
    assert ledger - keep == {f"manifest/root/{read_root(working.vault).number:08d}.twin"}
    assert verify(working).proven
    assert contents(working) == now
    assert prune(working, keep_ms=NOW_OLD) == 0
    put(working, anna, "after.vcf")
    compact(working)
    with service.recovered() as working:
        assert set(bodies(working, anna)) == {*MANY, "after.vcf"}


def test_what_no_compaction_has_taken_in_stays(service: Service, working: Working) -> None:
    anna = busy(working, 1)
    put(working, anna, "tail.vcf")
    segments = service.objects("journal/")
    prune(working, keep_ms=NOW_OLD)
    assert service.objects("journal/") == segments[-1:]
    with service.recovered() as working:
        assert "tail.vcf" in bodies(working, anna)


def test_a_vault_that_was_never_compacted_is_left_alone(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    objects = service.objects()
    assert prune(working, keep_ms=NOW_OLD) == 0
    assert service.objects() == objects


def test_a_core_that_was_replaced_deletes_nothing(service: Service) -> None:
    with service.at_work() as old:
        anna = busy(old)
        with service.recovered() as new:
            put(new, anna, "b.vcf")
            objects = service.objects()
            assert prune(old, keep_ms=NOW_OLD) == 0
            assert service.objects() == objects
            assert prune(new, keep_ms=NOW_OLD) > 0
            assert verify(new).proven


def test_an_older_root_within_the_week_still_proves_everything(
    service: Service, working: Working
) -> None:
    """Where the newest manifests are broken, the one before and the journal stand in."""
    anna = busy(working)
    put(working, anna, "last.vcf")
    compact(working)
    prune(working)
    newest = read_root(working.vault).number
    for name in service.objects(f"manifest/root/{newest:08d}"):
        service.flip(name)
    with service.recovered() as working:
        assert set(bodies(working, anna)) == {*MANY, "last.vcf"}


def test_evidence_of_a_loss_is_not_pruned(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        for number in range(3):
            put(working, anna, f"{number}.vcf")
    (service.place / service.objects("journal/")[-2]).unlink()
    with service.recovered() as working:
        put(working, working.store.accounts.create("ben"), "b.vcf")
        evidence = [name for name in service.objects("journal/000001/") if is_segment(name)]
        assert compact(working).unproven == [(anna, "contacts")]
        prune(working, keep_ms=NOW_OLD)
        seal = evidence[-1]
        assert set(evidence[:-1]) <= set(service.objects()), f"all but {seal}"


def test_pruning_twice_or_after_a_crash_is_harmless(service: Service) -> None:
    with service.unsteady() as (working, vault):
        anna = busy(working)
        deleted = 0
        delete = vault.delete

        def fail(name: str) -> None:
            nonlocal deleted
            deleted += 1
            if deleted == 3:
                raise InterruptedError
            delete(name)

        vault.delete = fail  # type: ignore[method-assign]
        with pytest.raises(InterruptedError):
            prune(working, keep_ms=NOW_OLD)
        assert verify(working).proven
        prune(working, keep_ms=NOW_OLD)
        assert verify(working).proven
        assert set(bodies(working, anna)) == set(MANY)
