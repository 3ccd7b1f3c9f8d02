"""Wrapped keys under a live core: a lost copy is made again, a lost wrap costs nobody anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rooms import Service, bodies, put

from stillhere.errors import Fenced
from stillhere.recovery.recovery import Recovery
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.vault.backends import BackendError
from stillhere.vault.layout import key_name, twin, wrap_name
from stillhere.vault.wraps import WRAP_BYTES

Ruin = Callable[[Path], object]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


RUINS = pytest.mark.parametrize("ruin", [Path.unlink, flip, lambda path: path.write_bytes(b"")])


@pytest.fixture
def people(service: Service) -> list[bytes]:
    """Two accounts of one process, then one of another."""
    made = []
    for names in (("anna", "ben"), ("cleo",)):
        with service.at_work() as working:
            for name in names:
                made.append(working.store.accounts.create(name))
                put(working, made[-1], "a.vcf", f"{name}'s")
    return made


@pytest.fixture
def working(service: Service, people: list[bytes]) -> Iterator[Working]:
    with service.at_work() as working:
        yield working


def key_copies(account: bytes) -> tuple[str, str]:
    return key_name(account), twin(key_name(account))


def wrap_copies(service: Service, account: bytes) -> tuple[str, str]:
    name = wrap_name((service.place / key_name(account)).read_bytes()[:WRAP_BYTES])
    return name, twin(name)


def kept(service: Service) -> dict[str, bytes]:
    names = service.objects("keys/") + service.objects("wraps/")
    return {name: (service.place / name).read_bytes() for name in names}


def findings(working: Working) -> dict[bytes, str]:
    """What a verification says of whom; the next one must have nothing to say."""
    found = {one.account: " ".join(one.problems) for one in verify(working).findings}
    assert verify(working).proven
    return found


def assert_all_come_back(service: Service, people: list[bytes]) -> None:
    with service.recovered() as working:
        for account, name in zip(people, ("anna", "ben", "cleo"), strict=True):
            assert working.store.accounts.find(name) == account
            assert bodies(working, account) == {"a.vcf": f"{name}'s".encode()}


@RUINS
@pytest.mark.parametrize("copy", [0, 1])
@pytest.mark.parametrize("copies", [wrap_copies, lambda _, account: key_copies(account)])
def test_a_lost_copy_is_made_again_from_the_other(
    service: Service,
    working: Working,
    people: list[bytes],
    copies: Callable[[Service, bytes], tuple[str, str]],
    copy: int,
    ruin: Ruin,
) -> None:
    before = kept(service)
    ruin(service.place / copies(service, people[0])[copy])
    ((_, said),) = findings(working).items()
    assert "kept again" in said
    assert kept(service) == before, "nothing had to be wrapped anew"


@RUINS
def test_a_key_that_is_lost_twice_is_wrapped_anew(
    service: Service, working: Working, people: list[bytes], ruin: Ruin
) -> None:
    before = kept(service)
    for name in key_copies(people[0]):
        ruin(service.place / name)
    assert findings(working).keys() == {people[0]}
    after = kept(service)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if name.startswith("keys/")} == set(key_copies(people[0]))
    assert_all_come_back(service, people)


@RUINS
def test_when_a_wrap_is_lost_twice_its_accounts_get_another(
    service: Service, working: Working, people: list[bytes], ruin: Ruin
) -> None:
    lost = wrap_copies(service, people[0])
    cleos = [(service.place / name).read_bytes() for name in key_copies(people[2])]
    for name in lost:
        ruin(service.place / name)
    assert findings(working).keys() == set(people[:2])
    new = wrap_copies(service, people[0])
    assert new == wrap_copies(service, people[1]), "one for both"
    assert new != lost
    assert [(service.place / name).read_bytes() for name in key_copies(people[2])] == cleos
    assert_all_come_back(service, people)


def test_a_wrap_that_no_key_names_is_nobody_s_trouble(
    service: Service, working: Working, people: list[bytes]
) -> None:
    before = set(service.objects("wraps/"))
    working.wrapper.take()
    for name in set(service.objects("wraps/")) - before:
        (service.place / name).write_bytes(b"")
    assert verify(working).proven


@pytest.mark.parametrize("step", ["wraps/", "keys/"])
def test_mending_that_is_interrupted_goes_on_next_time(
    service: Service, people: list[bytes], step: str
) -> None:
    with service.unsteady() as (working, storage):
        for name in wrap_copies(service, people[0]):
            (service.place / name).unlink()
        storage.refuse = lambda name: name.startswith(step) and name.endswith(".twin")
        with pytest.raises(BackendError):
            verify(working)
        storage.steady()
        assert findings(working).keys() == set(people[:2])
    assert_all_come_back(service, people)


def test_a_silent_storage_is_no_reason_to_wrap_anew(service: Service, people: list[bytes]) -> None:
    with service.unsteady() as (working, storage):
        before = kept(service)
        for step in ("wraps/", "keys/"):
            storage.blind = lambda name, step=step: name.startswith(step)
            with pytest.raises(BackendError):
                verify(working)
        storage.steady()
        assert verify(working).proven
        assert kept(service) == before


def test_a_superseded_core_takes_nothing_away(
    service: Service, working: Working, people: list[bytes], tmp_path: Path
) -> None:
    Recovery(tmp_path / "new", service.place, service.kit, lambda *_, **__: None).begin().close()
    for name in wrap_copies(service, people[0]):
        (service.place / name).unlink()
    before = kept(service)
    with pytest.raises(Fenced):
        verify(working)
    left = kept(service)
    assert {name: left[name] for name in before} == before
