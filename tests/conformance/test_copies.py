"""What copies of one vault make of a name, whatever each of them has under it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from stillhere.errors import Damaged
from stillhere.vault.backends import Backend, BackendError, Exists, Missing, each
from stillhere.vault.backends.copies import Copies
from stillhere.vault.backends.directory import Directory

NAME = "journal/000001/000000/000000000007.seg"
MINE, OTHER, ABSENT, AWAY = b"mine", b"other", b"", None
STATES = (MINE, OTHER, ABSENT, AWAY)
State = bytes | None


def place(folder: Path, number: int, state: State) -> Directory:
    """A directory that has these bytes under the name; AWAY is a disk that is not mounted."""
    root = folder / str(number)
    root.mkdir()
    backend = Directory(root)
    if state is not AWAY:
        (root / "format.json").write_bytes(b"{}")
    if state:
        backend.create(NAME, state)
    return backend


def believe(name: str, data: bytes) -> None:
    """Whatever a copy has, it is what was made."""


def prove(name: str, data: bytes) -> None:
    """What was made is mine or another's; anything else is broken."""
    if data not in (MINE, OTHER):
        raise Damaged(f"{name} is not what was made")


def tell(number: int) -> list[Sequence[State]]:
    return list(product(STATES, repeat=number))


def outcome_of_create(states: Sequence[State]) -> type[Exception] | None:
    first, *others = states
    if first is AWAY:
        return BackendError
    if AWAY in others:
        return BackendError
    kept = first or MINE
    taken = bool(first) or any(state not in (kept, ABSENT) for state in others)
    return Exists if taken else None


def after_create(states: Sequence[State]) -> list[State]:
    """The first decides, whoever can be asked follows it, and nothing is ever overwritten."""
    first = states[0]
    if first is AWAY:
        return list(states)
    return [(first or MINE) if state == ABSENT else state for state in states]


def states_of(backends: Sequence[Backend]) -> list[State]:
    found: list[State] = []
    for backend in backends:
        try:
            found.append(backend.read(NAME))
        except Missing:
            found.append(ABSENT)
        except BackendError:
            found.append(AWAY)
    return found


@pytest.mark.parametrize("states", [*tell(2), *tell(3)], ids=str)
def test_the_first_decides_and_a_create_is_done_when_all_have_it(
    tmp_path: Path, states: Sequence[State]
) -> None:
    backends = [place(tmp_path, *one) for one in enumerate(states)]
    expected = outcome_of_create(states)
    if expected is None:
        Copies(backends, proof=believe).create(NAME, MINE)
        assert set(states_of(backends)) == {MINE}
    else:
        with pytest.raises(expected):
            Copies(backends, proof=believe).create(NAME, MINE)
    assert states_of(backends) == after_create(states)


@pytest.mark.parametrize("states", [*tell(2), *tell(3)], ids=str)
def test_what_one_lacks_is_read_from_the_next_and_silence_is_not_absence(
    tmp_path: Path, states: Sequence[State]
) -> None:
    copies = Copies([place(tmp_path, *one) for one in enumerate(states)])
    there = [state for state in states if state]
    if there:
        assert copies.read(NAME) == there[0]
        assert copies.read_range(NAME, 1, 3) == there[0][1:4]
        assert copies.size(NAME) == len(there[0])
    else:
        expected = BackendError if AWAY in states else Missing
        for ask in (copies.read, copies.size, lambda name: copies.read_range(name, 0, 1)):
            with pytest.raises(expected):
                ask(NAME)
    if AWAY in states:
        with pytest.raises(BackendError):
            copies.names("journal/000001/000000")
    else:
        assert copies.names("journal/000001/000000") == [NAME.rpartition("/")[2]] * bool(there)


@pytest.mark.parametrize("states", [*tell(2), *tell(3)], ids=str)
def test_a_delete_comes_as_far_as_it_can(tmp_path: Path, states: Sequence[State]) -> None:
    backends = [place(tmp_path, *one) for one in enumerate(states)]
    if AWAY in states:
        with pytest.raises(BackendError):
            Copies(backends).delete(NAME, durable=True)
    else:
        Copies(backends).delete(NAME, durable=True)
    assert not any(states_of(backends))


def test_a_create_that_came_half_way_is_completed_by_the_next_whoever_that_is(
    tmp_path: Path,
) -> None:
    backends = [place(tmp_path, number, ABSENT) for number in range(2)]
    shutil.move(tmp_path / "1", tmp_path / "unmounted")
    with pytest.raises(BackendError, match="/1"):
        Copies(backends).create(NAME, MINE)
    shutil.move(tmp_path / "unmounted", tmp_path / "1")
    assert states_of(backends) == [MINE, ABSENT]
    with pytest.raises(Exists):
        Copies(backends, proof=believe).create(NAME, OTHER)
    assert states_of(backends) == [MINE, MINE]


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ([b"noise", ABSENT], [b"noise", ABSENT]),
        ([b"noise", ABSENT, OTHER], [b"noise", OTHER, OTHER]),
        ([b"noise", MINE, ABSENT], [b"noise", MINE, MINE]),
        ([b"noise", b"static", ABSENT], [b"noise", b"static", ABSENT]),
        ([OTHER, ABSENT, b"noise"], [OTHER, OTHER, b"noise"]),
        ([MINE, ABSENT, b"noise"], [MINE, MINE, b"noise"]),
    ],
)
def test_what_is_broken_in_the_first_copy_is_handed_on_to_nobody(
    tmp_path: Path, there: Sequence[State], then: Sequence[State]
) -> None:
    backends = [place(tmp_path, *one) for one in enumerate(there)]
    with pytest.raises(Exists):
        Copies(backends, proof=prove).create(NAME, MINE)
    assert states_of(backends) == then


def test_who_can_prove_nothing_hands_on_nothing_but_their_own(tmp_path: Path) -> None:
    backends = [place(tmp_path, *one) for one in enumerate([OTHER, ABSENT])]
    with pytest.raises(Exists):
        Copies(backends).create(NAME, MINE)
    with pytest.raises(Exists):
        Copies(backends).create(NAME, OTHER)
    assert states_of(backends) == [OTHER, OTHER]


def test_a_copy_that_is_only_read_from_now_on_is_asked_last(tmp_path: Path) -> None:
    first, second = place(tmp_path, 0, MINE), place(tmp_path, 1, OTHER)
    copies = Copies([first, second])
    copies.only_read([first])
    assert copies.read(NAME) == OTHER
    assert list(each(copies)) == [second, first]


def test_a_seal_in_one_copy_alone_stops_whoever_writes(tmp_path: Path) -> None:
    backends = [place(tmp_path, number, ABSENT) for number in range(2)]
    backends[1].create(NAME, b"a seal")
    with pytest.raises(Exists):
        Copies(backends).create(NAME, MINE)
    assert states_of(backends) == [MINE, b"a seal"]


def test_nothing_is_made_or_deleted_in_a_copy_that_is_only_read(tmp_path: Path) -> None:
    first, second = place(tmp_path, 0, ABSENT), place(tmp_path, 1, ABSENT)
    second.create("old", b"kept")
    copies = Copies([first], [second])
    copies.create(NAME, MINE)
    copies.delete("old")
    assert states_of([first, second]) == [MINE, ABSENT]
    assert copies.read("old") == b"kept"


def test_damage_in_one_copy_is_read_from_the_next(tmp_path: Path) -> None:
    class BadSector(Directory):
        def read(self, name: str) -> bytes:
            raise Damaged(f"{name} lies on a bad place of its disk")

    place(tmp_path, 0, MINE)
    whole = place(tmp_path, 1, MINE)
    assert Copies([BadSector(tmp_path / "0"), whole]).read(NAME) == MINE
    whole.delete(NAME)
    with pytest.raises(Damaged):
        Copies([BadSector(tmp_path / "0"), whole]).read(NAME)


def test_each_names_the_copies_in_their_order(tmp_path: Path) -> None:
    backends = [place(tmp_path, number, ABSENT) for number in range(3)]
    assert list(each(Copies(backends[:2], backends[2:]))) == backends
    assert list(each(backends[0])) == [backends[0]]
