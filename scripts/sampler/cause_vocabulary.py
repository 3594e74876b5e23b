"""The words a cause is told in: what a log or a bill makes of a call, and whether a row proves it.

Amounts are whole units of 1e-18 USD.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sampler.cause_prices import Call, Price, Tokens, price_of

CENT = 10**16

Amount = Callable[[Call], int]
Counting = Callable[[Tokens], Tokens]


# --- amounts: what is asked or noted for a call ------------------------------------------------


def listed(call: Call) -> int:
    """The list price."""
    return call.listed


def nothing(call: Call) -> int:
    """No dollar at all."""
    return 0


def cache_at_input_price(call: Call) -> int:
    """No discount for cached tokens."""
    return call.price._replace(cached=call.price.input).of(call.tokens)


def cache_besides_input(call: Call) -> int:
    """Cached tokens on top of an input that holds them."""
    return cache_at_input_price(call) + call.tokens.cached * call.price.cached


def cache_free(call: Call) -> int:
    """Cached tokens for nothing."""
    return call.price._replace(cached=0).of(call.tokens)


def write_at_input_price(call: Call) -> int:
    """Tokens written to the cache like other input."""
    return call.price._replace(write=call.price.input).of(call.tokens)


def reasoning_besides_output(call: Call) -> int:
    """Reasoning on top of an output that holds it."""
    return call.listed + call.tokens.reasoning * call.price.output


def reasoning_alone(call: Call) -> int:
    """Of the output only the reasoning."""
    return call.price.of(call.tokens._replace(output=call.tokens.reasoning))


def short_context_price(call: Call) -> int:
    """A long prompt at the price of a short one."""
    return price_of(call.model, call.day, 0).of(call.tokens)


def long_context_price(call: Call) -> int:
    """Twice the input and half as much again for the output."""
    put, cached, write, out = call.price
    return Price(put * 2, cached * 2, write * 2, out * 3 // 2).of(call.tokens)


def whole_cents(call: Call) -> int:
    """The list price, rounded to whole cents."""
    return (call.listed + CENT // 2) // CENT * CENT


def times(numerator: int, denominator: int = 1) -> Amount:
    """So many times the list price."""
    return lambda call: call.listed * numerator // denominator


def plus(units: int) -> Amount:
    """The list price and so much more."""
    return lambda call: call.listed + units


def priced_on(day: date) -> Amount:
    """By the model's list price of another day."""
    return lambda call: price_of(call.model, day, call.context).of(call.tokens)


def priced_as(model: str) -> Amount:
    """By the list price of another model."""
    return lambda call: price_of(model, call.day, call.context).of(call.tokens)


def at(price: Price) -> Amount:
    """By a price that no list has."""
    return lambda call: price.of(call.tokens)


# --- countings: how many tokens a side says a call has -----------------------------------------


def all_tokens(tokens: Tokens) -> Tokens:
    """As many as there are."""
    return tokens


def by_own_tokenizer(tokens: Tokens) -> Tokens:
    """Some input more and some output less, as an estimate has them."""
    return tokens._replace(
        input=tokens.input + tokens.input // 37 + 1, output=tokens.output - tokens.output // 29 - 1
    )


def until_broken_off(tokens: Tokens) -> Tokens:
    """The output that had arrived when the stream broke off; the rest is billed as well."""
    return tokens._replace(output=tokens.output * 2 // 5)


def part_of_cache(tokens: Tokens) -> Tokens:
    """A part of the cached tokens."""
    return tokens._replace(cached=tokens.cached // 256 * 128)


def without_reasoning(tokens: Tokens) -> Tokens:
    """No word of reasoning."""
    return tokens._replace(reasoning=0)


# --- sides -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """What one side makes of a call: its amount, the facts it states, and why it is off the list.

    `cause` is empty where the amount is the list price. It is provable where the row, the list
    and, for a price change, the other rows of the day leave no other cause of the same amount.
    """

    amount: Amount | None = listed  # None: the cost is left empty
    cause: str = ""
    is_provable: bool = True
    count: Counting = all_tokens
    tier: str = ""
    batch: str = ""  # "true", "false" or not said
    region: str = ""
    fee: int = 0  # inside the amount


AS_LISTED = Side()


def logged(cause: str, amount: Amount | None = listed, **how) -> dict[str, Side]:
    """A mistake of our log."""
    return {"log": Side(amount, cause, **how)}


def billed(cause: str, amount: Amount | None = listed, **how) -> dict[str, Side]:
    """What the provider charges otherwise."""
    return {"bill": Side(amount, cause, **how)}
