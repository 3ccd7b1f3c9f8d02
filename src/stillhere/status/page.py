"""A bulletin as one page of HTML: no script, no other file, for phones and for screen readers.

The order is that of a person's questions: is it back, what happened, what is left, when is it back,
what is missing, what was said before.
"""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from stillhere.status import forecasts, outlook, updates
from stillhere.status.bulletin import Bulletin, Known, headline
from stillhere.status.core import DRILL_DAYS
from stillhere.status.elements import cells, when
from stillhere.status.expected import P50, P90, Expected, held, meaning
from stillhere.status.incident import NOT_KNOWN, Incident, next_due
from stillhere.status.markup import el, html, name_of
from stillhere.status.style import STYLE
from stillhere.status.words import count, span

REFRESH_S = 30


def render(bulletin: Bulletin) -> str:
    """The whole page."""
    return html(
        el(
            "html",
            _head(bulletin),
            el(
                "body",
                _header(bulletin),
                el("main", *_main(bulletin)),
                _footer(bulletin),
            ),
            lang="en",
        )
    )


def _head(bulletin: Bulletin) -> Element:
    live = bulletin.incident is not None or bulletin.recovering
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="robots", content="noarchive"),
    )
    if live:  # a page without scripts is asked for anew by the browser itself
        head.append(el("meta", content=str(REFRESH_S), http_equiv="refresh"))
    head.append(el("title", f"{bulletin.name}: {headline(bulletin)}"))
    head.append(el("link", rel="alternate", type="application/atom+xml", href="feed.atom"))
    head.append(el("link", rel="icon", href="data:,"))
    head.append(el("style", STYLE))
    return head


def _header(bulletin: Bulletin) -> Element:
    return el(
        "header",
        el("h1", name_of(bulletin.name), " status"),
        el("p", headline(bulletin), class_="headline"),
        el("p", *_age(bulletin), class_="age"),
    )


def _age(bulletin: Bulletin) -> Iterator[Element | str]:
    """How old the page is, in a way that stays true while it grows older."""
    yield "Made "
    yield when(bulletin.told_at)
    at = bulletin.figures_at
    if at is None:
        yield "; no figures are known yet. "
    elif bulletin.told_at - at < 2000:
        yield ", with figures of that moment. "
    else:
        yield f", with figures that were {span((bulletin.told_at - at) / 1000)} old then ("
        yield when(at)
        yield "). "
    if bulletin.next_at is not None:
        wait = span((bulletin.next_at - bulletin.told_at) / 1000)
        yield f"The next one is due {wait} after it: if your clock is far beyond that, nobody makes"
        yield " them any more, and this page is out of date."


def _main(bulletin: Bulletin) -> Iterator[Element]:
    if bulletin.incident is not None:
        yield _incident(bulletin.incident, bulletin)
    if bulletin.outlook is not None:
        yield outlook.section(bulletin.outlook)
    if bulletin.recovery is not None:
        yield forecasts.section(bulletin)
    if bulletin.kinds:
        yield _records(bulletin)
    if bulletin.incident is not None:
        yield updates.section(bulletin.incident, bulletin.told_at)
    if bulletin.recovery is not None and bulletin.recovery.forecasts:
        yield forecasts.kept(bulletin.recovery)
    if bulletin.known is not None:
        yield _protection(bulletin.known)
    closed = [each for each in reversed(bulletin.incidents) if each.closed_at is not None]
    if closed:
        yield el(
            "section",
            el("h2", "Incidents that are over"),
            *(updates.closed(each, bulletin.told_at) for each in closed),
        )


def _incident(incident: Incident, bulletin: Bulletin) -> Element:
    return el(
        "section",
        el("h2", name_of(incident.title)),
        el(
            "dl",
            *_pair("Since", when(incident.began_at)),
            *_pair("Cause", name_of(incident.cause) if incident.cause else NOT_KNOWN),
            *_pair("Affected", _list(incident.affected)),
            *_pair("Not affected", _list(incident.unaffected)),
            *_pair("Next update", el("span", *_next(incident, bulletin.told_at))),
        ),
        class_="box open",
    )


def _next(incident: Incident, now: int) -> Iterator[Element | str]:
    kept = next_due(incident, now)
    if kept is None:
        yield "none is promised"
        return
    if kept.state == "due":
        yield "promised by "
        yield when(kept.promise.due_at)
        return
    late = span((now - kept.promise.due_at) / 1000)
    yield el("strong", "missed: promised by ", when(kept.promise.due_at), class_="missed")
    yield f", {late} before this page was made, and none has come"


def _records(bulletin: Bulletin) -> Element:
    at = bulletin.figures_at
    assert at is not None
    rows = [
        (
            "accounts" if kind.kind == "account" else kind.kind,
            *(f"{n:,}" for n in (kind.proven, kind.held, kind.lost, kind.partial, kind.closed)),
        )
        for kind in bulletin.kinds
    ]
    heads = ("Kind", "Proven", "Held", "Lost", "In part", "Closed")
    before = "" if bulletin.current else ", before the incident"
    return el(
        "section",
        el("h2", "Records"),
        el(
            "div",
            cells(el("caption", "As of ", when(at), before), heads, rows),
            class_="wide",
        ),
        el(
            "p",
            "Proven: found, and checked against its digest. Held: known to exist, listed, and no"
            " copy of its content found yet. Lost: changes that a device knows and no copy has."
            " In part: people who have all but what is held. Closed: people for whom this kind"
            " stays shut until it is proven or accepted, so that"
            " their devices delete nothing.",
            class_="soft",
        ),
    )


def _protection(known: Known) -> Element:
    rpo = (
        f"what was acknowledged in the last {known.rpo_s} s"
        if known.rpo_s
        else "nothing: no change is acknowledged before the vault has it"
    )
    vault = "it could not be read, or the core may not serve" if known.troubled else "it was read"
    wanting = count(known.unproven, "shelf", "shelves") if known.unproven else "nothing"
    proven = "never" if known.proven_at is None else when(known.proven_at)
    return el(
        "section",
        el("h2", "What a loss costs"),
        el(
            "dl",
            *_pair("Looked at", when(known.known_at)),
            *_pair("People", f"{known.people:,}"),
            *_pair("A loss costs", rpo),
            *_pair("The copy", vault),
            *_pair("Proven", proven),
            *_pair("Not proven", wanting),
            *_pair("Rehearsed", el("span", *_rehearsed(known))),
        ),
        *_expected(known.expected),
    )


def _rehearsed(known: Known) -> Iterator[Element | str]:
    """The last drill, and an alarm where there is no recent one."""
    last = known.rehearsal
    if last is None:
        yield el("strong", "never: nobody has tried a recovery", class_="missed")
        return
    yield when(last.drilled_at)
    if known.known_at - last.drilled_at > DRILL_DAYS * 86_400_000:
        yield ", "
        yield el("strong", f"more than {DRILL_DAYS} days before that look", class_="missed")
    people = count(last.people, "person", "people")
    back = "never whole" if last.whole_s is None else f"whole after {span(last.whole_s)}"
    yield f": {people}{', drawn by lot' if last.sampled else ''}, {back}, "
    yield f"{count(last.flawed, 'shelf', 'shelves')} not as in the core"


def _expected(expected: Expected | None) -> Iterator[Element]:
    if expected is None:
        yield el("p", "How long a recovery takes has not been measured.")
        return
    rows = [
        (f"{each.stage}: {meaning(each.stage)}", span(each.p50_s), span(each.p90_s))
        for each in expected.stages
    ]
    caption = el("caption", f"From the start of a recovery, as measured on {expected.basis}")
    yield el("div", cells(caption, ("Until", P50, P90), rows), class_="wide")
    if expected.said:
        yield el("p", f"{held(expected).capitalize()}.", class_="soft")


def _pair(term: str, text: "Element | str") -> tuple[Element, Element]:
    return el("dt", term), el("dd", text)


def _list(items: Sequence[str]) -> "Element | str":
    return el("ul", *(el("li", name_of(item)) for item in items)) if items else NOT_KNOWN


def _footer(bulletin: Bulletin) -> Element:
    return el(
        "footer",
        el(
            "p",
            "The same as a ",
            el("a", "feed", href="feed.atom"),
            ", as ",
            el("a", "JSON in the shape of Statuspage", href="summary.json"),
            ", and as ",
            el("a", "all figures", href="figures.json"),
            ". This page needs neither the service nor its data to be read.",
        ),
        el(
            "p",
            "Signed: ",
            el("a", "figures.json.sig", href="figures.json.sig"),
            " is an Ed25519 signature of figures.json, which names the SHA-256 of every other file"
            " here. The key (",
            el("a", "key.pem", href="key.pem"),
            ") is ",
            el("code", bulletin.key),
            ": compare it with one that you noted earlier.",
        ),
    )
