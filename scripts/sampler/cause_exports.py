"""Writes the month of exports: costs and usage by day and model, and the log of the calls.

Amounts are whole units of 1e-18 USD, times milliseconds of a UTC day.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import NamedTuple

from sampler.cause_days import (
    AWAITED_DAY,
    CHARGES,
    DAYS,
    EXPORTS_PRICE_CHANGE_DAY,
    MISSING_DAY,
    ORDINARY_DAY,
    PRICE_CHANGE_DAY,
    Day,
    Served,
)
from sampler.cause_files import (
    LOG_UNIT,
    Errors,
    Logged,
    double_text,
    log_line,
    usage_line,
    zulu,
)
from sampler.cause_prices import Call, Tokens
from sampler.cause_traffic import BY_MODEL, DAILY, EXPORTS_MODEL, FEW, Traffic
from sampler.cause_truth import Truth
from sampler.cause_variant import Lines, Variant
from sampler.export_files import CostLine, cost_line, usage_id
from sampler.export_situations import Charge
from sampler.period import DAY, HOUR, SECOND
from sampler.stated_causes import NO_CAUSE, Cause
from sampler.vocabulary import UNLISTED
from sampler.writer import USERS, decimal_text, endless, request_ids

EVE = date(2026, 8, 31)  # the day before the month
DAY_COUNT = 30
MINUTE = 60 * SECOND
AGAIN = 20 * SECOND  # after which a call is logged again
LATE_HOURS = 3  # of a day, that a log in local time has on the next one


class Made(NamedTuple):
    """A call that was made, and how it was served."""

    number: int  # of its day and model
    at: int
    tokens: Tokens
    key: int  # which of its project's keys
    request_id: str
    user: str
    served: Served


class ExportMonth:
    """The days of the month, their exports and log, and the truth about them."""

    def __init__(self, variant: Variant, seed: int, lines: Lines, truth: Truth):
        self.variant, self.lines, self.truth = variant, lines, truth
        self.rnd = Random(f"{variant.folder} exports {seed}")
        self.request_ids = endless(request_ids, self.rnd)
        # calls that the log has on a later day than they were made
        self.carried: dict[tuple[date, str], list[Made]] = {}

    def write(self) -> None:
        """Write every day, model by model."""
        for number in range(1, DAY_COUNT + 1):
            day = EVE + timedelta(number)
            for kind, planted in self.planted(number):
                if planted.input:
                    kind = replace(kind, input=planted.input)
                self.write_day(day, kind, planted)
            if self.variant.has_causes and number in CHARGES:
                self.charge(day, CHARGES[number])

    def planted(self, number: int) -> Iterator[tuple[Traffic, Day]]:
        """The models of a day, and what happens to each."""
        for kind in BY_MODEL.values():
            is_daily = kind in DAILY or kind is EXPORTS_MODEL
            if not self.variant.has_causes:
                if is_daily:
                    yield kind, ORDINARY_DAY
            elif (number, kind.model) in DAYS:
                yield kind, DAYS[number, kind.model]
            elif is_daily and number == MISSING_DAY:
                yield kind, AWAITED_DAY
            elif kind is EXPORTS_MODEL and number >= EXPORTS_PRICE_CHANGE_DAY:
                yield kind, PRICE_CHANGE_DAY
            elif is_daily:
                yield kind, ORDINARY_DAY

    def calls(self, kind: Traffic, planted: Day) -> list[Made]:
        """The calls of a day in order of time, the first and the last at its very ends."""
        rnd = self.rnd
        count = rnd.randint(*(FEW if kind.calls == (0, 0) else kind.calls))
        # what is logged again or by another clock stays within the day
        is_plain = planted is ORDINARY_DAY and not self.variant.is_noisy
        ends = (0, DAY - 1) if is_plain else (MINUTE, DAY - MINUTE)
        times = sorted(rnd.randrange(HOUR, DAY - HOUR) for _ in range(count - 2))
        return [
            Made(
                number,
                at,
                kind.tokens(rnd, is_full=planted is not ORDINARY_DAY),
                rnd.randrange(2),
                next(self.request_ids) if planted.has_ids else "",
                rnd.choice(USERS),
                planted.served[number % len(planted.served)],
            )
            for number, at in enumerate((ends[0], *times, ends[1]))
        ]

    def write_day(self, day: date, kind: Traffic, planted: Day) -> None:
        """Write a day of a model, and what must come out of it."""
        calls = self.calls(kind, planted)
        late = [call for call in calls if planted.is_late and call.at >= DAY - LATE_HOURS * HOUR]
        logged = [call for call in planted.logged(calls) if call not in late]
        self.carried[day + timedelta(1), kind.model] = [
            call._replace(at=call.at + LATE_HOURS * HOUR - DAY) for call in late
        ]
        logged += self.carried.pop((day, kind.model), [])
        rows = []
        for position, call in enumerate(logged):
            again = logged[:position].count(call)
            rows.append(self.log(day, kind, planted, call, call.at + again * AGAIN))
        self.report(day, kind, planted.reported(calls))
        billed = self.bill(day, kind, planted, planted.billed(calls))
        gap = [call for call in calls if call not in logged] if logged else []
        self.expect(day, kind, planted, logged, rows, gap, billed)

    def log(
        self, day: date, kind: Traffic, planted: Day, call: Made, at: int
    ) -> tuple[str, int | None]:
        """Write a row of our log; its id and amount."""
        rnd, side = self.rnd, planted.logs[call.number % len(planted.logs)]
        at += rnd.randint(-9, 9) * SECOND if self.variant.is_noisy else 0
        text, amount = "", None
        if side.amount:
            amount = side.amount(Call(kind.model, day, call.tokens, call.tokens.input))
            is_double = self.variant.is_noisy or (self.variant.has_causes and rnd.random() < 0.3)
            text = decimal_text(amount, 16)
            if is_double:
                text, amount = double_text(amount, LOG_UNIT, rnd)
        made = usage_id(rnd, day, at)
        row = Logged(made, call.user, day, at, call.request_id, text, call.key)
        self.lines.log.append((zulu(day, at), log_line(row, kind, call.tokens, side)))
        return made, amount

    def report(self, day: date, kind: Traffic, calls: list[Made]) -> None:
        """Write what the provider reports, a line per key and way of serving."""
        ways = sorted({(call.key, call.served.batch, call.served.tier) for call in calls})
        for key, batch, tier in ways:
            own = [
                call.tokens
                for call in calls
                if (call.key, call.served.batch, call.served.tier) == (key, batch, tier)
            ]
            tokens = Tokens(*map(sum, zip(*own, strict=True)))
            line = usage_line(day, kind, key, len(own), tokens, batch, tier)
            self.lines.usage.append((str(day), line))

    def bill(self, day: date, kind: Traffic, planted: Day, calls: list[Made]) -> int | None:
        """Write what the provider bills, a line per class of tokens; the amount of the day."""
        costs = []
        for name in ("input", "cached input", "cache writes", "output"):
            parts = [(part_of(call.tokens, name), call) for call in calls]
            quantity = sum(max(part.input, part.output) for part, _ in parts)
            amount = sum(
                call.served.amount(Call(kind.model, day, part, call.tokens.input))
                for part, call in parts
            )
            if quantity:
                item = f"{kind.exported}, {name}"
                costs.append(CostLine(item, amount, f"{quantity}.0", "tokens", kind.project))
        if not costs:
            return None
        last = costs[-1]
        costs[-1] = last._replace(amount=last.amount + planted.bill_more)
        total = 0
        for line in costs:
            text, amount = "", line.amount
            if self.variant.is_noisy:
                # a double has more decimals than anybody keeps
                usd = Decimal(line.amount / 10**18)
                text, amount = f"{usd:.39f}", int((usd * 10**18).quantize(1, ROUND_HALF_UP))
            self.lines.costs.append((str(day), cost_line(day, line, text)))
            total += amount
        return total

    def charge(self, day: date, charge: Charge) -> None:
        """Write a charge that is for no call."""
        line = CostLine(charge.line_item, charge.amount, charge.quantity, charge.unit)
        text = cost_line(day, line)
        self.lines.costs.append((str(day), text))
        if not charge.outcome:
            errors = Errors(0, NO_CAUSE, charge.amount, Cause("non_usage_charge"))
            self.truth.expect_line(text, day, charge.amount, errors, charge.name)
            return
        errors = Errors(charge.amount, Cause(charge.outcome), 0, NO_CAUSE)
        key = bucket_key(day, charge.line_item)
        row = (None, None, charge.amount, errors, charge.name)
        self.truth.expect(key, day, charge.line_item, *row)
        self.truth.expect_day(day, charge.line_item, 0, charge.amount, errors, charge.name)

    def expect(
        self,
        day: date,
        kind: Traffic,
        planted: Day,
        logged: list[Made],
        rows: list[tuple[str, int | None]],
        gap: list[Made],
        billed: int | None,
    ) -> None:
        """The rows that must come out of a day of a model, and the day itself."""
        model, is_listed, seen = kind.model, kind.model != UNLISTED, set()
        # what the calls that share the bill add, and what nothing is billed for
        error = repeated = 0
        for call, (made, amount) in zip(logged, rows, strict=True):
            row = (
                f"usage:{made}",
                day,
                model,
                amount,
                price(day, kind, call) if is_listed else None,
            )
            side = planted.logs[call.number % len(planted.logs)]
            if billed is None:
                errors = Errors(0, NO_CAUSE, -amount, planted.bill)
                self.truth.expect(*row, None, errors, planted.name)
            elif call.request_id and call.request_id in seen:
                errors = Errors(-amount, planted.one_sided, 0, NO_CAUSE)
                self.truth.expect(*row, None, errors, planted.name)
                repeated += amount
            else:
                own = None if None in row else row[4] - amount
                errors = Errors(own, Cause(side.cause, side.is_provable), None, planted.bill)
                self.truth.expect_share(*row, errors, planted.name)
                error += own or 0
            seen.add(call.request_id)
        beyond = sum(price(day, kind, call) for call in gap) if logged else billed
        if beyond:
            errors = Errors(beyond, planted.one_sided, 0, NO_CAUSE)
            row = (bucket_key(day, model), day, model, None, beyond, beyond)
            self.truth.expect(*row, errors, planted.name)
        amounts = [amount for _, amount in rows]
        total = None if None in amounts else sum(amounts)
        log_error = error + (beyond or 0) - repeated
        cause = planted.one_sided if planted.one_sided.code else planted.day_log_cause
        errors = Errors(None, cause, None, planted.bill)
        if billed is None and planted is not AWAITED_DAY:
            billed = 0
        if is_listed and billed is not None:
            errors = Errors(log_error, cause, billed - total - log_error, planted.bill)
        self.truth.expect_day(day, model, total, billed, errors, planted.name)


def price(day: date, kind: Traffic, call: Made) -> int:
    """The list price of a call."""
    return Call(kind.model, day, call.tokens, call.tokens.input).listed


def part_of(tokens: Tokens, name: str) -> Tokens:
    """The tokens of a call that a line item bills."""
    if name == "input":
        return Tokens(tokens.input - tokens.cached - tokens.write)
    if name == "cached input":
        return Tokens(tokens.cached, tokens.cached)
    if name == "cache writes":
        return Tokens(tokens.write, 0, tokens.write)
    return Tokens(output=tokens.output)


def bucket_key(day: date, model: str) -> str:
    """The key of what a day's bill has for a model and no call of ours explains."""
    return f"bucket:openai:{day}:(all):{model}"
