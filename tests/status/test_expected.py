"""What a loss would cost is told in the same terms everywhere."""

import pytest

from stillhere.status.expected import Expected, Until, beside, held, lines, meaning

EXPECTED = Expected(
    (Until("first contact", 0.4, 0.9), Until("contacts", 2.5, 180.0)), "3 drills", 0, said=3, held=2
)


def test_a_terminal_shows_p50_and_p90_of_each_stage() -> None:
    told = list(lines(EXPECTED))
    assert told[0] == "A loss now would cost, from the start of stillhere recover:"
    assert told[1].split() == ["p50", "p90"]
    assert told[2].split(maxsplit=6)[:6] == ["first", "contact", "0.4", "s", "0.9", "s"]
    assert told[3].endswith("everybody has contacts")
    assert "  of 3 drills that were forecast, p90 held in 2" in told
    assert "  from 3 drills," in told


def test_what_was_not_measured_is_not_told() -> None:
    (told,) = lines(None)
    assert "not known" in told


def test_before_any_drill_nothing_is_said_of_them() -> None:
    bare = Expected(EXPECTED.stages, "30 records", 0)
    assert not any("drill" in line for line in lines(bare))


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("mirrored", "the vault is no longer needed to read"),
        ("account", "everybody can log in"),
        ("calendar", "everybody has events"),
        ("whole", "everybody has everything"),
    ],
)
def test_every_stage_has_a_meaning(stage: str, words: str) -> None:
    assert meaning(stage) == words


def test_what_was_said_stands_beside_what_happened() -> None:
    assert beside({"whole": (1.0, 2.5)}, "whole") == " (forecast: p50 1.0 s, p90 2.5 s)"
    assert beside({"whole": (1.0, 2.5)}, "mirrored") == ""
    assert held(EXPECTED).startswith("of 3 drills")
