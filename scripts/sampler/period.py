"""The days of a sample and where on them a situation may happen."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random

from sampler.situations import SITUATIONS
from sampler.vocabulary import Situation

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000  # milliseconds

PRICE_CHANGE_DATE = date(2025, 6, 10)  # of o3
STALE_UNTIL_DATE = date(2025, 7, 1)  # until here our application logs o3 at its former price

HOUR_WEIGHTS = (4, 3, 2, 2, 2, 3, 5, 9, 14, 18, 20, 20, 19, 20, 20, 19, 18, 16, 14, 12, 10, 9, 7, 5)
WORKDAY_WEIGHT, WEEKEND_WEIGHT = 5, 2

MINUTES = [f"{second // 60:02d}:{second % 60:02d}" for second in range(3_600)]


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a month that lacks it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class Period:
    """Days counted from 0; the bill covers all but the first and the last.

    Places are where situations go: ranges of days (first, after, and the seconds of each day that
    are used), or instants in milliseconds from the start. A period may lack a place.
    """

    def __init__(self, start: date, months: int):
        self.start = start
        self.epoch = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
        days = (months_later(start, months) - start).days
        self.first, self.after = first, after = 1, days - 1  # billed days
        last_month = max(first, (months_later(start, months - 1) - start).days)
        again, again_after = last_month + 10, last_month + 16  # restated days
        change, stale_after = ((day - start).days for day in (PRICE_CHANGE_DATE, STALE_UNTIL_DATE))
        self.price_change, self.stale_after = change * DAY, stale_after * DAY

        inside = (600, 85_800)  # what belongs together stays within one day
        self.ranges = {
            "any": (first, after, *inside),
            "last": (last_month, after, *inside),
            "before_restated": (first, again, *inside),
            "restated": (again, again_after, *inside),
            "stale": (max(first, change), min(after, stale_after), *inside),
            "early": (0, first, 72_000, 85_800),
            "late": (after, days, 600, 14_400),
        }
        self.instants = {
            "first_day_noon": first * DAY + DAY // 2,
            "last_day_noon": after * DAY - DAY // 2,
            "last_uncovered": first * DAY - 1,
            "first_covered": first * DAY,
            "last_covered": after * DAY - 1,
            "first_uncovered": after * DAY,
            "midnight": (last_month if months > 1 else 5) * DAY - 2 * SECOND,
            "restated_first_noon": again * DAY + DAY // 2,
            "restated_last_noon": again_after * DAY - DAY // 2,
            "restated_eve": again * DAY - SECOND,
            "restated_dawn": again * DAY,
            "restated_dusk": again_after * DAY - SECOND,
            "restated_over": again_after * DAY,
        }
        if first < change < after:
            self.instants |= {"old_price": change * DAY - SECOND, "new_price": change * DAY}

    def is_before_change(self, at: int) -> bool:
        """Whether o3 still has its former price."""
        return at < self.price_change

    def hour_text(self, hour: int, separator: str = " ") -> str:
        """`YYYY-MM-DD HH:` of an hour counted from the start."""
        return f"{self.start + timedelta(hour // 24)}{separator}{hour % 24:02d}:"

    def time_text(self, at: int, separator: str = " ") -> str:
        """`YYYY-MM-DD HH:MM:SS` of a time in milliseconds."""
        return self.hour_text(at // HOUR, separator) + MINUTES[at % HOUR // SECOND]

    def count(self, situation: Situation, requests: int) -> int:
        """How often a situation is planted."""
        first, after = self.ranges.get(situation.place, (0, situation.place in self.instants))[:2]
        return situation.fixed + requests * situation.ppm // 1_000_000 if first < after else 0

    def planted_calls(self, requests: int) -> int:
        """How many of so many API calls belong to situations."""
        return sum(self.count(planted, requests) * planted.call_count for planted in SITUATIONS)

    def times(self, number: int, requests: int, rnd: Random) -> Iterator[tuple[int, int]]:
        """When a situation happens, rising: pairs of milliseconds and the situation's number."""
        situation = SITUATIONS[number]
        count = self.count(situation, requests)
        if count and situation.place in self.instants:
            yield from [(self.instants[situation.place], number)] * count
        elif count:
            first, after, opens, closes = self.ranges[situation.place]
            seconds = (after - first) * (closes - opens)
            for position in range(count):
                passed = int((position + rnd.random()) * (seconds - 1) / count)
                day, second = divmod(passed, closes - opens)
                yield (first + day) * DAY + (opens + second) * SECOND, number

    def hours(self, calls: int) -> Iterator[tuple[int, int]]:
        """The billed hours, each with its part of the ordinary calls."""
        billed = range(self.first * 24, self.after * 24)
        is_weekend = [(self.start + timedelta(day)).weekday() > 4 for day in range(self.after)]
        weights = [
            HOUR_WEIGHTS[hour % 24] * (WEEKEND_WEIGHT if is_weekend[hour // 24] else WORKDAY_WEIGHT)
            for hour in billed
        ]
        done, total = 0, sum(weights)
        for hour, weight in zip(billed, accumulate(weights), strict=True):
            due = calls * weight // total
            yield hour, due - done
            done = due
