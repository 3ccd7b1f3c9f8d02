"""When something starts that repeats by a rule (RFC 5545, 3.3.10), in any window.

A rule is worked out where it is asked about, and not from its first start on: the periods of its
frequency (years, months, weeks, days, hours, minutes, seconds) are numbered, the numbers of those
in the window follow from INTERVAL, and each says by itself which starts it has. So a rule that
began a century ago, and one that has a billion starts, cost no more than others.

COUNT alone has to be counted, from the first start on; it becomes an end as UNTIL is one, and is
remembered. What a rule may cost is bounded by a ``Budget`` all the same: rules can ask for things
that are rare, or never are.

Everything here is in local time: whoever asks knows the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import product

from stillhere.kinds.rules import Frequency, Rule

STEPS = 2_000
"""Days and starts that are looked at before a question about one object is given up."""

COUNT_STEPS = 10_000
"""The same for the end of a rule with a COUNT, which is remembered."""

_DAY = 86_400
_LAST_DAY = date.max.toordinal()
_END = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - local


class OutOfBudget(Exception):
    """The answer was not found in as many steps as it may take."""


class Budget:
    """How many steps are left for an answer; ``spend`` raises OutOfBudget after the last."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Takes some of what is left."""
        self.left -= steps
        if self.left < 0:
            raise OutOfBudget


def starts(
    rule: Rule, first: datetime, lo: datetime, hi: datetime, budget: Budget
) -> Iterator[datetime]:
    """Every start from ``lo`` to ``hi``, both included, in order; naive local times.

    ``first`` is one whether or not the rule has it (RFC 5545, 3.8.5.3). A rule's ``until`` counts
    as local here, see ``in_zone``. Raises OutOfBudget.
    """
    end = last_start(rule, first)
    if end is not None:
        hi = min(hi, max(end, first))
    if lo <= first <= hi:
        yield first
    lo = max(lo, first)
    if hi <= first or hi < lo or (end is not None and end <= first):
        return
    for one in _Walk(rule, first, budget).between(lo, hi):
        if one > hi:
            return
        if one >= lo and one > first:
            yield one


def last_start(rule: Rule, first: datetime) -> datetime | None:
    """The last start there can be; None where no end is known.

    A COUNT is worked out for as long as COUNT_STEPS allow, and taken for endless after that; where
    nothing but FREQ and INTERVAL is said, it is never too long.
    """
    return rule.until if rule.count is None else _last_counted(rule, first)


@lru_cache(4096)
def _last_counted(rule: Rule, first: datetime) -> datetime | None:
    try:
        counted = _counted_plainly(rule, first) or _counted(rule, first)
    except (OutOfBudget, OverflowError):
        return rule.until
    return min(counted, rule.until) if rule.until else counted


def _counted_plainly(rule: Rule, first: datetime) -> datetime | None:
    """The last of COUNT starts that are all equally far apart; None for other rules."""
    step = _SPACING.get(rule.frequency)
    if step is None or rule.count is None or rule != _bare(rule):
        return None
    return first + (rule.count - 1) * rule.interval * step


def _counted(rule: Rule, first: datetime) -> datetime:
    assert rule.count
    last, left = first, rule.count - 1
    if left:
        for one in _Walk(rule, first, Budget(COUNT_STEPS)).between(first, _END):
            if one > first:
                last, left = one, left - 1
                if not left:
                    break
    return last


def _bare(rule: Rule) -> Rule:
    return Rule(rule.frequency, rule.interval, rule.count, rule.until, rule.until_utc)


_SPACING = {
    Frequency.WEEKLY: timedelta(weeks=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.MINUTELY: timedelta(minutes=1),
    Frequency.SECONDLY: timedelta(seconds=1),
}


class _Walk:
    """A rule with what it takes from its first start."""

    def __init__(self, rule: Rule, first: datetime, budget: Budget) -> None:
        self._rule = rule
        self._budget = budget
        self._first = first
        by_day = bool(rule.year_days or rule.month_days or rule.weekdays)
        weekdays, self._months, self._month_days = rule.weekdays, rule.months, rule.month_days
        frequency = rule.frequency
        # What the rule does not say about the day, its first start does.
        if not by_day and frequency <= Frequency.WEEKLY:
            if rule.weeks or frequency is Frequency.WEEKLY:
                weekdays = frozenset(((0, first.weekday()),))
            else:
                self._month_days = frozenset((first.day,))
                if frequency is Frequency.YEARLY:
                    self._months = rule.months or frozenset((first.month,))
        self._by_month = frequency is Frequency.MONTHLY or bool(rule.months)
        counted = frequency <= Frequency.MONTHLY
        self._plain = frozenset(day for n, day in weekdays if not (n and counted))
        self._nth = frozenset((n, day) for n, day in weekdays if n and counted)
        self._filtered = bool(
            self._months or self._month_days or weekdays or rule.weeks or rule.year_days
        )
        self._hours = sorted(rule.hours) or [first.hour]
        self._minutes = sorted(rule.minutes) or [first.minute]
        self._seconds = sorted({min(one, 59) for one in rule.seconds}) or [first.second]
        self._cost = 1 + len(self._month_days) + len(self._nth) + len(rule.year_days)
        if frequency is Frequency.YEARLY:
            self._cost *= len(self._months) or 12

    def between(self, lo: datetime, hi: datetime) -> Iterator[datetime]:
        """The starts of every period that has to do with the window, in order."""
        if self._rule.frequency >= Frequency.HOURLY:
            yield from self._by_time(lo, hi)
            return
        size = len(self._hours) * len(self._minutes) * len(self._seconds)
        for days in self._periods(lo.toordinal(), hi.toordinal()):
            if self._rule.positions:
                for place in self._places(len(days) * size):
                    day, time = divmod(place, size)
                    yield self._at(days[day], time)
            elif size == 1:
                for day in days:
                    self._budget.spend()
                    yield self._at(day, 0)
            else:
                for day in days:
                    for time in range(size):
                        self._budget.spend()
                        yield self._at(day, time)

    def _at(self, day: int, time: int) -> datetime:
        rest, second = divmod(time, len(self._seconds))
        hour, minute = divmod(rest, len(self._minutes))
        found = date.fromordinal(day)
        return datetime(  # noqa: DTZ001 - local
            found.year,
            found.month,
            found.day,
            self._hours[hour],
            self._minutes[minute],
            self._seconds[second],
        )

    def _places(self, size: int) -> list[int]:
        """Where BYSETPOS points to in a set of so many starts."""
        self._budget.spend(len(self._rule.positions))
        places = (n - 1 if n > 0 else size + n for n in self._rule.positions)
        return sorted({place for place in places if 0 <= place < size})

    # which days a period has

    def _periods(self, lo: int, hi: int) -> Iterator[list[int]]:
        """The days of every period from that of ``lo`` to that of ``hi``; ordinals."""
        first, every = self._first, self._rule.interval
        match self._rule.frequency:
            case Frequency.YEARLY:
                days: Callable[[int], list[int]] = self._year
                began, start, end = first.year, _year(lo), _year(hi)
            case Frequency.MONTHLY:
                days = self._month
                began, start, end = _month(first.toordinal()), _month(lo), _month(hi)
            case Frequency.WEEKLY:
                days = self._week
                began, start, end = map(self._week_of, (first.toordinal(), lo, hi))
            case _:
                days = self._day
                began, start, end = first.toordinal(), lo, hi
        period = began + -(-(start - began) // every) * every
        while period <= end:
            self._budget.spend(self._cost)
            yield days(period)
            period += every

    def _year(self, year: int) -> list[int]:
        rule, new_year, length = self._rule, date(year, 1, 1).toordinal(), _length(year)
        if rule.year_days:
            numbers = (n - 1 if n > 0 else length + n for n in rule.year_days)
            days = {new_year + n for n in numbers if 0 <= n < length}
        elif self._month_days or (self._by_month and not rule.weeks):
            months = (self._days_of(year, month) for month in self._months or range(1, 13))
            days = {day for month in months for day in month}
        else:
            days = self._weekdays_of(new_year, length)
        return self._fitting(days)

    def _month(self, month: int) -> list[int]:
        year, month = divmod(month, 12)
        if self._months and month + 1 not in self._months:
            return []
        return self._fitting(self._days_of(year, month + 1))

    def _week(self, week: int) -> list[int]:
        start = week * 7 + 1 + self._rule.week_start
        days = range(max(start, 1), min(start + 6, _LAST_DAY) + 1)
        return self._fitting(set(days))

    def _day(self, day: int) -> list[int]:
        return [day] if not self._filtered or self._fits(day) else []

    def _week_of(self, day: int) -> int:
        """Weeks are numbered from that of the first day of the calendar, a Monday."""
        return (day - 1 - self._rule.week_start) // 7

    def _days_of(self, year: int, month: int) -> set[int]:
        """The days of a month that the most telling part of the rule leaves."""
        start = date(year, month, 1).toordinal()
        length = _length_of_month(year, month)
        if self._month_days:
            numbers = (n - 1 if n > 0 else length + n for n in self._month_days)
            return {start + n for n in numbers if 0 <= n < length}
        if self._plain or self._nth:
            return self._weekdays_of(start, length)
        return set(range(start, start + length))

    def _weekdays_of(self, start: int, length: int) -> set[int]:
        """The weekdays of BYDAY among so many days."""
        days: set[int] = set()
        for weekday in self._plain:
            days.update(range(start + (weekday + 1 - start) % 7, start + length, 7))
        for n, weekday in self._nth:
            if n > 0:
                day = start + (weekday + 1 - start) % 7 + 7 * (n - 1)
            else:
                last = start + length - 1
                day = last - (last - 1 - weekday) % 7 + 7 * (n + 1)
            if start <= day < start + length:
                days.add(day)
        return days

    def _fitting(self, days: set[int]) -> list[int]:
        self._budget.spend(len(days))
        return sorted(filter(self._fits, days))

    def _fits(self, ordinal: int) -> bool:
        """Whether every part of the rule that speaks of days lets the day pass."""
        rule, day = self._rule, date.fromordinal(ordinal)
        if self._months and day.month not in self._months:
            return False
        if self._month_days and day.day not in self._month_days:
            length = _length_of_month(day.year, day.month)
            if day.day - length - 1 not in self._month_days:
                return False
        if (self._plain or self._nth) and not self._is_weekday(day):
            return False
        if rule.year_days:
            n = ordinal - date(day.year, 1, 1).toordinal() + 1
            if n not in rule.year_days and n - _length(day.year) - 1 not in rule.year_days:
                return False
        return not rule.weeks or not rule.weeks.isdisjoint(self._week_numbers(ordinal))

    def _is_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if weekday in self._plain:
            return True
        if not self._nth:
            return False
        if self._by_month:
            nth, length = day.day - 1, _length_of_month(day.year, day.month)
        else:
            nth, length = day.timetuple().tm_yday - 1, _length(day.year)
        from_start, from_end = nth // 7 + 1, -((length - 1 - nth) // 7) - 1
        return (from_start, weekday) in self._nth or (from_end, weekday) in self._nth

    def _week_numbers(self, day: int) -> tuple[int, int]:
        """The number of a day's week in its year, from the start and from the end.

        A week belongs to the year that its fourth day is in (RFC 5545, BYWEEKNO).
        """
        middle = min(self._week_of(day) * 7 + 1 + self._rule.week_start + 3, _LAST_DAY)
        year = _year(max(middle, 1))
        gone = middle - date(year, 1, 1).toordinal()
        return gone // 7 + 1, -((_length(year) - 1 - gone) // 7) - 1

    # hours, minutes and seconds

    def _by_time(self, lo: datetime, hi: datetime) -> Iterator[datetime]:
        """Starts of a rule whose periods are shorter than a day; a second is numbered by the
        day's ordinal and its own number in the day."""
        rule = self._rule
        unit = {Frequency.HOURLY: 3600, Frequency.MINUTELY: 60}.get(rule.frequency, 1)
        began = _number_of(self._first) // unit * unit
        step = rule.interval * unit
        at = _align(_number_of(lo) - unit + 1, began, step)
        end = _number_of(hi)
        offsets = self._offsets(unit)
        while at <= end:
            self._budget.spend()
            skip = self._skip(at)
            if skip > at:
                at = _align(skip, began, step)
                continue
            for offset in offsets:
                self._budget.spend()
                day, second = divmod(at + offset, _DAY)
                yield datetime.fromordinal(day) + timedelta(seconds=second)
            at += step

    def _skip(self, at: int) -> int:
        """The next second that may be the start of a period which passes; ``at`` if it does."""
        rule, (day, second) = self._rule, divmod(at, _DAY)
        if self._filtered and not self._fits(day):
            return (day + 1) * _DAY
        if rule.hours and second // 3600 not in rule.hours:
            return at - at % 3600 + 3600
        if rule.frequency > Frequency.HOURLY:
            if rule.minutes and second // 60 % 60 not in rule.minutes:
                return at - at % 60 + 60
            if rule.frequency > Frequency.MINUTELY and rule.seconds:
                return at if second % 60 in rule.seconds else at + 1
        return at

    def _offsets(self, unit: int) -> list[int]:
        """The starts in one period, in seconds from where it begins."""
        minutes = self._minutes if unit > 60 else [0]
        seconds = self._seconds if unit > 1 else [0]
        offsets = [60 * minute + second for minute, second in product(minutes, seconds)]
        if self._rule.positions:
            return [offsets[place] for place in self._places(len(offsets))]
        return offsets


def _align(at: int, began: int, step: int) -> int:
    """The first of ``began``, ``began`` + ``step``, … that is not before ``at``."""
    return began + max(0, -(-(at - began) // step)) * step


def _number_of(local: datetime) -> int:
    return local.toordinal() * _DAY + local.hour * 3600 + local.minute * 60 + local.second


def _year(ordinal: int) -> int:
    return date.fromordinal(ordinal).year


def _month(ordinal: int) -> int:
    day = date.fromordinal(ordinal)
    return day.year * 12 + day.month - 1


def _length(year: int) -> int:
    return 366 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 365


def _length_of_month(year: int, month: int) -> int:
    return _length(year) - 337 if month == 2 else 30 + (month + month // 8) % 2
