"""The account a person gets after a recovery names everything that is missing."""

from stillhere.status.person import Missing, PersonReport, ShelfAccount, lines, summary

AT = 1_772_448_005_123
BACK = ShelfAccount("contacts", "complete", 150, AT)
LOST = Missing("contacts", "bo.vcf", "bo", "chunk 7 of its pack is broken", AT)


def report(*shelves: ShelfAccount, name: str = "ana") -> PersonReport:
    return PersonReport(name, AT, list(shelves))


def text(*shelves: ShelfAccount) -> str:
    return "\n".join(lines(report(*shelves)))


def test_complete_is_said_with_its_time() -> None:
    assert report(BACK).complete
    assert "contacts: 150 records, complete as of 2 March 2026" in text(BACK)


def test_every_missing_record_is_named_with_its_cause() -> None:
    shelf = ShelfAccount("contacts", "incomplete", 149, AT, missing=[LOST], healed=2)
    told = text(shelf)
    assert "149 records back, 1 missing" in told
    assert "missing: contacts/bo.vcf (UID bo): chunk 7 of its pack is broken, last ch" in told
    assert "2 records came back from a device" in told
    assert not report(shelf).complete


def test_an_address_book_that_lost_its_name_is_told_as_such() -> None:
    lost = Missing("", "work", "", "gone")
    assert "missing: name and settings of work: gone" in text(
        ShelfAccount("contacts", "incomplete", 1, AT, missing=[lost])
    )


def test_a_closed_shelf_says_why_and_what_to_do() -> None:
    told = text(ShelfAccount("contacts", "closed", 0, None, problems=["its roster is broken"]))
    assert "contacts: closed" in told
    assert "not proven: its roster is broken" in told
    assert "stillhere accept" in told


def test_what_a_device_knew_beyond_the_end_is_told() -> None:
    shelf = ShelfAccount("contacts", "complete", 150, AT, since=["a phone knew 3 later changes"])
    assert "since then: a phone knew 3 later changes" in text(shelf)
    assert not report(shelf).complete


def test_a_core_that_was_never_lost_says_so() -> None:
    assert "never" in "\n".join(lines(PersonReport("ana", None, [])))


def test_the_overall_report_lists_only_those_who_are_owed_something() -> None:
    lacking = report(ShelfAccount("contacts", "incomplete", 1, AT, missing=[LOST]), name="bo")
    told = "\n".join(summary([report(BACK), lacking]))
    assert told.startswith("2 accounts: 1 complete, 1 not\n")
    assert "bo" in told
    assert "ana" not in told
