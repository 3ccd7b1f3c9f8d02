"""A bucket that locks what it is given: who writes to the vault can't take it back for a while."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conformance.conftest import LOCKING
from tests.server.processes import command

from stillhere.errors import NotAVault
from stillhere.replication.found import found
from stillhere.vault.backends import Backend
from stillhere.vault.backends.access import Access, read_access
from stillhere.vault.backends.place import open_place
from stillhere.vault.backends.probe import PROBES
from stillhere.vault.backends.versions import request

CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u%d\r\nFN:Zo\xc3\xab\r\nEND:VCARD\r\n"


def versions(access: Access, folder: str) -> str:
    """What the store says of every version below a folder."""
    query = {"versions": "", "prefix": f"{access.prefix}/{folder}"}
    return request(access, "GET", "", query).body.decode()


def walk(backend: Backend, folder: str = "") -> list[str]:
    """Every object below a folder, but for probes."""
    paths = [f"{folder}/{name}" if folder else name for name in backend.names(folder)]
    return [name for path in paths if path != PROBES for name in (walk(backend, path) or [path])]


def test_what_is_locked_outlives_whoever_deletes_it_and_keys_do_not(
    new_place: Callable[[str], str], tmp_path: Path
) -> None:
    place, kit, home = f"{new_place(LOCKING)}?lock-days=2", tmp_path / "kit.txt", tmp_path / "core"
    command("init", "--home", home, "--vault", place, "--kit", kit)
    for name in ("ana", "eva"):
        command("account", "add", name, "--password-stdin", "--home", home, stdin="a-password\n")
    (tmp_path / "cards.vcf").write_bytes(b"".join(CARD % number for number in range(5)))
    command("import", "ana", tmp_path / "cards.vcf", "--home", home)
    command("compact", "--home", home)
    access, backend = read_access(place), open_place(place)
    locked, free = walk(backend), walk(backend, "keys") + walk(backend, "names")
    for name in free:
        assert request(access, "GET", name, {"retention": ""}).status != 200, name
    for name in set(locked) - set(free):
        answer = request(access, "GET", name, {"retention": ""})
        assert b"COMPLIANCE" in answer.body, (name, answer)
        version = versions(access, name).partition("<VersionId>")[2].partition("<")[0]
        assert request(access, "DELETE", name, {"versionId": version}).status == 403, name
    account = next(name for name in free if name.count("/") == 2 and name.startswith("keys/"))
    assert account[5:] in versions(access, "keys/")
    for name in ("ana", "eva"):
        command("account", "erase", name, "--yes", "--home", home)
    assert versions(access, account[:8]).count("<VersionId>") == 0
    assert versions(access, "names/").count("<VersionId>") == 0
    shutil.rmtree(home)
    command("recover", "--vault", place, "--kit", kit, "--home", tmp_path / "new")


def test_a_bucket_without_locks_is_refused_where_they_are_asked_for(
    new_place: Callable[[], str], tmp_path: Path
) -> None:
    with pytest.raises(NotAVault, match="no object lock"):
        found(tmp_path / "home", f"{new_place()}?lock-days=2")
    assert not (tmp_path / "home").exists() or not list((tmp_path / "home").iterdir())
