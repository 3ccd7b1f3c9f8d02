"""A survey says of every record what a recovery would find, and changes nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.rooms import CONTACTS, Service, delete, make_service, put, put_many, quick_folder

from stillhere.cli import main
from stillhere.config import state_folder
from stillhere.errors import NotAVault, WrongKit
from stillhere.recovery import survey as surveying_one
from stillhere.recovery.estimate import Range
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.recovery.source import open_source
from stillhere.recovery.survey import Figures, Survey
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.server.incident import Desk
from stillhere.server.surveying import Surveyed, survey
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.directory import Directory
from stillhere.vault.kit import Kit
from stillhere.vault.layout import bucket_of

RECORDS = 5
EACH = 3  # people of each of the two buckets
KINDS = ("account", CONTACTS)


class Left:
    """What is left of a service: its vault, and the kit in a file."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.kit = service.folder / "kit.txt"
        self.kit.write_text(service.kit.text())

    @property
    def place(self) -> Path:
        return self.service.place

    def copy(self, name: str) -> Left:
        return Left(self.service.copy(name))

    def survey(self, *others: Path, seconds: float | None = None, **options: bool) -> Surveyed:
        places = [self.place, *others]
        return survey(places, self.kit, lambda *_: None, seconds=seconds, **options)

    def remove(self, beginning: str, containing: str = "") -> list[str]:
        """Take objects away; returns their names."""
        names = [name for name in self.service.objects(beginning) if containing in name]
        assert names
        for name in names:
            (self.place / name).unlink()
        return names

    def packs(self, role: str, kind: str = CONTACTS, bucket: int = 0) -> list[str]:
        """The packs of rosters (r) or bodies (b) of one bucket."""
        names = self.service.objects(f"ledger/{kind}/{bucket:04x}-")
        return [name for name in names if name.split("-")[1].endswith(role)]

    def everything(self) -> dict[str, tuple[bytes, int]]:
        """Every object and folder: what is in it, and when it was changed."""
        paths = sorted(self.place.rglob("*"))
        return {
            str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
            for path in paths
        }


class Back(NamedTuple):
    """What a recovery brought back: records there on shelves that are proven and on others, and
    records that are held."""

    proven: int
    recoverable: int
    held: int


def bring(left: Left, kind: str, *others: Left) -> Back:
    """Recover a copy of what is left, for real."""
    first, *more = [one.service.copy(f"copy {random.random()}") for one in (left, *others)]
    places = [copy.place for copy in more]
    recovery = Recovery(first.home, first.place, first.kit, lambda *_, **__: None, more=places)
    working = recovery.begin()
    try:
        recovery.run()
        verdicts = [row.verdict for row in read_report(working.core) if row.kind == kind]
    finally:
        working.close()
    return Back(
        sum(verdict.records for verdict in verdicts if not verdict.problems),
        sum(verdict.records for verdict in verdicts if verdict.problems),
        sum(loss.collection != "" for verdict in verdicts for loss in verdict.held),
    )


def exact(figures: Figures) -> Back:
    """The figures of a survey that looked at everything, by the same names."""
    assert figures.proven.exact
    assert figures.recoverable.exact
    return Back(figures.proven.low, figures.recoverable.low, figures.missing.low)


@pytest.fixture
def left() -> Iterator[Left]:
    with quick_folder() as folder:
        service = make_service(folder, bucket_bits=1)
        with service.at_work() as working:
            people = _people(working)
            for account in people:
                put_many(working, account, {f"{n}.vcf": b"%d %s" % (n, account) for n in range(5)})
            delete(working, people[0], "0.vcf")
            compact(working)
            put(working, people[0], "late.vcf", "in the journal yet")
            put(working, people[1], "1.vcf", "changed since")
        yield Left(service)


def _people(working: Working) -> list[bytes]:
    buckets: dict[int, list[bytes]] = {0: [], 1: []}
    number = 0
    while min(map(len, buckets.values())) < EACH:
        account = working.store.accounts.create(f"person {number}")
        buckets[bucket_of(account, 1)].append(account)
        number += 1
    return [*buckets[0], *buckets[1]]


# one vault


def test_of_a_whole_vault_everything_is_proven_and_nothing_is_changed(left: Left) -> None:
    before = left.everything()
    seen = left.survey()
    assert left.everything() == before
    assert (seen.complete, seen.unopened, seen.copies[0].flaws) == (True, {}, [])
    for kind in KINDS:
        figures = seen.kinds[kind]
        assert exact(figures) == bring(left, kind)
        assert figures.lacking == figures.missing == Range(0, 0)
        assert figures.holds == figures.alone == [figures.known]
        assert figures.looked == figures.shelves
    assert seen.kinds[""].known.low == sum(seen.kinds[kind].known.low for kind in KINDS)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("ruin", [cut, flip, Path.unlink])
@pytest.mark.parametrize("kind", KINDS)
def test_what_lost_its_bodies_is_known_and_not_found(
    left: Left, ruin: Callable[[Path], None], kind: str
) -> None:
    for name in left.packs("b", kind):
        ruin(left.place / name)
    before = left.everything()
    figures = left.survey().kinds[kind]
    assert left.everything() == before
    assert exact(figures) == bring(left, kind)
    assert figures.missing.exact
    assert figures.missing.low > 0
    assert 0 < figures.lacking.low <= EACH + 20
    assert figures.known.low == figures.proven.low + figures.missing.low


def test_lost_rosters_are_made_anew_from_the_names_beside_the_bodies(left: Left) -> None:
    for bucket in (0, 1):
        for name in left.packs("r", bucket=bucket):
            (left.place / name).unlink()
    seen = left.survey()
    assert exact(seen.kinds[CONTACTS]) == bring(left, CONTACTS)
    assert seen.kinds[CONTACTS].lacking == Range(0, 0)
    packs = 2 + len(left.service.objects(f"ledger/{CONTACTS}/"))
    assert seen.copies[0].flaws == [f"contacts: 2 of {packs} packs missing or cut short"]


def test_where_rosters_and_bodies_are_lost_the_head_says_how_many_there_may_be(left: Left) -> None:
    whole = left.survey().kinds[CONTACTS]
    left.remove(f"ledger/{CONTACTS}/0000-")
    figures = left.survey().kinds[CONTACTS]
    assert exact(figures)[:2] == bring(left, CONTACTS)[:2]
    lost = whole.known.low - figures.proven.low - figures.recoverable.low
    assert figures.missing.low < lost <= figures.missing.high
    assert figures.known.low < whole.known.low <= figures.known.high


def test_a_bucket_without_its_manifests_is_not_counted(left: Left) -> None:
    left.remove(f"manifest/{CONTACTS}/0000/")
    seen = left.survey()
    figures = seen.kinds[CONTACTS]
    accounts = _accounts_of(left, 0)
    assert figures.uncounted == accounts
    assert exact(figures)[:2] == bring(left, CONTACTS)[:2]
    assert figures.lacking == Range(accounts, accounts)
    assert seen.copies[0].flaws == ["contacts: 1 of 2 manifests can't be read"]


def _accounts_of(left: Left, bucket: int) -> int:
    names = [Path(name).name for name in left.service.objects("keys/") if "service" not in name]
    accounts = {bytes.fromhex(name) for name in names if not name.endswith(".twin")}
    return sum(bucket_of(account, 1) == bucket for account in accounts)


def test_what_a_lost_segment_touched_is_not_proven(left: Left) -> None:
    newest = max(left.service.objects("journal/"), key=lambda name: name.split("/")[-1])
    earlier = f"{newest[:-16]}{int(newest[-16:-4]) - 1:012d}.seg"
    (left.place / earlier).unlink()
    seen = left.survey()
    figures = seen.kinds[CONTACTS]
    assert exact(figures) == bring(left, CONTACTS)
    assert figures.recoverable.low == RECORDS - 1
    assert figures.lacking == Range(1, 1)
    assert "are lost: missing" in seen.copies[0].flaws[0]


def test_an_account_whose_key_is_lost_may_have_had_what_its_heads_say(left: Left) -> None:
    before = left.survey()
    left.remove("keys/", next(n for n in left.service.objects("keys/") if "service" not in n)[5:])
    seen = left.survey()
    assert seen.copies[0].flaws == ["accounts without their keys: 1"]
    for kind in KINDS:
        figures, whole = seen.kinds[kind], before.kinds[kind]
        assert figures.lacking == Range(1, 1)
        assert figures.known.low < whole.known.low <= figures.known.high
        assert exact(figures)[0] == bring(left, kind)[0]


def test_a_vault_that_a_recovery_would_refuse_is_looked_at_all_the_same(left: Left) -> None:
    shutil.rmtree(left.place / "names")
    seen = left.survey()
    (flaw,) = seen.copies[0].flaws
    assert "a recovery would refuse it" in flaw
    assert "it has no names" in flaw
    assert seen.kinds[CONTACTS].lacking == Range(0, 0)


def test_without_its_root_the_journal_says_what_must_exist_or_nothing_does(left: Left) -> None:
    shutil.rmtree(left.place / "manifest" / "root")
    assert exact(left.survey().kinds[CONTACTS]) == bring(left, CONTACTS)
    first = left.service.objects("journal/")[0]
    (left.place / first).unlink()
    with pytest.raises(NotAVault, match="neither a root manifest nor the journal"):
        left.survey()


def test_who_was_erased_is_in_no_figure(left: Left) -> None:
    before = left.survey().kinds[CONTACTS]
    with left.service.at_work() as working:
        gone = next(row for row in working.store.accounts.list())
        working.eraser.erase(gone.account, gone.name)
    seen = left.survey()
    assert seen.kinds[CONTACTS].shelves == before.shelves - 1
    assert seen.kinds[""].lacking == Range(0, 0)


def test_a_vault_without_accounts_has_nothing() -> None:
    with quick_folder() as folder:
        seen = Left(make_service(folder)).survey()
    assert (seen.kinds, seen.complete) == ({}, True)


# several vaults


def test_what_two_vaults_lost_differently_is_found_between_them(left: Left) -> None:
    whole = left.survey().kinds[CONTACTS]
    other = left.copy("other")
    for name in left.packs("b", bucket=0):
        cut(left.place / name)
    for name in other.packs("b", bucket=1):
        (other.place / name).unlink()
    first, second = (one.survey().kinds[CONTACTS] for one in (left, other))
    before = left.everything() | other.everything()
    seen = left.survey(other.place).kinds[CONTACTS]
    assert left.everything() | other.everything() == before
    assert exact(seen) == bring(left, CONTACTS, other)
    assert (seen.known, seen.proven) == (whole.known, whole.known)
    assert seen.lacking == seen.missing == seen.recoverable == Range(0, 0)
    by_name = dict(zip(_names(left, other), zip(seen.holds, seen.alone, strict=True), strict=True))
    held, alone = by_name[str(left.place)]
    assert held == first.proven
    assert alone.low == second.missing.low
    held, alone = by_name[str(other.place)]
    assert held == second.proven
    assert alone.low == first.missing.low


def _names(*left: Left) -> list[str]:
    return sorted(str(one.place) for one in left)


def test_what_both_have_lost_is_missing(left: Left) -> None:
    other = left.copy("other")
    for one in (left, other):
        for name in one.packs("b", bucket=0):
            (one.place / name).unlink()
    alone = left.survey().kinds[CONTACTS]
    seen = left.survey(other.place).kinds[CONTACTS]
    assert exact(seen) == bring(left, CONTACTS, other)
    assert (seen.missing, seen.proven) == (alone.missing, alone.proven)
    assert seen.holds == [seen.proven] * 2
    assert seen.alone == [Range(0, 0)] * 2


def test_a_key_that_one_vault_has_opens_what_lies_in_another(left: Left) -> None:
    other = left.copy("other")
    shutil.rmtree(left.place / "keys")
    for name in other.service.objects("ledger/"):
        (other.place / name).unlink()
    seen = left.survey(other.place)
    assert seen.kinds[CONTACTS].lacking == Range(0, 0)


def test_a_copy_that_can_not_be_read_alone_gives_what_another_lacks(left: Left) -> None:
    other = left.copy("other")
    shutil.rmtree(left.place / "manifest")
    shutil.rmtree(left.place / "journal")
    shutil.rmtree(other.place / "ledger")
    with pytest.raises(NotAVault):
        left.survey()
    seen = left.survey(other.place)
    assert seen.unopened.keys() == {str(left.place)}
    assert [copy.name for copy in seen.copies] == [str(other.place)]
    for kind in KINDS:
        assert exact(seen.kinds[kind]) == bring(left, kind, other)
        assert seen.kinds[kind].lacking == Range(0, 0)
        assert seen.kinds[kind].holds[0].high < seen.kinds[kind].proven.low


def test_an_older_copy_helps_with_what_it_has(left: Left) -> None:
    """And what was changed or deleted since is not what must exist."""
    older = left.copy("older")
    account = _first_account(left)
    with left.service.at_work() as working:
        put(working, account, "1.vcf", "newer")
        put(working, account, "new.vcf", "new")
        delete(working, account, "2.vcf")
        compact(working)
    whole = left.survey().kinds[CONTACTS]
    seen = left.survey(older.place).kinds[CONTACTS]
    assert (seen.known, seen.proven, seen.lacking) == (whole.known, whole.known, Range(0, 0))
    assert sorted(one.low for one in seen.alone) == [0, 2]
    for bucket in (0, 1):
        for name in left.packs("b", bucket=bucket):
            (left.place / name).unlink()
    seen = left.survey(older.place).kinds[CONTACTS]
    back = bring(left, CONTACTS, older)
    assert seen.known == whole.known
    assert seen.missing == Range(2, 2)
    assert seen.proven.low == back.proven
    assert seen.recoverable.low == back.held - 2, "stillhere heal finds them in the older copy"


def _first_account(left: Left) -> bytes:
    with left.service.at_work() as working:
        return working.store.accounts.list()[0].account


def test_one_that_does_not_open_is_named_and_the_others_are_looked_at(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = left.place.parent / "nowhere"
    asked = ["survey", "--vault", str(nowhere), "--vault", str(left.place), "--kit", str(left.kit)]
    assert main(asked) == 0
    told = capsys.readouterr()
    assert f"error: there is no vault in {nowhere}" in told.err
    assert "Proven" in told.out
    assert main([*asked, "--json", "--all"]) == 0
    told = capsys.readouterr()
    data = json.loads(told.out)
    assert data["complete"]
    assert data["unopened"][0]["vault"] == str(nowhere)
    assert data["all"]["lacking"] == [0, 0]
    assert data["kinds"][CONTACTS]["vaults"].keys() == {str(left.place)}
    assert main(["survey", "--vault", str(nowhere), "--kit", str(left.kit)]) == 5
    left.kit.write_text(Kit.make().text())
    with pytest.raises(WrongKit):
        left.survey()


# a sample, and what is kept of it


def look_at(work: Survey, shelves: int) -> None:
    """Look at so many shelves more."""
    until = len(work.found) + shelves
    work.look(lambda: float(len(work.found) >= until), lambda *_: None)


def test_every_range_has_the_truth_in_it_and_narrows(left: Left) -> None:
    for name in left.packs("b", bucket=0):
        cut(left.place / name)
    truth = left.survey().kinds
    for seed in range(5):
        random.seed(seed)
        work = Survey(open_source([left.place], left.service.kit, KINDS), [], {})
        spreads = []
        while not work.complete:
            look_at(work, 2)
            told = work.tell()
            for kind, figures in told.items():
                for name in ("known", "proven", "recoverable", "missing", "lacking"):
                    low, high = getattr(figures, name)
                    assert low <= getattr(truth[kind], name).low <= high, (kind, name)
                if figures.looked < figures.shelves:
                    assert not figures.lacking.exact
            spreads.append(told[""].missing.high - told[""].missing.low)
        assert told == truth
        assert spreads[0] > spreads[len(spreads) // 2] > spreads[-1] == 0


def test_what_a_listing_shows_is_looked_at_first(left: Left) -> None:
    for name in left.packs("b", bucket=0):
        (left.place / name).unlink()
    source = open_source([left.place], left.service.kit, KINDS)
    assert source.scan.touched
    assert {kind for kind, _ in source.scan.touched} == {CONTACTS}
    work = Survey(source, [], {})
    look_at(work, len(source.scan.touched))
    assert work.found.keys() == source.scan.touched
    assert all(one.lacking for one in work.found.values())


def test_the_next_survey_goes_on_and_one_of_a_changed_vault_begins_anew(left: Left) -> None:
    nothing = left.survey(seconds=0)
    shelves = nothing.kinds[""].shelves
    assert (nothing.kinds[""].looked, nothing.complete) == (0, False)
    assert left.survey(seconds=1e-9).before == 0
    assert left.survey().before < shelves
    again = left.survey()
    assert (again.before, again.complete, again.kept) == (shelves, True, True)
    assert left.survey(seconds=0, anew=True).kinds[""].looked == 0
    assert left.survey().before == shelves, "what is forgotten for once is kept"
    other = left.copy("other")
    assert left.survey(other.place).before == 0
    left.survey()
    cut(left.place / left.packs("b")[0])
    assert left.survey().before == 0
    left.survey()
    with left.service.at_work() as working:
        put(working, working.store.accounts.list()[0].account, "new.vcf", "x")
    assert left.survey().before == 0


def test_what_is_kept_of_a_survey_names_no_account(left: Left) -> None:
    """It is still there when somebody is erased."""
    left.survey()
    (file,) = state_folder().glob(f"{left.service.kit.vault.hex()}.survey")
    kept = file.read_bytes()
    with left.service.at_work() as working:
        accounts = [row.account for row in working.store.accounts.list()]
    assert accounts
    assert not [account for account in accounts if account in kept]


def test_a_broken_memory_is_none(left: Left) -> None:
    left.survey()
    (file,) = state_folder().glob(f"{left.service.kit.vault.hex()}.survey")
    for content in (b"", b"no survey", file.read_bytes()[:-1]):
        file.write_bytes(content)
        assert left.survey().before == 0


def test_a_state_folder_that_can_not_be_written_is_told(
    left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = left.service.folder / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    assert not left.survey().kept


def test_what_gives_no_answer_is_neither_there_nor_missing(
    left: Left, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = left.survey(anew=True).kinds
    whole, read_range = set(left.packs("b", bucket=1)), Directory.read_range

    def silent(self: Directory, name: str, offset: int, length: int) -> bytes:
        if name in whole:
            raise BackendError(f"no answer about {name}")
        return read_range(self, name, offset, length)

    monkeypatch.setattr(Directory, "read_range", silent)
    monkeypatch.setattr(surveying_one, "SILENCES", 1000)
    seen = left.survey(anew=True)
    assert seen.silent[0] == _accounts_of(left, 1)
    assert "no answer about" in seen.silent[1]
    for name in ("known", "proven", "missing", "lacking"):
        low, high = getattr(seen.kinds[CONTACTS], name)
        assert low <= getattr(truth[CONTACTS], name).low <= high
    assert seen.kinds[CONTACTS].missing.low == 0
    assert seen.kinds[CONTACTS].proven.low < truth[CONTACTS].proven.low
    whole |= set(left.service.objects("ledger/"))
    monkeypatch.setattr(surveying_one, "SILENCES", 3)
    asked = ["survey", "--vault", str(left.place), "--kit", str(left.kit), "--anew"]
    assert main(asked) == 1
    assert "no answer about" in capsys.readouterr().err


def test_a_witness_that_saw_more_is_heard(left: Left) -> None:
    older = left.copy("older")
    with left.service.at_work() as working:
        put(working, working.store.accounts.list()[0].account, "new.vcf", "x")
        from stillhere.replication.witness import see
        from stillhere.server.witness import remember

        file = left.service.folder / "seen.json"
        remember(file, see(working))
    tick: Callable[..., None] = lambda *_: None  # noqa: E731
    seen = survey([older.place], older.kit, tick, seconds=None, witness=file)
    assert "behind what was seen on" in seen.copies[0].flaws[0]
    seen = survey([left.place], left.kit, tick, seconds=None, witness=file)
    assert seen.copies[0].flaws == []


def test_what_a_survey_found_is_told_by_the_next_edition_of_the_page(
    left: Left, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in left.packs("b", bucket=0):
        cut(left.place / name)
    state = ("--state", str(tmp_path / "state"))
    asked = ["survey", "--vault", str(left.place), "--kit", str(left.kit), "--anew", *state]
    assert main([*asked, "--seconds", "0"]) == 0
    assert Desk(tmp_path / "state").bulletin(0).survey is None, "nothing was looked at"
    assert main([*asked, "--all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main(["status", "publish", "--to", str(tmp_path / "page"), *state]) == 0
    public = json.loads((tmp_path / "page" / "figures.json").read_bytes())["survey"]
    for name in ("known", "proven", "recoverable", "missing"):
        assert public["everything"][name] == told["all"][name]
    assert public["everything"]["missing"][0] > 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert "What can still be had" in page
    for made in (page, json.dumps(public)):
        assert str(left.place) not in made
    (tmp_path / "state" / "told" / "survey.json").unlink()
    (tmp_path / "state" / "told" / "survey.json").mkdir()
    assert main([*asked, "--all"]) == 0, "the survey is told all the same"
    assert "survey.json" in capsys.readouterr().err
