"""From a day that was played to its figures."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from stillhere.demo.figures import Figures, OfKind
from stillhere.demo.kinds import KINDS
from stillhere.demo.ledger import add_up
from stillhere.demo.person import Person
from stillhere.demo.phone import Phone
from stillhere.demo.service import Returned, Service


class Course(NamedTuple):
    """What only who played the day knows."""

    started: float
    """When the blank machine was started (`time.monotonic`)."""
    returned: Returned
    before: int
    """Changes acknowledged before the loss."""
    waiting: int
    """Changes that waited on phones when the blank machine started."""
    seconds: float


def tally(service: Service, people: Sequence[Person], course: Course) -> Figures:
    """Add up a day."""
    total = add_up(found for person in people for found in person.comparisons.values())
    phones = [phone for person in people for phone in (*person.retired, person.phone)]
    harm = [collection.harm for phone in phones for collection in phone]
    watches = [person.phone.watch for person in people]
    contacts = [watch.multiget for watch in watches if watch.multiget is not None]
    returned = course.returned
    ready = course.started + (returned.serving_s or 0.0)
    knocks = sorted(_knocks(service, people, ready))
    return Figures(
        service=service.name,
        accounts=len(people),
        records=total.expected,
        acknowledged=sum(person.acknowledgements for person in people),
        acknowledged_before_loss=course.before,
        recovered=total.kept,
        missing=total.missing,
        wrong=total.wrong,
        phantom=total.phantom,
        resent=course.waiting,
        discarded=sum(each.discarded for each in harm),
        phone_deletions=sum(each.deletions for each in harm),
        phone_overwrites=sum(each.overwrites for each in harm),
        phone_downloads=sum(each.downloads for each in harm),
        phone_refusals=sum(each.refusals for each in harm),
        resyncs=sum(any(each.harm.resyncs for each in phone) for phone in phones),
        phones_back=sum(person.back for person in people),
        first_contact_s=min(contacts) - course.started if contacts else None,
        knocks=len(knocks),
        knock_p50_ms=quantile(knocks, 0.50),
        knock_p99_ms=quantile(knocks, 0.99),
        waits=sum(each.client.watch.waits for person in people for each in person.phone),
        serving_s=returned.serving_s,
        contacts_s=returned.contacts_s,
        mirrored_s=returned.mirrored_s,
        whole_s=returned.whole_s,
        complete=returned.complete,
        incomplete=returned.incomplete,
        seconds=course.seconds,
        kinds=tuple(_of_kind(kind, people, phones) for kind in KINDS),
    )


def _of_kind(kind: str, people: Sequence[Person], phones: Sequence[Phone]) -> OfKind:
    total = add_up(p.comparisons[kind] for p in people if kind in p.comparisons)
    harm = [phone.harm(kind) for phone in phones]
    return OfKind(
        kind=kind,
        acknowledged=sum(person.ledgers[kind].acknowledgements for person in people),
        records=total.expected,
        recovered=total.kept,
        missing=total.missing,
        wrong=total.wrong,
        phantom=total.phantom,
        discarded=sum(each.discarded for each in harm),
        phone_deletions=sum(each.deletions for each in harm),
        phone_overwrites=sum(each.overwrites for each in harm),
        resyncs=sum(each.resyncs > 0 for each in harm),
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of the sorted values that `share` of them do not exceed."""
    if not values:
        return None
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _knocks(service: Service, people: Sequence[Person], ready: float) -> list[float]:
    """Return how long phones that met a closed shelf waited for their first answer, in ms.

    From the first request that reached a listening server, or from the moment it was `ready`
    when that was later (`time.monotonic`; the start itself is part of the first contact), to the
    first answer, refusals to wait included. New phones, which have to find their book first, are
    left out.
    """
    back = service.contacts_are_back()
    waits = []
    for person in people:
        watch = person.phone.watch
        if person.retired or watch.asked is None or watch.answered is None:
            continue
        if back is None or watch.asked < back:
            waits.append(max(0.0, watch.answered - max(watch.asked, ready)) * 1_000)
    return waits
