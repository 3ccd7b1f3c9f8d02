"""The core on disk: its key file, its schema, and what a copy of half of it gives away."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from tests.rooms import Service, put

from stillhere.errors import BadInput, Damaged, NotFound, StillhereError
from stillhere.replication.start import open_core
from stillhere.store import Core
from stillhere.store.keyring import KEY_FILE, Keyring
from stillhere.store.schema import DATABASE


@pytest.fixture
def home(service: Service) -> Path:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf", "a body that is easily found")
    return service.home


def refusal(home: Path) -> StillhereError:
    with pytest.raises(StillhereError) as refused:
        open_core(home)
    return refused.value


def test_a_home_is_private(home: Path) -> None:
    assert home.stat().st_mode & 0o077 == 0
    assert (home / KEY_FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("loss", ["another", "missing", "short", "empty"])
def test_without_its_own_key_file_a_core_opens_nothing(home: Path, loss: str) -> None:
    key = home / KEY_FILE
    if loss == "missing":
        key.unlink()
    else:
        key.write_bytes({"another": os.urandom(32), "short": b"1234", "empty": b""}[loss])
    error = refusal(home)
    assert isinstance(error, Damaged)
    assert "vault" in error.safe
    assert "recover" in error.hint


def test_the_database_alone_shows_no_key(home: Path) -> None:
    core = Core(home)
    identity = core.identity()
    core.close()
    secrets = [identity.signing_key, identity.journal_key, identity.names_key, identity.tokens_key]
    for path in home.glob(f"{DATABASE}*"):
        data = path.read_bytes()
        assert not any(secret in data for secret in secrets)


def test_a_secret_opens_under_its_own_label_only(home: Path) -> None:
    keyring = Keyring(home)
    wrapped = keyring.wrap(b"secret", b"anna")
    assert Keyring(home).open(wrapped, b"anna") == b"secret"
    for broken, label in ((wrapped, b"ben"), (wrapped[:-1], b"anna"), (b"", b"anna")):
        with pytest.raises(Damaged):
            keyring.open(broken, label)


def test_a_folder_without_a_core_is_not_one(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        error = refusal(place)
        assert isinstance(error, NotFound)
        assert "stillhere" in error.hint
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


@pytest.mark.parametrize("content", [b"", b"not a database, and longer than its header" * 40])
def test_a_broken_database_is_damage_and_says_what_to_do(home: Path, content: bytes) -> None:
    for path in home.glob(f"{DATABASE}*"):
        path.unlink()
    (home / DATABASE).write_bytes(content)
    error = refusal(home)
    assert isinstance(error, Damaged)
    assert "vault" in error.safe or "nothing" in error.safe


def test_a_core_of_another_version_is_left_alone(home: Path) -> None:
    connection = sqlite3.connect(home / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    assert "99" in refusal(home).what


def test_a_core_is_made_in_an_empty_place_only(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match="not empty"):
        Core(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_home_that_was_never_finished_says_so(tmp_path: Path) -> None:
    Core(tmp_path / "home", create=True).close()
    assert isinstance(refusal(tmp_path / "home"), BadInput)


def test_a_moved_home_is_the_same_core(service: Service, home: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(home, moved)
    with service.at_work(moved) as working:
        anna = working.store.accounts.find("anna")
        put(working, anna, "b.vcf")
