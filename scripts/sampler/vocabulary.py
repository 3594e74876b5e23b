"""The words a situation is told in: what is logged, what is billed, and the rows that come out.

Money is whole units of 1e-18 USD. Times are milliseconds from the situation's own instant; a bill
is precise to the second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property

EXACT = "matched,exact"
PERCENT = "matched,within_percent"
AMOUNT = "matched,within_amount"
OUTSIDE = "discrepancy,outside_tolerance"
DUPLICATE = "discrepancy,duplicate_log"
NO_PRICE = "pending,no_price"
MISSING = "pending,missing_from_bill"
AWAITING = "pending,awaiting_bill"
NOT_CALL = "not_applicable,not_an_api_call"
NO_ID = "not_applicable,no_request_id"
NOT_FOUND = "not_found,not_logged"

BY_ID = "request_id"
FALLBACK = "timestamp_model"

NON_API_ACTIONS = (
    "admin_grant",
    "admin_deduct",
    "subscription_grant",
    "trial_grant",
    "token_pack_purchase",
)
UNLISTED = "gpt-4o-house"  # in no price list, although its name begins like one that is

# USD per 1M tokens: input, cached input, output. o3 became cheaper on PRICE_CHANGE_DATE.
PRICES_PER_1M = {
    "gpt-4o": ("2.5", "1.25", "10"),
    "gpt-4o-mini": ("0.15", "0.075", "0.6"),
    "gpt-4.1": ("2", "0.5", "8"),
    "gpt-4.1-mini": ("0.4", "0.1", "1.6"),
    "o3": ("2", "0.5", "8"),
    "o4-mini": ("1.1", "0.275", "4.4"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
    "text-embedding-3-large": ("0.13", "0.13", "0"),
    UNLISTED: ("2.5", "1.25", "10"),
}
# Sources differ about o3's former price for cached input, so no o3 call of the sample has any.
O3_BEFORE_PER_1M = ("10", "2.5", "40")


def usd(text: str) -> int:
    """An amount as whole units of 1e-18 USD; what is finer must not be there."""
    units = Decimal(text).scaleb(18)
    assert units == int(units), text
    return int(units)


class Cost(Enum):
    """Amounts that are not a number of the situation's own."""

    LIST = "the list price at the situation's instant, written"
    UNPRICED = "left empty; the list price at the side's own time, of the side's own tokens"
    UNKNOWN = "left empty, and there is nothing to price it with"


Amount = Cost | int | Callable[[int], int]  # the callable gets the list price


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of our log. `id` is a letter, the same on both sides for the same id; blanks count."""

    id: str = "A"
    at: int = 0
    cost: Amount = Cost.LIST
    model: str = "{}"
    action: str = "chat"
    error: str = ""
    cents: str | None = None  # the amount as it is written, where that is the point


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of a bill, of the restated one if `restated`."""

    id: str = "A"
    at: int = 2000
    cost: Amount = Cost.LIST
    model: str = "{}"
    restated: bool = False
    more_output: int = 0
    part: str = "all"  # of the tokens: "all", "input", "output"
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An expected row: the log it is about and the bill lines that count for it, by position."""

    outcome: str
    log: int | None = 0
    bills: tuple[int, ...] = (0,)
    by: str = BY_ID
    is_billed_elsewhere: bool = False


@dataclass(frozen=True)
class Situation:
    """Planted `fixed` times, and once more for every 1,000,000 / `ppm` requests, in `place`."""

    name: str
    logs: tuple[Logged, ...]
    bills: tuple[Billed, ...]
    rows: tuple[Row, ...]
    place: str = "any"
    ppm: int = 10
    fixed: int = 1
    model: str | None = None  # by default one of four in turn
    tokens: tuple[int, int, int] | None = None  # input, cached, output; by default never twice

    @cached_property
    def letters(self) -> list[str]:
        """The ids it uses."""
        return sorted({part.id.strip() for part in (*self.logs, *self.bills)} - {""})

    @cached_property
    def call_count(self) -> int:
        """How many API calls it logs."""
        return sum(log.action not in NON_API_ACTIONS for log in self.logs)


def case(name: str, *parts: Logged | Billed | Row, **how) -> Situation:
    """A situation from its parts in any order."""
    kinds = (tuple(part for part in parts if type(part) is kind) for kind in (Logged, Billed, Row))
    return Situation(name, *kinds, **how)


def pair(name: str, outcome: str, logged: Logged, billed: Billed, **how) -> Situation:
    """One logged call and one bill line with the same id."""
    return case(name, logged, billed, Row(outcome), **how)
