"""What was told of an incident: its updates, newest first, and what became of its promises."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from stillhere.status.elements import when
from stillhere.status.incident import (
    KEPT,
    MISSED,
    NOT_KNOWN,
    Incident,
    Kept,
    Update,
    judge,
    what_changed,
)
from stillhere.status.markup import el, name_of
from stillhere.status.words import span

NO_FIGURE_CHANGED = "No figure has changed since the update before."


def section(incident: Incident, now: int) -> Element:
    """The updates and promises of an incident, as a section."""
    told = reversed(what_changed(incident))
    section = el(
        "section",
        el("h2", "Updates"),
        el("ol", *(_update(*each) for each in told), class_="updates", reversed="reversed"),
    )
    section.extend(_promises(incident, now))
    return section


def closed(incident: Incident, now: int) -> Element:
    """An incident that is over, in one box."""
    assert incident.closed_at is not None
    took = span((incident.closed_at - incident.began_at) / 1000)
    told = reversed(what_changed(incident))
    box = el(
        "article",
        el("h3", name_of(incident.title)),
        el("p", when(incident.began_at), " to ", when(incident.closed_at), f", {took}"),
        el("p", "Cause: ", name_of(incident.cause) if incident.cause else NOT_KNOWN),
        el("ol", *(_update(*each) for each in told), class_="updates", reversed="reversed"),
        class_="box over",
    )
    box.extend(_promises(incident, now))
    return box


def _update(update: Update, changed: list[str] | None) -> Element:
    item = el("li", el("p", el("strong", when(update.told_at))))
    for paragraph in update.text.split("\n"):
        if paragraph.strip():
            item.append(el("p", name_of(paragraph)))
    if changed:
        item.append(el("ul", *(el("li", each) for each in changed)))
    elif changed is not None:
        item.append(el("p", NO_FIGURE_CHANGED, class_="soft"))
    return item


def _promises(incident: Incident, now: int) -> Iterator[Element]:
    judged = judge(incident, now)
    if judged:
        yield el("h3", "Promised updates")
        yield el("ul", *(el("li", *_became(kept)) for kept in judged))


def _became(kept: Kept) -> Iterator[Element | str]:
    yield "by "
    yield when(kept.promise.due_at)
    if kept.state == KEPT:
        yield ": kept"
    elif kept.state == MISSED:
        yield ": "
        yield el("strong", "missed", class_="missed")
        if kept.came_at is not None:
            yield f", it came {span((kept.came_at - kept.promise.due_at) / 1000)} late"
        else:
            yield ", none has come"
    else:
        yield ": not due yet"
