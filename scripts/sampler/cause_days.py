"""What the month of exports plants: days of a model that the log or the provider has otherwise.

The causes are stated, not computed: nothing here knows how a cause is found.
"""

from dataclasses import dataclass
from datetime import date

from sampler.cause_prices import per_1m
from sampler.cause_traffic import LONG_PROMPT
from sampler.cause_vocabulary import (
    Amount,
    Side,
    at,
    cache_at_input_price,
    cache_besides_input,
    cache_free,
    listed,
    nothing,
    priced_as,
    priced_on,
    reasoning_alone,
    reasoning_besides_output,
    short_context_price,
    times,
    whole_cents,
    write_at_input_price,
)
from sampler.export_situations import Charge, Pick, all_calls, half, no_call, twice
from sampler.stated_causes import NO_CAUSE, Cause
from sampler.vocabulary import UNLISTED, usd

HALF = times(1, 2)
FORMER = date(2026, 8, 20)  # when gpt-5.6 had its former price
LUNA_FORMER = date(2026, 7, 29)

# of gpt-5.4-mini, from this day of the month on; no list has it
EXPORTS_PRICE_CHANGE_DAY = 17
EXPORTS_NEW_PRICE = per_1m("0.825 0.0825 - 4.8")

MISSING_DAY = 24  # in no export
NEWEST_DAY = 30


def thrice(calls: list) -> list:
    """Each call three times."""
    return [*calls, *calls, *calls]


@dataclass(frozen=True, slots=True)
class Served:
    """How the provider served a call, as its usage says, and what it charged for it."""

    amount: Amount = listed
    batch: str = "FALSE"
    tier: str = "default"


UNSAID = {"batch": "", "tier": ""}
BATCH = Served(HALF, batch="TRUE", tier="")
GRANTED = Served(nothing, tier="incentivized-tier")
PRIORITY = Served(times(5, 2), tier="priority")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a model: which of its calls each side knows, and what it makes of them.

    `logs` and `served` go to the calls in turn. `bill` is why the bill of the day is not the list
    price of what is logged; `one_sided` is the cause of what nothing is logged or billed for: a
    charge beyond our log, or a call logged again.
    """

    name: str
    logs: tuple[Side, ...] = (Side(),)
    served: tuple[Served, ...] = (Served(),)
    bill: Cause = NO_CAUSE
    logged: Pick = all_calls
    reported: Pick = all_calls
    billed: Pick = all_calls
    one_sided: Cause = NO_CAUSE
    bill_more: int = 0  # in 1e-18 USD, on top
    has_ids: bool = True
    is_late: bool = False  # the last hours are logged as if they were of the next day
    input: tuple[int, int] | None = None
    log_cause: Cause | None = None  # of the day, where its calls differ for several

    @property
    def day_log_cause(self) -> Cause:
        """Why the log of the day differs: as its calls do."""
        if self.log_cause:
            return self.log_cause
        return Cause(self.logs[0].cause, self.logs[0].is_provable)


def mislogged(name: str, cause: str, amount: Amount | None, **how) -> Day:
    """Our log has all calls of the day at another amount; the provider charges the list price."""
    facts = {key: how.pop(key) for key in ("tier", "batch", "region") if key in how}
    return Day(name, logs=(Side(amount, cause, **facts),), **how)


def charged(name: str, cause: str, *served: Served, is_provable: bool = True, **how) -> Day:
    """The provider charges the calls of the day otherwise than by the list."""
    return Day(name, served=served, bill=Cause(cause, is_provable), **how)


ORDINARY_DAY = Day("ordinary")
PRICE_CHANGE_DAY = charged("price_change", "price_change", Served(at(EXPORTS_NEW_PRICE)))
AWAITED_DAY = Day("missing_day", reported=no_call, billed=no_call, bill=Cause("awaiting_bill"))
DAY_AFTER = Day("day_boundary_after", bill=Cause("day_boundary", False))
UNPROVABLE = {"is_provable": False}
STALE = Side(priced_on(FORMER), "stale_price")

DAYS: dict[tuple[int, str], Day] = {
    # the log is wrong, call by call
    (1, "gpt-4o"): mislogged("cache_ignored", "cache_ignored", cache_at_input_price),
    (2, "gpt-4.1"): mislogged("cache_twice", "cache_counted_twice", cache_besides_input),
    (3, "gpt-5.6-luna"): mislogged("cache_free", "cache_priced_zero", cache_free),
    (4, "gpt-5.6"): mislogged("write_as_input", "cache_write_as_input", write_at_input_price),
    (5, "o4-mini"): mislogged(
        "reasoning_twice", "reasoning_counted_twice", reasoning_besides_output
    ),
    (6, "o4-mini"): mislogged("reasoning_alone", "reasoning_only", reasoning_alone),
    (6, "gpt-5.6-luna"): mislogged(
        "stale_price_five_times_as_high", "stale_price", priced_on(LUNA_FORMER)
    ),
    (7, "gpt-5.6"): Day("stale_price", logs=(STALE,)),
    (8, "gpt-5.6"): Day("stale_price", logs=(STALE,)),
    (8, "gpt-5.4-mini"): mislogged(
        "mini_priced_as_plain", "priced_as_other_model", priced_as("gpt-5.4")
    ),
    (9, "gpt-4.1"): mislogged("known_model_logged_at_zero", "no_price", nothing),
    (10, "gpt-4o"): mislogged("in_whole_cents", "cents_rounding", whole_cents),
    (11, "gpt-4o"): mislogged("cents_for_dollars", "unit_error", times(100)),
    (12, "gpt-5.2"): mislogged("per_1m_for_per_1k", "unit_error", times(1, 1000)),
    (12, "gpt-4o"): mislogged("three_times_the_amount", "double_count", times(3)),
    (13, "gpt-4.1"): mislogged("logged_region", "regional_uplift", times(11, 10), region="eu"),
    (14, "gpt-5.2"): mislogged("logged_as_batch", "batch", HALF, batch="true"),
    (13, "gpt-5.2"): mislogged("logged_as_flex", "flex", HALF, tier="flex"),
    (11, "gpt-5.2"): mislogged("logged_as_priority", "priority", times(7, 4), tier="priority"),
    (14, "gpt-5.4"): mislogged(
        "long_prompts_missed", "long_context", short_context_price, input=LONG_PROMPT
    ),
    (15, "gpt-5.2"): Day(
        "two_mistakes_in_turn",
        logs=(Side(times(100), "unit_error"), Side(cache_at_input_price, "cache_ignored")),
        log_cause=Cause("several"),
    ),
    (20, UNLISTED): mislogged("unknown_model_logged_at_zero", "no_price", nothing),
    (18, UNLISTED): mislogged("unknown_model_without_cost", "no_price", None),
    (19, UNLISTED): Day("unknown_model_at_its_price"),
    # the provider says how it served the calls
    (3, "gpt-4o"): charged("batch_day", "batch", BATCH),
    (4, "gpt-4o"): charged("flex_day", "flex", Served(HALF, tier="flex")),
    (5, "gpt-4o"): charged("priority_day", "priority", PRIORITY),
    (6, "gpt-4o"): charged("granted_day", "free_tier_grant", GRANTED),
    (7, "gpt-4o"): charged("granted_in_turn", "free_tier_grant", GRANTED, Served()),
    (9, "gpt-4o"): charged("batch_in_turn", "batch", BATCH, Served()),
    (11, "gpt-4.1"): charged("batch_and_priority_in_turn", "several", BATCH, PRIORITY),
    # it does not say, or it charges another price; a price per quantity can be anything
    (16, "gpt-4o"): charged("batch_unsaid", "batch", Served(HALF, **UNSAID), **UNPROVABLE),
    (17, "gpt-4o"): charged(
        "region_unsaid", "regional_uplift", Served(times(11, 10)), **UNPROVABLE
    ),
    (18, "gpt-4o"): charged("charged_thrice", "double_count", Served(times(3)), **UNPROVABLE),
    (19, "gpt-5.6"): charged("former_price_charged", "stale_price", Served(priced_on(FORMER))),
    (20, "gpt-5.2"): charged(
        "cache_discount_not_given", "cache_ignored", Served(cache_at_input_price)
    ),
    (21, "gpt-4.1"): charged("cache_for_nothing", "cache_priced_zero", Served(cache_free)),
    (21, "gpt-5.6"): charged(
        "writes_charged_as_input", "cache_write_as_input", Served(write_at_input_price)
    ),
    (23, "gpt-5.2"): charged(
        "a_flat_amount_more", "unexplained", Served(), bill_more=usd("0.0713"), **UNPROVABLE
    ),
    # both at once
    (22, "gpt-5.6"): Day("stale_log_of_a_batch", (STALE,), (BATCH,), bill=Cause("batch")),
    # one side lacks calls, or has them again
    (10, "gpt-4.1"): Day("lost_calls", logged=half, one_sided=Cause("logging_gap", False)),
    (13, "gpt-4o"): Day("logged_by_two_layers", logged=twice, one_sided=Cause("duplicate_log")),
    (15, "gpt-4o"): Day(
        "logged_three_times_without_ids",
        logged=thrice,
        bill=Cause("duplicate_log"),
        has_ids=False,
    ),
    (16, "gpt-4.1"): Day("another_key", logged=no_call, one_sided=Cause("not_logged")),
    (19, "gpt-4.1"): Day("not_billed", billed=no_call, bill=Cause("missing_from_bill")),
    (26, "gpt-5.2"): Day("day_boundary", is_late=True, one_sided=Cause("day_boundary", False)),
    (27, "gpt-5.2"): DAY_AFTER,
    (NEWEST_DAY, "gpt-4o"): Day("late_data", billed=half, bill=Cause("late_data", False)),
}

CHARGES: dict[int, Charge] = {
    1: Charge("credit", "credit grant", usd("-5")),
    3: Charge("tool_calls", "web search tool calls", usd("0.25"), "25", "calls", "not_loggable"),
    7: Charge(
        "storage", "assistants api | file search", usd("0.03"), "0.3", "gb-days", "not_loggable"
    ),
    8: Charge("refund", "refund", usd("-0.75")),
    28: Charge("tax", "tax", usd("1.23")),
}
