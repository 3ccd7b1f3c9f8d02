"""Numbers and times as a reader says them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from stillhere.status.times import read_time
from stillhere.status.words import ago, count, moment, plain, size, span, table


@pytest.fixture(autouse=True)
def _in_warsaw(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Warsaw")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


MARCH = 1_772_448_005_123  # 2 March 2026, 10:40:05 UTC


def test_a_moment_is_told_in_the_readers_zone() -> None:
    assert moment(MARCH) == "2 March 2026, 11:40:05 CET"
    assert ago(MARCH, MARCH + 7_200_000) == "2 hours ago (2 March 2026, 11:40:05 CET)"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (12.3, "12 s"),
        (119, "119 s"),
        (180, "3 minutes"),
        (7200, "2 hours"),
        (5 * 86_400, "5 days"),
    ],
)
def test_a_span_has_the_unit_that_says_enough(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_counts_and_sizes() -> None:
    assert count(1, "change") == "1 change"
    assert count(10_000, "change") == "10,000 changes"
    assert count(2, "entry", "entries") == "2 entries"
    assert [size(n) for n in (1, 1023, 1024, 3 << 30)] == [
        "1 byte",
        "1,023 bytes",
        "1.0 KB",
        "3.0 GB",
    ]


def test_columns_align_in_every_script() -> None:
    assert table([("王小明", "1"), ("José", "20"), ("Ana", "3")], right=(1,)) == [
        "王小明   1",
        "José    20",
        "Ana      3",
    ]


def test_json_has_ids_in_hex_and_times_in_utc() -> None:
    @dataclass(frozen=True)
    class Seen:
        account: bytes
        seen_at: int | None
        lost_at: int | None

    assert plain([Seen(b"\x01\xff", MARCH, None)]) == [
        {"account": "01ff", "seen_at": "2026-03-02T10:40:05.123Z", "lost_at": None}
    ]


def test_times_that_people_type() -> None:
    now = 1_790_000_000_000
    assert read_time("90s", now) == now + 90_000
    assert read_time(" 15m", now) == now + 900_000
    assert read_time("2h", now) == now + 7_200_000
    assert read_time("1d", now) == now + 86_400_000
    assert read_time("2026-11-30T14:00Z", now) == 1_796_047_200_000
    assert read_time("2026-11-30T15:00+01:00", now) == 1_796_047_200_000
    for none in ("", "soon", "15", "-5m", "99999999d", "14:00", "9999-99-99"):
        assert read_time(none, now) is None
