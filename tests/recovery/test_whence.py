"""Whence a held record came back is kept with its shelf, through compactions and recoveries."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recovery.model import Delete, Put, draft
from tests.recovery.objects import find_targets
from tests.recovery.service import Person, Worn, bodies_of

from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verify import verify
from stillhere.server.learned import list_ended, read_labels, read_notes
from stillhere.status.person import Ended
from stillhere.store import LOST_TAIL


@pytest.fixture(autouse=True)
def without_bodies(worn: Worn) -> None:
    """The vault has lost a pack of bodies."""
    (worn.place / find_targets(worn)["bodies of contacts base"].name).unlink()


def loser(working: Working, worn: Worn) -> Person:
    """Somebody whose cards are held."""
    held = {one.account for one in read_report(working.core) if one.verdict.held}
    return next(person for person in worn.people if person.account in held)


def ended(working: Working, person: Person) -> dict[str, Ended]:
    notes = read_notes(working.core.reader(), person.account, "contacts")
    labels = read_labels(working.core, person.account)
    return {one.href: one for one in list_ended(notes, labels)}


def device_of(working: Working, person: Person) -> str:
    return next(iter(working.store.accounts.devices(person.account)))


def heal_and_more(worn: Worn, working: Working, person: Person) -> None:
    """A phone brings one card back and edits another, and one is deleted."""
    body = person.book.rows["contacts", "1.vcf"].body
    assert body is not None
    acts = [Put("contacts", "1.vcf", body), Put("contacts", "2.vcf", b"edited")]
    acts_of_all = [*acts, Delete("contacts", "6.vcf")]
    working.store.write(
        person.account,
        "contacts",
        lambda shelf: draft(shelf, acts_of_all),
        device=device_of(working, person),
    ).result()


def test_a_device_s_bytes_edits_and_deletions_are_told_apart(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "home") as working:
        person = loser(working, worn)
        heal_and_more(worn, working, person)
        found = ended(working, person)
        assert {href: (one.deleted, one.same) for href, one in found.items()} == {
            "1.vcf": (False, True),
            "2.vcf": (False, False),
            "6.vcf": (True, False),
        }
        device = device_of(working, person)
        label = working.store.accounts.devices(person.account)[device].label
        assert {one.whence for one in found.values()} == {f"{label} (device {device})"}
        assert all(one.ended_at for one in found.values())


def test_one_body_that_heals_several_is_noted_for_each(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "home") as working:
        person = loser(working, worn)
        body = person.book.rows["contacts", "1.vcf"].body
        assert body is not None
        worn.write(working, person, Put("work", "copy.vcf", body))
        assert {href: one.same for href, one in ended(working, person).items()} == {"1.vcf": True}


@pytest.mark.parametrize("compactions", [0, 1, 3])
def test_it_outlives_compactions_and_another_recovery(
    worn: Worn, tmp_path: Path, compactions: int
) -> None:
    with worn.recovered(tmp_path / "home") as working:
        person = loser(working, worn)
        heal_and_more(worn, working, person)
        for number in range(compactions):
            compact(working)
            worn.write(working, person, Put("work", f"{number}.vcf", b"later"))
        found, served = ended(working, person), bodies_of(working, person)
    with worn.recovered(tmp_path / "next") as working:
        assert ended(working, person) == found
        assert bodies_of(working, person) == served
        compact(working)
        assert verify(working).spares == []
    with worn.recovered(tmp_path / "third") as working:
        assert ended(working, person) == found


def test_why_a_body_was_missed_is_known_after_further_losses(worn: Worn, tmp_path: Path) -> None:
    causes: list[dict[tuple[str, str], str]] = []
    for number in range(3):
        with worn.recovered(tmp_path / f"home {number}") as working:
            person = loser(working, worn)
            [said] = [v for v in read_report(working.core, person.account) if v.verdict.held]
            causes.append({(lost.collection, lost.href): lost.cause for lost in said.verdict.held})
            worn.write(working, person, Put("work", f"{number}.vcf", b"later"))
            compact(working, accept=[(person.account, "contacts")])  # all of it is written anew
            compact(working)
            assert verify(working).spares == []
    assert causes[0]
    assert all(".pack is missing" in cause for cause in causes[0].values())
    assert causes[1:] == causes[:1] * 2


def test_evidence_that_the_vault_lost_is_written_anew(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "home") as working:
        person = loser(working, worn)
        heal_and_more(worn, working, person)
        compact(working)
        found = ended(working, person)
        source = anchor_of(working).source(person.account, "contacts")
        assert source.entry is not None
        assert source.entry.evidence is not None
        assert source.manifest is not None
        place = source.manifest.place(source.entry.evidence)
        with (worn.place / place.pack).open("r+b") as file:
            file.seek(place.offset + place.length - 1)
            last = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([last[0] ^ 1]))
        said = [line for finding in verify(working).spares for line in finding.problems]
        assert "its evidence can't be read" in said
        compact(working)
        assert verify(working).spares == []
    with worn.recovered(tmp_path / "next") as working:
        assert ended(working, person) == found


def test_what_a_device_says_again_is_kept_once(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "home") as working:
        person = worn.people[0]
        for _ in range(3):
            working.store.write(
                person.account,
                "contacts",
                lambda s: s.note(LOST_TAIL, {"collection": "contacts", "token": 9, "end": 7}),
                device="aa",
            ).result()
            compact(working)
    with worn.recovered(tmp_path / "next") as working:
        notes = read_notes(working.core.reader(), person.account, "contacts")
        assert [note.what for note in notes] == [LOST_TAIL]
