"""The status page says what is protected and what a loss would cost, and warns."""

import dataclasses

from stillhere.status.core import (
    CoreStatus,
    KindFigures,
    LastDrill,
    Protection,
    lines,
    warnings,
)
from stillhere.status.expected import Expected, Until

NOW = 1_772_448_005_123
DAY = 86_400_000
DRILL = LastDrill(NOW - 3 * DAY, 200, sampled=False, whole_s=1.25, flawed_shelves=0)
PROTECTED = Protection(
    vault="/vault",
    ack="vault",
    epoch=2,
    rpo_s=0,
    behind_segments=0,
    behind_bytes=0,
    behind_s=0.0,
    trouble="",
    last_change_at=NOW - 60_000,
    last_compacted_at=None,
    last_proven_at=NOW - 3_600_000,
    tail_segments=12,
    tail_bytes=40_000,
    proven_shelves=4,
    proven_records=304,
    unproven_shelves=0,
    pending_erasures=0,
    last_drill=DRILL,
    same_disk=False,
    witness="/state/vault.json",
    seen_at=NOW - 7_200_000,
    missing="",
    unkept="",
)
STATUS = CoreStatus(
    home="/home",
    told_at=NOW,
    accounts=2,
    kinds=[KindFigures("account", 2, 0, 4, 0, 800), KindFigures("contacts", 2, 1, 300, 3, 90_000)],
    protection=PROTECTED,
    loss=Expected(
        (Until("first contact", 0.4, 0.9), Until("contacts", 2.5, 3.0), Until("whole", 2.6, 3.1)),
        *("this vault and this machine", NOW - 3_600_000, 9, 8),
    ),
)


def text(status: CoreStatus) -> str:
    return "\n".join(lines(status))


def changed(**facts: object) -> CoreStatus:
    protection = dataclasses.replace(PROTECTED, **facts)  # type: ignore[arg-type]
    return dataclasses.replace(STATUS, protection=protection)


def test_a_protected_core() -> None:
    told = text(STATUS)
    assert "every acknowledged change is in the vault (0 behind)" in told
    assert "RPO        0 (ack = vault): nothing is acknowledged before the vault has it" in told
    assert "contacts        2       1      300     3    87.9 KB" in told
    assert "first contact  0.4 s" in told
    assert warnings(PROTECTED, NOW) == []


def test_what_is_behind_is_counted() -> None:
    behind = changed(ack="core", rpo_s=30, behind_segments=3, behind_bytes=12_288, behind_s=1.25)
    told = text(behind)
    assert "behind: 3 segments, 12.0 KB, the oldest 1.2 s old" in told
    assert "RPO        30 s (ack = core): what a loss may cost" in told
    assert "every acknowledged change" not in told
    assert warnings(behind.protection, NOW) == []


def test_a_vault_that_is_too_far_behind_is_warned_of() -> None:
    behind = changed(ack="core", rpo_s=30, behind_segments=1, behind_bytes=500, behind_s=75.0)
    (warned,) = warnings(behind.protection, NOW)
    assert warned[0] == "the vault is 75 s behind: nothing is acknowledged meanwhile"


def test_a_vault_that_cannot_be_read_is_not_called_protection() -> None:
    told = text(changed(trouble="the vault can't be read", tail_segments=None))
    assert "not known: the vault can't be read" in told
    assert "every acknowledged change" not in told


def test_what_is_not_known_is_not_guessed() -> None:
    told = text(dataclasses.replace(changed(last_proven_at=None), loss=None))
    assert "Proven     never" in told
    assert "not known; stillhere verify measures it" in told


def test_an_erasure_that_is_not_complete_is_warned_of() -> None:
    (warned,) = warnings(changed(pending_erasures=1).protection, NOW)
    assert warned[0].startswith("1 erasure not complete")


def test_what_was_not_proven_is_told() -> None:
    told = text(changed(unproven_shelves=1))
    assert "3 shelves of 4, 304 records" in told
    warned = warnings(changed(unproven_shelves=1).protection, NOW)
    assert warned[0][0] == "1 shelf could not be proven"


def test_what_a_witness_saw_is_there_or_is_warned_of() -> None:
    assert "nothing is missing that was seen 2 hours ago" in text(STATUS)
    assert "from now on, /state/vault.json" in text(changed(seen_at=None))
    behind = changed(missing="it had 5 segments of writer 0, and has 2")
    assert "Witness    saw more 2 hours ago" in text(behind)
    warned = warnings(behind.protection, NOW)[0]
    assert "it had 5 segments of writer 0, and has 2" in warned[0]
    assert "newest copies" in warned[1]
    assert warnings(changed(unkept="no space").protection, NOW)[0][0] == "no space"


def test_shared_fate_is_warned_of_every_time() -> None:
    shared = dataclasses.replace(PROTECTED, same_disk=True, last_proven_at=None)
    assert [hint != "" for _, hint in warnings(shared, NOW)] == [True, True]
    assert "same file system" in warnings(shared, NOW)[0][0]


def test_the_last_drill_is_told_and_its_absence_is_warned_of() -> None:
    assert "Drilled    3 days ago" in text(STATUS)
    assert "200 accounts back after 1.2 s, 0 shelves not as in this core" in text(STATUS)
    drawn = dataclasses.replace(DRILL, sampled=True, whole_s=None, flawed_shelves=1)
    assert "200 accounts, drawn by lot, 1 shelf not as in this core" in text(
        changed(last_drill=drawn)
    )
    (flawed,) = warnings(changed(last_drill=drawn).protection, NOW)
    assert "something of 1 shelf" in flawed[0]
    old = dataclasses.replace(DRILL, at=NOW - 31 * DAY)
    (warned,) = warnings(changed(last_drill=old).protection, NOW)
    assert warned[0] == "the last drill is 31 days old"
    assert "Drilled    never" in text(changed(last_drill=None))
    (warned,) = warnings(changed(last_drill=None).protection, NOW)
    assert "never been rehearsed" in warned[0]
