"""Why the log or the bill of a planted situation differs from the list, where they differ.

Stated by the names of the situations, as their outcomes are. A cause is provable where the row
leaves no other cause of the same amount.
"""

from typing import NamedTuple


class Cause(NamedTuple):
    """Why a side differs from the list; no code where it does not."""

    code: str = ""
    is_provable: bool = True

    @property
    def cells(self) -> tuple[str, str]:
        """As the truth has it."""
        return self.code, str(self.is_provable).lower() if self.code else ""


CAUSE_COLUMNS = "log_cause,is_log_cause_provable,bill_cause,is_bill_cause_provable"

NO_CAUSE = Cause()
# of no known cause, such as an amount that only tests a tolerance, or a refund
UNKNOWN = Cause("unexplained", False)
NOT_PRICED, GRANTED = Cause("no_price", False), Cause("free_tier_grant", False)
LOST = Cause("logging_gap", False)
# each token at a little more: for the bill alone that is a price that no list has
DEARER = Cause("price_change", False)
HALF, TWICE = Cause("batch", False), Cause("double_count", False)

# a reason of one side is its cause
OF_LOG = ("not_logged", "not_loggable", "duplicate_log", "no_price")
OF_BILL = ("missing_from_bill", "awaiting_bill")
NOT_COMPARED = ("not_an_api_call", "no_request_id")

# (log, bill) of rows that both sides have and that are not exact, and of days
BOTH_UNKNOWN = (
    "five_percent_more_and_a_unit",
    "five_percent_less",
    "five_percent_less_and_a_unit",
    "unrounded_threshold",
    "five_percent_of_little",
    "five_percent_of_little_and_a_unit",
    "five_cents_less",
    "five_cents_less_and_a_unit",
    "five_percent_and_five_cents",
    "five_percent_and_five_cents_and_a_unit",
    "billed_again",
    "billed_again_dear",
    "no_id_outside",
    "refund_outside",
)
REFUNDS = (
    "refund_of_a_part",
    "refund_of_all",
    "refund_in_two_lines",
    "refund_line_twice",
    "restated_outside",
    "restated_3_percent_more",
)
BY_REQUEST: dict[str, tuple[Cause, Cause]] = {
    **dict.fromkeys(BOTH_UNKNOWN, (UNKNOWN, UNKNOWN)),
    **dict.fromkeys(REFUNDS, (NO_CAUSE, UNKNOWN)),
    # what is charged nothing for is granted, as far as a bill can say
    "restated_to_nothing": (NO_CAUSE, Cause("free_tier_grant", False)),
    "five_percent_more": (UNKNOWN, UNKNOWN),
    "five_cents_more": (UNKNOWN, UNKNOWN),
    "five_cents_more_and_a_unit": (UNKNOWN, UNKNOWN),
    # inside the noise of doubles
    "one_unit": (NO_CAUSE, NO_CAUSE),
    "cents_with_18_decimals": (NO_CAUSE, NO_CAUSE),
    "logged_nothing": (NOT_PRICED, UNKNOWN),
    "logged_nothing_five_cents": (NOT_PRICED, UNKNOWN),
    "logged_nothing_five_cents_and_a_unit": (NOT_PRICED, UNKNOWN),
    "billed_nothing": (UNKNOWN, GRANTED),
    "billed_nothing_five_cents": (UNKNOWN, GRANTED),
    "billed_nothing_five_cents_and_a_unit": (UNKNOWN, GRANTED),
    "cache_discount_not_logged": (Cause("cache_ignored"), NO_CAUSE),
    "batch_at_half_price": (NO_CAUSE, HALF),
    "logged_a_hundredth": (Cause("unit_error"), NO_CAUSE),
    "more_output_billed": (Cause("token_mismatch"), NO_CAUSE),
    "priced_as_another_model": (Cause("priced_as_other_model"), NO_CAUSE),
    "stale_price": (Cause("stale_price"), NO_CAUSE),
    "stale_price_of_a_long_call": (Cause("stale_price"), NO_CAUSE),
    "price_changes_in_between": (Cause("stale_price"), NO_CAUSE),
    "rounded_cost": (UNKNOWN, NO_CAUSE),
    # the tokens of a charge and of its credit add up
    "credited_in_bill": (Cause("double_count"), UNKNOWN),
    "restated_with_credit": (Cause("double_count"), UNKNOWN),
}
BY_DAY: dict[str, tuple[Cause, Cause]] = {
    "three_percent_more": (NO_CAUSE, DEARER),
    "five_percent_more": (NO_CAUSE, DEARER),
    "a_fifth_more_of_little": (NO_CAUSE, DEARER),
    "drift_under_tolerance": (NO_CAUSE, DEARER),
    "restated_3_percent_more": (NO_CAUSE, DEARER),
    "five_cents_more": (NO_CAUSE, UNKNOWN),
    "five_cents_more_and_a_unit": (NO_CAUSE, UNKNOWN),
    "unmapped_class": (NO_CAUSE, UNKNOWN),
    "priority_at_double_price": (NO_CAUSE, Cause("priority")),
    "batch_at_half_price": (NO_CAUSE, Cause("batch")),
    "free_tier": (NO_CAUSE, Cause("free_tier_grant")),
    "lost_calls": (LOST, NO_CAUSE),
    "evals": (LOST, NO_CAUSE),
    "logged_twice": (Cause("duplicate_log"), NO_CAUSE),
    "lost_calls_and_double_price": (LOST, TWICE),
    "lost_calls_hidden_by_half_price": (LOST, HALF),
    # five times the price, of every token
    "logged_at_price_of_gpt_4_1": (Cause("priced_as_other_model", False), NO_CAUSE),
    "restated_outside": (NO_CAUSE, TWICE),
}


def cause_cells(
    stated: dict[str, tuple[Cause, Cause]], situation: str, reason: str, difference: int | None
) -> tuple[str, ...]:
    """The cells of CAUSE_COLUMNS for a row or day; the difference is None where it is unknown."""
    causes = (NO_CAUSE, NO_CAUSE)
    if reason in OF_LOG:
        causes = (Cause(reason), NO_CAUSE)
    elif reason in OF_BILL:
        causes = (NO_CAUSE, Cause(reason))
    elif reason in NOT_COMPARED:
        causes = (Cause("not_applicable") if difference != 0 else NO_CAUSE, NO_CAUSE)
    elif reason != "exact" or situation in stated:
        causes = stated[situation]
    return *causes[0].cells, *causes[1].cells
