"""What the days and months of the exports must come to: sums of what was planted.

Money is whole units of 1e-18 USD.
"""

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sampler.export_files import csv_line
from sampler.export_situations import Charge
from sampler.stated_causes import BY_DAY, CAUSE_COLUMNS, cause_cells
from sampler.writer import CsvFile, decimal_text

DAILY_HEADER = (
    "usage_date,project_id,model,logged_requests,reported_requests,logged_usd,expected_usd,"
    "reported_usd,billed_usd,difference_usd,calculation_difference_usd,token_difference_usd,"
    "rate_difference_usd,reconciliation_status,status_reason,broken_pair,"
    f"{CAUSE_COLUMNS},situation"
)
MONTHS_HEADER = (
    "usage_month,billed_usd,logged_usd,non_usage_usd,unmapped_usd,unmapped_line_item_count,"
    "covered_day_count,missing_day_count"
)


@dataclass(slots=True)
class Sides:
    """What each side says of a day of a model. None: unknown, or not stated by any export."""

    logged_requests: int = 0
    reported_requests: int | None = 0
    logged: int | None = 0  # the log's own amounts
    expected: int | None = 0  # list price of the logged tokens
    reported: int | None = 0  # list price of the reported tokens
    billed: int | None = 0

    @property
    def differences(self) -> list[int | None]:
        """Billed less logged, and its three steps; an unknown amount is stepped over."""
        if self.billed is None or self.logged is None:
            return [None] * 4
        steps, last = [], self.logged
        for amount in (self.expected, self.reported, self.billed):
            steps.append(0 if amount is None else amount - last)
            last = last if amount is None else amount
        return [self.billed - self.logged, *steps]


@dataclass(slots=True)
class Month:
    """The sums of a calendar month."""

    billed: int = 0
    logged: int = 0
    non_usage: int = 0
    unmapped: int = 0
    unmapped_count: int = 0
    covered_days: int = 0


class Truth:
    """Both files of the truth."""

    def __init__(self, daily: CsvFile, monthly: CsvFile):
        self.daily, self.monthly = daily, monthly
        self.months: dict[date, Month] = defaultdict(Month)

    def month(self, day: date) -> Month:
        """The month of a day."""
        return self.months[day.replace(day=1)]

    def cover(self, day: date, is_covered: bool) -> None:
        """Count a day of the period."""
        self.month(day).covered_days += is_covered

    def expect(
        self,
        day: date,
        model: str,
        sides: Sides,
        outcome: str,
        broken: str,
        name: str,
        row_reason: str = "",
    ) -> None:
        """Write a row of a day, and count it; its calls may have a reason of their own."""
        month = self.month(day)
        month.logged += sides.logged or 0
        month.billed += sides.billed or 0
        status, reason = outcome.split(",")
        amounts = (sides.logged, sides.expected, sides.reported, sides.billed, *sides.differences)
        self.daily.lines.append(
            csv_line(
                day,
                "(all)",
                model,
                sides.logged_requests,
                "" if sides.reported_requests is None else sides.reported_requests,
                *map(decimal_text, amounts),
                status,
                reason,
                broken,
                *cause_cells(BY_DAY, name, row_reason or reason, sides.differences[0]),
                name,
            )
        )

    def count_unmapped(self, day: date, amount: int) -> None:
        """Count a line item that nobody understands; its dollars are in a row already."""
        self.month(day).unmapped += amount
        self.month(day).unmapped_count += 1

    def expect_charge(self, day: date, charge: Charge) -> None:
        """Write the row of a charge, or count it where it is no usage."""
        if charge.is_unmapped:
            self.count_unmapped(day, charge.amount)
        if charge.outcome:
            # for no model, so that no usage export speaks of it
            sides = Sides(reported_requests=None, reported=None, billed=charge.amount)
            self.expect(day, charge.model, sides, charge.outcome, "", charge.name)
        else:
            self.month(day).billed += charge.amount
            self.month(day).non_usage += charge.amount

    def write_months(self) -> None:
        """Write the row of every month."""
        for first, month in sorted(self.months.items()):
            days = monthrange(first.year, first.month)[1]
            amounts = (month.billed, month.logged, month.non_usage, month.unmapped)
            self.monthly.lines.append(
                csv_line(
                    first,
                    *map(decimal_text, amounts),
                    month.unmapped_count,
                    month.covered_days,
                    days - month.covered_days,
                )
            )
