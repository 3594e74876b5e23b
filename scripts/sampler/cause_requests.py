"""Writes the month with a bill by request: ordinary calls, and the situations among them.

Amounts are whole units of 1e-18 USD, times milliseconds of a UTC day.
"""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from sampler.cause_files import (
    BILL_UNIT,
    LOG_UNIT,
    Errors,
    Logged,
    bill_line,
    bill_time,
    double_text,
    log_line,
    openrouter_line,
    zulu,
)
from sampler.cause_prices import Call, Tokens
from sampler.cause_situations import (
    ORDINARY,
    PRICE_CHANGE,
    REQUESTS_PRICE_CHANGE_DAY,
    SITUATIONS,
    Situation,
)
from sampler.cause_traffic import BY_MODEL, DAILY, REQUESTS_MODEL, Traffic
from sampler.cause_truth import Truth
from sampler.cause_variant import Lines, Variant
from sampler.cause_vocabulary import Side
from sampler.export_files import usage_id
from sampler.period import SECOND
from sampler.stated_causes import NO_CAUSE, Cause
from sampler.vocabulary import UNLISTED
from sampler.writer import USERS, decimal_text, endless, request_ids

EVE = date(2026, 7, 31)  # the day before the month
DAYS = 31
AGAIN = 20 * SECOND  # after which a call is logged again
OPENS, CLOSES = 600 * SECOND, 85_800 * SECOND  # what belongs together stays within one day
ON_LOG = {"not_logged", "not_loggable", "duplicate_log", "not_applicable"}


class RequestMonth:
    """The calls of the month, a bill by request, and the truth about them."""

    def __init__(self, variant: Variant, seed: int, lines: Lines, truth: Truth):
        self.variant, self.lines, self.truth = variant, lines, truth
        self.rnd = Random(f"{variant.folder} requests {seed}")
        self.request_ids = endless(request_ids, self.rnd)

    def write(self) -> None:
        """Write every day, then what is planted."""
        for number in range(1, DAYS + 1):
            for kind in (*DAILY, REQUESTS_MODEL):
                is_changed = kind is REQUESTS_MODEL and number >= REQUESTS_PRICE_CHANGE_DAY
                situation = PRICE_CHANGE if is_changed and self.variant.has_causes else ORDINARY
                for _ in range(self.rnd.randint(*kind.calls)):
                    self.plant(situation, kind, number)
        for situation in SITUATIONS if self.variant.has_causes else ():
            kind = BY_MODEL[situation.model]
            ranges = {"input": situation.input, "output": situation.output}
            kind = replace(kind, **{name: pair for name, pair in ranges.items() if pair})
            for _ in range(situation.count):
                self.plant(situation, kind, self.rnd.randint(*situation.days))

    def plant(self, situation: Situation, kind: Traffic, number: int) -> None:
        """Write a call on a day of the month."""
        day, at = EVE + timedelta(number), self.rnd.randrange(OPENS, CLOSES)
        tokens = kind.tokens(self.rnd, is_full=situation is not ORDINARY)
        name = next(self.request_ids)
        is_named = situation.has_id and not (self.variant.is_noisy and self.rnd.random() < 0.05)
        ours = theirs = None
        model = situation.logged_model or kind.model
        if situation.log:
            ours = [
                self.log(situation, kind, day, at + AGAIN * again, tokens, name if is_named else "")
                for again in range(situation.repeats + 1)
            ]
        if situation.bill:
            theirs = self.bill(situation, kind, day, at, tokens, name)
        self.expect(situation, kind.model, model, day, tokens, name, ours, theirs)

    def log(
        self, situation: Situation, kind: Traffic, day: date, at: int, tokens: Tokens, name: str
    ) -> tuple[str, int | None]:
        """Write a row of our log; its id and amount."""
        side, rnd = situation.log, self.rnd
        tokens = side.count(tokens)
        text, amount = self.amount(kind.model, day, tokens, side, LOG_UNIT)
        made = usage_id(rnd, day, at)
        row = Logged(made, rnd.choice(USERS), day, at, self.padded(name), text, rnd.randrange(2))
        line = log_line(row, kind, tokens, side, situation.logged_model, situation.action)
        self.lines.log.append((zulu(day, at), line))
        return made, amount

    def bill(
        self, situation: Situation, kind: Traffic, day: date, at: int, tokens: Tokens, name: str
    ) -> int:
        """Write a line of a bill; its amount."""
        side, rnd = situation.bill, self.rnd
        tokens = side.count(tokens)
        at += rnd.randint(-9, 9) * SECOND if self.variant.is_noisy else rnd.randint(1, 4) * SECOND
        text, amount = self.amount(kind.model, day, tokens, side, BILL_UNIT)
        is_openrouter = situation.is_openrouter
        if situation is ORDINARY and not kind.has_cache_write:
            is_openrouter = rnd.random() < 0.1
        write, lines = bill_line, self.lines.bill
        if is_openrouter:
            write, lines = openrouter_line, self.lines.openrouter
        time = bill_time(day, at)
        lines.append((time, write(self.padded(name), time, kind, tokens, side, text)))
        return amount

    def amount(
        self, model: str, day: date, tokens: Tokens, side: Side, unit: int
    ) -> tuple[str, int | None]:
        """What a side says that a call costs: the text, in so large units, and the amount."""
        if side.amount is None:
            return "", None
        amount = side.amount(Call(model, day, tokens, tokens.input))
        is_log = unit == LOG_UNIT
        if self.variant.is_noisy or (
            self.variant.has_causes and is_log and self.rnd.random() < 0.3
        ):
            return double_text(amount, unit, self.rnd)
        return decimal_text(amount, 16 if is_log else 18), amount

    def padded(self, name: str) -> str:
        """An id with a blank where there is noise."""
        if not self.variant.is_noisy or not name:
            return name
        return self.rnd.choice((name, name, f" {name}", f"{name}  "))

    def expect(
        self,
        situation: Situation,
        priced_model: str,
        model: str,
        day: date,
        tokens: Tokens,
        name: str,
        ours: list[tuple[str, int | None]] | None,
        theirs: int | None,
    ) -> None:
        """Write the rows that must come out of a call, and of each time it was logged again."""
        counted = (situation.bill or situation.log).count(tokens)
        expected = Call(priced_model, day, counted, counted.input).listed
        expected = None if priced_model == UNLISTED else expected
        write = self.truth.expect
        if ours and theirs is not None:
            errors = errors_of(situation, ours[0][1], expected, theirs)
        elif ours:
            errors = one_sided(situation.cause, -ours[0][1])
        else:
            errors = one_sided(situation.cause, theirs)
        key = f"usage:{ours[0][0]}" if ours else bill_key(situation, name)
        logged = ours[0][1] if ours else None
        write(key, day, model, logged, expected, theirs, errors, situation.name)
        for again, amount in ours[1:] if ours else ():
            errors = one_sided(situation.cause, -amount)
            write(f"usage:{again}", day, model, amount, expected, 0, errors, situation.name)


def bill_key(situation: Situation, name: str) -> str:
    """The key of a billed request that no log explains."""
    return f"bill:{'openrouter' if situation.is_openrouter else 'openai'}:{name}"


def errors_of(
    situation: Situation, logged: int | None, expected: int | None, billed: int
) -> Errors:
    """What each side adds to the difference of a call that both have."""
    log, bill = situation.log, situation.bill
    causes = (Cause(log.cause, log.is_provable), Cause(bill.cause, bill.is_provable))
    if logged is None or expected is None:
        return Errors(None, causes[0], None, causes[1])
    return Errors(expected - logged, causes[0], billed - expected, causes[1])


def one_sided(code: str, difference: int) -> Errors:
    """The whole difference of a row that one side has is that side's."""
    if not code or code in ON_LOG:
        return Errors(difference, Cause(code), 0, NO_CAUSE)
    return Errors(0, NO_CAUSE, difference, Cause(code))
