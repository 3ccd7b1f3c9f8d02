"""vdirsyncer keeps cards in step with a real server, and through its loss.

What a user would notice is asserted: which contacts lie in which folder, and whether a device
downloads anything again.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clients.vdirsyncer import CONTACTS, Service, run_service

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path, requires_tool: Callable[[str], Path]) -> Iterator[Service]:
    with run_service(tmp_path, requires_tool("vdirsyncer"), CONTACTS) as running:
        yield running


def test_creates_edits_and_deletes_travel_both_ways(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    created = {"one": phone.write("one", "Ada Łovelace"), "two": phone.write("two", "Berta")}
    phone.sync()
    laptop.sync()
    assert laptop.holds() == created

    edited = laptop.write("one", "Ada King")
    laptop.delete("two")
    third = laptop.write("three", "川端 三")
    laptop.sync()
    phone.sync()
    assert phone.holds() == laptop.holds() == {"one": edited, "three": third}


def test_a_conflict_is_refused_until_somebody_decides_and_no_side_is_lost(
    service: Service,
) -> None:
    phone, laptop = service.phone, service.laptop
    phone.write("one", "Ada")
    phone.sync()
    laptop.sync()

    theirs = laptop.write("one", "Ada from the laptop")
    laptop.sync()
    ours = phone.write("one", "Ada from the phone")
    assert "conflict" in phone.sync(fails=True).lower()
    assert phone.holds() == {"one": ours}
    laptop.sync()
    assert laptop.holds() == {"one": theirs}


@pytest.mark.parametrize(("resolution", "winner"), [('"a wins"', "phone"), ('"b wins"', "laptop")])
def test_a_conflict_ends_as_the_device_is_set_to(
    service: Service, resolution: str, winner: str
) -> None:
    phone, laptop = service.phone, service.laptop
    phone.set_up(resolution)
    phone.discover()
    phone.write("one", "Ada")
    phone.sync()
    laptop.sync()

    edits = {"laptop": laptop.write("one", "Ada from the laptop")}
    laptop.sync()
    edits["phone"] = phone.write("one", "Ada from the phone")
    phone.sync()
    laptop.sync()
    assert phone.holds() == laptop.holds() == {"one": edits[winner]}


def test_an_outage_loses_nothing_and_nothing_is_downloaded_anew(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    kept = {uid: phone.write(uid, f"Person {uid}") for uid in ("one", "two", "three")}
    phone.sync()
    laptop.sync()

    service.lose()
    kept["one"] = phone.write("one", "edited while the server was away")
    kept["four"] = phone.write("four", "made while the server was away")
    phone.sync(fails=True)
    laptop.sync(fails=True)
    assert phone.holds() == kept
    assert set(laptop.holds()) == {"one", "two", "three"}

    service.recover()
    assert "addressbook-multiget" not in laptop.sync()
    assert "addressbook-multiget" not in phone.sync()
    assert phone.holds() == kept
    laptop.sync()
    assert laptop.holds() == kept


def test_a_superseded_core_that_comes_back_takes_nothing_from_a_device(service: Service) -> None:
    phone = service.phone
    phone.write("one", "Ada")
    phone.sync()
    old_home = shutil.copytree(service.core.home, service.core.folder / "old")

    service.lose()
    service.recover()
    kept = {"one": phone.write("one", "Ada, edited later"), "two": phone.write("two", "Berta")}
    phone.sync()
    recovered = service.core.home

    service.stop()
    service.core.home = old_home
    service.start("refusing")
    phone.sync(fails=True)
    assert phone.holds() == kept

    service.stop()
    service.core.home = recovered
    service.start()
    phone.sync()
    assert phone.holds() == kept
