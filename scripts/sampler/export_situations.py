"""What the provider's exports plant: days of a model that differ, and charges that are no call.

The outcomes are stated, not computed: nothing here knows how a log, a usage export and a bill are
compared. Amounts that must be beyond a tolerance are so whatever the seed: the traffic of a model
has a least number of calls, and a call a least number of tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sampler.vocabulary import (
    AMOUNT,
    AWAITING,
    EXACT,
    MISSING,
    NO_PRICE,
    NOT_FOUND,
    OUTSIDE,
    PERCENT,
    UNLISTED,
    usd,
)

NOT_LOGGABLE = "not_found,not_loggable"

# the pair of sources that disagree
LOG_USAGE, USAGE_BILL, BOTH = "log_usage", "usage_bill", "both"

# Days are counted from the first of a month of the sample, its first month or its last. They may
# be the same month, so no day is used twice.
FIRST, LAST = "first", "last"
MISSING_DAY = (FIRST, 13)  # in no export
EMPTY_DAY = (LAST, 5)  # in every export, without anything; nothing was called
RESTATED_DAYS = (20, 21, 22)  # of the last month

Pick = Callable[[list], list]
Price = Callable[[int], int]  # from the list price


def all_calls(calls: list) -> list:
    """Each call once."""
    return calls


def no_call(calls: list) -> list:
    """None of them."""
    return []


def half(calls: list) -> list:
    """Every other call."""
    return calls[::2]


def other_half(calls: list) -> list:
    """Those that `half` leaves out."""
    return calls[1::2]


def twice(calls: list) -> list:
    """Each call two times."""
    return [*calls, *calls]


def times(numerator: int, denominator: int = 1) -> Price:
    """So many times the list price, which is a multiple of small denominators."""
    return lambda price: price * numerator // denominator


LIST_PRICE = times(1)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is called every day, or only where it is planted. Pairs are the least and the most."""

    model: str
    exported: str
    logged: str
    action: str
    project: int
    calls: tuple[int, int]
    input: tuple[int, int]
    output: tuple[int, int]
    cached_of_100: int = 35  # calls with cached input
    is_daily: bool = True

    @property
    def is_embedding(self) -> bool:
        """Whether its usage is in the export of the embeddings."""
        return self.output == (0, 0)


SHORT, LONG = (200, 8_000), (20_000, 80_000)
REASONING = {"calls": (4, 6), "input": (4_000, 12_000), "output": (3_000, 8_000)}
TEXT = {"output": (0, 0), "cached_of_100": 0, "action": "embed"}

TRAFFIC = (
    Traffic(
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini",
        "chat",
        project=0,
        calls=(14, 22),
        input=(150, 3_000),
        output=(40, 700),
    ),
    Traffic(
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o",
        "chat",
        project=0,
        calls=(8, 12),
        input=(6_000, 24_000),
        output=(800, 3_000),
    ),
    Traffic(
        "gpt-4.1",
        "gpt-4.1-2025-04-14",
        "gpt-4.1",
        "agent_step",
        project=1,
        calls=(6, 10),
        input=(8_000, 40_000),
        output=(800, 4_000),
    ),
    Traffic(
        "gpt-4.1-mini",
        "gpt-4.1-mini-2025-04-14",
        "openai/gpt-4.1-mini",
        "summarize",
        project=1,
        calls=(10, 14),
        input=LONG,
        output=(1_000, 3_000),
    ),
    # sources differ about its former price for cached input, so it has none
    Traffic(
        "o3",
        "o3-2025-04-16",
        "o3-2025-04-16",
        "agent_step",
        project=1,
        cached_of_100=0,
        **REASONING,
    ),
    Traffic(
        "text-embedding-3-small",
        "text-embedding-3-small",
        "text-embedding-3-small",
        project=0,
        calls=(6, 10),
        input=SHORT,
        **TEXT,
    ),
    Traffic(
        "text-embedding-3-large",
        "text-embedding-3-large",
        "text-embedding-3-large",
        project=1,
        calls=(4, 8),
        input=SHORT,
        **TEXT,
    ),
    Traffic(
        "o4-mini",
        "o4-mini-2025-04-16",
        "o4-mini",
        "agent_step",
        project=1,
        is_daily=False,
        **REASONING,
    ),
    Traffic(
        UNLISTED,
        UNLISTED,
        UNLISTED,
        "chat",
        project=0,
        calls=(6, 8),
        input=(2_000, 6_000),
        output=(200, 900),
        is_daily=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A day of a model: which of its calls each side knows, and at what price."""

    name: str
    outcome: str = EXACT
    broken: str = ""
    logged: Pick = all_calls
    reported: Pick = all_calls
    billed: Pick = all_calls
    evals: Pick = no_call  # billed as evals
    log: Price | None = LIST_PRICE  # None: the cost is left empty
    bill: Price = LIST_PRICE
    bill_more: int = 0  # in 1e-18 USD, on top
    unmapped_item: str = ""  # the line item that `bill_more` stands under; "": that of the output
    first_billed: Pick | None = None  # before the bill was restated; None: as now
    first_bill: Price | None = None
    tier: str = "default"
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of the bill that belongs to no call; without outcome it is no usage at all."""

    name: str
    line_item: str
    amount: int  # in 1e-18 USD
    quantity: str = ""
    unit: str = ""
    outcome: str = ""
    is_unmapped: bool = False

    @property
    def model(self) -> str:
        """What stands for a model in its row."""
        return self.line_item or "(unmapped)"


ORDINARY = Bucket("ordinary")
AWAITED = Bucket("missing_day", AWAITING, reported=no_call, billed=no_call)
# every day of the last month; each is inside the tolerance of a row
DRIFT_MODEL = "gpt-4.1"
DRIFT = Bucket("drift_under_tolerance", PERCENT, bill=times(26, 25))

NOT_LOGGED = Bucket("billed_not_logged", NOT_FOUND, LOG_USAGE, logged=no_call)
LOST_CALLS = Bucket("lost_calls", OUTSIDE, LOG_USAGE, logged=half)

BUCKETS: dict[tuple[str, int, str], Bucket] = {
    # the edges of the tolerance, both inclusive
    (FIRST, 1, "gpt-4o"): Bucket("three_percent_more", PERCENT, bill=times(103, 100)),
    (FIRST, 2, "gpt-4o"): Bucket("five_percent_more", PERCENT, bill=times(21, 20)),
    (FIRST, 2, "gpt-4o-mini"): Bucket("a_fifth_more_of_little", AMOUNT, bill=times(6, 5)),
    (FIRST, 3, "gpt-4o-mini"): Bucket("five_cents_more", AMOUNT, bill_more=usd("0.05")),
    (FIRST, 4, "gpt-4o-mini"): Bucket(
        "five_cents_more_and_a_unit", OUTSIDE, USAGE_BILL, bill_more=usd("0.050000000000000001")
    ),
    # the bill has another price than the list
    (FIRST, 4, "gpt-4o"): Bucket(
        "priority_at_double_price", OUTSIDE, USAGE_BILL, bill=times(2), tier="priority"
    ),
    (FIRST, 6, "gpt-4o"): Bucket(
        "batch_at_half_price", OUTSIDE, USAGE_BILL, bill=times(1, 2), is_batch=True
    ),
    (FIRST, 14, "gpt-4o"): Bucket(
        "free_tier", OUTSIDE, USAGE_BILL, bill=times(0), tier="incentivized-tier"
    ),
    # a class of tokens that nobody knows, of a model that everybody does
    (LAST, 25, "gpt-4o"): Bucket(
        "unmapped_class",
        OUTSIDE,
        USAGE_BILL,
        bill_more=usd("0.07"),
        unmapped_item="gpt-4o-2024-08-06, thoughts",
    ),
    # the log lacks calls, or has them twice
    (FIRST, 7, "o3"): LOST_CALLS,
    (LAST, 23, "gpt-4o"): LOST_CALLS,
    (FIRST, 15, "gpt-4o"): Bucket(
        "evals", OUTSIDE, LOG_USAGE, logged=half, billed=half, evals=other_half
    ),
    (FIRST, 16, "gpt-4o"): Bucket("logged_twice", OUTSIDE, LOG_USAGE, logged=twice),
    # both at once, and both so that the dollars agree all the same
    (FIRST, 8, "gpt-4o"): Bucket(
        "lost_calls_and_double_price", OUTSIDE, BOTH, logged=half, bill=times(2)
    ),
    (FIRST, 9, "gpt-4o"): Bucket(
        "lost_calls_hidden_by_half_price",
        EXACT,
        BOTH,
        reported=twice,
        billed=twice,
        bill=times(1, 2),
    ),
    # the log itself is wrong: all tokens agree, and so do usage and bill
    (FIRST, 10, "gpt-4.1-mini"): Bucket("logged_at_price_of_gpt_4_1", OUTSIDE, log=times(5)),
    (FIRST, 19, "text-embedding-3-large"): Bucket("logged_without_cost", log=None),
    # one side only
    (FIRST, 10, "o4-mini"): NOT_LOGGED,
    (LAST, 24, "o4-mini"): NOT_LOGGED,
    (FIRST, 17, "o4-mini"): Bucket(
        "reported_only", NOT_FOUND, BOTH, logged=no_call, billed=no_call
    ),
    (FIRST, 11, "gpt-4o"): Bucket(
        "missing_from_usage_and_bill", MISSING, LOG_USAGE, reported=no_call, billed=no_call
    ),
    (FIRST, 12, "o3"): Bucket("missing_from_bill", MISSING, USAGE_BILL, billed=no_call),
    # a model that the price list does not know
    (FIRST, 18, UNLISTED): Bucket("unlisted_model_without_cost", NO_PRICE, log=None),
    (FIRST, 19, UNLISTED): Bucket("unlisted_model"),
    # days that the provider states again
    (LAST, 20, "gpt-4o"): Bucket("restated_to_the_right_amount", first_bill=times(6, 5)),
    (LAST, 21, "gpt-4o"): Bucket(
        "restated_outside", OUTSIDE, USAGE_BILL, bill=times(2), first_bill=LIST_PRICE
    ),
    (LAST, 21, "o3"): Bucket("late_on_the_bill", first_billed=no_call),
    (LAST, 22, "gpt-4.1-mini"): Bucket(
        "restated_3_percent_more", PERCENT, bill=times(103, 100), first_bill=LIST_PRICE
    ),
    (LAST, 22, "gpt-4o"): Bucket(
        "withdrawn_by_restatement", MISSING, USAGE_BILL, billed=no_call, first_billed=all_calls
    ),
}

CHARGES: dict[tuple[str, int], Charge] = {
    (FIRST, 3): Charge(
        "tool_calls",
        "web search tool calls",
        usd("0.25"),
        "25",
        "calls",
        NOT_LOGGABLE,
    ),
    (FIRST, 17): Charge(
        "few_tool_calls", "web search tool calls", usd("0.04"), "4", "calls", NOT_LOGGABLE
    ),
    (FIRST, 7): Charge(
        "storage", "assistants api | file search", usd("0.03"), "0.3", "gb-days", NOT_LOGGABLE
    ),
    (FIRST, 16): Charge(
        "unmapped_line_item",
        "scale commitment",
        usd("0.42"),
        outcome=NOT_FOUND,
        is_unmapped=True,
    ),
    (LAST, 9): Charge("null_line_item", "", usd("0.05"), outcome=NOT_FOUND, is_unmapped=True),
    (FIRST, 0): Charge("credit", "credit grant", usd("-5")),
    (LAST, 1): Charge("refund", "refund", usd("-0.75")),
    (LAST, 27): Charge("tax", "tax", usd("1.23")),
}
