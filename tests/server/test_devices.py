"""A phone that knows more than the vault: named, asked for its export, and merged."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.protocols.dav.service import Device, Service, card

from stillhere.cli import main
from stillhere.protocols.dav import app
from stillhere.replication.compact import compact
from stillhere.server.core import opened
from stillhere.server.found import found
from stillhere.server.people import read_people
from stillhere.server.recover import Lost, recover
from stillhere.status.person import PersonReport, lines
from stillhere.store import NewAccount


def refuse(*_: object, **__: object) -> None:
    """Nobody listens to what a recovery announces."""


@contextmanager
def served(home: Path) -> Iterator[Service]:
    with opened(home) as core, asyncio.Runner() as runner:
        yield Service(core.working, runner, app(core.store))


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Ana's phone, and ``new``: a core out of a copy of the vault that lacks her last changes.

    She made a card and edited one after the copy; her phone has synced that."""
    monkeypatch.setenv("HOME", str(tmp_path))
    made_kit = found(tmp_path / "core", tmp_path / "vault", None)
    (tmp_path / "kit.txt").write_text(made_kit.kit.text())
    with served(tmp_path / "core") as service:
        [made] = service.store.accounts.create_many([NewAccount("ana", device="Ana's phone")])
        assert made.device is not None
        device = Device(service, service.door, "ana", made.device.password, made.account)
        device.put("a.vcf", card("u1", "As it was"))
        device.put("b.vcf", card("u2"))
    shutil.copytree(tmp_path / "vault", tmp_path / "older")
    with served(tmp_path / "core") as service:
        device.service, device.door = service, service.door
        device.put("a.vcf", card("u1", "Edited"))
        device.put("c.vcf", card("u3"))
        device.extra["token"] = device.sync().token
        device.extra["id"] = made.device.device
    recover(Lost(tmp_path / "new", [tmp_path / "older"], tmp_path / "kit.txt"), refuse, refuse)
    return device


def come_back(phone: Device, home: Path) -> dict[str, str]:
    """The phone syncs with the token that it has; what it is told."""
    with served(home) as service:
        phone.service, phone.door = service, service.door
        delta = phone.sync(phone.extra["token"])
        phone.extra["token"] = delta.token
        return phone.listed(delta)


def report(home: Path) -> PersonReport:
    [person] = read_people(home, "ana")
    return person


def test_it_is_named_and_asked_for_its_export(phone: Device, tmp_path: Path) -> None:
    home = tmp_path / "new"
    assert report(home).complete
    assert come_back(phone, home) == {}
    assert not report(home).complete
    said = "\n".join(lines(report(home)))
    name = f"Ana's phone (device {phone.extra['id']})"
    assert f"{name} knows of 2 changes to contacts that were not in the vault" in said
    assert f"export contacts on {name} as .vcf files" in said
    assert f"stillhere import ana FILE --from {phone.extra['id']}" in said


def test_its_export_is_merged_and_that_settles_it(
    phone: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, export = tmp_path / "new", tmp_path / "out.vcf"
    come_back(phone, home)
    export.write_bytes(card("u1", "Edited") + card("u2") + card("u3"))
    arguments = ["import", "ana", str(export), "--from", phone.extra["id"], "--home", str(home)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["added"], told["updated"], told["unchanged"]) == (1, 1, 1)
    assert report(home).complete
    assert "was merged" in "\n".join(lines(report(home)))
    told = come_back(phone, home)
    assert set(told) == {"a.vcf", "u3.vcf"}
    assert "" not in told.values(), "nothing was announced as deleted"
    with opened(home) as core:
        compact(core.working)
    shutil.rmtree(home)
    recover(Lost(home, [tmp_path / "older"], tmp_path / "kit.txt"), refuse, refuse)
    assert "was merged" in "\n".join(lines(report(home)))


def test_what_was_edited_here_since_stays(phone: Device, tmp_path: Path) -> None:
    home, export = tmp_path / "new", tmp_path / "out.vcf"
    come_back(phone, home)
    with served(home) as service:
        phone.service, phone.door = service, service.door
        phone.put("a.vcf", card("u1", "Edited elsewhere"))
    export.write_bytes(card("u1", "Edited"))
    assert (
        main(["import", "ana", str(export), "--from", phone.extra["id"], "--home", str(home)]) == 0
    )
    with served(home) as service:
        phone.service, phone.door = service, service.door
        assert phone.get("a.vcf").body == card("u1", "Edited elsewhere")
        assert (2, "a.vcf", card("u1", "Edited")) in phone.kept()


def test_a_device_that_nobody_knows_is_refused(
    phone: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.vcf").write_bytes(card("u1"))
    arguments = ["import", phone.name, str(tmp_path / "out.vcf"), "--from", "nobody22"]
    assert main([*arguments, "--home", str(tmp_path / "new")]) == 3
    assert "there is no device 'nobody22'" in capsys.readouterr().err
