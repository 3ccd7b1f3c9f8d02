"""Bulletins of one made-up outage, at six moments: what page, feed and JSON are tried with."""

from dataclasses import replace

from stillhere.status.bulletin import Bulletin, Known, Rehearsal, counted, paces_of
from stillhere.status.expected import Expected, Until
from stillhere.status.incident import Facts, Incident, Update, close, promise, tell
from stillhere.status.outlook import Outlook, Share
from stillhere.status.progress import (
    KindCount,
    Progress,
    Sample,
    StageCount,
    observe,
    reach,
)

START = 1_790_000_000_000  # 21 September 2026, 14:13:20 UTC
MINUTE = 60_000
PEOPLE, BUCKETS = 10_000, 64
STAGES = ("account proven", "contacts proven", "account", "contacts")
KEY = "3d" * 32

EXPECTED = Expected(
    stages=(
        Until("first contact", 0.5, 0.8),
        Until("mirrored", 300.0, 420.0),
        Until("account", 310.0, 440.0),
        Until("contacts", 500.0, 600.0),
        Until("whole", 500.0, 600.0),
    ),
    basis="12 drills and 30,000 records of this vault",
    measured_at=START - 9 * MINUTE,
    said=11,
    held=10,
)
KNOWN = Known(
    known_at=START - 5 * MINUTE,
    people=PEOPLE,
    kinds=(
        KindCount("account", PEOPLE, 0, 30_000, 0, 0),
        KindCount("contacts", PEOPLE, 0, 3_100_000, 0, 0),
    ),
    rpo_s=0,
    troubled=False,
    proven_at=START - 600 * MINUTE,
    unproven=0,
    expected=EXPECTED,
    rehearsal=Rehearsal(START - 3 * 86_400_000, PEOPLE, False, 610.0, 0),
)


def sample(at: int, *done: int, held: int = 0, lost: int = 0, closed: int = 0) -> Sample:
    """Parts done of each stage, in the order of STAGES; a stage that has none has not begun."""
    parts = zip(STAGES, done, (BUCKETS, BUCKETS, PEOPLE, PEOPLE), strict=True)
    stages = tuple(StageCount(s, d, total if d else 0, d * 300) for s, d, total in parts)
    kinds = (
        KindCount("account", done[2], 0, 3 * done[2], 0, 0),
        KindCount("contacts", done[3], closed, 310 * done[3] - held, held, lost, held // 3),
    )
    return Sample(at, stages, kinds)


def recovered(until: int, *, held: int = 0, lost: int = 0, closed: int = 0) -> Progress:
    """A recovery that began a minute after START, as far as it is `until` minutes after it: both
    kinds are proven after 6 minutes, and everybody has contacts after 12."""
    progress = Progress("0b" * 16, START + MINUTE, paces_of(KNOWN))
    for step in range(min(until, 13) * 4):
        at = START + MINUTE + step * MINUTE // 4
        proven = min(BUCKETS, round(step * BUCKETS / 24 + (step % 3 - 1) * bool(step % 24)))
        back = max(0, min(PEOPLE, round((step - 26) * PEOPLE / 20 + 90 * (step % 3))))
        done = (min(BUCKETS, step * 32), max(0, proven), PEOPLE if step > 25 else 0, back)
        gone = back == PEOPLE
        seen = sample(at, *done, held=gone * held, lost=gone * lost, closed=gone * closed)
        for stage, part, total in zip(
            STAGES, done, (BUCKETS, BUCKETS, PEOPLE, PEOPLE), strict=True
        ):
            if part >= total:
                progress = reach(progress, stage, at)
        progress = observe(progress, seen)
    if until > 12:
        progress = replace(progress, whole_at=START + 13 * MINUTE)
    return progress


def opened() -> Incident:
    """An incident as it is opened, with a promise for 15 minutes later."""
    return tell(
        Incident(
            id="7a" * 8,
            title="The contacts service is down",
            began_at=START,
            opened_at=START + 2 * MINUTE,
            affected=("contacts", "logging in"),
            unaffected=("what your phone has: do not reset it, do not remove the account",),
        ),
        Update(START + 2 * MINUTE, "The machine that keeps contacts has failed."),
        due_at=START + 17 * MINUTE,
    )


def before() -> Bulletin:
    """Nothing has happened."""
    return Bulletin("Contacts of Example", "", KEY, START, known=KNOWN)


OUTLOOK = Outlook(
    surveyed_at=START + 3 * MINUTE,
    vaults=1,
    cores=1,
    left_out=1,
    shelves=2 * PEOPLE,
    looked=1204,
    uncounted=0,
    certainty=0.95,
    kinds=(
        Share("account", (30_000, 30_000), (30_000, 30_000), (0, 0), (0, 0)),
        Share("contacts", (3_100_000, 3_100_400), (3_067_200, 3_092_900), (310, 9_300), (0, 1_240)),
    ),
    everything=Share("", (3_130_000, 3_130_400), (3_097_200, 3_122_900), (310, 9_300), (0, 1_240)),
)


def surveyed() -> Bulletin:
    """An incident is told, no recovery has begun, and somebody has looked at what is left."""
    at = START + 3 * MINUTE + 5000
    return replace(before(), told_at=at, incidents=(opened(),), survey=OUTLOOK)


def first_minutes() -> Bulletin:
    """An incident is told, and a recovery works at the proofs."""
    at = START + 4 * MINUTE
    progress = recovered(3)
    return replace(
        before(),
        told_at=at,
        next_at=at + 5000,
        incidents=(opened(),),
        progress=progress,
        survey=OUTLOOK,
    )


def _told(bulletin: Bulletin, at: int, text: str, facts: Facts | None = None) -> Bulletin:
    incident = bulletin.incidents[-1]
    update = Update(at, text, counted(bulletin))
    return replace(bulletin, incidents=(tell(incident, update, facts),), told_at=at)


def contacts_back(**wanting: int) -> Bulletin:
    """Everybody has contacts; an update that nothing changed since, and a promise that was
    missed."""
    told = _told(
        first_minutes(),
        START + 5 * MINUTE,
        "A disk controller wrote damaged blocks. The recovery runs on another machine.",
        Facts(cause="a disk controller wrote damaged blocks"),
    )
    told = replace(told, progress=recovered(14, **wanting))
    told = _told(told, START + 20 * MINUTE, "Everybody's contacts are back.")
    told = _told(told, START + 21 * MINUTE, "We watch.")
    waiting = promise(told.incidents[-1], START + 21 * MINUTE, START + 30 * MINUTE)
    return replace(
        told,
        incidents=(waiting,),
        told_at=START + 22 * MINUTE,
        next_at=START + 23 * MINUTE,
    )


def incomplete() -> Bulletin:
    """Some records are held, some changes lost, some people's shelves closed; and the update
    that was promised has not come."""
    bulletin = contacts_back(held=12, lost=3, closed=2)
    at = START + 40 * MINUTE
    return replace(bulletin, told_at=at, next_at=at + MINUTE)


def over() -> Bulletin:
    """The incident is closed."""
    at = START + 60 * MINUTE
    bulletin = contacts_back()
    ended = close(bulletin.incidents[-1], Update(at, "Over.", counted(bulletin)))
    known = replace(KNOWN, known_at=at + MINUTE)
    return replace(bulletin, incidents=(ended,), told_at=at + 2 * MINUTE, known=known, next_at=None)


MOMENTS = {
    "before": before,
    "surveyed": surveyed,
    "first minutes": first_minutes,
    "contacts back": contacts_back,
    "incomplete": incomplete,
    "closed": over,
}
