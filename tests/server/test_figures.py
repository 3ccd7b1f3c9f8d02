"""What a core says of itself is true, also when the vault is away or somebody took over."""

from pathlib import Path

import pytest
from tests.server.test_serve import take_over

from stillhere.replication.compact import compact
from stillhere.replication.verify import verify
from stillhere.server.core import opened
from stillhere.server.figures import read_status
from stillhere.server.found import found
from stillhere.server.rates import last_measured, measure
from stillhere.store import ShelfWrite
from stillhere.vault.kit import Kit

CONTACTS = 5


def write(shelf: ShelfWrite) -> None:
    for number in range(CONTACTS):
        shelf.put("contacts", f"{number}.vcf", b"x" * 100, uid=str(number))


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return found(tmp_path / "core", tmp_path / "vault", None).kit


@pytest.fixture
def home(tmp_path: Path, kit: Kit) -> Path:
    (tmp_path / "kit.txt").write_text(kit.text())
    with opened(tmp_path / "core") as core:
        ana = core.store.accounts.create("ana")
        core.store.write(ana, "contacts", write).result()
    return tmp_path / "core"


def test_counts_and_protection(home: Path) -> None:
    status = read_status(home)
    assert status.accounts == 1
    assert [(k.kind, k.shelves, k.closed, k.held) for k in status.kinds] == [
        ("account", 1, 0, 0),
        ("contacts", 1, 0, 0),
    ]
    assert (status.kinds[1].records, status.kinds[1].bytes) == (CONTACTS, 100 * CONTACTS)
    protection = status.protection
    assert (protection.rpo_s, protection.behind_segments, protection.trouble) == (0, 0, "")
    assert status.protection.tail_segments
    assert status.protection.last_compacted_at is None
    assert status.protection.last_proven_at is None
    assert status.protection.same_disk
    assert status.loss is None


def test_kinds_are_told_in_their_order_once_something_is_there(home: Path) -> None:
    with opened(home) as core:
        account = core.store.accounts.find("ana")
        for kind in ("tasks", "calendar"):
            core.store.write(account, kind, lambda shelf: shelf.put_collection("one", {}, "X"))
    told = read_status(home).kinds
    assert [each.kind for each in told] == ["account", "contacts", "calendar", "tasks"]


def test_what_was_compacted_and_proven_is_remembered(home: Path) -> None:
    with opened(home) as core:
        compact(core.working)
        verify(core.working)
        measure(core.working)
    status = read_status(home)
    assert status.protection.tail_segments == 0
    assert status.protection.last_compacted_at is not None
    assert (status.protection.proven_shelves, status.protection.unproven_shelves) == (2, 0)
    assert status.loss is not None
    p50 = [each.p50_s for each in status.loss.stages]
    assert p50 == sorted(p50)
    assert p50[0] > 0


def test_a_vault_that_is_away_is_part_of_the_answer(home: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "unplugged")
    status = read_status(home)
    assert "there is no vault" in status.protection.trouble
    assert status.kinds[1].records == CONTACTS
    assert not status.protection.same_disk


def test_a_core_that_was_taken_over_says_so(home: Path, tmp_path: Path) -> None:
    take_over(tmp_path)
    assert "another core has taken over" in read_status(home).protection.trouble


def test_a_vault_that_moved_is_found_where_the_settings_say(home: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "moved")
    settings = home / "stillhere.toml"
    settings.write_text(settings.read_text().replace(str(tmp_path / "vault"), "../moved"))
    assert read_status(home).protection.trouble == ""


def test_nothing_is_measured_where_there_is_nothing(tmp_path: Path, kit: Kit) -> None:
    with opened(tmp_path / "core") as core:
        assert measure(core.working) is None
        assert last_measured(core.working.core) is None
