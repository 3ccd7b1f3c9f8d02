"""Folders are made as they were before they had to be durable."""

import os
from pathlib import Path

import pytest

from stillhere import durable


def test_a_folder_is_made_with_the_parents_that_it_lacks(tmp_path: Path) -> None:
    made = tmp_path / "a" / "b"
    for _ in range(2):
        durable.make_folder(made, 0o700)
        assert made.stat().st_mode & 0o777 == 0o700


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            durable.make_folder(path)


def test_a_folder_that_is_there_is_synced_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it may have been killed before they came as far."""
    synced: list[str] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "home").mkdir()
    durable.make_folder(tmp_path / "home")
    assert synced == [str(tmp_path)]
