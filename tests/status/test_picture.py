"""The picture shows what the tables say, within its frame, and can be read to somebody."""

import re
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest
from tests.status.bulletins import MINUTE, STAGES, START, recovered

from stillhere.kinds import KINDS
from stillhere.status.forecasts import named
from stillhere.status.picture import HEIGHT, LEFT, RIGHT, WIDTH, draw, shares
from stillhere.status.progress import PROVEN, Progress, Sample, StageCount, latest

NAMES = {stage: named(stage) for stage in STAGES}


def drawn(progress: Progress) -> Element:
    picture = draw(progress, NAMES)
    assert picture is not None
    return picture


def points(element: Element) -> list[tuple[float, float]]:
    found = re.findall(r"([\d.]+),([\d.]+)", element.get("points", ""))
    return [(float(x), float(y)) for x, y in found]


def bands(progress: Progress) -> dict[str, list[tuple[float, float]]]:
    return {e.get("class", ""): points(e) for e in drawn(progress).iter("polygon")}


def test_there_is_none_before_there_is_anything_to_see() -> None:
    assert draw(Progress("0b", START), NAMES) is None


@pytest.mark.parametrize("minutes", [1, 3, 6, 9, 14])
def test_everything_lies_within_the_frame_and_lines_never_go_back_in_time(minutes: int) -> None:
    picture = drawn(recovered(minutes))
    lines = [points(line) for line in picture.iter("polyline")]
    assert len(lines) == len(STAGES)
    for found in [*lines, *(points(band) for band in picture.iter("polygon"))]:
        assert all(LEFT <= x <= WIDTH - RIGHT and 0 <= y <= HEIGHT for x, y in found)
    for line in lines:
        assert [x for x, _ in line] == sorted(x for x, _ in line)


def test_a_stage_at_work_has_a_band_from_p50_to_p90() -> None:
    progress = recovered(3)
    made = latest(progress, "contacts proven")
    assert made is not None
    band = bands(progress)["band s1 proving"]
    assert len(band) == 3
    (_, p50, p90) = band
    assert p50[1] == p90[1] < band[0][1]
    assert p50[0] < p90[0]
    assert "band s0 proving" not in bands(progress), "what is over has none"


def test_what_was_forecast_of_the_last_stage_first_stays_beside_what_happened() -> None:
    assert list(bands(recovered(14))) == ["band s1 past"]


def test_shares_are_those_of_the_samples_and_end_when_the_stage_was_over() -> None:
    progress = recovered(14)
    found = shares(progress, "contacts")
    over = progress.reached_at("contacts")
    assert over is not None
    assert (over, 1.0) in found
    assert all(0 <= share <= 1 for _, share in found)
    assert [at for at, _ in found] == sorted(at for at, _ in found)


def test_a_kind_has_one_colour_and_its_two_stages_two_strokes() -> None:
    kinds = [*KINDS]
    stages = [StageCount(stage, 1, 4, 9) for stage in (*(k + PROVEN for k in kinds), *kinds)]
    progress = replace(recovered(3), samples=(Sample(START, tuple(stages), ()),), forecasts=())
    strokes = [line.get("class") for line in drawn(progress).iter("polyline")]
    assert strokes[: len(kinds)] == [f"stage s{n} proving" for n, _ in enumerate(kinds)]
    assert strokes[len(kinds) :] == [f"stage s{n}" for n, _ in enumerate(kinds)]


def test_it_says_in_words_what_it_shows() -> None:
    told = drawn(recovered(3)).findtext("desc") or ""
    assert told.startswith("3 minutes after the start of the recovery.")
    assert "accounts: proven, near: over after 30 s" in told
    assert re.search(r"contacts: proven, near: \d+ of 64, forecast to be over .* \(p50\)", told)
    unknown = replace(recovered(1), paces=(), forecasts=())
    assert "not begun, no forecast yet" in (drawn(unknown).findtext("desc") or "")


def test_a_recovery_of_hours_has_few_marks_of_time() -> None:
    progress = recovered(14)
    assert progress.last is not None
    later = replace(progress.last, seen_at=START + 600 * MINUTE)
    picture = drawn(replace(progress, samples=(*progress.samples, later)))
    marks = [e.text for e in picture.iter("text") if e.text and re.search("hour|start", e.text)]
    assert marks[0] == "start"
    assert 2 <= len(marks) <= 6
