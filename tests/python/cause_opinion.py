"""A slow second opinion about what an amount is, from the price list and the seeds of causes.

It knows the files of the sample and nothing of how they were made. Amounts are USD.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from test_generate_sample import ROOT, moment, read, short

NOISE = Decimal("1e-9")
CENT = Decimal("0.01")
SEEDS = ROOT / "seeds"
CLASSES = ("input", "cached_input", "cache_write", "output")
Price = tuple[Decimal, Decimal, Decimal, Decimal]  # per 1M of the four classes


@dataclass(frozen=True)
class Counts:
    """Tokens of a call: input holds cached and written ones, output holds reasoning."""

    input: int
    cached: int
    write: int
    output: int
    reasoning: int = 0

    def at(self, price: Price) -> Decimal:
        """What they cost."""
        counts = (self.input - self.cached - self.write, self.cached, self.write, self.output)
        return sum(
            (count * usd for count, usd in zip(counts, price, strict=True)), Decimal(0)
        ) / Decimal(1_000_000)


@dataclass(frozen=True)
class Asked:
    """An amount that a side states, and what the row says about the call."""

    side: str
    amount: Decimal
    counts: Counts
    model: str
    at: datetime
    context: int = 0  # input tokens of the call, which decide its price
    tier: str = ""
    is_tier_said: bool = False
    is_batch: bool | None = None
    region: str = ""
    fee: Decimal = Decimal(0)
    as_logged: Decimal | None = None  # the logged tokens at list price, where they are others
    implied: tuple[Price, ...] = field(default=())  # prices that the bill of the day proves


@cache
def seed_rows(name: str) -> list[dict[str, str]]:
    """The rows of a seed."""
    return read(SEEDS / f"{name}.csv")


@cache
def price_rows() -> dict[str, list[tuple[datetime, int, Price]]]:
    """Rows of the price list by model."""
    rows = defaultdict(list)
    for row in seed_rows("ai_model_pricing"):
        texts = [row[f"{name}_price_per_1m"] for name in CLASSES]
        if texts[0] and texts[3]:
            price = tuple(Decimal(text or texts[0]) for text in texts)
            at, least = moment(row["effective_from"]), int(row["min_input_tokens"])
            rows[row["model_name"]].append((at, least, price))
    return rows


@cache
def price_name(model: str) -> str | None:
    """The name that the list has for a model as it is written, None if it has none."""
    names = (model, model.split("/")[-1], short(model))
    return next((name for name in names if name in price_rows()), None)


@cache
def price_at(model: str, at: datetime, input_tokens: int) -> Price | None:
    """The price of a listed model for a call."""
    tiers = {}
    for since, least, price in sorted(price_rows()[model]):
        if since <= at and least <= input_tokens:
            tiers[least] = price
    return tiers[max(tiers)] if tiers else None


def listed(model: str, at: datetime, counts: Counts) -> Decimal | None:
    """The list price of a call, None where the list has none."""
    name = price_name(model)
    price = name and price_at(name, at, counts.input)
    return counts.at(price) if price else None


def prices_of(asked: Asked, price_row: str) -> Iterator[Price]:
    """The prices that a hypothesis tries."""
    name, put = price_name(asked.model), asked.context
    in_force = price_at(name, asked.at, put)
    if price_row == "in_force":
        yield in_force
    elif price_row == "short_context":
        if (short_price := price_at(name, asked.at, 0)) != in_force:
            yield short_price
    elif price_row == "implied":
        yield from asked.implied
    elif price_row == "other_model":
        for other in price_rows():
            price = price_at(other, asked.at, put)
            if other != name and price and any(price):
                yield price
    else:
        dates = sorted({since for since, *_ in price_rows()[name]})
        since = max(day for day in dates if day <= asked.at)
        for day in dates:
            if (day < since and price_row == "earlier") or (day > since and price_row == "later"):
                yield price_at(name, day, put)


def factors(asked: Asked, row: dict[str, str]) -> list[Decimal]:
    """The factors that a hypothesis tries, none where the facts rule it out."""
    if row["fact"] == "uncounted_day":
        return []
    if (row["fact"] == "region" and not asked.region) or (row["fact"] == "fee" and not asked.fee):
        return []
    tiers = [
        (tier["service_tier"], Decimal(tier["multiplier"]))
        for tier in seed_rows("service_tiers")
        if tier["cause"] == row["cause"]
    ]
    if row["fact"] == "service_tier":
        return [factor for tier, factor in tiers if tier == asked.tier]
    if row["hypothesis"] == "region_factor" and asked.region:
        return []
    if row["factor"]:
        return [Decimal(row["factor"])]
    is_ruled_out = asked.is_tier_said or (row["cause"] == "batch" and asked.is_batch is False)
    return [] if is_ruled_out else [factor for _, factor in tiers]


def candidates(asked: Asked, row: dict[str, str]) -> Iterator[Decimal]:
    """The amounts that a hypothesis gives."""
    if row["fact"] == "repeated_lines":
        # no call of these samples is billed in several lines
        return
    if row["price_row"] == "logged_tokens":
        if asked.as_logged is not None:
            yield asked.as_logged
        return
    weigh = {name: Decimal(row[name]) for name in row if row[name] and name in WEIGHTS}
    counts = asked.counts
    if weigh["reasoning"] and not counts.reasoning:
        return
    if asked.context < int(row["min_input_tokens"]):
        return
    for price in prices_of(asked, row["price_row"]):
        parts = (
            weigh["uncached"] * (counts.input - counts.cached - counts.write) * price[0],
            weigh["cached"] * counts.cached * price[1],
            weigh["cached_at_input_price"] * counts.cached * price[0],
            weigh["cache_write"] * counts.write * price[2],
            weigh["cache_write_at_input_price"] * counts.write * price[0],
            weigh["output"] * counts.output * price[3],
            weigh["reasoning"] * counts.reasoning * price[3],
        )
        for factor in factors(asked, row):
            usd = factor * sum(parts, Decimal(0)) / 1_000_000 + weigh["fee"] * asked.fee
            yield usd.quantize(CENT, ROUND_HALF_UP) if row["rounding"] == "cent" else usd


WEIGHTS = {
    "uncached",
    "cached",
    "cached_at_input_price",
    "cache_write",
    "cache_write_at_input_price",
    "output",
    "reasoning",
    "fee",
}


def explain(asked: Asked) -> tuple[str | None, list[str]]:
    """The cause of an amount, None where it is the list price, and what it is ambiguous of."""
    expected = asked.counts.at(price_at(price_name(asked.model), asked.at, asked.context))
    if abs(asked.amount - expected) <= NOISE:
        return None, []
    for evidence_class in "12345":
        found = set()
        for row in seed_rows("pricing_hypotheses"):
            if row["evidence_class"] == evidence_class and row["side"] in ("", asked.side):
                amounts = candidates(asked, row)
                if any(abs(usd - asked.amount) <= NOISE < abs(usd - expected) for usd in amounts):
                    found.add(row["cause"])
        if len(found) == 1:
            return found.pop(), []
        if found:
            return "ambiguous", sorted(found)
    return "unexplained", []
