"""Shelves that nobody could prove: what a damaged core has of them, once they are accepted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.recovery.salvage.damage import Core, copy_core, salvaged
from tests.rooms import CONTACTS, Service, bodies, delete, make_service, put, quick_folder

from stillhere.errors import Closed
from stillhere.recovery.accept import accept
from stillhere.recovery.salvage.merge import merge
from stillhere.recovery.salvage.salvage import accept_filled
from stillhere.recovery.salvage.scan import Salvage
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import ACCOUNT

ALL = {
    "edited.vcf": b"edited after",
    "kept.vcf": b"kept",
    "late.vcf": b"late",
}
FOUND = {"edited.vcf": b"edited after", "late.vcf": b"late"}
RENAMED = {"{DAV:}displayname": "Friends"}


@pytest.fixture
def service() -> Iterator[Service]:
    with quick_folder() as folder:
        yield make_service(folder)


@pytest.fixture
def closed(service: Service) -> Iterator[tuple[Working, bytes, Core]]:
    """A core whose vault lost all but the last changes; a shelf of it is closed."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        for name in ("kept", "edited", "gone"):
            put(working, anna, f"{name}.vcf", name, uid=name)
        working.store.write(
            anna, CONTACTS, lambda shelf: shelf.put_collection(CONTACTS, RENAMED)
        ).result(60)
        delete(working, anna, "gone.vcf")
        compact(working)
        put(working, anna, "edited.vcf", "edited after", uid="edited")
        put(working, anna, "late.vcf", "late", uid="late")
        core = copy_core(service, working, service.folder / "old")
    for name in service.objects("ledger/contacts/"):
        (service.place / name).unlink()
    with service.recovered() as working:
        yield working, anna, core


def test_a_closed_shelf_is_left_alone_and_what_waits_for_it_is_counted(
    closed: tuple[Working, bytes, Core],
) -> None:
    working, anna, core = closed
    told = salvaged(working, core)
    assert (told["found_beyond"], told["on_closed"], told["written"]) == (3, 3, 0)
    with pytest.raises(Closed):
        bodies(working, anna)


def test_once_it_is_accepted_the_same_file_gives_what_it_lacks(
    closed: tuple[Working, bytes, Core],
) -> None:
    working, anna, core = closed
    salvaged(working, core)
    accept(working, anna, CONTACTS)
    assert bodies(working, anna) == FOUND
    told = salvaged(working, core)
    assert bodies(working, anna) == ALL, "what was deleted is not among them"
    assert (told["written"], told["deleted"], told["on_closed"]) == (2, 1, 0)
    with working.store.read(anna, CONTACTS) as shelf:
        (book,) = shelf.collections()
        assert book.properties == RENAMED, "and not of the one that was made because there was none"
    again = salvaged(working, core)
    assert (again["written"], again["deleted"], again["history"]) == (0, 0, 0)


def test_it_opens_with_what_the_file_has(closed: tuple[Working, bytes, Core]) -> None:
    working, anna, core = closed

    def fill() -> None:
        with Salvage(core.path) as damaged:
            merge(working.store, damaged, (anna, CONTACTS))
        with pytest.raises(Closed):
            bodies(working, anna)

    accept(working, anna, CONTACTS, fill)
    assert bodies(working, anna) == ALL
    assert salvaged(working, core)["written"] == 0


def test_an_account_that_is_accepted_has_its_name_again(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        compact(working)
        core = copy_core(service, working, service.folder / "old")
    for name in service.objects("ledger/account/") + service.objects("journal/"):
        (service.place / name).unlink()
    with service.recovered() as working:
        assert [row.name for row in working.store.accounts.list()] != ["anna"]
        accept_filled(working, anna, ACCOUNT, [core.path])
        assert [row.name for row in working.store.accounts.list()] == ["anna"]


def test_what_was_changed_since_it_was_accepted_stays(
    closed: tuple[Working, bytes, Core],
) -> None:
    working, anna, core = closed
    accept(working, anna, CONTACTS)
    put(working, anna, "kept.vcf", "today")
    put(working, anna, "gone.vcf", "again")
    delete(working, anna, "late.vcf")
    told = salvaged(working, core)
    assert bodies(working, anna) == {
        "edited.vcf": b"edited after",
        "kept.vcf": b"today",
        "gone.vcf": b"again",
    }
    assert (told["deleted"], told["history"]) == (0, 2), "what they were then is in the history"


def test_the_file_may_turn_up_after_another_loss(
    service: Service, closed: tuple[Working, bytes, Core]
) -> None:
    working, anna, core = closed
    accept(working, anna, CONTACTS)
    put(working, anna, "today.vcf", "today")
    working.close()
    with service.recovered(service.folder / "another") as later:
        assert bodies(later, anna) == FOUND | {"today.vcf": b"today"}
        salvaged(later, core)
        assert bodies(later, anna) == ALL | {"today.vcf": b"today"}
