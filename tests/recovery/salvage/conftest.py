"""Cores to be damaged: one whose shelves are rows, one whose shelves are pages still."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.recovery.salvage.damage import Core
from tests.rooms import CONTACTS, Service, contents, make_service, quick_folder

from stillhere.kinds.item import NO_SPAN, Span
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import NewAccount, ShelfWrite
from stillhere.store import core as core_of

HOUR = 3600.0
PEOPLE = 12
RECORDS = 60
SIZES = (0, 40, 300, 6_000, 50_000)  # of photographs in cards: some fill pages of their own


class Lost(NamedTuple):
    """Cores of one service, by what their shelves are."""

    rows: Core
    pages: Core


@pytest.fixture(scope="session")
def lost() -> Iterator[Lost]:
    with quick_folder() as folder:
        yield lose(folder, PEOPLE, RECORDS)


@pytest.fixture(scope="session")
def small() -> Iterator[Lost]:
    """The same with little in it."""
    with quick_folder() as folder:
        yield lose(folder, 2, 10)


@pytest.fixture(params=["rows", "pages"])
def core(lost: Lost, request: pytest.FixtureRequest, tmp_path: Path) -> Core:
    """A core to be damaged, all of it in its file."""
    found: Core = getattr(lost, request.param)
    return found.copy(tmp_path / "core").filed()


@pytest.fixture(params=["rows", "pages"])
def logged(lost: Lost, request: pytest.FixtureRequest, tmp_path: Path) -> Core:
    """A core to be damaged, nearly all of it in its log yet."""
    found: Core = getattr(lost, request.param)
    return found.copy(tmp_path / "core")


def lose(folder: Path, people: int, records: int) -> Lost:
    service = make_service(folder)
    with service.at_work() as working:
        _fill(working, people, records)
        compact(working)
        rows = Core(service.home / "core.sqlite", contents(working)).copy(folder / "rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core_of, "CHECKPOINT_S", HOUR)  # else its log is moved as it is made
        pages = _recover(service, folder)
    return Lost(rows, pages)


def _recover(service: Service, folder: Path) -> Core:
    with service.recovered() as working:
        return Core(service.home / "core.sqlite", contents(working)).copy(folder / "pages")


def _fill(working: Working, people: int, records: int) -> None:
    chance = random.Random(1)

    def write(shelf: ShelfWrite) -> None:
        for number in range(records):
            uid = f"{chance.getrandbits(128):032x}"
            photo = chance.randbytes(chance.choice(SIZES)).hex()
            body = f"BEGIN:VCARD\nUID:{uid}\nFN:{number}\nPHOTO:{photo}\nEND:VCARD\n"
            day = 86_400 * number
            shelf.put(
                CONTACTS,
                f"{uid}.vcf",
                body.encode(),
                uid=uid,
                media_type="text/vcard",
                span=Span(day, day + 3_600, number % 2 == 0) if number % 3 else NO_SPAN,
            )
        shelf.delete(CONTACTS, shelf.changes_made[0].href)

    names = [f"person {number}" for number in range(people)]
    for made in working.store.accounts.create_many([NewAccount(n, None, "phone") for n in names]):
        working.store.write(made.account, CONTACTS, write).result(60)
