"""Step 0: what can't be recovered is refused before anything is sealed or written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.recovery.model import Put
from tests.recovery.service import Worn
from tests.rooms import make_service, put

from stillhere.errors import (
    FutureVault,
    NotAVault,
    RefusedVault,
    StillhereError,
    Unavailable,
    WrongKit,
)
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.prune import prune
from stillhere.vault.kit import Kit, read_kit

TOP_LEVEL = ("epochs", "journal", "keys", "ledger", "manifest", "names", "wraps")


def refuse(worn: Worn, home: Path, kind: type[StillhereError], kit: Kit | None = None) -> None:
    """A recovery is refused as it should be: helpfully, and without a trace."""
    before, announced = worn.objects(), []
    recovery = Recovery(
        home, worn.place, kit or worn.kit, lambda event, **_: announced.append(event)
    )
    with pytest.raises(kind) as refused:
        recovery.begin()
    assert refused.value.what
    assert refused.value.safe
    assert refused.value.hint
    assert announced == []
    assert worn.objects() == before
    assert not home.exists()


class TestTheKit:
    def test_of_another_service(self, worn: Worn, tmp_path: Path) -> None:
        refuse(worn, tmp_path / "home", WrongKit, Kit.make())

    def test_with_the_vault_s_id_and_another_secret(self, worn: Worn, tmp_path: Path) -> None:
        refuse(worn, tmp_path / "home", WrongKit, Kit(worn.kit.vault, os.urandom(32)))

    def test_with_the_secret_and_another_vault_s_id(self, worn: Worn, tmp_path: Path) -> None:
        refuse(worn, tmp_path / "home", WrongKit, Kit(os.urandom(16), worn.kit.seed))

    def test_with_a_mistake_in_it_is_not_read(self, worn: Worn) -> None:
        text = worn.kit.text()
        at = text.index("key:") + 12
        with pytest.raises(WrongKit) as refused:
            read_kit(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
        assert refused.value.safe
        assert refused.value.hint


class TestNotAVault:
    def test_a_folder_that_is_not_there(self, worn: Worn, tmp_path: Path) -> None:
        shutil.rmtree(worn.place)
        refuse(worn, tmp_path / "home", NotAVault)

    def test_an_empty_folder(self, worn: Worn, tmp_path: Path) -> None:
        shutil.rmtree(worn.place)
        worn.place.mkdir()
        refuse(worn, tmp_path / "home", NotAVault)

    def test_a_folder_of_something_else(self, worn: Worn, tmp_path: Path) -> None:
        shutil.rmtree(worn.place)
        worn.place.mkdir()
        (worn.place / "letter.txt").write_text("dear vault")
        refuse(worn, tmp_path / "home", NotAVault)

    def test_a_file(self, worn: Worn, tmp_path: Path) -> None:
        shutil.rmtree(worn.place)
        worn.place.write_text("not a folder")
        refuse(worn, tmp_path / "home", NotAVault)


class TestHalfAVault:
    @pytest.mark.parametrize("folder", TOP_LEVEL)
    def test_without_one_of_its_folders(self, worn: Worn, tmp_path: Path, folder: str) -> None:
        shutil.rmtree(worn.place / folder)
        refuse(worn, tmp_path / "home", NotAVault)

    @pytest.mark.parametrize("folder", TOP_LEVEL)
    def test_with_one_of_its_folders_empty(self, worn: Worn, tmp_path: Path, folder: str) -> None:
        shutil.rmtree(worn.place / folder)
        (worn.place / folder).mkdir()
        refuse(worn, tmp_path / "home", NotAVault)

    @pytest.mark.parametrize("folder", ["journal", "ledger", "manifest", "manifest/root"])
    def test_of_an_old_service(self, worn: Worn, tmp_path: Path, folder: str) -> None:
        """Where the journal's beginning was pruned, the ledger can't be done without."""
        with worn.recovered(tmp_path / "earlier") as working:
            compact(working)
            prune(working, keep_ms=0)
            worn.write(working, worn.people[0], Put("contacts", "newest.vcf", b"newest"))
        shutil.rmtree(worn.place / folder)
        refuse(worn, tmp_path / "home", NotAVault)

    @pytest.mark.parametrize("epoch", ["000001", "000002"])
    def test_without_an_epoch(self, worn: Worn, tmp_path: Path, epoch: str) -> None:
        for copy in ("epoch", "epoch.twin"):
            (worn.place / "epochs" / epoch / copy).unlink()
        refuse(worn, tmp_path / "home", NotAVault)

    def test_with_no_key_that_opens(self, worn: Worn, tmp_path: Path) -> None:
        for path in (worn.place / "keys").glob("??/*"):
            path.write_bytes(b"")
        refuse(worn, tmp_path / "home", NotAVault)

    def test_without_the_keys_of_the_service(self, worn: Worn, tmp_path: Path) -> None:
        for path in (worn.place / "keys").glob("service*"):
            path.unlink()
        refuse(worn, tmp_path / "home", NotAVault)


def _in_the_future(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"stillhere": content["stillhere"] + 1}))


def test_a_vault_from_the_future(worn: Worn, tmp_path: Path) -> None:
    _in_the_future(worn.place / "format.json")
    _in_the_future(worn.place / "format.json.twin")
    refuse(worn, tmp_path / "home", FutureVault)


def _as_folder(path: Path) -> None:
    """In place of a file, something that can't be read as one."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "names",
    [
        ("format.json", "format.json.twin"),
        ("epochs/000001/epoch", "epochs/000001/epoch.twin"),
        ("keys/service", "keys/service.twin"),
    ],
    ids=lambda names: names[0],
)
def test_a_place_that_can_t_be_read(worn: Worn, tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        _as_folder(worn.place / name)
    refuse(worn, tmp_path / "home", Unavailable)


@pytest.mark.parametrize(
    "ruin",
    [
        lambda kit, place: Kit(kit.vault, os.urandom(32)),
        lambda kit, place: shutil.rmtree(place / "keys"),
    ],
    ids=["another kit", "half a vault"],
)
def test_a_refused_recovery_leaves_the_living_core_alone(
    tmp_path: Path, ruin: Callable[[Kit, Path], Kit | None]
) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        copy = service.copy("copy")
        kit = ruin(copy.kit, copy.place)
        place = service.place if kit else copy.place
        recovery = Recovery(copy.home, place, kit or service.kit, lambda *_, **__: None)
        with pytest.raises(RefusedVault):
            recovery.begin()
        put(working, anna, "a.vcf", b"still acknowledged")


class TestTheHome:
    def test_one_that_is_in_use_is_refused(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as working:
            before = worn.objects()
            with pytest.raises(StillhereError) as refused:
                worn.recovery(tmp_path / "home").begin()
            assert refused.value.hint
            assert worn.objects() == before
            worn.write(working, worn.people[0], Put("contacts", "x.vcf", b"not fenced"))

    def test_one_with_something_else_in_it_is_refused(self, worn: Worn, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "photograph.jpg").write_bytes(b"mine")
        before = worn.objects()
        with pytest.raises(StillhereError) as refused:
            worn.recovery(tmp_path / "home").begin()
        assert refused.value.safe
        assert refused.value.hint
        assert worn.objects() == before
        assert (tmp_path / "home" / "photograph.jpg").read_bytes() == b"mine"
