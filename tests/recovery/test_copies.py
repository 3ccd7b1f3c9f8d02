"""Recovery from several copies of a vault: each chunk from whichever proves it."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.recovery.judge import Outcome, judge, recover_twice
from tests.recovery.service import Worn
from tests.rooms import make_service

from stillhere.errors import BadInput, NotAVault, WrongKit
from stillhere.recovery import workers
from stillhere.recovery.check import check
from stillhere.vault.backends.directory import Directory
from stillhere.vault.copied import written_places
from stillhere.vault.epochs import read_epochs, read_writers
from stillhere.vault.opened import open_vault

WHOLE = Outcome("whole")


def copied(worn: Worn, number: int = 1) -> Worn:
    """The same vault, with so many further copies."""
    more = tuple(worn.place.with_name(f"copy-{n}") for n in range(number))
    for place in more:
        shutil.copytree(worn.place, place)
    return replace(worn, more=more)


def damage(path: Path, rng: random.Random) -> None:
    """What happens to a file: gone, cut short, a bit turned over anywhere, or noise."""
    data = bytearray(path.read_bytes())
    how = rng.randrange(4)
    if how == 0:
        path.unlink()
    elif how == 1:
        path.write_bytes(data[: rng.randrange(len(data))])
    elif how == 2:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    else:
        path.write_bytes(rng.randbytes(len(data)))


def damage_all_but_one(worn: Worn, rng: random.Random) -> None:
    """Of every object one copy alone is whole, now this one and now that.

    A folder without a format is no vault to anybody: each keeps one of the two."""
    places = (worn.place, *worn.more)
    for number, place in enumerate(places):
        (place / ("format.json", "format.json.twin")[number % 2]).unlink()
    for name in sorted(name for name in worn.objects() if not name.startswith("format")):
        whole = rng.choice(places)
        for place in places:
            if place != whole:
                damage(place / name, rng)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("number", [1, 2])
def test_copies_that_are_damaged_differently_are_whole_together(
    worn: Worn, tmp_path: Path, number: int, seed: int
) -> None:
    worn = copied(worn, number)
    damage_all_but_one(worn, random.Random(seed))
    assert recover_twice(worn, tmp_path, always=False) == WHOLE


def test_worker_processes_take_each_chunk_from_whichever_proves_it(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "FEW_BYTES", 0)
    worn = copied(worn)
    rng = random.Random(7)
    packs = [name for name in sorted(worn.objects()) if name.endswith(".pack")]
    for number, name in enumerate(packs):
        damage((worn.place, *worn.more)[number % 2] / name, rng)
    with worn.recovered(tmp_path / "home") as working:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        assert judge(working, worn) == WHOLE


class Told(list[dict[str, object]]):
    """What a recovery announces."""

    def __call__(self, event: str, **facts: object) -> None:
        self.append({"event": event, **facts})

    def of(self, event: str) -> list[dict[str, object]]:
        return [one for one in self if one["event"] == event]


def recover(worn: Worn, home: Path) -> tuple[Told, Outcome, tuple[str, ...]]:
    told = Told()
    recovery = worn.recovery(home, told)
    working = recovery.begin()
    try:
        recovery.run()
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        return told, judge(working, worn), written_places(working.vault.backend)
    finally:
        working.close()


@pytest.mark.parametrize("left", [0, 1])
def test_any_one_of_the_copies_is_enough_and_the_others_are_named(
    worn: Worn, tmp_path: Path, left: int
) -> None:
    worn = copied(worn)
    places = [worn.place, *worn.more]
    lost = places.pop(1 - left)
    shutil.rmtree(lost)
    told, outcome, written = recover(worn, tmp_path / "home")
    assert outcome == WHOLE
    assert written == (str(places[0]),)
    (unreached,) = told.of("unreached")
    assert unreached["place"] == str(lost)
    (sealed,) = told.of("sealed")
    assert sealed["old_core_fenced"] is True
    assert sealed["not_sealed"] == [str(lost)]


def test_every_copy_that_can_be_written_is_sealed_and_another_is_only_read(
    worn: Worn, tmp_path: Path
) -> None:
    worn = copied(worn, 2)
    shut = worn.more[0]
    shutil.rmtree(shut / "probe", ignore_errors=True)
    (shut / "probe").write_bytes(b"nothing can be made below a file")
    damage_all_but_one_pack(worn, shut)
    before = {path: path.read_bytes() for path in shut.rglob("*") if path.is_file()}
    told, outcome, written = recover(worn, tmp_path / "home")
    assert outcome == WHOLE
    assert told.of("sealed")[0]["not_sealed"] == [str(shut)]
    assert written == (str(worn.place), str(worn.more[1]))
    for place in map(Path, written):
        vault = open_vault(Directory(place))
        epochs = read_epochs(vault)
        assert epochs[-1].number == worn.epoch + 1
        assert read_writers(vault, worn.epoch)[-1].seal
    assert {path: path.read_bytes() for path in shut.rglob("*") if path.is_file()} == before


def damage_all_but_one_pack(worn: Worn, whole: Path) -> None:
    """The packs are whole in one copy alone."""
    for place in {worn.place, *worn.more} - {whole}:
        for pack in place.rglob("*.pack"):
            pack.write_bytes(bytes(pack.stat().st_size))


def test_a_copy_that_was_left_behind_is_asked_last_and_only_read(
    worn: Worn, tmp_path: Path
) -> None:
    fresh = worn.place.with_name("fresh")
    shutil.copytree(worn.place, fresh)
    for folder in ("epochs", "journal"):
        shutil.rmtree(worn.place / folder / "000002")
    told, outcome, written = recover(replace(worn, more=(fresh,)), tmp_path / "home")
    assert outcome == WHOLE
    assert written == (str(fresh),)
    assert told.of("sealed")[0]["behind"] == [str(worn.place)]
    epochs = check(worn.place, worn.kit).epochs
    assert [epoch.number for epoch in epochs] == [1], "alone it is the older copy that it was"


def test_a_copy_that_comes_back_while_a_recovery_goes_on_is_only_read(
    worn: Worn, tmp_path: Path
) -> None:
    """It was not there when the others were sealed: the epoch has not begun there, and it gets a
    seal of its own."""
    worn = copied(worn)
    (late,) = worn.more
    late.rename(tmp_path / "away")
    worn.recovery(tmp_path / "home", Told()).begin().close()
    (tmp_path / "away").rename(late)
    told, outcome, written = recover(worn, tmp_path / "home")
    assert outcome == WHOLE
    assert told.of("sealed")[0]["behind"] == [str(late)]
    assert told.of("sealed")[0]["not_sealed"] == []
    assert read_writers(open_vault(Directory(late)), worn.epoch)[-1].seal
    assert written == (str(worn.place),)


def test_a_copy_that_was_sealed_and_can_be_written_no_more_is_not_said_to_be_unsealed(
    worn: Worn, tmp_path: Path
) -> None:
    worn = copied(worn)
    (shut,) = worn.more
    worn.recovery(tmp_path / "home", Told()).begin().close()
    shutil.rmtree(shut / "probe", ignore_errors=True)
    (shut / "probe").write_bytes(b"nothing can be made below a file")
    told, outcome, written = recover(worn, tmp_path / "home")
    assert outcome == WHOLE
    assert written == (str(worn.place),)
    assert read_writers(open_vault(Directory(shut)), worn.epoch)[-1].seal
    assert told.of("sealed")[0]["not_sealed"] == []
    assert told.of("sealed")[0]["behind"] == [str(shut)]


def test_one_place_by_two_names_is_not_recovered_into_two_copies(
    worn: Worn, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(worn.place)
    before = worn.objects()
    with pytest.raises(BadInput, match="one place by two names"):
        replace(worn, more=(link,)).recovery(tmp_path / "home", Told()).begin()
    assert worn.objects() == before, "nothing is sealed"
    assert not (tmp_path / "home").exists()


def test_no_copy_at_all_is_no_vault_and_another_service_s_is_a_mistake(
    worn: Worn, tmp_path: Path
) -> None:
    nowhere = (tmp_path / "nowhere", tmp_path / "neither")
    with pytest.raises(NotAVault, match="nowhere"):
        check(nowhere[0], worn.kit, nowhere[1:])
    other = make_service(tmp_path / "other")
    with pytest.raises(WrongKit):
        check(worn.place, worn.kit, [other.place])


def test_a_bucket_whose_keys_are_not_at_hand_is_one_that_is_not_reached(
    worn: Worn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    checked = check("s3://elsewhere/vault", worn.kit, [worn.place])
    assert [one.place for one in checked.unreached] == ["s3://elsewhere/vault"]
    with pytest.raises(BadInput):
        check("s3://elsewhere/vault", worn.kit)
