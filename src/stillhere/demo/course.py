"""From a second act that was played to its figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stillhere.demo.damage import Bad
from stillhere.demo.person import Person
from stillhere.demo.service import Returned
from stillhere.demo.toll import Surveyed, Toll
from stillhere.demo.truth import FIGURES, KIND, Account, Lack, Span, Told, read_survey

SALVAGED = "the damaged core"
"""How the report begins to say that a record came from one."""


@dataclass
class Course:
    """What happened, as far as it has been played."""

    before: int = 0
    """Changes acknowledged before the loss."""
    pages: Bad = field(default_factory=lambda: Bad(0, 0))
    packs: Bad = field(default_factory=lambda: Bad(0, 0))
    known: Span = field(default_factory=lambda: Span(0, 0))
    """Records that the vault must know at the loss."""
    surveys: list[Told] = field(default_factory=list)
    waiting: int = 0
    """Changes that waited on phones when the blank machine started."""
    started: float = 0.0
    """When it was started (`time.monotonic`)."""
    returned: Returned = field(default_factory=Returned)
    salvaged: Told = field(default_factory=dict)
    phone_healed: bool | None = None
    lacks: dict[str, Lack] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    letters: int = 0
    faults: list[str] = field(default_factory=list)


def add_up(course: Course, people: Sequence[Person], seconds: float) -> Toll:
    """Add up a second act that lasted so many seconds."""
    account = course.account
    lacking, salvaged = _count_lacking(course.lacks)
    ended = sum(len(one.ended) for one in course.lacks.values())
    harm = [phone.harm for person in people for phone in (*person.retired, person.phone)]
    first = [person.phone.client.watch.multiget for person in people]
    contacts = [at for at in first if at is not None]
    return Toll(
        accounts=len(people),
        acknowledged=sum(person.ledger.acknowledgements for person in people),
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
        surveys=_judge_surveys(course, lacking),
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
    )


def _count_lacking(lacks: dict[str, Lack]) -> tuple[int, int]:
    """Return of how many records the vault had no body, and how many the damaged core gave."""
    lacking = sum(len({*one.missing, *one.ended}) for one in lacks.values())
    whence = [text for one in lacks.values() for text in one.ended.values()]
    return lacking, sum(text.startswith(SALVAGED) for text in whence)


def _judge_surveys(course: Course, lacking: int) -> tuple[Surveyed, ...]:
    """Put beside each survey what was true: what the vault knew when the last acknowledgement was
    given, and what of it the recovery had not found there. Every shelf was proven."""
    known = course.known
    spans = {
        "known": known,
        "proven": Span(known.low - lacking, known.high - lacking),
        "recoverable": Span(0, 0),
        "missing": Span(lacking, lacking),
    }
    true = {name: spans[name] for name in FIGURES}
    return tuple(
        Surveyed(
            looked=told["kinds"][KIND]["looked"],
            shelves=told["kinds"][KIND]["shelves"],
            seconds=told["seconds"],
            said=read_survey(told),
            true=true,
        )
        for told in course.surveys
    )
