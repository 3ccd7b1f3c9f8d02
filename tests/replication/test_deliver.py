"""A segment's slot in copies of a vault: what each of them has decides, and nothing is guessed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from tests.rooms import Service, bodies, make_service, put
from tests.vault.vaults import Made, make_vault

from stillhere.errors import Fenced, Surplus, Unavailable
from stillhere.replication.deliver import deliver
from stillhere.replication.start import Working, assemble, prove_start
from stillhere.store import Core
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import is_sealed, seal_journal
from stillhere.vault.layout import segment_name
from stillhere.vault.opened import Vault, open_vault

SLOT = segment_name(1, 0, 1)
MINE = b"my segment"
STATES = ("mine", "a stranger's", "a seal", "absent", "away")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_vault(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def seal(made: Made) -> bytes:
    seal_journal(made.vault, made.kit, 1, 0, 0)
    return made.vault.backend.read(SLOT)


def make_copy(made: Made, seal: bytes, root: Path, state: str) -> Directory:
    shutil.copytree(made.root, root)
    (root / SLOT).unlink()
    bytes_of = {"mine": MINE, "a stranger's": b"a stranger's", "a seal": seal}
    if state in bytes_of:
        (root / SLOT).write_bytes(bytes_of[state])
    if state == "away":
        shutil.rmtree(root)
    return Directory(root)


def expected(states: Sequence[str]) -> type[Exception] | None:
    if "a seal" in states:
        return Fenced
    if "a stranger's" in states:
        return Surplus
    return Unavailable if "away" in states else None


@pytest.mark.parametrize("states", list(product(STATES, repeat=2)), ids=" and ".join)
def test_mine_everywhere_is_done_and_a_seal_anywhere_is_the_end(
    made: Made, seal: bytes, tmp_path: Path, states: Sequence[str]
) -> None:
    copies = [make_copy(made, seal, tmp_path / str(n), state) for n, state in enumerate(states)]
    vault = Vault(Copies(copies), made.vault.format, made.vault.verifier)
    failure = expected(states)
    if failure is None:
        deliver(vault, SLOT, MINE)
        assert [copy.read(SLOT) for copy in copies] == [MINE, MINE]
    else:
        with pytest.raises(failure) as failed:
            deliver(vault, SLOT, MINE)
        assert isinstance(failed.value, Surplus) == (failure is Surplus)
    if "away" not in states:
        assert is_sealed(vault, SLOT) == ("a seal" in states)


@contextmanager
def copied(service: Service) -> Iterator[tuple[Working, Path, Path]]:
    """A core at work on two copies of its vault, and where they are."""
    first, second = service.place, service.folder / "second"
    shutil.copytree(first, second)
    with at_work(service, first, second) as working:
        yield working, first, second


@contextmanager
def at_work(service: Service, *places: Path) -> Iterator[Working]:
    core = Core(service.home)
    identity = core.identity()
    vault = open_vault(Copies([Directory(place) for place in places]), identity.root_public)
    prove_start(core, identity, vault)
    working = assemble(core, identity, vault)
    try:
        yield working
    finally:
        working.close()


def test_what_came_as_far_as_one_copy_is_completed_before_it_counts(tmp_path: Path) -> None:
    with copied(make_service(tmp_path)) as (working, first, second):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        second.rename(tmp_path / "unmounted")
        with pytest.raises(Unavailable, match="second"):
            put(working, anna, "b.vcf")
        with pytest.raises(Unavailable):
            put(working, anna, "c.vcf")
        assert set(bodies(working, anna)) == {"a.vcf"}, "one copy alone has it"
        (tmp_path / "unmounted").rename(second)
        put(working, anna, "d.vcf")
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf", "d.vcf"}
        segments = [sorted(path.rglob("*.seg")) for path in (first, second)]
        assert len(segments[0]) == working.journal.written
        for one, other in zip(*segments, strict=True):
            assert one.relative_to(first) == other.relative_to(second)
            assert one.read_bytes() == other.read_bytes()


def test_a_seal_in_one_copy_stops_a_core_that_writes_to_both(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with copied(service) as (working, _, second):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        alone = Vault(Directory(second), working.vault.format, working.vault.verifier)
        written = working.journal.written
        assert seal_journal(alone, service.kit, 1, 0, written) == written
        with pytest.raises(Fenced):
            put(working, anna, "b.vcf")
        assert working.store.gate.halted is not None
        both = working.vault
        assert seal_journal(both, service.kit, 1, 0, written) == written, "b.vcf counts nowhere"


def test_a_start_completes_what_one_copy_lacks_before_the_core_has_it(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with copied(service) as (working, first, second):
        anna = working.store.accounts.create("anna")
        second.rename(tmp_path / "unmounted")
        with pytest.raises(Unavailable):
            put(working, anna, "a.vcf")
        name = segment_name(1, 0, working.journal.written + 1)
    (tmp_path / "unmounted").rename(second)
    assert (first / name).exists()
    assert not (second / name).exists()
    with at_work(service, first, second) as working:
        assert set(bodies(working, anna)) == {"a.vcf"}
        assert (second / name).read_bytes() == (first / name).read_bytes()
