"""The page that one person gets says what is back, what is held, and what to do."""

from dataclasses import replace

import pytest
from tests.status.test_page import HOSTILE, Reader

from stillhere.kinds import KINDS
from stillhere.status.letter import EDIT, KEEP, WAIT, export, headline, render
from stillhere.status.person import (
    DeviceKnows,
    Ended,
    Missing,
    PersonReport,
    ShelfAccount,
    VaultEnd,
)

AT = 1_790_000_000_000
END = VaultEnd(AT - 5000, AT - 60_000, "")
SETTINGS = ShelfAccount("account", "complete", 2, AT - 9_000_000)
BACK = ShelfAccount("contacts", "complete", 150, AT - 5000)
LOST = Missing("contacts", "bo.vcf", "bo", "a sealed piece does not open", AT - 9000)
CAME = Ended("contacts", "cy.vcf", "cy", False, True, "phone (device abc)", AT)
KNOWS = DeviceKnows("contacts", "abc", "phone (device abc)", 3, AT)
HELD = ShelfAccount("contacts", "incomplete", 149, AT - 5000, missing=[LOST], ended=[CAME])
SHUT = ShelfAccount("contacts", "closed", 0, None, problems=["its roster is broken"])


def report(*shelves: ShelfAccount) -> PersonReport:
    return PersonReport("zoë", AT, [SETTINGS, *shelves])


def text_of(told: PersonReport, end: VaultEnd | None = END) -> str:
    page = render(told, end, AT)
    reader = Reader(page)
    assert "script" not in reader.tags
    assert ("lang", "en") in reader.attributes
    assert reader.tags.count("h1") == 1
    assert reader.tags.count("table") == reader.tags.count("caption")
    return " ".join("".join(reader.text).split())


def test_who_has_everything_need_do_nothing() -> None:
    told = text_of(report(BACK))
    assert "150 records are back; none is known to be missing." in told
    assert "Nothing. Your devices go on where they were." in told
    assert EDIT not in told
    assert "Nothing of it is missing that was seen" in told


def test_each_missing_record_is_named_with_what_to_do() -> None:
    told = text_of(report(HELD))
    assert "149 records are back, 1 is missing." in told
    assert "bo.vcf (bo)" in told
    assert "a sealed piece does not open" in told
    assert "cy.vcf came back as it was, from phone (device abc), 21 September" in told
    assert KEEP in told
    assert EDIT in told
    assert export(["contacts"]) in told
    assert "Or export these contacts as .vcf files on that device, and give" in told
    assert WAIT not in told


def test_what_is_missing_of_each_kind_is_called_by_its_name_and_comes_back_from_its_files() -> None:
    event = replace(LOST, collection="calendar", href="dentist.ics", uid="dentist")
    settings = replace(LOST, collection="", href="diary", uid="")
    calendar = ShelfAccount("calendar", "incomplete", 7, AT, missing=[event])
    notes = ShelfAccount("notes", "incomplete", 1, AT, missing=[settings])
    tasks = ShelfAccount("tasks", "complete", 2, AT, devices=[replace(KNOWS, collection="tasks")])
    told = text_of(report(HELD, calendar, tasks, notes))
    assert "159 records are back, 2 are missing, so are name and settings of 1 collection." in told
    assert "Events7 events back, 1 missing." in told
    assert "Notes1 note back, name and settings of 1 notebook missing." in told
    assert "To-dosAll there: 2 to-dos." in told
    assert "diarynotebooks" in told
    assert (
        "Or export these contacts as .vcf files and these events as .ics files on that device, and"
    ) in told
    assert "these contacts as .vcf files and these events, to-dos and notes as .ics" in export(
        KINDS
    )
    assert "export tasks on it as .ics files, and give them" in told


def test_what_is_shut_says_why_and_that_one_may_wait() -> None:
    told = text_of(report(SHUT))
    assert "1 part is still shut" in told
    assert "Not proven: its roster is broken" in told
    assert WAIT in told
    assert KEEP in told
    assert EDIT not in told


def test_what_was_accepted_is_not_called_whole_and_says_what_became_of_it() -> None:
    words = ["accepted as it was found, yesterday"]
    shelf = ShelfAccount(
        "contacts", "incomplete", 7, AT, ["its roster is gone"], opened=words, accepted=True
    )
    told = Reader(render(report(shelf), END, AT)).text
    assert "Open with 7 contacts, as it was found; nobody knows what else there was." in told
    assert words[0] in told
    assert "Nothing. Your devices go on" not in told


def test_what_a_device_knows_is_told_and_to_export_from_the_one_that_knows_most() -> None:
    less = replace(KNOWS, device="def", name="tablet (device def)", changes=2)
    shelf = ShelfAccount("contacts", "complete", 150, AT, devices=[KNOWS, less])
    told = text_of(report(shelf))
    assert "tablet (device def) knows of 2 changes to contacts beyond what came back" in told
    assert "phone (device abc) knows of 3 changes that nobody else has a copy of" in told
    assert told.count("nobody else has a copy of") == 1
    merged = ShelfAccount("contacts", "complete", 150, AT, devices=[replace(KNOWS, merged_at=AT)])
    told = text_of(report(merged))
    assert "what it exported came in" in told
    assert "Nothing. Your devices go on where they were." in told


def test_an_old_copy_is_said_to_be_one() -> None:
    told = text_of(report(BACK), VaultEnd(AT - 5000, AT - 60_000, "it had 9 segments, and has 7"))
    assert "It had had more" in told
    assert "it had 9 segments, and has 7" in told


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (PersonReport("zoë", None, []), "nothing was lost"),
        (PersonReport("zoë", None, [], erased_at=AT), "was erased"),
    ],
)
def test_who_was_not_recovered_is_told_so(told: PersonReport, said: str) -> None:
    assert said in headline(told)
    assert said in text_of(told, None)


def test_nobodys_words_become_markup() -> None:
    plain = Reader(render(report(HELD), END, AT))
    for hostile in HOSTILE:
        lost = Missing(hostile, hostile, hostile, hostile, AT)
        ended = Ended(hostile, hostile, hostile, False, False, hostile, AT)
        knows = DeviceKnows(hostile, hostile, hostile, 1, AT, AT)
        shelf = ShelfAccount(
            *("contacts", "incomplete", 1, AT, [hostile], [lost], [ended], [knows], [hostile])
        )
        told = PersonReport(hostile, AT, [shelf])
        reader = Reader(render(told, VaultEnd(AT, AT, hostile), AT))
        assert set(reader.tags) <= set(plain.tags)
        assert {name for name, _ in reader.attributes} <= {name for name, _ in plain.attributes}
