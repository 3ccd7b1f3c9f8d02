"""Accepting a shelf, and taking it back, as a phone sees it (guard 1, 2 and 5)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.guard.test_carddav import every_request, is_503
from tests.protocols.dav.service import Device, Service, card, run_service

from stillhere.recovery.accept import accept, take_back
from stillhere.recovery.heal import heal


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with run_service(tmp_path) as running:
        yield running


@pytest.fixture
def phone(service: Service) -> Device:
    """Somebody with three cards on a shelf that a recovery could not prove, and accepted."""
    device = service.person()
    for number in range(3):
        device.put(f"{number}.vcf", card(f"u{number}"))
    device.change_shelf("closed", "unproven")
    accept(service.working, device.account, "contacts")
    return device


def test_an_accepted_shelf_answers_with_what_it_has(phone: Device) -> None:
    assert set(phone.listed(phone.sync())) == {"0.vcf", "1.vcf", "2.vcf"}


def test_taken_back_it_is_503_for_every_request(phone: Device, service: Service) -> None:
    take_back(service.working, phone.account, "contacts")
    answers = list(every_request(phone))
    assert len(answers) > 50
    assert all(is_503(answer) for answer in answers)


def test_nothing_is_deleted_on_a_phone_by_taking_back_and_accepting_again(
    phone: Device, service: Service
) -> None:
    phone.put("1.vcf", card("u1", "Edited since"))
    before, token = phone.listed(phone.sync()), phone.sync().token
    take_back(service.working, phone.account, "contacts")
    assert is_503(phone.put("2.vcf", card("u2", "Edited while closed")))
    accept(service.working, phone.account, "contacts")
    assert phone.listed(phone.sync(token)) == {}
    assert phone.listed(phone.sync()) == before
    assert phone.get("1.vcf").body == card("u1", "Edited since")
    assert phone.put("2.vcf", card("u2", "Edited while closed")).status == 204


def test_what_a_copy_brings_is_new_to_a_phone_and_nothing_is_announced_as_deleted(
    phone: Device, service: Service, tmp_path: Path
) -> None:
    """The core lacks a card that the vault has; the phone was told that it is gone."""
    shutil.copytree(service.working.vault.backend.place, tmp_path / "copy")
    etag = phone.listed(phone.sync())["1.vcf"]
    service.store.install(
        lambda sql: sql.execute("DELETE FROM records WHERE href = '1.vcf'")
    ).result()
    phone.put("0.vcf", card("u0", "Edited since"))
    token = phone.sync().token
    found = heal(service.working, tmp_path / "copy")
    assert found.proven == 1
    assert phone.listed(phone.sync(token)) == {"1.vcf": etag}
    assert phone.get("1.vcf").body == card("u1")
    assert phone.get("0.vcf").body == card("u0", "Edited since")
    assert set(phone.listed(phone.sync())) == {"0.vcf", "1.vcf", "2.vcf"}
