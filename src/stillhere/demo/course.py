"""From a second act that was played to its figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stillhere.demo.damage import Bad
from stillhere.demo.kinds import KINDS
from stillhere.demo.person import Person
from stillhere.demo.service import Returned
from stillhere.demo.toll import OfKind, Surveyed, Toll
from stillhere.demo.truth import FIGURES, Account, Lack, Span, Told, Whose, read_survey

SALVAGED = "the damaged core"
"""How the report begins to say that a record came from one."""


@dataclass
class Course:
    """What happened, as far as it has been played."""

    before: int = 0
    """Changes acknowledged before the loss."""
    pages: Bad = field(default_factory=lambda: Bad(0, 0))
    packs: Bad = field(default_factory=lambda: Bad(0, 0))
    known: dict[str, Span] = field(default_factory=dict)
    """Records that the vault must know at the loss, by kind."""
    surveys: list[Told] = field(default_factory=list)
    waiting: int = 0
    """Changes that waited on phones when the blank machine started."""
    started: float = 0.0
    """When it was started (`time.monotonic`)."""
    returned: Returned = field(default_factory=Returned)
    salvaged: Told = field(default_factory=dict)
    phone_healed: bool | None = None
    lacks: dict[Whose, Lack] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=lambda: dict.fromkeys(KINDS, Account()))
    """What became of the records of each kind."""
    letters: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        """What became of all records."""
        return sum(self.accounts.values(), Account())


def add_up(course: Course, people: Sequence[Person], seconds: float) -> Toll:
    """Add up a second act that lasted so many seconds."""
    account = course.account
    lacking, salvaged = _count_lacking(course.lacks)
    ended = sum(len(one.ended) for one in course.lacks.values())
    phones = [phone for person in people for phone in (*person.retired, person.phone)]
    harm = [collection.harm for phone in phones for collection in phone]
    first = [person.phone.watch.multiget for person in people]
    contacts = [at for at in first if at is not None]
    return Toll(
        accounts=len(people),
        acknowledged=sum(person.acknowledgements for person in people),
        acknowledged_before_loss=course.before,
        bad_pages=course.pages.bad,
        pages=course.pages.of,
        bad_packs=course.packs.bad,
        packs=course.packs.of,
        records=account.expected,
        present=account.present,
        held=account.held,
        unaccounted=account.unaccounted,
        wrong=account.wrong,
        phantom=account.phantom,
        misnamed=account.misnamed,
        unlisted=account.unlisted,
        missed_by_vault=lacking,
        salvaged=salvaged,
        settled_by_phones=ended - salvaged,
        phone_healed=course.phone_healed,
        surveys=_judge_surveys(course),
        letters=course.letters,
        faults=tuple(course.faults),
        resent=course.waiting,
        discarded=sum(each.discarded for each in harm),
        phone_deletions=sum(each.deletions for each in harm),
        phone_overwrites=sum(each.overwrites for each in harm),
        phones_back=sum(person.back for person in people),
        first_contact_s=min(contacts) - course.started if contacts else None,
        serving_s=course.returned.serving_s,
        contacts_s=course.returned.contacts_s,
        whole_s=course.returned.whole_s,
        salvaged_s=course.salvaged.get("at_s"),
        seconds=seconds,
        kinds=tuple(OfKind(kind, *course.accounts[kind]) for kind in KINDS),
    )


def _count_lacking(lacks: dict[Whose, Lack]) -> tuple[int, int]:
    """Return of how many records the vault had no body, and how many the damaged core gave."""
    lacking = sum(len({*one.missing, *one.ended}) for one in lacks.values())
    whence = [text for one in lacks.values() for text in one.ended.values()]
    return lacking, sum(text.startswith(SALVAGED) for text in whence)


def _judge_surveys(course: Course) -> tuple[Surveyed, ...]:
    """Put beside what each survey said of each kind what was true: what the vault knew when the
    last acknowledgement was given, and what of it the recovery had not found there. Every shelf
    was proven."""
    return tuple(
        Surveyed(
            kind=kind,
            looked=told["kinds"][kind]["looked"],
            shelves=told["kinds"][kind]["shelves"],
            seconds=told["seconds"],
            said=read_survey(told, kind),
            true=_truth(course, kind),
        )
        for told in course.surveys
        for kind in KINDS
    )


def _truth(course: Course, kind: str) -> dict[str, Span]:
    known = course.known[kind]
    lacks = {whose: lack for whose, lack in course.lacks.items() if whose[1] == kind}
    lacking, _ = _count_lacking(lacks)
    spans = {
        "known": known,
        "proven": Span(known.low - lacking, known.high - lacking),
        "recoverable": Span(0, 0),
        "missing": Span(lacking, lacking),
    }
    return {name: spans[name] for name in FIGURES}
