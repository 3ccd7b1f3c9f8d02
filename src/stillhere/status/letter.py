"""The account that one person gets after a recovery, as a page: what is back, what is held, and
what to do about it. It is for that person alone; no script, no other file.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from stillhere.kinds import KINDS
from stillhere.status.elements import cells, when
from stillhere.status.markup import el, html, name_of
from stillhere.status.person import (
    CLOSED,
    COMPLETE,
    DeviceKnows,
    Ended,
    Missing,
    PersonReport,
    ShelfAccount,
    VaultEnd,
    count_missing,
    knowing_most,
    lacking,
)
from stillhere.status.style import STYLE
from stillhere.status.words import count, count_of, files_of

KEEP = (
    "Leave every phone and computer as it is: do not reset it, do not remove the account, do not"
    " delete the app. What they still have is a copy, and the service never tells them to delete"
    " what it is missing."
)
EDIT = (
    "On a device that still shows one of these, change anything in it and save: it is sent again,"
    " and is back for all your devices."
)
EXPORT = (
    "Or export {these} on that device, and give the files to whoever runs this service, who can"
    " bring them back from them."
)
WAIT = (
    "This part stays shut until whoever runs the service has looked at it, so that no device"
    " deletes anything because of it. You need not do anything; ask them when in doubt."
)


def render(report: PersonReport, end: VaultEnd | None, now: int) -> str:
    """The whole page, as of `now` (milliseconds since 1970)."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="robots", content="noindex, noarchive"),
        el("title", f"What is back: {report.account}"),
        el("link", rel="icon", href="data:,"),
        el("style", STYLE),
    )
    body = el(
        "body",
        el(
            "header",
            el("h1", "For ", name_of(report.account)),
            el("p", headline(report), class_="headline"),
            el("p", "As of ", when(now), ".", class_="age"),
        ),
        el("main", *_main(report, end)),
    )
    return html(el("html", head, body, lang="en"))


def headline(report: PersonReport) -> str:
    """What matters most, in one sentence with figures."""
    if report.erased_at is not None:
        return "This account was erased; nothing of it is kept."
    if report.recovered_at is None:
        return "Nothing of this account came out of a recovery: nothing was lost."
    back = sum(shelf.records for shelf in _told(report))
    missing = sum(count_missing(shelf)[0] for shelf in report.shelves)
    collections = sum(count_missing(shelf)[1] for shelf in report.shelves)
    shut = sum(shelf.verdict == CLOSED for shelf in report.shelves)
    told = f"{count(back, 'record is', 'records are')} back"
    if missing:
        told += f", {count(missing, 'is', 'are')} missing"
    if collections:
        names = f"name and settings of {count(collections, 'collection')}"
        told += f", so are {names}" if missing else f", {names} are missing"
    if shut:
        told += f", {count(shut, 'part is', 'parts are')} still shut"
    wanting = missing or collections or shut
    return f"{told}." if wanting else f"{told}; none is known to be missing."


def _told(report: PersonReport) -> list[ShelfAccount]:
    """What a person thinks of as theirs: not the account's own settings, unless alone."""
    theirs = [shelf for shelf in report.shelves if shelf.kind != "account"]
    return theirs or report.shelves


def _main(report: PersonReport, end: VaultEnd | None) -> Iterator[Element]:
    if report.recovered_at is None:
        return
    todo = list(_todo(report))
    yield el(
        "section",
        el("h2", "What to do"),
        el("ul", *(el("li", each) for each in todo)),
        class_="box over" if report.complete else "box open",
    )
    for shelf in sorted(report.shelves, key=lambda shelf: shelf.kind == "account"):
        yield _shelf(shelf)
    yield el("footer", el("p", *_ending(report.recovered_at, end)))


def _todo(report: PersonReport) -> Iterator[str]:
    if report.complete:
        yield "Nothing. Your devices go on where they were."
        return
    yield KEEP
    theirs = [shelf for shelf in report.shelves if shelf.kind in KINDS]
    wanted = [shelf.kind for shelf in theirs if count_missing(shelf)[0]]
    if wanted:
        yield EDIT
        yield export(wanted)
    if any(shelf.verdict == CLOSED for shelf in report.shelves):
        yield WAIT
    for shelf in report.shelves:
        for first in knowing_most(shelf.devices):
            yield (
                f"{first.name} knows of {count(first.changes, 'change')} that nobody else has a"
                f" copy of: export {first.collection} on it as {files_of(shelf.kind)}, and give"
                " them to whoever runs this service, before you do anything else with it."
            )


def export(kinds: Iterable[str]) -> str:
    """What to do with what a device still has of these kinds."""
    by_files: dict[str, list[str]] = {}
    for kind in kinds:
        by_files.setdefault(files_of(kind), []).append(KINDS[kind].words[1])
    these = [f"these {_listed(words)} as {files}" for files, words in by_files.items()]
    return EXPORT.format(these=_listed(these))


def _listed(words: list[str]) -> str:
    return ", ".join([*words[:-2], " and ".join(words[-2:])])


def _shelf(shelf: ShelfAccount) -> Element:
    known = KINDS.get(shelf.kind)
    name = known.words[1].capitalize() if known else "Your account: name, passwords, devices"
    section = el("section", el("h2", name))
    back = count_of(shelf.records, shelf.kind)
    if shelf.verdict == CLOSED:
        section.append(el("p", f"Shut: {back} found so far, and what must be there is not proven."))
    elif shelf.accepted:
        found = f"Open with {back}, as it was found; nobody knows what else there was."
        section.append(el("p", found))
    elif shelf.verdict == COMPLETE:
        section.append(el("p", f"All there: {back}.", class_="good"))
    else:
        section.append(el("p", f"{back} back, {lacking(shelf)}."))
    if shelf.as_of_at is not None:
        section.append(el("p", "Last change that is back: ", when(shelf.as_of_at), "."))
    if shelf.ended:
        section.append(el("p", "Since the recovery:"))
        section.append(el("ul", *(el("li", *_ended(ended)) for ended in shelf.ended)))
    for device in shelf.devices:
        section.append(el("p", *_knows(device)))
    for learned in (*shelf.opened, *shelf.since):
        section.append(el("p", "Since the recovery: ", name_of(learned)))
    for problem in shelf.problems:
        section.append(el("p", "Not proven: ", name_of(problem), class_="bad"))
    if shelf.missing:
        section.append(el("div", _missing(shelf), class_="wide"))
    return section


def _ended(ended: Ended) -> Iterator[Element | str]:
    yield name_of(ended.href)
    if ended.deleted:
        yield " was deleted by "
    elif not ended.ended_at:
        yield " came back; nobody noted from where"
        return
    else:
        yield f" came back {'as it was' if ended.same else 'as another revision'}, from "
    yield name_of(ended.whence)
    if ended.ended_at:
        yield ", "
        yield when(ended.ended_at)


def _knows(device: DeviceKnows) -> Iterator[Element | str]:
    yield name_of(device.name)
    yield f" knows of {count(device.changes, 'change')} to "
    yield name_of(device.collection)
    yield " beyond what came back, as it showed "
    yield when(device.seen_at)
    if device.merged_at is not None:
        yield "; what it exported came in "
        yield when(device.merged_at)
    yield "."


def _missing(shelf: ShelfAccount) -> Element:
    rows = [_lost(each, shelf.kind) for each in shelf.missing]
    caption = el("caption", "Known to exist; no copy of the content was found yet")
    return cells(
        caption, ("Name", "In", "Last changed", "Why", "Not known"), rows, left=(0, 1, 2, 3, 4)
    )


def _lost(each: Missing, kind: str) -> tuple[Element | str, ...]:
    changed: Element | str = "not known"
    if each.last_change_at:
        changed = when(each.last_change_at)
    unknown = name_of(", ".join(each.unknown) or "its content")
    if not each.collection:
        where = KINDS[kind].collection_words[1] if kind in KINDS else "your account"
        return name_of(each.href), where, changed, name_of(each.cause), unknown
    name = el("span", name_of(each.href), " (", name_of(each.uid), ")")
    return name, name_of(each.collection), changed, name_of(each.cause), unknown


def _ending(recovered_at: int, end: VaultEnd | None) -> Iterator[Element | str]:
    yield "Brought back "
    yield when(recovered_at)
    yield "."
    if end is None:
        return
    if end.as_of_at:
        yield " The copy that everything came out of ended "
        yield when(end.as_of_at)
        yield "."
    if end.missing and end.seen_at is not None:
        yield " It had had more, as was seen "
        yield when(end.seen_at)
        yield f": {end.missing}."
    elif end.seen_at is not None:
        yield " Nothing of it is missing that was seen "
        yield when(end.seen_at)
        yield "."
