"""The rules of causes at the request grain in plain Python: why each row's amounts differ.

Written from the rules, not from the SQL: it shares no code with the models. It takes the rows that
oracle.py reconciled, each with its call and its billed request, and splits every difference into
what our log and what the bill made otherwise than the list price says, each with its cause.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from pathlib import Path

from oracle import (
    EXACT,
    Billed,
    Call,
    Price,
    Reference,
    first_of_month,
    full_name,
    model_name,
    trimmed,
    usd,
)

NOISE = Decimal("1e-9")
PER_MILLION = Decimal("0.000001")
CENT = Decimal("0.01")
TWO_SIDED = ("exact", "within_percent", "within_amount", "outside_tolerance")
BILL_SIDE = ("missing_from_bill", "awaiting_bill", "non_usage_charge")
NOT_APPLICABLE = ("not_an_api_call", "no_request_id")
CLASSES = (
    *("uncached", "cached", "cached_at_input_price", "cache_write"),
    *("cache_write_at_input_price", "output", "reasoning"),
)


# what is given ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hypothesis:
    """A way in which an amount may have been computed."""

    name: str
    cause: str
    side: str | None
    """whose amounts it is tried on, `log` or `bill`; None for both"""
    evidence_class: int
    fact: str | None
    min_input_tokens: int
    price_row: str
    coefficients: dict[str, Decimal]
    """token class -> how often it counts"""
    factor: Decimal | None
    """None for the multipliers of the service tiers of its cause"""
    fee: Decimal
    rounding: str


@dataclass(frozen=True)
class Tier:
    """What a service tier charges, as a multiple of the list price."""

    service_tier: str
    cause: str
    multiplier: Decimal
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True)
class Rules:
    """What people edit: the hypotheses and the service tiers."""

    hypotheses: tuple[Hypothesis, ...]
    tiers: tuple[Tier, ...]

    @classmethod
    def read(cls, folder: Path) -> Rules:
        def rows(name: str) -> list[dict[str, str]]:
            with (folder / name).open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))

        hypotheses = tuple(
            Hypothesis(
                name=row["hypothesis"],
                cause=row["cause"],
                side=row["side"] or None,
                evidence_class=int(row["evidence_class"]),
                fact=row["fact"] or None,
                min_input_tokens=int(row["min_input_tokens"]),
                price_row=row["price_row"],
                coefficients={name: Decimal(row[name]) for name in CLASSES},
                factor=Decimal(row["factor"]) if row["factor"] else None,
                fee=Decimal(row["fee"]),
                rounding=row["rounding"],
            )
            for row in rows("pricing_hypotheses.csv")
        )
        tiers = tuple(
            Tier(
                service_tier=row["service_tier"],
                cause=row["cause"],
                multiplier=Decimal(row["multiplier"]),
                valid_from=datetime.fromisoformat(row["valid_from"]),
                valid_to=datetime.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            )
            for row in rows("service_tiers.csv")
        )
        return cls(hypotheses, tiers)

    @property
    def tier_causes(self) -> set[str]:
        return {tier.cause for tier in self.tiers}

    def causes_of_fact(self, fact: str) -> set[str]:
        """The causes that a fact on a row proves."""
        return {way.cause for way in self.hypotheses if way.fact == fact}


@dataclass(frozen=True)
class Tokens:
    """The tokens of a call; `input` holds the cached and the written ones."""

    input: int
    cached: int
    written: int
    output: int
    reasoning: int = 0


@dataclass(frozen=True)
class Pair:
    """A call with the billed request that it is matched to, and the list price of the two."""

    call: Call
    request: Billed
    expected_usd: Decimal

    @property
    def priced(self) -> Call | Billed:
        """Whose tokens count: the bill's, or the log's where the bill counts none."""
        has_none = self.request.input_tokens is None and self.request.output_tokens is None
        return self.call if has_none else self.request

    @property
    def at(self) -> datetime:
        return self.request.billed_at or self.call.created_at

    @property
    def reasoning_tokens(self) -> int:
        known = self.request.reasoning_tokens
        return (self.call.reasoning_tokens if known is None else known) or 0

    def sides(self, side: str) -> tuple[Call | Billed, Call | Billed]:
        """The side itself, then the other, which speaks where the side says nothing."""
        return (self.call, self.request) if side == "log" else (self.request, self.call)

    def tier(self, side: str) -> str | None:
        """The service tier that is stated, of two statements the side's own."""
        own, other = (stated_tier(row) for row in self.sides(side))
        return own or other

    @property
    def region(self) -> str | None:
        return trimmed(self.request.region) or trimmed(self.call.region)


def stated_tier(row: Call | Billed) -> str | None:
    """The tier that a row states.

    `auto` is a wish and no tier; `default` and `standard` are what a log holds of every call.
    """
    if row.is_batch:
        return "batch"
    tier = (row.service_tier or "").strip().lower()
    unstated = ("", "auto", "default", "standard") if isinstance(row, Call) else ("", "auto")
    return None if tier in unstated else tier


def tokens_of(row: Call | Billed, reasoning_tokens: int) -> Tokens:
    return Tokens(
        input=row.input_tokens,
        cached=row.cached_input_tokens or 0,
        written=row.cache_write_tokens or 0,
        output=row.output_tokens,
        reasoning=reasoning_tokens,
    )


# prices -------------------------------------------------------------------------------------------


def listed_name(name: str | None, reference: Reference) -> str | None:
    """The name under which the price list has a model."""
    if trimmed(name) is None:
        return None
    names = (full_name(name), reference.aliases.get(full_name(name)), model_name(name, reference))
    return next((name for name in names if name in reference.prices), None)


def price_at(listed: list[Price], at: datetime, input_tokens: int) -> Price | None:
    """The price in force at a time, of the context tier that the input tokens reach."""
    in_force = {price.min_input_tokens: price for price in listed if price.effective_from <= at}
    reached = [threshold for threshold in in_force if threshold <= input_tokens]
    return in_force[max(reached)] if reached else None


def prices_of(way: Hypothesis, pair: Pair, reference: Reference) -> list[Price]:
    """The prices of which any may have been taken."""
    name = listed_name(pair.request.model, reference)
    listed, given = reference.prices[name], pair.priced.input_tokens
    changes = sorted({price.effective_from for price in listed})
    current = max(change for change in changes if change <= pair.at)
    in_force = price_at(listed, pair.at, given)
    if way.price_row == "in_force":
        found = [in_force]
    elif way.price_row == "short_context":
        found = [] if in_force.min_input_tokens == 0 else [price_at(listed, pair.at, 0)]
    elif way.price_row == "earlier":
        found = [price_at(listed, change, given) for change in changes if change < current]
    elif way.price_row == "later":
        found = [price_at(listed, change, given) for change in changes if change > current]
    elif way.price_row == "other_model":
        found = [
            price_at(prices, pair.at, given)
            for other, prices in reference.prices.items()
            if other != name
        ]
        # models of one price are one
        found = list({rates(price): price for price in found if price is not None}.values())
        found = [price for price in found if any(rates(price))]
    else:
        found = []
    return [price for price in found if price is not None]


def rates(price: Price) -> tuple[Decimal | None, ...]:
    return (price.input, price.cached_input, price.cache_write, price.output)


def class_amounts(tokens: Tokens, price: Price) -> dict[str, Decimal | None]:
    """USD of each token class; a class without tokens costs nothing, whatever the list lacks."""

    def cost(count: int, per_million: Decimal | None) -> Decimal | None:
        if count == 0:
            return Decimal(0)
        return None if per_million is None else count * per_million * PER_MILLION

    cached = price.input if price.cached_input is None else price.cached_input
    written = price.input if price.cache_write is None else price.cache_write
    return {
        "uncached": cost(tokens.input - tokens.cached - tokens.written, price.input),
        "cached": cost(tokens.cached, cached),
        "cached_at_input_price": cost(tokens.cached, price.input),
        "cache_write": cost(tokens.written, written),
        "cache_write_at_input_price": cost(tokens.written, price.input),
        "output": cost(tokens.output, price.output),
        "reasoning": cost(tokens.reasoning, price.output),
    }


# hypotheses ---------------------------------------------------------------------------------------


def is_tried(way: Hypothesis, side: str, pair: Pair, rules: Rules) -> bool:
    """Whether a hypothesis may be true of this side of the pair."""
    tier, is_factor_of_a_tier = pair.tier(side), way.factor is None and way.fact is None
    return (
        way.side in (None, side)
        and pair.priced.input_tokens >= way.min_input_tokens
        and (way.coefficients["reasoning"] == 0 or pair.reasoning_tokens > 0)
        and (way.price_row != "logged_tokens" or has_other_tokens(side, pair))
        and (way.fact != "service_tier" or tier in tiers_of(way.cause, rules))
        and (way.fact != "region" or pair.region is not None)
        and (way.fact != "fee" or bool(pair.request.fee_usd))
        and (way.fact != "repeated_lines" or is_billed_repeatedly(pair))
        and (way.fact in (None, "service_tier", "region", "fee", "repeated_lines"))
        # what a row states is not guessed
        and not (is_factor_of_a_tier and tier is not None)
        and not (is_factor_of_a_tier and way.cause == "batch" and pair.request.is_batch is False)
        and not (
            way.fact is None
            and way.cause in rules.causes_of_fact("region")
            and pair.region is not None
        )
    )


def tiers_of(cause: str, rules: Rules) -> set[str]:
    return {tier.service_tier for tier in rules.tiers if tier.cause == cause}


def is_billed_repeatedly(pair: Pair) -> bool:
    """Whether the bill has several lines for the call, and each counts all its tokens."""
    call, request = pair.call, pair.request
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens")
    return (
        request.line_count > 1
        and None not in (call.input_tokens, call.output_tokens)
        and None not in (request.input_tokens, request.output_tokens)
        and all(
            (getattr(request, name) or 0) == request.line_count * (getattr(call, name) or 0)
            for name in names
        )
    )


def has_other_tokens(side: str, pair: Pair) -> bool:
    """Whether the log counts tokens that may have made the side's amount, and the bill does not."""
    call, request = pair.call, pair.request
    is_counted_alike = (call.input_tokens, call.output_tokens) == (
        request.input_tokens,
        request.output_tokens,
    )
    if side == "bill":
        # a bill may charge cached tokens for less without counting them
        return (
            is_counted_alike
            and request.cached_input_tokens is None
            and bool(call.cached_input_tokens)
        )
    if pair.priced is call:
        return False
    return (
        not is_counted_alike
        or (call.cached_input_tokens or 0) not in (0, request.cached_input_tokens)
        or (call.cache_write_tokens or 0) not in (0, request.cache_write_tokens)
    )


def factors_of(way: Hypothesis, side: str, pair: Pair, rules: Rules) -> list[Decimal]:
    if way.factor is not None:
        return [way.factor]
    return [
        tier.multiplier
        for tier in rules.tiers
        if tier.cause == way.cause
        and (way.fact != "service_tier" or tier.service_tier == pair.tier(side))
        and tier.valid_from <= pair.at
        and (tier.valid_to is None or pair.at < tier.valid_to)
    ]


def list_amounts(way: Hypothesis, pair: Pair, reference: Reference) -> list[dict]:
    """The amounts of the token classes, once for each price that may have been taken."""
    if way.price_row == "logged_tokens":
        call = pair.call
        name = listed_name(call.model_used, reference)
        if name is None or call.input_tokens is None or call.output_tokens is None:
            return []
        price = price_at(reference.prices[name], call.created_at, call.input_tokens)
        own = tokens_of(call, call.reasoning_tokens or 0)
        return [] if price is None else [class_amounts(own, price)]
    tokens = tokens_of(pair.priced, pair.reasoning_tokens)
    return [class_amounts(tokens, price) for price in prices_of(way, pair, reference)]


def amounts_under(
    way: Hypothesis, side: str, pair: Pair, reference: Reference, rules: Rules
) -> list[Decimal]:
    """What the call would cost if the hypothesis were true."""
    result = []
    for amounts in list_amounts(way, pair, reference):
        counted = [
            (coefficient, amounts[name])
            for name, coefficient in way.coefficients.items()
            if coefficient != 0
        ]
        if any(amount is None for _, amount in counted):
            continue
        cost = sum((coefficient * amount for coefficient, amount in counted), Decimal(0))
        for factor in factors_of(way, side, pair, rules):
            candidate = usd(factor * cost + way.fee * (pair.request.fee_usd or Decimal(0)))
            if way.rounding == "cent":
                candidate = candidate.quantize(CENT, context=EXACT)
            result.append(candidate)
    return result


def is_reproduced(
    amount: Decimal, way: Hypothesis, side: str, pair: Pair, reference: Reference, rules: Rules
) -> bool:
    """Whether the hypothesis gives the amount, and not the list price."""
    return is_tried(way, side, pair, rules) and any(
        abs(candidate - amount) <= NOISE < abs(candidate - pair.expected_usd)
        for candidate in amounts_under(way, side, pair, reference, rules)
    )


def explain(
    amount: Decimal, side: str, pair: Pair, reference: Reference, rules: Rules
) -> tuple[str, set[str]]:
    """The cause of a side's error, and the candidates where there are several."""
    if side == "bill" and pair.request.is_credited:
        # what is left of a charge is no price of the tokens
        return "unexplained", set()
    for evidence_class in sorted({way.evidence_class for way in rules.hypotheses}):
        causes = {
            way.cause
            for way in rules.hypotheses
            if way.evidence_class == evidence_class
            and is_reproduced(amount, way, side, pair, reference, rules)
        }
        if len(causes) == 1:
            return causes.pop(), set()
        if causes:
            return "ambiguous", causes
    return "unexplained", set()


# rows ---------------------------------------------------------------------------------------------


def expect_causes(
    pairs: list[tuple[dict, Call | None, Billed | None]], reference: Reference, rules: Rules
) -> list[dict]:
    """The columns of causes of every row of reconciled_requests, with its key."""
    with localcontext(EXACT):
        return [explained(row, call, request, reference, rules) for row, call, request in pairs]


def explained(
    row: dict, call: Call | None, request: Billed | None, reference: Reference, rules: Rules
) -> dict:
    reason, difference = row["status_reason"], row["difference_usd"]
    errors: dict[str, Decimal | None] = {"log": None, "bill": None}
    causes: dict[str, str | None] = {"log": None, "bill": None}
    candidates: set[str] = set()
    if reason == "no_price":
        causes["log"] = "no_price"
    elif reason not in TWO_SIDED:
        side = "bill" if reason in BILL_SIDE else "log"
        if difference is not None:
            errors = {"log": Decimal(0), "bill": Decimal(0)} | {side: difference}
        if reason not in NOT_APPLICABLE:
            causes[side] = reason
        elif abs(difference or 0) > NOISE:
            causes[side] = "not_applicable"
    elif row["expected_usd"] is None:
        if abs(difference) > NOISE:
            causes["log"] = "no_price"
    else:
        # a matched row that is no provider call may lack a cost, which counts as 0
        amounts = {side: row[f"{side}_usd"] or Decimal(0) for side in ("logged", "billed")}
        expected = row["expected_usd"]
        errors = {
            "log": usd(expected - amounts["logged"]),
            "bill": usd(amounts["billed"] - expected),
        }
        if abs(difference) > NOISE:
            pair = Pair(call, request, expected)
            for side, amount in (("log", amounts["logged"]), ("bill", amounts["billed"])):
                if abs(errors[side]) > NOISE:
                    causes[side], found = explain(amount, side, pair, reference, rules)
                    candidates |= found
    named = {cause for cause in causes.values() if cause is not None}
    return {
        "reconciliation_key": row["reconciliation_key"],
        "log_error_usd": errors["log"],
        "log_cause": causes["log"],
        "bill_error_usd": errors["bill"],
        "bill_cause": causes["bill"],
        "cause": "several" if len(named) > 1 else next(iter(named), None),
        "cause_candidates": ", ".join(sorted(candidates)) or None,
    }


def waterfall(rows: list[dict], causes: list[dict]) -> list[dict]:
    """From logged to billed: every dollar of difference by month, model, side and cause."""
    steps: dict[tuple[date | None, str | None, str, str | None], list[Decimal]] = defaultdict(list)
    for row, why in zip(rows, causes, strict=True):
        errors = {side: why[f"{side}_error_usd"] for side in ("log", "bill")}
        if errors["log"] is None or why["cause"] is None:
            # what an unknown amount leaves, and noise, which is no side's
            known = usd((row["billed_usd"] or Decimal(0)) - (row["logged_usd"] or Decimal(0)))
            errors = {"log": known, "bill": Decimal(0)}
        for side, error in errors.items():
            cause = why[f"{side}_cause"]
            if error != 0 or cause is not None:
                month = first_of_month(row["usage_date"])
                steps[month, row["model"], side, cause].append(error)
    return [
        {
            "usage_month": month,
            "model": model,
            "side": side,
            "cause": cause,
            "row_count": len(errors),
            "difference_usd": sum(errors, Decimal(0)),
        }
        for (month, model, side, cause), errors in steps.items()
    ]
