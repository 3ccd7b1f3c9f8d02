"""A bulletin as an Atom feed (RFC 4287): an entry for everything that was told or happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element

from stillhere.status.bulletin import Bulletin, headline
from stillhere.status.elements import stamp
from stillhere.status.forecasts import named
from stillhere.status.incident import MISSED, Incident, judge, what_changed
from stillhere.status.markup import el, xml
from stillhere.status.outlook import sentence
from stillhere.status.updates import NO_FIGURE_CHANGED
from stillhere.status.words import span

ATOM = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 100


@dataclass(frozen=True)
class Entry:
    """Something that was told or happened `told_at`; its `id` never changes."""

    id: str
    told_at: int
    title: str
    text: str


def render(bulletin: Bulletin) -> str:
    """The whole feed, newest entry first."""
    told = sorted(entries(bulletin), key=lambda entry: entry.told_at, reverse=True)[:MOST_ENTRIES]
    feed = el(
        "feed",
        el("id", _id(bulletin.key)),
        el("title", f"{bulletin.name} status"),
        el("subtitle", headline(bulletin)),
        el("updated", stamp(bulletin.told_at)),
        el("author", el("name", bulletin.name)),
        el("generator", "Stillhere"),
        xmlns=ATOM,
        **{"xml:lang": "en"},
    )
    if bulletin.url:
        feed.append(el("link", rel="self", href=f"{bulletin.url}feed.atom"))
        feed.append(el("link", rel="alternate", type="text/html", href=bulletin.url))
    feed.extend(_entry(entry, bulletin.url) for entry in told)
    return xml(feed)


def entries(bulletin: Bulletin) -> Iterator[Entry]:
    """Everything that can be an entry."""
    for incident in bulletin.incidents:
        yield from _of_incident(incident, bulletin.told_at)
    if bulletin.outlook is not None:
        found, at = bulletin.outlook.everything, bulletin.outlook.surveyed_at
        yield Entry(_id(f"survey {at}"), at, "What can still be had", sentence(found))
    progress = bulletin.progress
    if progress is None:
        return
    seed = f"recovery {progress.recovery}"
    began = "A recovery has begun; whoever asks is brought back first."
    yield Entry(_id(f"{seed} begun"), progress.began_at, "The recovery has begun", began)
    for reached in progress.reached:
        took = span((reached.over_at - progress.began_at) / 1000)
        title = f"Stage over: {named(reached.stage)}"
        text = f"{took} after the start of the recovery."
        yield Entry(_id(f"{seed} {reached.stage}"), reached.over_at, title, text)
    if progress.whole_at is not None:
        title = "Everybody has everything, or knows what is missing"
        yield Entry(_id(f"{seed} whole"), progress.whole_at, title, headline(bulletin))


def _of_incident(incident: Incident, now: int) -> Iterator[Entry]:
    for number, (update, changed) in enumerate(what_changed(incident)):
        lines = [update.text, *(changed or [])]
        if changed == []:
            lines.append(NO_FIGURE_CHANGED)
        title = incident.title
        if update.told_at == incident.closed_at:
            title = f"Over: {title}"
        yield Entry(_id(f"{incident.id} {number}"), update.told_at, title, "\n".join(lines))
    for number, kept in enumerate(judge(incident, now)):
        if kept.state == MISSED:
            due = kept.promise.due_at
            text = f"An update was promised by {stamp(due)}, and did not come by then."
            title = f"A promised update was missed: {incident.title}"
            yield Entry(_id(f"{incident.id} promise {number}"), due, title, text)


def _entry(entry: Entry, url: str) -> Element:
    made = el(
        "entry",
        el("id", entry.id),
        el("title", entry.title),
        el("updated", stamp(entry.told_at)),
        el("published", stamp(entry.told_at)),
        el("content", entry.text, type="text"),
    )
    if url:
        made.append(el("link", rel="alternate", type="text/html", href=url))
    return made


def _id(seed: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'stillhere status {seed}')}"
