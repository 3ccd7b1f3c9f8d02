"""A picture of a recovery over time: a line for each stage, and its forecast's band.

The last stage's first band stays when it is over, so that what was said can be compared.
SVG, drawn in place: no script, no font, no other file. What it shows is also in the tables beside
it, and in its description.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from xml.etree.ElementTree import Element

from stillhere.status.markup import el
from stillhere.status.progress import PROVEN, Forecast, Progress, StageCount, latest
from stillhere.status.words import span

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34
LEGEND = 18  # a line of it
COLOURS = 6
TICKS = 4


@dataclass(frozen=True)
class _Frame:
    """Times and shares as places in the picture."""

    began_at: int
    ends_at: int

    def x(self, at: float) -> float:
        """Where a time is."""
        share = (at - self.began_at) / max(1, self.ends_at - self.began_at)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, share)), 1)

    def y(self, share: float) -> float:
        """Where a share of 1 is."""
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(1.0, max(0.0, share))), 1)


def draw(progress: Progress, named: dict[str, str]) -> Element | None:
    """The picture; `named` says what each stage is called. None before there is anything to
    show."""
    last = progress.last
    if last is None:
        return None
    stages = [count.stage for count in last.stages]
    forecasts = [made for stage in stages if (made := latest(progress, stage)) is not None]
    first = _first(progress, stages[-1])
    if first is not None:
        forecasts.append(first)
    ends = [last.seen_at, *(r.over_at for r in progress.reached), *(f.p90_at for f in forecasts)]
    frame = _Frame(progress.began_at, max(*ends, progress.began_at + 1000))
    height = HEIGHT + LEGEND * len(stages)
    svg = el(
        "svg",
        el("title", "Progress over time, by stage", id="picture-title"),
        el("desc", _describe(progress, named), id="picture-about"),
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby="picture-title picture-about",
        class_="picture",
    )
    svg.extend(_axes(frame))
    styles = _styles(stages)
    for number, (stage, style) in enumerate(styles.items()):
        made = latest(progress, stage)
        if made is not None:
            svg.append(_band(progress, frame, made, style))
        elif stage == stages[-1] and (first := _first(progress, stage)) is not None:
            svg.append(_band(progress, frame, first, f"{style} past"))
        svg.append(_line(progress, frame, stage, style))
        svg.extend(_legend(number, named.get(stage, stage), style))
    now = frame.x(last.seen_at)
    svg.append(el("line", x1=now, y1=TOP, x2=now, y2=HEIGHT - BOTTOM, class_="now"))
    return svg


def _styles(stages: Sequence[str]) -> dict[str, str]:
    """A colour for each kind, and for its two stages two strokes."""
    kinds = list(dict.fromkeys(stage.removesuffix(PROVEN) for stage in stages))
    return {
        stage: f"s{kinds.index(stage.removesuffix(PROVEN)) % COLOURS}"
        + (" proving" if stage.endswith(PROVEN) else "")
        for stage in stages
    }


def shares(progress: Progress, stage: str) -> list[tuple[int, float]]:
    """(time, share done) of a stage at each sample in which it was at work, and at its end."""
    found = [
        (sample.seen_at, each.done / each.total)
        for sample in progress.samples
        for each in sample.stages
        if each.stage == stage and each.total
    ]
    over = progress.reached_at(stage)
    if over is not None:
        found = [(at, share) for at, share in found if at < over]
        found.append((over, 1.0))
        if progress.last is not None and progress.last.seen_at > over:
            found.append((progress.last.seen_at, 1.0))
    return found


def _line(progress: Progress, frame: _Frame, stage: str, style: str) -> Element:
    points = shares(progress, stage)
    if points and points[0][1] > 0:
        begins = max(_begins(progress, stage), default=progress.began_at)
        points.insert(0, (min(begins, points[0][0]), 0.0))
    path = " ".join(f"{frame.x(at)},{frame.y(share)}" for at, share in points)
    return el("polyline", points=path, class_=f"stage {style}")


def _begins(progress: Progress, stage: str) -> Iterator[int]:
    """The samples in which the stage was not at work yet."""
    for sample in progress.samples:
        if any(each.stage == stage and not each.total for each in sample.stages):
            yield sample.seen_at


def _band(progress: Progress, frame: _Frame, made: Forecast, style: str) -> Element:
    points = [point for point in shares(progress, made.stage) if point[0] <= made.made_at]
    at, share = (made.made_at, points[-1][1] if points else 0.0)
    begins = f"{frame.x(at)},{frame.y(share)}"
    ends = " ".join(f"{frame.x(when)},{frame.y(1)}" for when in (made.p50_at, made.p90_at))
    return el("polygon", points=f"{begins} {ends}", class_=f"band {style}")


def _first(progress: Progress, stage: str) -> Forecast | None:
    """What was said first of a stage, to be seen beside what happened."""
    return next((made for made in progress.forecasts if made.stage == stage), None)


def _axes(frame: _Frame) -> Iterator[Element]:
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = frame.y(share)
        yield el("line", x1=LEFT, y1=y, x2=WIDTH - RIGHT, y2=y, class_="grid")
        yield el("text", f"{share:.0%}", x=LEFT - 6, y=y + 4, text_anchor="end")
    seconds = (frame.ends_at - frame.began_at) / 1000
    for tick in _ticks(seconds):
        x = frame.x(frame.began_at + tick * 1000)
        anchor = "end" if x > WIDTH - 40 else "middle"
        yield el("line", x1=x, y1=HEIGHT - BOTTOM, x2=x, y2=HEIGHT - BOTTOM + 4, class_="grid")
        label = "start" if not tick else span(tick)
        yield el("text", label, x=x, y=HEIGHT - BOTTOM + 18, text_anchor=anchor)


def _ticks(seconds: float) -> Sequence[float]:
    """Round times on the way, TICKS or so."""
    rounds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400]
    wanted = seconds / TICKS
    step = next((each for each in rounds if each >= wanted), 0)
    if not step:
        step = 86_400 * ceil(wanted / 86_400)
    return [step * number for number in range(int(seconds / step) + 1)]


def _legend(number: int, name: str, style: str) -> Iterator[Element]:
    y = HEIGHT + LEGEND * number
    yield el("line", x1=LEFT, y1=y, x2=LEFT + 44, y2=y, class_=f"stage {style}")
    yield el("text", name, x=LEFT + 54, y=y + 4)


def _describe(progress: Progress, named: dict[str, str]) -> str:
    last = progress.last
    assert last is not None
    told = [f"{span((last.seen_at - progress.began_at) / 1000)} after the start of the recovery"]
    for each in last.stages:
        name = named.get(each.stage, each.stage)
        told.append(f"{name}: {_state(progress, each)}")
    return ". ".join(told) + "."


def _state(progress: Progress, each: StageCount) -> str:
    over = progress.reached_at(each.stage)
    if over is not None:
        return f"over after {span((over - progress.began_at) / 1000)}"
    made = latest(progress, each.stage)
    so_far = f"{each.done:,} of {each.total:,}" if each.total else "not begun"
    if made is None:
        return f"{so_far}, no forecast yet"
    p50, p90 = (span((at - progress.began_at) / 1000) for at in (made.p50_at, made.p90_at))
    return f"{so_far}, forecast to be over {p50} (p50) to {p90} (p90) after the start"
