"""What a directory does on a disk that is full, read-only, broken or not there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance import file_systems

from stillhere import durable
from stillhere.errors import Damaged
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.backends.directory import Directory

ON_A_DISK = """
import subprocess
import sys
import pytest
from pathlib import Path
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.backends.directory import Directory
from tests.conformance import file_systems

disk, kind = Path(sys.argv[1]), sys.argv[2]
mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
if subprocess.run(mount, capture_output=True).returncode:
    sys.exit(77)
getattr(file_systems, kind)(pytest.MonkeyPatch())
backend = Directory(disk / "vault", create=True)
backend.create("journal/1", b"kept")

def fails(name, data):
    try:
        backend.create(name, data)
    except BackendError as error:
        return error
    raise AssertionError(f"{name} was created")
"""
FULL = """
# where a name is taken by opening it, there is room for the temporary file and not for both
error = fails("journal/2", b"x" * (600_000 if kind == "without_renames" else 4_000_000))
assert "No space left" in error.what and "full" in error.hint, error
try:
    raise AssertionError(f"there are {backend.size('journal/2')} bytes of it")
except Missing:
    pass
assert backend.names("journal") == ["1"] and backend.read("journal/1") == b"kept"
assert sorted(p.name for p in (disk / "vault").rglob("*") if p.is_file()) == ["1"]
backend.create("journal/2", b"small")
assert backend.read("journal/2") == b"small"
"""
READ_ONLY = """
assert not subprocess.run(["mount", "-o", "remount,ro", str(disk)]).returncode
error = fails("journal/2", b"x")
assert "Read-only" in error.what, error
fails("new/folder/object", b"x")
try:
    backend.delete("journal/1")
except BackendError as error:
    assert "Read-only" in error.what, error
else:
    raise AssertionError("deleted")
assert backend.names("") == ["journal"] and backend.read("journal/1") == b"kept"
"""


def run_on_a_disk(folder: Path, kind: str, script: str) -> None:
    """Run a script beside a small disk of its own, in a mount namespace of its own."""
    folder.mkdir()
    unshare = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs unshare --mount --map-root-user, which this machine does not permit")
    done = subprocess.run(
        [*unshare, sys.executable, "-c", ON_A_DISK + script, str(folder), kind],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("needs to mount a tmpfs in a namespace, which this machine does not permit")
    assert done.returncode == 0, done.stderr


@pytest.mark.requires_tool("unshare", "mount")
@pytest.mark.parametrize("kind", [kind.__name__ for kind in file_systems.KINDS])
def test_on_a_full_disk_nothing_is_kept_and_the_name_stays_free(tmp_path: Path, kind: str) -> None:
    run_on_a_disk(tmp_path / "disk", kind, FULL)


@pytest.mark.requires_tool("unshare", "mount")
def test_a_read_only_disk_can_be_read_and_says_so_when_written(tmp_path: Path) -> None:
    run_on_a_disk(tmp_path / "disk", "plain", READ_ONLY)


def test_a_vault_that_is_gone_gives_a_backend_error_not_missing_objects(tmp_path: Path) -> None:
    (tmp_path / "vault").write_bytes(b"a file where the disk was mounted")
    backend = Directory(tmp_path / "vault")
    with pytest.raises(BackendError):
        backend.create("epochs/1", b"")
    with pytest.raises(BackendError):
        backend.read("epochs/1")
    with pytest.raises(BackendError):
        backend.names("epochs")


def test_an_unmounted_disk_gets_no_objects(tmp_path: Path) -> None:
    """What is written to the empty folder below would be hidden by the disk, once mounted."""
    mounted = tmp_path / "vault"
    Directory(mounted, create=True).create("format.json", b"{}")
    backend = Directory(mounted)
    backend.create("journal/1", b"kept")
    mounted.rename(tmp_path / "elsewhere")
    mounted.mkdir()
    for name in ("journal/2", "keys/1"):
        with pytest.raises(BackendError, match="mounted"):
            backend.create(name, b"lost")
    assert list(mounted.iterdir()) == []
    mounted.rmdir()
    (tmp_path / "elsewhere").rename(mounted)
    backend.create("journal/2", b"kept too")
    assert backend.names("journal") == ["1", "2"]


def test_a_bad_sector_is_damage_and_not_a_vault_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Directory(tmp_path, create=True)
    backend.create("pack", b"12345")

    def fail(*_: Any) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(Damaged, match="bad place"):
        backend.read_range("pack", 0, 5)


@pytest.mark.parametrize("kind", file_systems.KINDS)
def test_an_object_is_synced_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """A power cut at any moment leaves the whole object, or none under its name."""
    kind(monkeypatch)
    backend = Directory(tmp_path / "vault", create=True)
    did: list[str] = []
    calls = {name: getattr(os, name) for name in ("fsync", "link", "mkdir")}
    rename = durable.rename_new

    def fsync(descriptor: int) -> None:
        did.append("sync " + ("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"))
        calls["fsync"](descriptor)

    def link(*given: Any, **named: Any) -> None:
        calls["link"](*given, **named)
        did.append("name")

    def mkdir(*given: Any, **named: Any) -> None:
        calls["mkdir"](*given, **named)
        did.append("folder")

    def rename_new(*given: Any) -> None:
        rename(*given)
        did.append("name")

    monkeypatch.setattr("stillhere.vault.backends.directory.rename_new", rename_new)
    for name, spy in (("fsync", fsync), ("link", link), ("mkdir", mkdir)):
        monkeypatch.setattr(os, name, spy)
    backend.create("new/object", b"data")
    made = ["folder", "sync folder", "folder", "sync folder"]  # the vault's, then new/
    written = ["sync file", "name", "sync folder"]
    if kind is file_systems.without_renames:  # a temporary file first, then the name itself
        written = ["sync file", "sync file", "sync folder"]
    assert did == made + written
    did.clear()
    with pytest.raises(Exists):
        backend.create("new/object", b"other")
    assert did[-1] == "sync folder", "whoever made it may not have come as far"
    with pytest.raises(Missing):
        backend.read("new/other")


def test_a_folder_that_was_not_synced_is_synced_before_anything_counts_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its maker may have failed or died between making it and syncing its parent."""
    backend = Directory(tmp_path / "vault", create=True)
    backend.create("first", b"")
    sync, synced = os.fsync, []

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def note(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BackendError):
        backend.create("new/folder/object", b"data")
    monkeypatch.setattr(os, "fsync", note)
    for again in (backend, Directory(tmp_path / "vault", create=True)):
        synced.clear()
        again.create(f"new/folder/{id(again)}", b"data")
        vault = str(tmp_path / "vault")
        assert [path for path in synced if "#" not in path] == [
            vault,
            f"{vault}/new",
            f"{vault}/new/folder",
        ]


@pytest.fixture(params=[kind.__name__ for kind in file_systems.KINDS])
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Directory:
    """A vault's folder on every kind of file system."""
    getattr(file_systems, request.param)(monkeypatch)
    return Directory(tmp_path / "vault", create=True)


def test_names_hide_what_an_interrupted_create_left(backend: Directory, tmp_path: Path) -> None:
    backend.create("journal/1", b"")
    (tmp_path / "vault" / "journal" / ".3f2a").write_bytes(b"half a segm")
    assert backend.names("journal") == ["1"]


def test_a_create_leaves_only_its_object(backend: Directory, tmp_path: Path) -> None:
    backend.create("a/b", b"1")
    with pytest.raises(Exists):
        backend.create("a/b", b"2")
    files = [str(path.relative_to(tmp_path / "vault")) for path in tmp_path.rglob("*.*")]
    assert files == []
    assert [path.name for path in (tmp_path / "vault").rglob("*") if path.is_file()] == ["b"]


def test_folders_are_made_again_when_somebody_removed_them(
    backend: Directory, tmp_path: Path
) -> None:
    backend.create("x/y/one", b"1")
    backend.delete("x/y/one")
    (tmp_path / "vault" / "x" / "y").rmdir()
    backend.create("x/y/two", b"2")
    assert backend.read("x/y/two") == b"2"
