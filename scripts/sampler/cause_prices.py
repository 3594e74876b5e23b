"""What the price list asks for the models of the causes, and what calls cost by it.

Amounts are whole units of 1e-18 USD, prices such units per token.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sampler.vocabulary import UNLISTED

ALWAYS = date(1970, 1, 1)
SOL_CHEAPER = date(2026, 8, 21)  # gpt-5.6
LUNA_CHEAPER = date(2026, 7, 30)  # gpt-5.6-luna
FLAT_CONTEXT = date(2026, 3, 13)  # claude-opus-4-6: long prompts at the price of short ones
LONG = 272_001  # the least input tokens of a long context; Claude's are 200,001


class Tokens(NamedTuple):
    """Tokens of a call: input holds cached and written ones, output holds reasoning."""

    input: int = 0
    cached: int = 0
    write: int = 0
    output: int = 0
    reasoning: int = 0


class Price(NamedTuple):
    """Units of 1e-18 USD per token."""

    input: int
    cached: int
    write: int
    output: int

    def of(self, tokens: Tokens) -> int:
        """What tokens cost."""
        uncached = tokens.input - tokens.cached - tokens.write
        amounts = (
            uncached * self.input,
            tokens.cached * self.cached,
            tokens.write * self.write,
            tokens.output * self.output,
        )
        return sum(amounts)


def per_1m(text: str) -> Price:
    """A price of four numbers in USD per 1M tokens; `-` is the price of the input."""
    first, *rest = text.split()
    return Price(
        *(int(Decimal(first if part == "-" else part) * 10**12) for part in (first, *rest))
    )


# model: (in force from, least input tokens, price), the later and the longer last
PRICE_LIST: dict[str, tuple[tuple[date, int, Price], ...]] = {
    "gpt-5.6": (
        (ALWAYS, 0, per_1m("5 0.5 6.25 30")),
        (ALWAYS, LONG, per_1m("10 1 12.5 45")),
        (SOL_CHEAPER, 0, per_1m("4 0.4 5 20")),
        (SOL_CHEAPER, LONG, per_1m("8 0.8 10 30")),
    ),
    "gpt-5.6-luna": (
        (ALWAYS, 0, per_1m("1 0.1 1.25 6")),
        (ALWAYS, LONG, per_1m("2 0.2 2.5 9")),
        (LUNA_CHEAPER, 0, per_1m("0.2 0.02 0.25 1.2")),
        (LUNA_CHEAPER, LONG, per_1m("0.4 0.04 0.5 1.8")),
    ),
    "gpt-5.4": (
        (ALWAYS, 0, per_1m("2.5 0.25 - 15")),
        (ALWAYS, LONG, per_1m("5 0.5 - 22.5")),
    ),
    "gpt-5.4-mini": ((ALWAYS, 0, per_1m("0.75 0.075 - 4.5")),),
    "gpt-5.2": ((ALWAYS, 0, per_1m("1.75 0.175 - 14")),),
    "gpt-5.2-pro": ((ALWAYS, 0, per_1m("21 - - 168")),),
    "gpt-5-mini": ((ALWAYS, 0, per_1m("0.25 0.025 - 2")),),
    "gpt-4.1": ((ALWAYS, 0, per_1m("2 0.5 - 8")),),
    "gpt-4o": ((ALWAYS, 0, per_1m("2.5 1.25 - 10")),),
    "gpt-4o-2024-05-13": ((ALWAYS, 0, per_1m("5 - - 15")),),
    "gpt-4o-mini": ((ALWAYS, 0, per_1m("0.15 0.075 - 0.6")),),
    "o4-mini": ((ALWAYS, 0, per_1m("1.1 0.275 - 4.4")),),
    "claude-opus-4-6": (
        (ALWAYS, 0, per_1m("5 0.5 6.25 25")),
        (ALWAYS, 200_001, per_1m("10 1 12.5 37.5")),
        (FLAT_CONTEXT, 0, per_1m("5 0.5 6.25 25")),
        (FLAT_CONTEXT, 200_001, per_1m("5 0.5 6.25 25")),
    ),
    # what it really costs; no list has it
    UNLISTED: ((ALWAYS, 0, per_1m("2.5 1.25 - 10")),),
}


def price_of(model: str, day: date, input_tokens: int) -> Price:
    """The price of a model on a day for a call of so many input tokens."""
    rows = [row for row in PRICE_LIST[model] if row[0] <= day and row[1] <= input_tokens]
    return max(rows, key=lambda row: row[:2])[2]


@dataclass(frozen=True, slots=True)
class Call:
    """A call, or those of its tokens that one line item bills."""

    model: str
    day: date
    tokens: Tokens
    context: int  # input tokens of the whole call, which decide its price

    @property
    def price(self) -> Price:
        """Its list price per token."""
        return price_of(self.model, self.day, self.context)

    @property
    def listed(self) -> int:
        """Its list price."""
        return self.price.of(self.tokens)
