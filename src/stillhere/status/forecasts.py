"""How far a recovery is, and its forecasts beside what happened, as part of a page."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from stillhere.status.bulletin import Bulletin
from stillhere.status.elements import cells, clock, when
from stillhere.status.expected import P50, P90
from stillhere.status.markup import el
from stillhere.status.picture import draw
from stillhere.status.progress import PROVEN, Forecast, Progress, StageCount, latest, rate_of
from stillhere.status.words import count, span

NO_FORECAST = "not known yet"
CAPTION = (
    "Share done of each stage since the recovery began; the upright dotted line is now. A band"
    " leads to when the stage is over: p50 at its left edge, p90 at its right. When the last stage"
    " is over, what was forecast of it first stays, fainter."
)


def section(bulletin: Bulletin) -> Element:
    """The recovery: people back, picture, stages, forecasts."""
    progress = bulletin.recovery
    assert progress is not None
    stages = progress.last.stages if progress.last is not None else ()
    made = el(
        "section",
        el("h2", "The recovery"),
        el("p", *_began(progress)),
        *_people(bulletin),
    )
    picture = draw(progress, {each.stage: named(each.stage) for each in stages})
    if picture is not None:
        made.append(el("figure", picture, el("figcaption", CAPTION)))
    if stages:
        made.append(el("div", _stages(progress, stages), class_="wide"))
    return made


def kept(progress: Progress) -> Element:
    """The forecasts that were published, beside what happened, as a section."""
    section = el("section", el("h2", "What was forecast, and what happened"), _bases(progress))
    for stage in dict.fromkeys(made.stage for made in progress.forecasts):
        of_it = [made for made in progress.forecasts if made.stage == stage]
        over = progress.reached_at(stage)
        told = f"{named(stage)}, {count(len(of_it), 'forecast')}"
        if over is not None:
            told += f", {sum(over <= made.p90_at for made in of_it)} held by p90"
        section.append(
            el(
                "details",
                el("summary", told),
                el("div", _forecasts(progress, stage, of_it), class_="wide"),
            )
        )
    return section


def named(stage: str) -> str:
    """What a stage is called for whoever is not of this house."""
    kind = stage.removesuffix(PROVEN)
    kind = "accounts" if kind == "account" else kind
    return f"{kind}: proven, near" if stage.endswith(PROVEN) else f"{kind}: back"


def _began(progress: Progress) -> Iterator[Element | str]:
    yield "Began "
    yield when(progress.began_at)
    if progress.whole_at is not None:
        yield "; whole (everybody has everything, or knows what is missing) after "
        yield span((progress.whole_at - progress.began_at) / 1000)
    yield "."


def _people(bulletin: Bulletin) -> Iterator[Element]:
    people, back = bulletin.people(), bulletin.back()
    if people:
        share = f"{int(1000 * min(1.0, back / people)) / 10:g} %"
        yield el(
            "p",
            el(
                "label", f"People with contacts back: {back:,} of {people:,} ({share})", for_="back"
            ),
            el("meter", share, id="back", min="0", max=str(people), value=str(min(back, people))),
        )
    progress = bulletin.recovery
    assert progress is not None
    stages = progress.last.stages if progress.last is not None else ()
    for stage in (each.stage for each in stages):
        rate = rate_of(progress, stage)
        if progress.whole_at is None and progress.reached_at(stage) is None and rate:
            yield el("p", f"Rate: {rate:,.0f} records a second ({named(stage)})")


def _stages(progress: Progress, stages: tuple[StageCount, ...]) -> Element:
    rows = [_stage(progress, each) for each in stages]
    caption = el("caption", "Each stage: how far it is, and when it will be over (UTC)")
    heads = ("Stage", "Done", f"Over: {P50}", P90)
    return cells(caption, heads, rows)


def _stage(progress: Progress, each: StageCount) -> tuple[Element | str, ...]:
    done = f"{each.done:,} of {each.total:,}" if each.total else "not begun"
    over = progress.reached_at(each.stage)
    if over is not None:
        took = span((over - progress.began_at) / 1000)
        at = el("span", "over at ", clock(over))
        return named(each.stage), done if each.total else "nothing", at, f"after {took}"
    made = latest(progress, each.stage)
    if made is None:
        return named(each.stage), done, NO_FORECAST, NO_FORECAST
    return named(each.stage), done, clock(made.p50_at), clock(made.p90_at)


def _forecasts(progress: Progress, stage: str, of_it: list[Forecast]) -> Element:
    rows = [_forecast(progress, made) for made in of_it]
    caption = el("caption", f"{named(stage)}: said, and happened (UTC)")
    return cells(caption, ("Said at", "p50", "p90", "Happened"), rows, left=(0, 3))


def _forecast(progress: Progress, made: Forecast) -> tuple[Element | str, ...]:
    over = progress.reached_at(made.stage)
    if over is None:
        happened: Element | str = "not yet"
    elif over > made.p90_at:
        happened = el("span", clock(over), f", {span((over - made.p90_at) / 1000)} after p90")
    else:
        than = "by p50" if over <= made.p50_at else "by p90"
        happened = el("span", clock(over), f", {than}")
    return clock(made.made_at), clock(made.p50_at), clock(made.p90_at), happened


def _bases(progress: Progress) -> Element:
    found = dict.fromkeys(made.basis for made in progress.forecasts)
    return el(
        "p",
        "By p50 it is over as likely as not, by p90 in nine of ten cases. Measured on: "
        f"{'; '.join(found)}.",
        class_="soft",
    )
