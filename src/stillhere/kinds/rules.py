"""Recurrence rules (RFC 5545, 3.3.10): what they say; ``starts.py`` says when that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache

_WEEKDAYS = {name: n for n, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_WEEKDAY = re.compile(r"([+-]?\d{1,3})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")


class Frequency(IntEnum):
    """The periods that a rule repeats by."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


@dataclass(frozen=True)
class Rule:
    """What one RRULE says; parts that it does not have are empty.

    ``until`` is in UTC with ``until_utc``, else local; that of a DATE is the end of its day.
    ``weekdays`` are (n, weekday) with Monday 0; n is 0 for every such day.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    until_utc: bool = False
    months: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    hours: frozenset[int] = frozenset()
    minutes: frozenset[int] = frozenset()
    seconds: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()
    week_start: int = 0


@lru_cache(4096)
def read_rule(text: str) -> Rule:
    """The rule that an RRULE's value is. Raises ValueError for what is none, or is unknown."""
    said: dict[str, str] = {}
    for part in text.upper().replace(" ", "").rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or said.setdefault(name, value) != value:
            raise ValueError(f"this is not a part of a recurrence rule: {part[:40]!r}")
    parts: dict[str, object] = {}
    for name, value in said.items():
        if name == "FREQ":
            parts["frequency"] = _frequency(value)
        elif name in ("INTERVAL", "COUNT"):
            parts[name.lower()] = _number(value, 1, 10**12)
        elif name == "UNTIL":
            parts["until"], parts["until_utc"] = _until(value)
        elif name == "WKST":
            parts["week_start"] = _weekday(value)[1]
        elif name == "BYDAY":
            parts["weekdays"] = frozenset(map(_weekday, value.split(",")))
        elif name in _NUMBERS:
            field, least, most, signed = _NUMBERS[name]
            numbers = (_number(one, least, most, signed) for one in value.split(","))
            parts[field] = frozenset(numbers)
        elif not name.startswith("X-"):
            raise ValueError(f"{name[:40]} is not known in a recurrence rule")
    if "frequency" not in parts:
        raise ValueError("the recurrence rule has no FREQ")
    return Rule(**parts)  # type: ignore[arg-type]  # each was made for its field


_NUMBERS = {
    "BYMONTH": ("months", 1, 12, False),
    "BYWEEKNO": ("weeks", 1, 53, True),
    "BYYEARDAY": ("year_days", 1, 366, True),
    "BYMONTHDAY": ("month_days", 1, 31, True),
    "BYHOUR": ("hours", 0, 23, False),
    "BYMINUTE": ("minutes", 0, 59, False),
    "BYSECOND": ("seconds", 0, 60, False),
    "BYSETPOS": ("positions", 1, 366, True),
}


def _frequency(text: str) -> Frequency:
    if text not in Frequency.__members__:
        raise ValueError(f"{text[:40]!r} is not a frequency")
    return Frequency[text]


def _number(text: str, least: int, most: int, signed: bool = False) -> int:
    sign = -1 if signed and text[:1] == "-" else 1
    digits = text[1:] if signed and text[:1] in ("+", "-") else text
    if not (digits.isdecimal() and digits.isascii() and len(digits) <= 15):
        raise ValueError(f"{text[:40]!r} is not a number of a recurrence rule")
    if not least <= int(digits) <= most:
        raise ValueError(f"{text[:40]} is not between {least} and {most}")
    return sign * int(digits)


def _weekday(text: str) -> tuple[int, int]:
    found = _WEEKDAY.fullmatch(text)
    if not found or abs(int(found[1] or 0)) > 53:
        raise ValueError(f"{text[:40]!r} is not a weekday of a recurrence rule")
    return int(found[1] or 0), _WEEKDAYS[found[2]]


def _until(text: str) -> tuple[datetime, bool]:
    found = _UNTIL.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not a time of a recurrence rule")
    year, month, day = (int(part) for part in found.groups()[:3])
    hour, minute, second = (
        int(part or most) for part, most in zip(found.groups()[3:6], (23, 59, 59), strict=True)
    )
    return datetime(year, month, day, hour, minute, min(second, 59)), found[7] == "Z"  # noqa: DTZ001
