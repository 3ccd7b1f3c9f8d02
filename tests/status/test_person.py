"""The account a person gets after a recovery names everything that is missing."""

from dataclasses import replace

from stillhere.status.person import (
    DeviceKnows,
    Ended,
    Missing,
    PersonReport,
    ShelfAccount,
    lines,
    summary,
)

AT = 1_772_448_005_123
BACK = ShelfAccount("contacts", "complete", 150, AT)
LOST = Missing("contacts", "bo.vcf", "bo", "chunk 7 of its pack is broken", AT)


def report(*shelves: ShelfAccount, name: str = "ana") -> PersonReport:
    return PersonReport(name, AT, list(shelves))


def text(*shelves: ShelfAccount) -> str:
    return "\n".join(lines(report(*shelves)))


def test_complete_is_said_with_its_time() -> None:
    assert report(BACK).complete
    assert "contacts: 150 contacts, complete as of 2 March 2026" in text(BACK)


def test_every_missing_record_is_named_with_its_cause() -> None:
    shelf = ShelfAccount("contacts", "incomplete", 149, AT, missing=[LOST])
    told = text(shelf)
    assert "149 contacts back, 1 missing" in told
    assert "missing: contacts/bo.vcf (UID bo): chunk 7 of its pack is broken, last ch" in told
    assert not report(shelf).complete


def test_what_is_known_of_missing_records_is_said_once_for_all_of_a_sort() -> None:
    known, unknown = ["name", "UID", "size"], ["names", "numbers"]
    lost = [replace(LOST, href=f"{n}.vcf", known=known, unknown=unknown) for n in range(3)]
    own = Missing("", "work", "", "gone", known=["name"], unknown=["settings"])
    told = text(ShelfAccount("contacts", "incomplete", 149, AT, missing=[own, *lost]))
    assert told.count("known of") == 2
    assert "known of it: name; not known: settings" in told
    assert "known of these 3: name, UID, size; not known: names, numbers" in told


def test_whence_each_record_came_back_is_told() -> None:
    ended = [
        Ended("contacts", "a.vcf", "a", False, True, "an import of old.vcf", AT),
        Ended("contacts", "b.vcf", "b", False, False, "phone (device aa)", AT),
        Ended("contacts", "c.vcf", "c", True, False, "phone (device aa)", AT),
        Ended("contacts", "d.vcf", "d", False, False, "", None),
    ]
    told = text(replace(BACK, ended=ended))
    assert "came back: contacts/a.vcf (UID a), as it was, from an import of old.vcf, 2 M" in told
    assert "came back: contacts/b.vcf (UID b), as another revision, from phone (device" in told
    assert "deleted: contacts/c.vcf (UID c), by phone (device aa), 2 March" in told
    assert "came back: contacts/d.vcf (UID d); nobody noted from where" in told
    assert report(replace(BACK, ended=ended)).complete


def test_an_address_book_that_lost_its_name_is_told_as_such() -> None:
    lost = Missing("", "work", "", "gone")
    shelf = ShelfAccount("contacts", "incomplete", 1, AT, missing=[lost])
    assert "missing: name and settings of work: gone" in text(shelf)
    assert "contacts: 1 contact back, name and settings of 1 address book missing" in text(shelf)
    both = text(replace(shelf, missing=[lost, LOST]))
    assert "1 contact back, 1 missing, so are name and settings of 1 address book" in both


def test_a_closed_shelf_says_why_and_what_to_do() -> None:
    told = text(ShelfAccount("contacts", "closed", 0, None, problems=["its roster is broken"]))
    assert "contacts: closed" in told
    assert "not proven: its roster is broken" in told
    assert "stillhere accept" in told


def test_an_accepted_shelf_is_not_complete_and_can_be_closed_again() -> None:
    shelf = ShelfAccount("contacts", "incomplete", 7, AT, ["its roster is broken"], accepted=True)
    told = text(shelf)
    assert "contacts: open with 7 contacts, as it was found; nobody knows what else there" in told
    assert "stillhere accept ana --undo closes it again" in told
    assert not report(shelf).complete


def test_what_devices_know_beyond_the_end_is_told_and_which_to_export_from() -> None:
    devices = [
        DeviceKnows("contacts", "aa", "Ana's phone (device aa)", 3, AT),
        DeviceKnows("contacts", "bb", "tablet (device bb)", 1, AT),
    ]
    shelf = replace(BACK, devices=devices)
    told = text(shelf)
    assert "Ana's phone (device aa) knows of 3 changes to contacts that were not in" in told
    assert "tablet (device bb) knows of 1 change to contacts that was not in" in told
    assert told.count("to have them: export contacts on Ana's phone (device aa)") == 1
    assert "stillhere import ana FILE" in told
    assert not report(shelf).complete


def test_what_a_device_knows_of_a_calendar_is_exported_as_its_files_and_into_where_it_was() -> None:
    devices = [
        DeviceKnows("calendar", "aa", "phone (device aa)", 1, AT),
        DeviceKnows("work", "aa", "phone (device aa)", 2, AT),
    ]
    told = text(ShelfAccount("calendar", "complete", 1, AT, devices=devices))
    assert told.startswith("Account    ana\n")
    assert "calendar: 1 event, complete as of" in told
    assert "to have them: export calendar on phone (device aa) as .ics files, and" in told
    assert told.count("stillhere import ana FILE --from aa") == 2
    assert told.count("stillhere import ana FILE --from aa --into work") == 1


def test_a_core_that_was_never_lost_says_so() -> None:
    assert "never" in "\n".join(lines(PersonReport("ana", None, [])))


def test_the_overall_report_lists_only_those_who_are_owed_something() -> None:
    lacking = report(ShelfAccount("contacts", "incomplete", 1, AT, missing=[LOST]), name="bo")
    told = "\n".join(summary([report(BACK), lacking]))
    assert told.startswith("2 accounts: 1 complete, 1 not\n")
    assert "bo" in told
    assert "ana" not in told
