"""What the commands about incidents share: their options, and how they show what became of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stillhere.cli.output import answer
from stillhere.errors import BadInput

if TYPE_CHECKING:
    from stillhere.server.incident import Desk
    from stillhere.status.incident import Facts, Incident

To = Annotated[
    str | None,
    typer.Option("--to", metavar="PLACE", help="Also write the page there: a folder, or a bucket."),
]
Cause = Annotated[
    str | None, typer.Option("--cause", metavar="TEXT", help="Why; not known yet without.")
]
Affected = Annotated[
    list[str] | None, typer.Option("--affected", metavar="TEXT", help="Who or what; repeat it.")
]
Unaffected = Annotated[
    list[str] | None, typer.Option("--not-affected", metavar="TEXT", help="Who or what is not.")
]
Next = Annotated[
    str | None,
    typer.Option("--next", metavar="WHEN", help="Promise an update: 30m, 2h or an ISO time."),
]


def words(text: str) -> str:
    """What somebody typed, as it is told to everybody. Raises BadInput for nothing, and for
    bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unfit("this is not text (UTF-8)") from None
    if not text.strip():
        raise _unfit("there is nothing to tell")
    return text.strip()


def many(texts: list[str] | None) -> tuple[str, ...] | None:
    """Several of them, or None where nothing was said."""
    return tuple(words(text) for text in texts) if texts else None


def facts(cause: str | None, affected: list[str] | None, unaffected: list[str] | None) -> "Facts":
    """What is known of an incident now; what was not said is left as it was."""
    from stillhere.status.incident import Facts

    return Facts(None if cause is None else words(cause), many(affected), many(unaffected))


def finish(desk: "Desk", incident: "Incident", to: str | None, *, as_json: bool) -> None:
    """Publish what the desk knows now, if a place was named, and show what became of it."""
    from stillhere.server.publish import now, publish_from
    from stillhere.status.words import plain

    publish_from(desk, to)
    answer(plain(incident), told(incident, now()), as_json=as_json)


def time_ahead(text: str | None, now: int) -> int | None:
    """A time to come. Raises BadInput for none, and for one that has passed."""
    at = _read(text, now)
    if at is not None and at <= now:
        raise _unfit(f"{text} has passed", "name a time that is to come")
    return at


def time_past(text: str | None, now: int) -> int | None:
    """A time that was. Raises BadInput for none, and for one that is to come."""
    at = _read(text, now)
    if at is not None and at > now:
        raise _unfit(f"{text} has not come yet", "say when it began")
    return at


def told(incident: "Incident", now: int) -> Iterator[str]:
    """An incident in lines, the newest update last."""
    from stillhere.status.incident import NOT_KNOWN, judge, what_changed
    from stillhere.status.updates import NO_FIGURE_CHANGED
    from stillhere.status.words import moment

    yield incident.title
    yield f"Since         {moment(incident.began_at)}"
    yield f"Cause         {incident.cause or NOT_KNOWN}"
    yield f"Affected      {'; '.join(incident.affected) or NOT_KNOWN}"
    yield f"Not affected  {'; '.join(incident.unaffected) or NOT_KNOWN}"
    for update, changed in what_changed(incident):
        yield f"Told          {moment(update.told_at)}: {update.text}"
        for figure in changed or ([NO_FIGURE_CHANGED] if changed is not None else []):
            yield f"              {figure}"
    for kept in judge(incident, now):
        yield f"Promised      {moment(kept.promise.due_at)}: {kept.state}"
    if incident.closed_at is not None:
        yield f"Over          {moment(incident.closed_at)}"


def _unfit(what: str, hint: str = "") -> BadInput:
    return BadInput(what, safe="nothing was changed", hint=hint)


def _read(text: str | None, now: int) -> int | None:
    from stillhere.status.times import read_time

    if text is None:
        return None
    at = read_time(text, now)
    if at is None:
        raise _unfit(f"{text!r} is no time", "for example 30m, 2h, 2026-11-30T14:00")
    return at
