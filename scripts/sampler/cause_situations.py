"""What the month with a bill by request plants: each cause as it happens, on either side.

The causes are stated, not computed: nothing here knows how a cause is found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sampler.cause_prices import per_1m
from sampler.cause_traffic import LONG_PROMPT
from sampler.cause_vocabulary import (
    AS_LISTED,
    Side,
    at,
    billed,
    by_own_tokenizer,
    cache_at_input_price,
    cache_besides_input,
    cache_free,
    logged,
    long_context_price,
    nothing,
    part_of_cache,
    plus,
    priced_as,
    priced_on,
    reasoning_alone,
    reasoning_besides_output,
    short_context_price,
    times,
    until_broken_off,
    whole_cents,
    without_reasoning,
    write_at_input_price,
)
from sampler.vocabulary import UNLISTED, usd

HALF = times(1, 2)
SHORT_CALL = {"model": "gpt-4o-mini", "input": (900, 2_900), "output": (60, 400)}

# of gpt-5.6, which became cheaper in the middle of the month
BEFORE, SINCE = date(2026, 8, 20), date(2026, 8, 21)
UNTIL_CHEAPER, FROM_CHEAPER = (1, 19), (22, 31)
LUNA_BEFORE, OPUS_BEFORE = date(2026, 7, 29), date(2026, 3, 12)

# of gpt-5-mini, from this day of the month on; no list has it
REQUESTS_PRICE_CHANGE_DAY = 17
REQUESTS_NEW_PRICE = per_1m("0.3 0.03 - 2.2")


@dataclass(frozen=True, slots=True)
class Situation:
    """A call as both sides have it; without a log or a bill, `cause` says of what the row is."""

    name: str
    model: str = "gpt-4o"
    log: Side | None = AS_LISTED
    bill: Side | None = AS_LISTED
    cause: str = ""  # of a row that only one side has, and of each time it is logged again
    count: int = 3
    days: tuple[int, int] = (1, 31)  # of the month; 0 is the day before, which no bill covers
    input: tuple[int, int] | None = None
    output: tuple[int, int] | None = None
    logged_model: str = ""
    action: str = ""
    has_id: bool = True
    repeats: int = 0  # times that it is logged again
    is_openrouter: bool = False


def known(name: str, model: str = "gpt-4o", **how) -> Situation:
    """A call that both sides have."""
    return Situation(name, model, **how)


def cache_and_reasoning() -> Iterator[Situation]:
    """Tokens that are priced at another token's price, twice, or not at all."""
    for side, name in ((logged, "logged"), (billed, "billed")):
        ignored = side("cache_ignored", cache_at_input_price)
        yield known(f"{name}_cache_ignored", **ignored)
        yield known(f"{name}_cache_ignored_beside_writes", "gpt-5.6", **ignored)
        twice = side("cache_counted_twice", cache_besides_input)
        yield known(f"{name}_cache_twice", "gpt-4.1", **twice)
        yield known(f"{name}_cache_twice_beside_writes", "gpt-5.6-luna", **twice)
        yield known(f"{name}_cache_free", "gpt-5.2", **side("cache_priced_zero", cache_free))
        as_input = side("cache_write_as_input", write_at_input_price)
        yield known(f"{name}_write_as_input", "gpt-5.6", **as_input)
        yield known(f"{name}_write_as_input_of_luna", "gpt-5.6-luna", **as_input)
        besides = side("reasoning_counted_twice", reasoning_besides_output)
        yield known(f"{name}_reasoning_twice", "o4-mini", **besides)
        alone = side("reasoning_only", reasoning_alone)
        yield known(f"{name}_reasoning_alone", "o4-mini", **alone)
    besides = logged("reasoning_counted_twice", reasoning_besides_output)
    silent = Side(count=without_reasoning)
    yield known("reasoning_that_only_the_log_counts", "o4-mini", bill=silent, **besides)
    yield known("openrouter_reasoning_twice", "o4-mini", is_openrouter=True, **besides)
    ignored = logged("cache_ignored", cache_at_input_price)
    yield known("openrouter_cache_ignored", is_openrouter=True, **ignored)
    # numerically the same as tokens of its own, and no estimate: the log knows no cache at all
    unseen = logged("cache_ignored", count=lambda tokens: tokens._replace(cached=0))
    yield known("logged_without_its_cache", "gpt-4.1", **unseen)


def tiers() -> Iterator[Situation]:
    """Batch, flex, priority and granted tokens, with and without a word of it on the row."""
    in_batch, as_flex = {"batch": "true"}, {"tier": "flex"}
    yield known("batch_on_the_bill", **billed("batch", HALF, **in_batch))
    asked = {"log": Side(batch="true"), "bill": Side(HALF, "batch")}
    yield known("batch_in_the_log", "gpt-5.2", **asked)
    named = {"log": Side(tier="batch"), "bill": Side(HALF, "batch")}
    yield known("batch_as_tier_of_the_log", "gpt-4.1", **named)
    unsaid = {"is_provable": False}
    yield known("batch_unsaid", **billed("batch", HALF, **unsaid))
    yield known("logged_as_batch", "gpt-4.1", **logged("batch", HALF, **in_batch))
    yield known("logged_at_half_unsaid", "gpt-5.2", **logged("batch", HALF, **unsaid))
    yield known("flex_on_the_bill", **billed("flex", HALF, **as_flex))
    yield known("flex_unsaid", "gpt-5.4", **billed("flex", HALF, **unsaid))
    yield known("flex_as_it_was_no_batch", **billed("flex", HALF, batch="false"))
    # it was asked for, and the provider had no room
    fallen_back = {"log": Side(HALF, "flex", tier="flex"), "bill": Side(tier="default")}
    yield known("flex_fallen_back", "gpt-5.2", **fallen_back)
    for name, multiple in (("17_10", times(17, 10)), ("5_2", times(5, 2)), ("2", times(2))):
        yield known(f"priority_{name}", **billed("priority", multiple, tier="priority"))
    dear = {"log": Side(times(7, 4), "priority", tier="Priority"), "bill": Side(tier="default")}
    yield known("logged_as_priority", "gpt-5.4", **dear)
    yield known("priority_unsaid", "gpt-5.2", **billed("priority", times(9, 5)))
    yield known("logged_priority_unsaid", **logged("priority", times(17, 10)))
    yield known("priority_doubles_unsaid", **billed("priority", times(2), **unsaid))
    same = {
        "log": Side(times(17, 10), "priority", tier="priority"),
        "bill": Side(times(5, 2), "priority", tier="priority"),
    }
    yield known("priority_at_two_multiples", "gpt-5.2", **same)
    free = "incentivized-tier"
    yield known("granted", **billed("free_tier_grant", nothing, tier=free))
    yield known("granted_unsaid", "gpt-4.1", **billed("free_tier_grant", nothing))
    short = billed("free_tier_grant", nothing, **unsaid)
    yield Situation("granted_a_short_call_unsaid", **SHORT_CALL, **short)


def contexts_regions_and_fees() -> Iterator[Situation]:
    """Long prompts, regions and what is charged besides tokens."""
    long = {"input": LONG_PROMPT}
    yield known("long_prompt", "gpt-5.4", **long)
    missed = logged("long_context", short_context_price)
    yield known("long_prompt_missed", "gpt-5.4", **missed, **long)
    yield known("long_prompt_with_writes_missed", "gpt-5.6", **missed, **long)
    yield known(
        "long_prompt_at_short_price",
        "gpt-5.6",
        **billed("long_context", short_context_price),
        **long,
    )
    unlisted = billed("long_context", long_context_price)
    yield known("long_prompt_unlisted", "gpt-5.2", **unlisted, **long)
    assumed = logged("long_context", long_context_price)
    yield known("long_prompt_assumed", "gpt-4.1", **assumed, **long)
    tenth = times(11, 10)
    yield known("region_on_the_bill", **billed("regional_uplift", tenth, region="eu"))
    asked = {"log": Side(region="us"), "bill": Side(tenth, "regional_uplift")}
    yield known("region_in_the_log", "gpt-5.6", **asked)
    yield known("region_unsaid", "gpt-5.6-luna", **billed("regional_uplift", tenth))
    yield known("logged_region", "gpt-5.4", **logged("regional_uplift", tenth, region="eu"))
    yield known("logged_region_unsaid", "gpt-5.2", **logged("regional_uplift", tenth))
    for cents, model in (("0.01", "gpt-4o"), ("0.025", "gpt-5.4")):
        fee = billed("fee", plus(usd(cents)), fee=usd(cents))
        yield known(f"fee_of_{cents}", model, **fee)
        yield known(f"openrouter_fee_of_{cents}", model, is_openrouter=True, **fee)


def prices() -> Iterator[Situation]:
    """Another date's price, another model's, and none."""
    of_sol, before = {"model": "gpt-5.6", "days": FROM_CHEAPER}, priced_on(BEFORE)
    yield Situation("stale_price", **of_sol, **logged("stale_price", before), count=12)
    yield Situation("billed_at_former_price", **of_sol, **billed("stale_price", before))
    luna = logged("stale_price", priced_on(LUNA_BEFORE))
    yield known("stale_price_five_times_as_high", "gpt-5.6-luna", **luna)
    of_sol, since = {"model": "gpt-5.6", "days": UNTIL_CHEAPER}, priced_on(SINCE)
    yield Situation("logged_at_next_price", **of_sol, **logged("stale_price", since))
    yield Situation("billed_at_next_price", **of_sol, **billed("price_change", since))
    opus = logged("stale_price", priced_on(OPUS_BEFORE))
    yield known("stale_price_of_long_prompts", "claude-opus-4-6", **opus)

    by_prefix = logged("priced_as_other_model", priced_as("gpt-5.2"))
    yield known("pro_priced_as_plain", "gpt-5.2-pro", **by_prefix)
    newer = logged("priced_as_other_model", priced_as("gpt-4o"))
    yield known("dated_priced_as_newer", "gpt-4o-2024-05-13", logged_model="gpt-4o", **newer)
    larger = logged("priced_as_other_model", priced_as("gpt-4o"))
    yield known("mini_priced_as_plain", "gpt-4o-mini", **larger)
    other = billed("priced_as_other_model", priced_as("gpt-4o"))
    yield known("billed_as_another_model", "gpt-4.1", **other)

    zero = logged("no_price", nothing)
    yield known("known_model_logged_at_zero", "gpt-5.4", **zero)
    yield known("unknown_model_logged_at_zero", UNLISTED, **zero)
    yield known("unknown_model_at_its_price", UNLISTED)
    yield known("unknown_model_without_cost", UNLISTED, **logged("no_price", None))
    unsaid = logged("no_price", nothing, is_provable=False)
    yield Situation("short_call_logged_at_zero", **SHORT_CALL, **unsaid)


def arithmetic() -> Iterator[Situation]:
    """Roundings, units, counts, and tokens of our own."""
    for side, name in ((logged, "logged"), (billed, "billed")):
        yield known(f"{name}_in_whole_cents", "gpt-4.1", **side("cents_rounding", whole_cents))
        for part in ((100, 1), (1, 100), (1000, 1), (1, 1000)):
            wrong = side("unit_error", times(*part))
            yield known(f"{name}_unit_{part[0]}_{part[1]}", **wrong)
        yield known(f"{name}_thrice", **side("double_count", times(3)))
        # so often a price is another model's sooner than counted several times
        for multiple in (4, 5):
            added = side("double_count", times(multiple), is_provable=False)
            yield known(f"{name}_{multiple}_times", **added)
        unsaid = side("double_count", times(2), is_provable=False)
        yield known(f"{name}_twice_unsaid", "gpt-5.4", **unsaid)
    twice = {"log": Side(times(2), "double_count"), "bill": Side(tier="default")}
    yield known("logged_twice_at_default_tier", "gpt-5.2", **twice)
    for count in (by_own_tokenizer, until_broken_off, part_of_cache):
        own = logged("token_mismatch", count=count)
        yield known(f"logged_tokens_{count.__name__}", **own)
    own = logged("token_mismatch", count=by_own_tokenizer)
    yield known("openrouter_tokens_by_own_tokenizer", "gpt-5.4", is_openrouter=True, **own)


def of_one_side() -> Iterator[Situation]:
    """What only the log or only the bill knows."""
    yield known("another_key", log=None, cause="not_logged", count=6)
    yield known("another_gateway", log=None, cause="not_logged", is_openrouter=True)
    yield known("another_key_for_nothing", log=None, bill=Side(nothing), cause="not_logged")
    yield known("served_from_our_own_cache", bill=None, cause="missing_from_bill", count=6)
    yield known("before_the_first_bill", bill=None, cause="awaiting_bill", days=(0, 0))
    yield known("admin_action", bill=None, cause="not_applicable", action="admin_deduct")
    yield known("call_without_id", bill=None, cause="not_applicable", has_id=False)
    free = {"log": Side(nothing), "bill": None, "action": "trial_grant", "has_id": False}
    yield known("grant_of_nothing", **free)
    yield known("logged_by_two_layers", repeats=1, cause="duplicate_log", count=4)
    yield known("polled_three_times", repeats=2, cause="duplicate_log")
    free = {"log": Side(nothing), "bill": Side(nothing)}
    yield known("free_call_logged_again", repeats=1, cause="duplicate_log", **free)


def together() -> Iterator[Situation]:
    """Both sides at once, both rightly beside the list, and what no cause explains."""
    stale, half = Side(priced_on(BEFORE), "stale_price"), Side(HALF, "batch", batch="true")
    yield known("stale_log_of_a_batch", "gpt-5.6", log=stale, bill=half, days=FROM_CHEAPER)
    ignored = Side(cache_at_input_price, "cache_ignored")
    fee = Side(plus(usd("0.01")), "fee", fee=usd("0.01"))
    yield known("cache_ignored_beside_a_fee", log=ignored, bill=fee)
    thrice, unsaid = Side(times(3), "double_count"), Side(HALF, "batch", is_provable=False)
    yield known("three_times_of_a_batch_unsaid", "gpt-4.1", log=thrice, bill=unsaid)
    agreed = Side(times(17, 10), tier="priority")
    yield known("priority_known_to_both", log=agreed, bill=agreed)

    unknown = {"cause": "unexplained", "is_provable": False}
    yield known("discount_of_a_contract", bill=Side(times(93, 100), **unknown))
    house = Side(times(137, 100), **unknown)
    yield known("margin_of_our_own", "gpt-5.2", log=house)
    default = Side(HALF, tier="default", **unknown)
    yield known("half_price_at_default_tier", "gpt-5.2", bill=default)
    both = Side(lambda call: cache_at_input_price(call) * 3, **unknown)
    yield known("cache_ignored_three_times", log=both)
    yield known("a_cent_more", "gpt-4.1", bill=Side(plus(usd("0.01")), **unknown))


SITUATIONS: tuple[Situation, ...] = tuple(
    situation
    for group in (
        cache_and_reasoning,
        tiers,
        contexts_regions_and_fees,
        prices,
        arithmetic,
        of_one_side,
        together,
    )
    for situation in group()
)
PRICE_CHANGE = known("price_change", "gpt-5-mini", **billed("price_change", at(REQUESTS_NEW_PRICE)))
ORDINARY = Situation("ordinary")
