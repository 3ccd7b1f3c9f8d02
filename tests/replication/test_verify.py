"""Verifying, and what a verification is worth: no damage is ever silently wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rooms import (
    Content,
    Service,
    content,
    contents,
    delete,
    make_service,
    put,
    put_many,
    quick_folder,
)

from stillhere.errors import Closed, RefusedVault, StillhereError
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working
from stillhere.replication.verified import last_verified
from stillhere.replication.verify import verify
from stillhere.store import State

MANY = {f"{n:02d}.vcf": b"BEGIN:VCARD %d" % n * 20 for n in range(20)}
Everything = dict[tuple[bytes, str], Content]


def fill(service: Service) -> Everything:
    """Every kind of object: base, delta, history, roll-up, segments, of two epochs and writers."""
    with service.at_work() as working:
        anna, ben = (working.store.accounts.create(name) for name in ("anna", "ben"))
        put_many(working, anna, MANY)
        put_many(working, ben, MANY)
        compact(working)
    with service.recovered() as working:
        put(working, anna, "03.vcf", "in the delta")
        delete(working, ben, "04.vcf")
        compact(working)
        for number in range(4):
            put(working, anna, f"rolled {number}.vcf")
        key = working.identity.journal_key
        roll_up(working.vault, key, 2, 0, after=1, upto=working.journal.written, least=2)
        with service.at_work() as beside:
            put(beside, ben, "beside.vcf")
            put(working, anna, "lone.vcf")
            put(beside, anna, "last.vcf")
        return contents(working)


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Service, Everything]]:
    with quick_folder() as folder:
        service = make_service(folder)
        yield service, fill(service)


def test_a_whole_vault_is_proven_in_figures(filled: tuple[Service, Everything]) -> None:
    service, everything = filled
    steps: list[tuple[int, int]] = []
    with service.at_work() as working:
        found = verify(working, tick=lambda done, total: steps.append((done, total)))
        assert last_verified(working.core) == found
    assert (found.proven, found.findings, found.spares) == (True, [], [])
    assert found.shelves == len(everything) == 4
    assert steps[-1] == (4, 4)
    present = [
        row for one in everything.values() for row in one.rows if row[0] and row[3] == State.PRESENT
    ]
    assert found.records == len(present) + 1, "a tombstone is proven too"
    sizes = [(service.place / name).stat().st_size for name in service.objects("ledger/")]
    assert 0 < found.bytes <= sum(sizes) + (1 << 20)


def test_a_core_that_never_verified_says_so(service: Service, working: Working) -> None:
    assert last_verified(working.core) is None


def test_a_core_whose_rows_are_not_what_was_written_is_found_out(
    service: Service, working: Working
) -> None:
    anna = working.store.accounts.create("anna")
    put_many(working, anna, MANY)
    for statement in (
        "UPDATE records SET digest = zeroblob(32) WHERE href = '03.vcf'",
        "DELETE FROM records WHERE href = '05.vcf'",
        "UPDATE shelves SET chain = zeroblob(32) WHERE kind = 'contacts'",
    ):
        working.store.install(lambda sql, statement=statement: sql.execute(statement)).result(60)
        (finding,) = verify(working).findings
        assert (finding.account, finding.kind) == (anna, "contacts")
        assert "core" in " ".join(finding.problems)


def test_writes_during_a_verification_are_no_findings(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put_many(working, anna, MANY)
    compact(working)
    put(working, anna, "a.vcf")

    def meanwhile(done: int, total: int) -> None:
        put(working, anna, f"{done}.new")
        put(working, anna, "03.vcf", f"changed {done}")
        delete(working, anna, f"0{done}.vcf")

    assert verify(working, tick=meanwhile).findings == []
    assert verify(working).proven


def comes_back(service: Service, everything: Everything) -> tuple[bool, list[str]]:
    """Recover: whether every shelf is equal, and what is called complete and is not."""
    equal, wrong = True, []
    try:
        with service.recovered(service.folder / "recovered") as working:
            verdicts = {(v.account, v.kind): v.verdict for v in read_report(working.core)}
            for key, there in everything.items():
                verdict = verdicts.get(key)
                if verdict is None:
                    wrong.append("no verdict")
                elif verdict.complete:
                    if content(working, *key) != there:
                        wrong.append("called complete, and is not")
                elif not verdict.problems:
                    held = {(loss.collection, loss.href) for loss in verdict.held}
                    rows = content(working, *key).rows
                    if [hide(row, held) for row in rows] != [hide(row, held) for row in there.rows]:
                        wrong.append("its held records are not all that differs")
                else:
                    with pytest.raises(Closed):
                        content(working, *key)
                equal = equal and verdict is not None and verdict.complete
    except RefusedVault:
        equal = False
    return equal and not wrong, wrong


def hide(row: tuple[object, ...], held: set[tuple[str, str]]) -> tuple[object, ...]:
    """A row without what a held record lacks: its state and body."""
    return (*row[:3], *row[4:10]) if (row[0], row[1]) in held else row


KINDS = ("format", "epochs/", "journal/", "keys/", "names/", "ledger/", "manifest/", "wraps/")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def is_proven(service: Service) -> bool:
    """Whether a running core would tell its operator that all is well."""
    try:
        with service.at_work() as working:
            return verify(working).proven
    except StillhereError as error:
        if not error.hint:
            raise
        return False


SPARE = ("format", "epochs/", "keys/", "names/", "manifest/", "wraps/")


def is_spare(name: str) -> bool:
    """Whether a vault says the same in another place: no single loss of these costs anything."""
    return name.startswith(SPARE) or "r-" in name or "t-" in name


def ends_a_journal(service: Service, name: str) -> bool:
    """Whether it is the last object of a writer that nobody has sealed.

    Gone without a trace, it is missed by the core, and without a core only by the devices:
    their tokens are beyond what the vault has."""
    folder = name.rpartition("/")[0]
    return folder.startswith("journal/000002/") and service.objects(folder)[-1] == name


@pytest.mark.parametrize("ruin", [flip, Path.unlink, cut_short])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_called_proven_comes_back_and_nothing_is_ever_silently_wrong(
    filled: tuple[Service, Everything], tmp_path: Path, kind: str, ruin: Callable[[Path], None]
) -> None:
    """One object of the vault at a time is damaged, lost or cut short."""
    service, everything = filled
    bad = []
    for number, name in enumerate(service.objects(kind)):
        live = service.copy(str(tmp_path / f"{number}-live"))
        shutil.copytree(service.home, live.home)
        ruin(live.place / name)
        proven = is_proven(live)
        if ruin is Path.unlink and ends_a_journal(service, name):
            wrong = ["called proven"] if proven else []
        else:
            lost = service.copy(str(tmp_path / f"{number}-lost"))
            ruin(lost.place / name)
            equal, wrong = comes_back(lost, everything)
            if proven and not equal:
                wrong.append("called proven, and does not come back")
            if is_spare(name) and not equal:
                wrong.append("does not come back, although the vault has it twice")
        bad += [f"{name}: {what}" for what in wrong]
    assert bad == []
