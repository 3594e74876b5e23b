"""What a sample plants: every status and reason, the edges between them, and the usual mistakes.

The outcomes are stated, not computed: nothing here knows how a log and a bill are matched.
"""

from collections.abc import Iterator

from sampler.vocabulary import (
    AMOUNT,
    AWAITING,
    DUPLICATE,
    EXACT,
    FALLBACK,
    MISSING,
    NO_ID,
    NO_PRICE,
    NON_API_ACTIONS,
    NOT_CALL,
    NOT_FOUND,
    OUTSIDE,
    PERCENT,
    UNLISTED,
    Billed,
    Cost,
    Logged,
    Row,
    Situation,
    case,
    pair,
    usd,
)

LIST, UNPRICED, UNKNOWN = Cost.LIST, Cost.UNPRICED, Cost.UNKNOWN
MISSED = Row(MISSING, bills=())
UNLOGGED = Row(NOT_FOUND, log=None)
REPEATED = Row(DUPLICATE, log=1, bills=(), is_billed_elsewhere=True)


def amounts(name: str, logged: str, billed: str, outcome: str) -> Situation:
    """One call, with what we logged and what was billed in USD."""
    # these carry more dollars than real calls, so they stay out of the healthy months
    return pair(name, outcome, Logged(cost=usd(logged)), Billed(cost=usd(billed)), place="last")


def by_id() -> Iterator[Situation]:
    """Calls that both sides know under one id."""
    yield pair("first_billed_day", EXACT, Logged(), Billed(), place="first_day_noon", ppm=0)
    yield pair("last_billed_day", EXACT, Logged(), Billed(), place="last_day_noon", ppm=0)
    yield pair("id_with_blanks_in_log", EXACT, Logged(" A "), Billed(), ppm=100)
    yield pair("id_with_blanks_in_bill", EXACT, Logged(), Billed("  A"), ppm=100)
    yield pair(
        "dated_model_in_bill",
        EXACT,
        Logged(),
        Billed(model="{}-2024-07-18"),
        model="gpt-4o-mini",
        ppm=1500,
    )
    yield pair("vendor_model_in_log", EXACT, Logged(model="openai/{}"), Billed(), ppm=500)
    yield pair("other_model_billed", EXACT, Logged(), Billed(model="o3"))
    yield pair("call_without_action", EXACT, Logged(action=""), Billed(), ppm=200)
    yield pair("failed_call_billed", EXACT, Logged(error="stream broke off"), Billed(), ppm=400)
    yield pair("billed_admin_action", EXACT, Logged(action="admin_deduct"), Billed())
    yield pair("around_midnight", EXACT, Logged(), Billed(at=4000), place="midnight", ppm=0)
    noise = usd("0.012345678901234568")  # half a unit more than the cents say: rounds away from 0
    noisy = Logged(cost=noise, cents="1.234567890123456750")
    yield pair("cents_with_18_decimals", PERCENT, noisy, Billed(cost=usd("0.0123456789")), ppm=50)
    for number, written in enumerate(("$0.0125", "1.25e-2", "+.0125", " 0.01250 "), start=1):
        odd = Billed(cost=usd("0.0125"), written=written)
        yield pair(f"amount_notation_{number}", EXACT, Logged(cost=usd("0.0125")), odd)


def tolerance() -> Iterator[Situation]:
    """5 % of logged or 5 cents, both inclusive, one unit beyond, and the order of the reasons."""
    yield amounts("five_percent_more", "1.2", "1.26", PERCENT)
    yield amounts("five_percent_more_and_a_unit", "1.2", "1.260000000000000001", OUTSIDE)
    yield amounts("five_percent_less", "1.2", "1.14", PERCENT)
    yield amounts("five_percent_less_and_a_unit", "1.2", "1.139999999999999999", OUTSIDE)
    # 5 % of this is half a unit above 0.06: a threshold rounded to 18 decimals would let it pass
    yield amounts("unrounded_threshold", "1.20000000000000001", "1.260000000000000011", OUTSIDE)
    yield amounts("five_percent_of_little", "0.2", "0.21", PERCENT)
    yield amounts("five_percent_of_little_and_a_unit", "0.2", "0.210000000000000001", AMOUNT)
    yield amounts("five_cents_more", "0.3", "0.35", AMOUNT)
    yield amounts("five_cents_more_and_a_unit", "0.3", "0.350000000000000001", OUTSIDE)
    yield amounts("five_cents_less", "0.3", "0.25", AMOUNT)
    yield amounts("five_cents_less_and_a_unit", "0.3", "0.249999999999999999", OUTSIDE)
    yield amounts("five_percent_and_five_cents", "1", "1.05", PERCENT)
    yield amounts("five_percent_and_five_cents_and_a_unit", "1", "1.050000000000000001", OUTSIDE)
    yield amounts("one_unit", "0.3", "0.300000000000000001", PERCENT)
    yield amounts("both_nothing", "0", "0", EXACT)
    yield amounts("logged_nothing", "0", "0.03", AMOUNT)
    yield amounts("logged_nothing_five_cents", "0", "0.05", AMOUNT)
    yield amounts("logged_nothing_five_cents_and_a_unit", "0", "0.050000000000000001", OUTSIDE)
    yield amounts("billed_nothing", "0.03", "0", AMOUNT)
    yield amounts("billed_nothing_five_cents", "0.05", "0", AMOUNT)
    yield amounts("billed_nothing_five_cents_and_a_unit", "0.050000000000000001", "0", OUTSIDE)


def wrong_amounts() -> Iterator[Situation]:
    """What makes dollars differ in practice, each by about 6 cents; two up and two down cancel."""
    for place, ppm in (("any", 400), ("last", 1200)):
        how = {"place": place, "ppm": ppm}
        yield pair(
            "cache_discount_not_logged",
            OUTSIDE,
            Logged(cost=lambda price: price + usd("0.0625"), action="agent_step"),
            Billed(),
            model="gpt-4o",
            tokens=(60_000, 50_000, 400),
            **how,
        )
        yield pair(
            "batch_at_half_price",
            OUTSIDE,
            Logged(action="summarize"),
            Billed(cost=lambda price: price // 2),
            model="gpt-4.1",
            tokens=(30_000, 0, 8_000),
            **how,
        )
        yield pair(
            "logged_a_hundredth",
            OUTSIDE,
            Logged(cost=lambda price: price // 100, action="agent_step"),
            Billed(),
            model="gpt-4o",
            tokens=(18_000, 0, 1_500),
            **how,
        )
        yield pair(
            "more_output_billed",
            OUTSIDE,
            Logged(action="agent_step"),
            Billed(cost=lambda price: price + usd("0.06"), more_output=6_000),
            model="gpt-4o",
            tokens=(1_200, 0, 300),
            **how,
        )
    yield pair(
        "priced_as_another_model",
        OUTSIDE,
        Logged(cost=lambda price: price // 3 * 50),  # gpt-4o's price for gpt-4o-mini's tokens
        Billed(),
        place="last",
        ppm=400,
        model="gpt-4o-mini",
        tokens=(20_000, 0, 1_500),
    )
    yield pair(
        "stale_price_of_a_long_call",
        OUTSIDE,
        Logged(cost=lambda price: price * 5, action="agent_step"),
        Billed(),
        place="stale",
        ppm=300,
        model="o3",
        tokens=(4_000, 0, 2_500),
    )


def several_lines() -> Iterator[Situation]:
    """Equal lines count once, different lines of one request add up."""
    yield case("line_twice", Logged(), Billed(), Billed(), Row(EXACT), ppm=1000)
    plain, padded = (Billed(cost=usd("0.004"), written=text) for text in ("0.004", "0.00400"))
    yield case("line_twice_other_zeros", Logged(cost=usd("0.004")), plain, padded, Row(EXACT))
    halves = (Billed(part="input", cost=UNPRICED), Billed(at=3000, part="output", cost=UNPRICED))
    yield case("two_lines_priced", Logged(), *halves, Row(EXACT, bills=(0, 1)), ppm=100)
    yield case(
        "line_with_and_line_without_cost",
        Logged(cost=lambda price: price + usd("0.01")),
        Billed(cost=UNPRICED),
        Billed(at=3000, cost=usd("0.01")),
        Row(EXACT, bills=(0, 1)),
    )
    for name, cost, outcome in (("", "0.03", AMOUNT), ("_dear", "0.06", OUTSIDE)):
        twice = (Billed(cost=usd(cost)), Billed(cost=usd(cost), at=3000))
        both = Row(outcome, bills=(0, 1))
        yield case(f"billed_again{name}", Logged(cost=usd(cost)), *twice, both, place="last")
    first, other = Billed(cost=usd("0.01")), Billed(cost=usd("0.02"))
    third = Row(EXACT, bills=(0, 2))
    yield case("twice_and_another", Logged(cost=usd("0.03")), first, first, other, third)
    credit = Billed(at=5000, cost=lambda price: -price // 4)
    yield case("credited_in_bill", Logged(), Billed(), credit, Row(AMOUNT, bills=(0, 1)), ppm=100)


def priced_from_list() -> Iterator[Situation]:
    """Costs left empty: the price list fills them, or nothing can."""
    unpriced_call, unpriced_line = Logged(cost=UNPRICED), Billed(cost=UNPRICED)
    cached = {"model": "gpt-4o", "tokens": (3_000, 2_048, 300)}
    yield pair("log_priced", EXACT, unpriced_call, Billed(), ppm=500)
    yield pair("bill_priced", EXACT, Logged(), unpriced_line, ppm=500)
    yield pair("both_priced", EXACT, unpriced_call, unpriced_line, ppm=100)
    yield pair("cached_input_priced", EXACT, unpriced_call, unpriced_line, ppm=100, **cached)
    dated = Billed(cost=UNPRICED, model="openai/{}-2025-04-14")
    yield pair("dated_model_priced", EXACT, Logged(), dated, model="gpt-4.1")
    yield case("unlogged_priced", unpriced_line, UNLOGGED)

    old, new = {"place": "old_price", "model": "o3"}, {"place": "new_price", "model": "o3"}
    last_call, last_line = Logged(at=999), Billed(at=0)
    last_unpriced, first_line = Logged(at=999, cost=UNPRICED), Billed(at=0)
    first_unpriced = Billed(at=0, cost=UNPRICED)
    yield pair("old_price_in_log", EXACT, last_unpriced, last_line, ppm=0, **old)
    yield pair("old_price_in_bill", EXACT, last_call, first_unpriced, ppm=0, **old)
    yield pair("new_price_in_log", EXACT, unpriced_call, first_line, ppm=0, **new)
    yield pair("new_price_in_bill", EXACT, Logged(), first_unpriced, ppm=0, **new)
    yield pair("old_price_across", EXACT, last_unpriced, Billed(at=1000), ppm=0, **old)
    cheaper = Billed(at=1000, cost=lambda price: price // 5)
    yield pair(
        "price_changes_in_between", AMOUNT, last_call, cheaper, ppm=0, tokens=(900, 0, 300), **old
    )

    unknown_call, unknown_line = Logged(cost=UNKNOWN), Billed(cost=UNKNOWN)
    house = {"model": UNLISTED}
    yield pair("unlisted_model", EXACT, Logged(), Billed(), ppm=200, **house)
    yield pair("unlisted_model_in_log", NO_PRICE, unknown_call, Billed(), ppm=300, **house)
    yield pair("unlisted_model_in_bill", NO_PRICE, Logged(), unknown_line, ppm=50, **house)
    yield pair("unlisted_model_in_both", NO_PRICE, unknown_call, unknown_line, ppm=50, **house)
    yield case("unlisted_model_missing", unknown_call, MISSED, **house)
    yield case("unlisted_model_unlogged", unknown_line, UNLOGGED, **house)


def one_sided() -> Iterator[Situation]:
    """What only one side knows."""
    awaited, no_id = Row(AWAITING, bills=()), Row(NO_ID, bills=())
    not_call = Row(NOT_CALL, bills=())
    yield case("other_key", Billed(), UNLOGGED, ppm=5000)
    yield case("other_key_without_id", Billed(""), UNLOGGED, place="before_restated", ppm=300)
    yield case("other_key_blank_id", Billed("  "), UNLOGGED, place="before_restated")
    twins = (Billed(""), Billed(""), UNLOGGED, Row(NOT_FOUND, None, (1,)))
    yield case("equal_lines_without_id", *twins, place="before_restated")

    yield case("missing_from_bill", Logged(), MISSED, ppm=4000)
    refused = Logged(error='429: "rate limit reached", retry later', cost=0)
    yield case("failed_call_unbilled", refused, MISSED, ppm=500)
    yield case("missing_first_covered_instant", Logged(), MISSED, place="first_covered", ppm=0)
    yield case("missing_last_covered_instant", Logged(), MISSED, place="last_covered", ppm=0)
    yield case("before_first_bill", Logged(), awaited, place="early", ppm=500)
    yield case("before_first_bill_instant", Logged(), awaited, place="last_uncovered", ppm=0)
    yield case("after_last_bill", Logged(), awaited, place="late", ppm=1500)
    yield case("after_last_bill_instant", Logged(), awaited, place="first_uncovered", ppm=0)

    yield case("no_request_id", Logged(""), no_id, ppm=1500)
    yield case("blank_request_id", Logged("   "), no_id, ppm=50)
    yield case("no_request_id_after_last_bill", Logged(""), no_id, place="late", ppm=50)
    for action in NON_API_ACTIONS:
        granted = Logged("", cost=UNKNOWN, action=action, model="")
        yield case(action, granted, not_call, ppm=800)
    yield case("admin_action_with_cost", Logged("", action="admin_deduct"), not_call, ppm=500)
    yield case("admin_action_with_id", Logged(action="admin_grant"), not_call, ppm=50)


def logged_again() -> Iterator[Situation]:
    """One id in several rows of the log; of the rows here the first has the smallest usage id."""
    again = Logged(at=30_000)
    second = Row(DUPLICATE, log=2, bills=(), is_billed_elsewhere=True)
    unbilled = Row(DUPLICATE, log=1, bills=())
    yield case("logged_twice", Logged(), again, Billed(), Row(EXACT), REPEATED, ppm=2000)
    three = (Logged(), again, Logged(at=30_001), Billed(), Row(EXACT), REPEATED, second)
    yield case("logged_three_times", *three, ppm=100)
    # the row with the smaller usage id came later
    reverse = (again, Logged(), Billed(), Row(EXACT, log=1))
    late = Row(DUPLICATE, log=0, bills=(), is_billed_elsewhere=True)
    yield case("logged_twice_late_id_first", *reverse, late, ppm=100)
    same = (Logged(), Logged(), Billed(), Row(EXACT), REPEATED)
    yield case("logged_twice_same_instant", *same, ppm=50)
    yield case(
        "logged_twice_with_blanks", Logged(), Logged(" A", 30_000), Billed(), Row(EXACT), REPEATED
    )
    yield case("logged_twice_unbilled", Logged(), again, MISSED, unbilled, ppm=100)
    same_unbilled = (Logged(), Logged(), MISSED, unbilled)
    yield case("logged_twice_same_instant_unbilled", *same_unbilled)


def without_common_id() -> Iterator[Situation]:
    """Same model and tokens, at most 60 seconds apart, mutually nearest, no tie."""
    nameless, other = Logged(""), Billed("B")
    found = Row(EXACT, by=FALLBACK)
    no_id, unlogged_1 = Row(NO_ID, bills=()), Row(NOT_FOUND, None, (1,))
    no_id_1 = Row(NO_ID, log=1, bills=())
    before = {"place": "before_restated"}
    yield case("no_id_in_log", nameless, other, found, ppm=2500)
    yield case("no_id_in_bill", Logged(), Billed(""), found, ppm=300, **before)
    yield case("no_id_on_either_side", nameless, Billed("  "), found, ppm=50, **before)
    yield case("two_ids", Logged(), other, found, ppm=50)
    yield case("sixty_seconds_after", nameless, Billed("B", 60_000), found, ppm=50)
    yield case("sixty_seconds_before", Logged(), Billed("B", -60_000), found, ppm=50)
    apart = (Logged(), Billed("B", 61_000), MISSED, UNLOGGED)
    yield case("sixty_one_seconds", *apart, ppm=50)
    blink = (Logged("", -1), Billed("B", 60_000), no_id, UNLOGGED)
    yield case("a_millisecond_beyond", *blink)
    other_name = Billed("B", model="openai/{}-2024-07-18")
    yield case("no_id_other_name", nameless, other_name, found, model="gpt-4o-mini", ppm=50)
    yield case("no_id_other_tokens", nameless, Billed("B", more_output=1), no_id, UNLOGGED)
    yield case("no_id_other_model", nameless, Billed("B", model="o3"), no_id, UNLOGGED)
    free = (Logged("", cost=UNPRICED), Billed("B", cost=UNPRICED), found)
    yield case("no_id_both_priced", *free)
    house = (Logged("", cost=UNKNOWN), other, Row(NO_PRICE, by=FALLBACK))
    yield case("no_id_unlisted_model", *house, model=UNLISTED)
    apart_in_usd = (Logged("", cost=usd("0.2")), Billed("B", cost=usd("0.3")))
    yield case("no_id_outside", *apart_in_usd, Row(OUTSIDE, by=FALLBACK), place="last")
    yield case(
        "no_id_around_midnight", nameless, Billed("B", 20_000), found, place="midnight", ppm=0
    )

    tie = (nameless, Billed("B", -10_000), Billed("C", 10_000), no_id, UNLOGGED, unlogged_1)
    yield case("two_lines_equally_near", *tie, ppm=50)
    tie = (Logged("", -10_000), Logged("A", 10_000), Billed("B", 0))
    yield case("two_calls_equally_near", *tie, no_id, Row(MISSING, 1, ()), UNLOGGED, ppm=50)
    # the second call takes the line at 10 s, yet the first had two equally near and stays alone
    tie = (nameless, Logged("", 12_000), Billed("B", -10_000), Billed("C", 10_000))
    rows = (no_id, UNLOGGED, Row(EXACT, 1, (1,), FALLBACK))
    yield case("tie_beside_a_pair", *tie, *rows)
    nearer = (nameless, Logged("", 20_000), Billed("B", 5_000), found, no_id_1)
    yield case("nearer_call_wins", *nearer, ppm=50)
    # once the first pair is gone the rest would fit, but there is no second round
    rest = (Billed("C", 50_000), found, no_id_1, unlogged_1)
    yield case("no_second_round", nameless, Logged("", 20_000), Billed("B", 5_000), *rest)
    grant = (Logged("", action="admin_grant"), other, Row(NOT_CALL, bills=()), UNLOGGED)
    yield case("admin_action_beside_a_line", *grant)
    twice = (Logged(), Logged(at=30_000), Billed(), Billed("B", 31_000))
    yield case("repeated_log_beside_a_line", *twice, Row(EXACT), REPEATED, unlogged_1)


def restated() -> Iterator[Situation]:
    """A later file of the same issuer: it replaces, or refunds where all its lines are negative."""
    how = {"place": "restated"}
    again = Billed(restated=True)
    replaced, added = (1,), (0, 1)

    def back(share: int, at: int = 2000) -> Billed:
        return Billed(restated=True, at=at, cost=lambda price: -(price // share))

    unchanged = (Logged(), Billed(), again, Row(EXACT, bills=replaced))
    yield case("rebilled", *unchanged, ppm=600, **how)
    yield case("rebilled_first_day", *unchanged, place="restated_first_noon", ppm=0)
    yield case("rebilled_last_day", *unchanged, place="restated_last_noon", ppm=0)
    higher = Billed(restated=True, cost=lambda price: price // 100 * 103)
    within = (Logged(), Billed(), higher, Row(PERCENT, bills=replaced))
    yield case("restated_3_percent_more", *within, ppm=200, **how)
    dear = Billed(restated=True, cost=lambda price: price + usd("0.06"))
    outside = Row(OUTSIDE, bills=replaced)
    yield case("restated_outside", Logged(), Billed(), dear, outside, ppm=100, **how)
    wrong = Billed(cost=lambda price: price + usd("0.06"))
    corrected = (Logged(), wrong, again, Row(EXACT, bills=replaced))
    yield case("restated_to_the_right_amount", *corrected, ppm=200, **how)
    nothing = Billed(restated=True, cost=0)
    yield case("restated_to_nothing", Logged(), Billed(), nothing, Row(AMOUNT, bills=(1,)), **how)
    # a charge and a credit are a restatement: not all of its lines are negative
    mixed = (Logged(), Billed(), again, back(2), Row(AMOUNT, bills=(1, 2)))
    yield case("restated_with_credit", *mixed, **how)
    unlogged = (Billed(), higher, Row(NOT_FOUND, None, replaced))
    yield case("restated_unlogged", *unlogged, **how)
    yield case("late_on_the_bill", Logged(), again, Row(EXACT), ppm=100, **how)
    yield case("late_on_the_bill_unlogged", again, UNLOGGED, **how)

    refunded = Row(AMOUNT, bills=added)
    yield case("refund_of_a_part", Logged(), Billed(), back(4), refunded, ppm=200, **how)
    yield case("refund_of_all", Logged(), Billed(), back(1), refunded, ppm=50, **how)
    large = (Logged(cost=usd("0.2")), Billed(cost=usd("0.2")))
    half = Billed(restated=True, cost=usd("-0.1"))
    yield case("refund_outside", *large, half, Row(OUTSIDE, bills=added), **how)
    two = (back(4), back(4, 3000), Row(AMOUNT, bills=(0, 1, 2)))
    yield case("refund_in_two_lines", Logged(), Billed(), *two, **how)
    yield case("refund_line_twice", Logged(), Billed(), back(4), back(4), refunded, **how)
    yield case("refund_unlogged", Billed(), back(4), Row(NOT_FOUND, None, added), **how)
    yield case("refund_of_another_period", back(4), UNLOGGED, **how)

    # lines without an id fall to any later file that covers their day, whether it repeats them
    nameless, gone = Billed(""), Row(NO_ID, bills=())
    newer = Billed("", restated=True)
    yield case("line_without_id_withdrawn", Logged(), nameless, MISSED, ppm=50, **how)
    yield case("both_without_id_withdrawn", Logged(""), nameless, gone, **how)
    yield case("line_without_id_withdrawn_unlogged", nameless, **how)
    repeated = (Logged(), nameless, newer, Row(EXACT, bills=replaced, by=FALLBACK))
    yield case("line_without_id_repeated", *repeated, ppm=50, **how)
    yield case(
        "line_without_id_repeated_unlogged", nameless, newer, Row(NOT_FOUND, None, replaced), **how
    )
    kept, at = Row(EXACT, by=FALLBACK), Billed("", 0)
    yield case("last_second_before_restated", Logged(), at, kept, place="restated_eve", ppm=0)
    yield case("first_second_restated", Logged(), at, MISSED, place="restated_dawn", ppm=0)
    yield case("last_second_restated", Logged(), at, MISSED, place="restated_dusk", ppm=0)
    yield case("first_second_after_restated", Logged(), at, kept, place="restated_over", ppm=0)


SITUATIONS: tuple[Situation, ...] = tuple(
    situation
    for group in (
        by_id,
        tolerance,
        wrong_amounts,
        several_lines,
        priced_from_list,
        one_sided,
        logged_again,
        without_common_id,
        restated,
    )
    for situation in group()
)
