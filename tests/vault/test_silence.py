"""A storage that does not answer has lost nothing: silence is never taken for damage.

A shelf that is called unproven stays closed until somebody accepts it, so a vault that is away
for a moment must stop whoever reads it, and leave no verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rooms import Unsteady
from tests.vault.vaults import KIND, Line, Made, Writer, make_vault

from stillhere.vault.backends import BackendError
from stillhere.vault.epochs import read_epochs, read_writers, register_writer, seal_writers
from stillhere.vault.image import load_image
from stillhere.vault.keys import (
    ServiceKeys,
    find_name,
    keep_data_key,
    keep_name,
    keep_service_keys,
    read_data_key,
    read_service_keys,
)
from stillhere.vault.layout import twin
from stillhere.vault.levels import ShelfSource
from stillhere.vault.manifests import (
    Manifest,
    Root,
    read_manifest,
    read_root,
    write_manifest,
    write_root,
)
from stillhere.vault.opened import Vault
from stillhere.vault.tail import read_tail
from stillhere.vault.wraps import Unwrapper

ANNA = Line("anna")
NAMES = b"n" * 32


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


@pytest.fixture
def storage(made: Made) -> Unsteady:
    return Unsteady(made.root)


@pytest.fixture
def vault(made: Made, storage: Unsteady) -> Vault:
    return Vault(storage, made.vault.format, made.vault.verifier)


def silent(storage: Unsteady, beginning: str) -> None:
    storage.blind = lambda name: name.startswith(beginning)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_segment_that_can_not_be_read_now_is_not_lost(
    made: Made, vault: Vault, storage: Unsteady, number: int
) -> None:
    anna = ANNA.fork()
    writer = Writer(made, [anna])
    names = [writer.write(anna.put(a=f"{n}")) for n in range(3)]
    silent(storage, names[number - 1])
    with pytest.raises(BackendError):
        read_tail(vault, {1: made.journal_key}, {1: [0]}, {})


def test_a_large_segment_that_falls_silent_later_is_not_lost(
    made: Made, vault: Vault, storage: Unsteady
) -> None:
    anna = ANNA.fork()
    Writer(made, [anna]).write(anna.put(**{f"{n}": f"{n}" for n in range(3)}))
    tail = read_tail(vault, {1: made.journal_key}, {1: [0]}, {})
    for source in tail.sources:
        source.whole = None  # as it is for one of more than a megabyte
    silent(storage, "journal/")
    source = ShelfSource(vault, None, None, tail, anna.account, KIND, 1)
    with pytest.raises(BackendError):
        load_image(source, anna.key)


@pytest.mark.parametrize("copies", ["both", "first"])
def test_a_manifest_that_can_not_be_read_now_is_not_broken(
    made: Made, vault: Vault, storage: Unsteady, copies: str
) -> None:
    manifest = Manifest(KIND, 0, 1, [], [], [])
    digest = write_manifest(made.vault, made.signer, manifest)
    if copies == "first":
        made.remove(twin("manifest/contacts/0000/00000001"))
    silent(storage, "manifest/contacts/0000/00000001")
    with pytest.raises(BackendError):
        read_manifest(vault, KIND, 0, 1, digest)
    storage.steady()
    assert made.vault.backend.names("manifest/contacts/0000")
    assert read_manifest(vault, KIND, 0, 1, digest) == manifest


def test_an_older_root_does_not_stand_in_for_a_silent_one(
    made: Made, vault: Vault, storage: Unsteady
) -> None:
    for number in (1, 2):
        assert write_root(made.vault, made.signer, Root(number, 1, 5, {}, {}, bytes(32), []))
    silent(storage, "manifest/root/00000002")
    with pytest.raises(BackendError):
        read_root(vault)
    storage.steady()
    assert read_root(vault).number == 2


@pytest.mark.parametrize(
    ("folder", "read"),
    [
        ("keys/service", lambda vault, made: read_service_keys(vault, made.kit)),
        (
            "keys/",
            lambda vault, made: read_data_key(vault, Unwrapper(vault, made.kit), ANNA.account),
        ),
        (
            "wraps/",
            lambda vault, made: read_data_key(vault, Unwrapper(vault, made.kit), ANNA.account),
        ),
        ("names/", lambda vault, made: find_name(vault, NAMES, "anna")),
        ("epochs/", lambda vault, made: read_epochs(vault)),
        ("epochs/", lambda vault, made: read_writers(vault, 1)),
        ("epochs/", lambda vault, made: seal_writers(vault, made.kit, 1)),
    ],
    ids=["service keys", "key", "wrap", "name", "epochs", "writers", "seal"],
)
@pytest.mark.parametrize("damaged", [False, True])
def test_keys_names_and_epochs_that_can_not_be_read_now_are_not_lost(
    made: Made,
    vault: Vault,
    storage: Unsteady,
    folder: str,
    read: Callable[[Vault, Made], object],
    damaged: bool,
) -> None:
    """Not even where the other copy is broken: this one may be whole."""
    keep_service_keys(made.vault, made.kit, ServiceKeys(NAMES, NAMES))
    keep_data_key(made.vault, made.wrapper, ANNA.account, ANNA.key)
    keep_name(made.vault, NAMES, "anna", ANNA.account)
    register_writer(made.vault, made.signer, b"core")
    names = [
        str(path.relative_to(made.root))
        for path in sorted((made.root / folder).parent.rglob("*"))
        if path.is_file() and str(path.relative_to(made.root)).startswith(folder)
    ]
    if damaged:
        for name in names:
            if name.endswith(".twin"):
                made.flip(name, 40)
        storage.blind = lambda name: name.startswith(folder) and not name.endswith(".twin")
    else:
        silent(storage, folder)
    with pytest.raises(BackendError):
        read(vault, made)
