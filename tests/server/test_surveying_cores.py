"""A damaged core is one more source of a survey, and may be the only one that is left."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.recovery.salvage.damage import Core
from tests.rooms import CONTACTS, Service, contents, delete, make_service, put, quick_folder
from tests.server.test_surveying import cut, look_at

from stillhere.cli import main
from stillhere.errors import BadInput
from stillhere.recovery.estimate import Range
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.salvage.file import OWN_PAGE_SIZE
from stillhere.recovery.salvage.remains import Remains
from stillhere.recovery.salvage.salvage import salvage
from stillhere.recovery.source import open_source
from stillhere.recovery.survey import Figures, Survey
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.server.surveying import Surveyed, survey
from stillhere.store import NewAccount, ShelfWrite
from stillhere.vault.layout import bucket_of

KINDS = ("account", CONTACTS)
PEOPLE, RECORDS = 8, 40
SIZES = (40, 300, 6_000, 30_000)


class Left(NamedTuple):
    """What is left of a service: a vault, the kit in a file, and a damaged core."""

    service: Service
    core: Core

    @property
    def kit(self) -> Path:
        return self.service.folder / "kit.txt"

    def survey(self, *cores: Core, seconds: float | None = None, anew: bool = True) -> Surveyed:
        files = [core.path for core in cores or (self.core,)]
        place = self.service.place
        return survey([place], self.kit, lambda *_: None, seconds=seconds, cores=files, anew=anew)

    def packs(self, role: str, bucket: int) -> list[Path]:
        names = self.service.objects(f"ledger/{CONTACTS}/{bucket:04x}-")
        return [self.service.place / n for n in names if n.split("-")[1].endswith(role)]

    @property
    def bucket(self) -> int:
        """One in which somebody is."""
        return bucket_of(next(iter(self.core.contents))[0], 1)

    def back(self) -> tuple[int, int]:
        """Recover for real and salvage from the core: contacts that are there, and held."""
        copy = self.service.copy(f"copy {random.random()}")
        recovery = Recovery(copy.home, copy.place, copy.kit, lambda *_, **__: None)
        working = recovery.begin()
        try:
            recovery.run()
            salvage(working, [self.core.path], lambda *_, **__: None)
            return count(working)
        finally:
            working.close()


def count(working: Working) -> tuple[int, int]:
    found = [
        body is not None
        for row in working.store.accounts.list()
        for _, body in _bodies(working, row.account)
    ]
    return sum(found), len(found) - sum(found)


def _bodies(working: Working, account: bytes) -> list[tuple[object, bytes | None]]:
    with working.store.read(account, CONTACTS) as shelf:
        return list(shelf.all_bodies(CONTACTS))


@pytest.fixture(scope="module", params=["rows", "pages"])
def whole(request: pytest.FixtureRequest) -> Iterator[Left]:
    """A service whose core's shelves are rows, or pages still."""
    with quick_folder() as folder:
        service = make_service(folder, bucket_bits=1)
        (folder / "kit.txt").write_text(service.kit.text())
        with service.at_work() as working:
            _fill(working)
            compact(working)
            if request.param == "rows":
                core = Core(service.home / "core.sqlite", contents(working)).copy(folder / "left")
        if request.param == "pages":
            with service.recovered() as working:
                compact(working)
                core = Core(service.home / "core.sqlite", contents(working)).copy(folder / "left")
        yield Left(service, core.filed())


def _fill(working: Working) -> None:
    chance = random.Random(1)

    def write(shelf: ShelfWrite) -> None:
        for number in range(RECORDS):
            uid = f"{chance.getrandbits(128):032x}"
            photo = chance.randbytes(chance.choice(SIZES)).hex()
            body = f"BEGIN:VCARD\nUID:{uid}\nFN:{number}\nPHOTO:{photo}\nEND:VCARD\n"
            shelf.put(CONTACTS, f"{uid}.vcf", body.encode(), uid=uid, media_type="text/vcard")
        shelf.delete(CONTACTS, shelf.changes_made[0].href)

    people = [NewAccount(f"person {number}", None, "phone") for number in range(PEOPLE)]
    for made in working.store.accounts.create_many(people):
        working.store.write(made.account, CONTACTS, write).result(60)


@pytest.fixture
def left(whole: Left) -> Iterator[Left]:
    """The same, to be ruined."""
    with quick_folder() as folder:
        service = whole.service.copy(str(folder / "copy"))
        (service.folder / "kit.txt").write_text(service.kit.text())
        yield Left(service, whole.core.copy(folder / "core"))


def exact(figures: Figures) -> tuple[int, int, int]:
    """Proven, recoverable and missing, where each is one figure."""
    ranges = (figures.proven, figures.recoverable, figures.missing)
    assert all(one.exact for one in ranges)
    return figures.proven.low, figures.recoverable.low, figures.missing.low


def files_of(core: Core) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in core.path.parent.iterdir()
    }


# beside a vault


def test_a_core_that_has_what_the_vault_has_adds_nothing_and_is_not_changed(left: Left) -> None:
    before = files_of(left.core)
    seen = left.survey()
    assert files_of(left.core) == before
    figures = seen.kinds[CONTACTS]
    there = PEOPLE * (RECORDS - 1)
    assert exact(figures) == (there, 0, 0)
    assert figures.lacking == Range(0, 0)
    assert figures.holds == [Range(there, there)] * 2
    assert figures.alone == [Range(0, 0)] * 2
    assert (seen.cores[0].records, seen.cores[0].nameless) == (seen.kinds[""].known.low, 0)


def test_bodies_that_the_vault_lost_can_be_recovered(left: Left) -> None:
    for path in left.packs("b", left.bucket):
        path.unlink()
    figures = left.survey().kinds[CONTACTS]
    proven, recoverable, missing = exact(figures)
    assert recoverable > 0
    assert (proven + recoverable, missing) == left.back() == (PEOPLE * (RECORDS - 1), 0)
    assert figures.alone == [Range(0, 0), Range(recoverable, recoverable)]


@pytest.mark.parametrize("seed", range(4))
def test_of_a_core_with_bad_pages_as_much_is_said_to_be_there_as_comes_back(
    left: Left, seed: int
) -> None:
    for bucket in (0, 1):
        for path in left.packs("b", bucket):
            cut(path)
    left.core.spoil(2 + 3 * seed, seed)
    figures = left.survey().kinds[CONTACTS]
    proven, recoverable, missing = exact(figures)
    assert (proven + recoverable, missing) == left.back()
    assert figures.known == Range(PEOPLE * (RECORDS - 1), PEOPLE * (RECORDS - 1))


def test_a_core_cut_short_gives_what_is_left_of_it(left: Left) -> None:
    for bucket in (0, 1):
        for path in left.packs("b", bucket):
            path.unlink()
    left.core.cut(0.6)
    proven, recoverable, missing = exact(left.survey().kinds[CONTACTS])
    assert (proven + recoverable, missing) == left.back()
    assert recoverable > 0 < missing


def test_a_bucket_that_the_vault_lost_is_counted_from_the_core(left: Left) -> None:
    """Rosters and bodies: the vault's heads say how many there were, the core which."""
    for role in "rb":
        for path in left.packs(role, left.bucket):
            path.unlink()
    proven, recoverable, missing = exact(left.survey().kinds[CONTACTS])
    assert (proven + recoverable, missing) == (PEOPLE * (RECORDS - 1), 0)
    assert recoverable > 0


def test_without_its_keys_the_vault_says_how_many_and_the_core_which(left: Left) -> None:
    whole = left.survey().kinds[CONTACTS]
    (gone, *_) = [n for n in left.service.objects("keys/") if "service" not in n]
    for name in left.service.objects(gone.removesuffix(".twin")):
        (left.service.place / name).unlink()
    figures = left.survey().kinds[CONTACTS]
    assert figures.known.low == whole.known.low
    assert figures.proven.low + figures.recoverable.low == whole.known.low
    assert figures.lacking == Range(1, 1)


# beyond the vault's end


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[Left]:
    """A vault that is older than its core: what was acknowledged since is in the core alone."""
    with quick_folder() as folder:
        service = make_service(folder)
        with service.at_work() as working:
            ana = working.store.accounts.create("ana")
            for name in ("kept", "changed", "deleted"):
                put(working, ana, f"{name}.vcf", f"{name} {'x' * 9000}")
            compact(working)
            older = service.copy("older")
            put(working, ana, "changed.vcf", "new words")
            put(working, ana, "new.vcf", "y" * 90_000)
            delete(working, ana, "deleted.vcf")
            core = Core(service.home / "core.sqlite", contents(working)).copy(folder / "left")
        (older.folder / "kit.txt").write_text(service.kit.text())
        yield Left(older, core)


def test_what_only_the_core_acknowledged_can_be_recovered(tail: Left) -> None:
    figures = tail.survey().kinds[CONTACTS]
    assert exact(figures) == (1, 2, 0), "what was deleted since need not exist"
    assert tail.back() == (3, 0)
    assert figures.lacking == Range(1, 1)
    assert figures.alone == [Range(0, 0), Range(2, 2)]
    tail.core.filed()
    assert exact(tail.survey().kinds[CONTACTS]) == (1, 2, 0)


def test_a_change_whose_body_is_on_a_bad_page_is_known_and_not_found(tail: Left) -> None:
    tail.core.filed()
    data = tail.core.path.read_bytes()
    at = data.rindex(b"y" * 10_000)
    tail.core.path.write_bytes(data[:at] + b"z" + data[at + 1 :])
    assert exact(tail.survey().kinds[CONTACTS]) == (1, 1, 1)
    assert tail.back() == (2, 0), "a recovery can't know of it"


def test_an_account_and_a_device_that_only_the_core_knows_can_be_recovered(tmp_path: Path) -> None:
    with quick_folder() as folder:
        service = make_service(folder)
        with service.at_work() as working:
            ana = working.store.accounts.create("ana")
            older = service.copy("older")
            working.store.accounts.add_device(ana, "tablet")
            put(working, working.store.accounts.create("bo"), "1.vcf", "of bo")
            core = Core(service.home / "core.sqlite", contents(working)).copy(folder / "left")
        (older.folder / "kit.txt").write_text(service.kit.text())
        left = Left(older, core.filed())
        seen = left.survey()
        assert exact(seen.kinds["account"]) == (1, 2, 0), "a device, and the name of bo"
        assert exact(seen.kinds[CONTACTS]) == (0, 1, 0)
        assert seen.kinds[CONTACTS].uncounted == 1, "nothing says how much bo had"
        assert left.back() == (1, 0)


def test_who_was_erased_is_not_counted_from_the_core(tail: Left) -> None:
    core = tail.core
    with tail.service.recovered() as working:
        (row,) = working.store.accounts.list()
        working.eraser.erase(row.account, row.name)
    seen = Left(tail.service, core).survey()
    assert seen.kinds == {}


def test_a_core_of_another_service_is_left_out(tail: Left, left: Left) -> None:
    seen = tail.survey(tail.core, left.core)
    assert seen.kinds == tail.survey().kinds
    assert "no account in common" in seen.unopened[str(left.core.path)].what


# a core alone


def test_of_a_core_alone_what_can_be_read_is_counted_and_nothing_is_proven(left: Left) -> None:
    seen = survey([], None, lambda *_: None, seconds=5, cores=[left.core.path])
    assert seen.kinds.keys() == {"", *KINDS}, "of other kinds nothing has begun"
    figures = seen.kinds[CONTACTS]
    assert exact(figures) == (0, PEOPLE * (RECORDS - 1), 0)
    assert (figures.shelves, figures.lacking) == (PEOPLE, Range(PEOPLE, PEOPLE))
    assert figures.uncounted == PEOPLE, "nothing says how many there were"
    assert figures.holds == figures.alone == [figures.known]


def test_of_a_damaged_core_alone_bodies_are_counted_once_and_only_when_proven(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    there = PEOPLE * (RECORDS - 1)
    second = left.core.copy(left.core.path.parent.parent / "second")
    second.cut(0.7)
    left.core.spoil(12, 3)
    first = _alone(left.core)
    assert 0 < first.recoverable.low < there
    both = _alone(left.core, second)
    assert both.recoverable.low >= max(first.recoverable.low, _alone(second).recoverable.low)
    assert both.recoverable.low <= there
    asked = ["survey", "--core", str(left.core.path), "--core", str(second.path)]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kinds"][CONTACTS]["recoverable"] == list(both.recoverable)
    assert told["all"]["cores"].keys() == {str(left.core.path), str(second.path)}
    assert main(asked) == 0
    assert "Without a vault nothing proves" in capsys.readouterr().out


def _alone(*cores: Core) -> Figures:
    files = [core.path for core in cores]
    return survey([], None, lambda *_: None, seconds=None, cores=files).kinds[CONTACTS]


def test_bodies_of_nobody_are_counted_apart_and_found_for_who_misses_them(left: Left) -> None:
    """The pages that say whose shelves are whose are gone."""
    accounts = {account for account, _ in left.core.contents}
    data = bytearray(left.core.path.read_bytes())
    for at in range(0, len(data), OWN_PAGE_SIZE):
        if any(account in data[at : at + OWN_PAGE_SIZE] for account in accounts):
            data[at : at + OWN_PAGE_SIZE] = bytes(OWN_PAGE_SIZE)
    left.core.path.write_bytes(data)
    seen = survey([], None, lambda *_: None, seconds=None, cores=[left.core.path])
    assert seen.kinds == {}
    assert seen.cores[0].nameless >= PEOPLE * (RECORDS - 1)
    for bucket in (0, 1):
        for path in left.packs("b", bucket):
            path.unlink()
    proven, recoverable, missing = exact(left.survey().kinds[CONTACTS])
    assert (proven + recoverable, missing) == left.back() == (PEOPLE * (RECORDS - 1), 0)


def test_what_is_no_core_is_named_and_the_others_are_looked_at(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = left.core.path.with_name("nothing")
    asked = ["survey", "--vault", str(left.service.place), "--kit", str(left.kit)]
    assert main([*asked, "--core", str(nothing), "--all"]) == 0
    told = capsys.readouterr()
    assert f"nothing can be read from {nothing}" in told.err
    assert "are proven" in told.out
    shutil.rmtree(left.service.place)
    assert main([*asked, "--core", str(left.core.path)]) == 0
    told = capsys.readouterr()
    assert "there is no vault" in told.err
    assert "can be recovered" in told.out
    with pytest.raises(BadInput, match="nothing can be read"):
        survey([], None, lambda *_: None, seconds=1, cores=[nothing])
    with pytest.raises(BadInput, match="without the kit"):
        survey([left.service.place], None, lambda *_: None, seconds=1)
    with pytest.raises(BadInput, match="nothing is named"):
        survey([], None, lambda *_: None, seconds=1)


# a sample


def test_every_range_has_the_truth_in_it_and_narrows(left: Left) -> None:
    for path in (*left.packs("b", 0), *left.packs("r", 1)):
        path.unlink()
    left.core.spoil(4, 2)
    truth = left.survey().kinds
    for seed in range(3):
        random.seed(seed)
        source = open_source([left.service.place], left.service.kit, KINDS)
        work = Survey(source, [], {}, [Remains(left.core.path)])
        while not work.complete:
            look_at(work, 2)
            told = work.tell()
            for kind, figures in told.items():
                for name in ("known", "proven", "recoverable", "missing", "lacking"):
                    low, high = getattr(figures, name)
                    assert low <= getattr(truth[kind], name).low <= high, (kind, name)
        assert told == truth


def test_the_next_survey_goes_on_as_long_as_the_core_stays_as_it_was(left: Left) -> None:
    seen = left.survey(anew=False)
    assert left.survey(anew=False).before == seen.kinds[""].shelves
    left.core.spoil(1, 1)
    assert left.survey(anew=False).before == 0
