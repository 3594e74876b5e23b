"""Writes the second scenario: the provider's own exports, which know no request, and our log.

The files, in the order in which they are to be loaded:

1. `cost_<from>_<to>.csv`, one per month: daily costs by line item and project;
2. `cost_<from>_<to>.csv` of three days in the last month: the same again, some amounts changed;
3. `completions_usage_<from>_<to>.csv` and `embeddings_usage_<from>_<to>.csv`: daily usage;
4. `token_usage.csv`: our log of these months.

That is `cost_*.csv *_usage_*.csv token_usage.csv` as a shell sorts them, in a folder of one period.
`truth_daily.csv` has the rows that the days must have once these are loaded, `truth_months.csv`
what the months must say once they are over: days of a calendar month that no costs cover are
missing. The scenario wants a warehouse of its own. Money is whole units of 1e-18 USD.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

from sampler.export_files import (
    COMPLETIONS_HEADER,
    COST_HEADER,
    EMBEDDINGS_HEADER,
    EXPORT_LOG_HEADER,
    Call,
    CostLine,
    cost_line,
    empty_line,
    grant_line,
    log_line,
    tokens_of,
    usage_id,
    usage_line,
)
from sampler.export_situations import (
    AWAITED,
    BUCKETS,
    CHARGES,
    DRIFT,
    DRIFT_MODEL,
    EMPTY_DAY,
    FIRST,
    LAST,
    MISSING_DAY,
    ORDINARY,
    RESTATED_DAYS,
    TRAFFIC,
    Bucket,
    Pick,
    Price,
    Traffic,
)
from sampler.export_truth import DAILY_HEADER, MONTHS_HEADER, Sides, Truth
from sampler.period import DAY, PRICE_CHANGE_DATE, months_later
from sampler.vocabulary import NON_API_ACTIONS, UNLISTED
from sampler.writer import USERS, CsvFile, endless, price_of, request_ids

GRANT_EVERY = 7  # days


class Exports:
    """The files of the exports, and what goes into them."""

    def __init__(self, out: Path, start: date, months: int, seed: int, stack: ExitStack):
        self.out, self.stack = out, stack
        self.rnd = Random(f"exports {seed}")
        self.request_ids = endless(request_ids, self.rnd)
        self.files: list[CsvFile] = []

        firsts = [months_later(start, number) for number in range(months + 1)]
        self.places = {FIRST: firsts[0], LAST: firsts[-2]}
        self.missing_day, self.empty_day = self.day_of(*MISSING_DAY), self.day_of(*EMPTY_DAY)
        self.restated_days = [self.day_of(LAST, number) for number in RESTATED_DAYS]
        self.buckets = {(self.day_of(*key[:2]), key[2]): BUCKETS[key] for key in BUCKETS}
        self.charges = {self.day_of(*key): charge for key, charge in CHARGES.items()}

        self.costs = {}
        for first, after in pairwise(firsts):
            file = self.create_export("cost", first, after - timedelta(1), COST_HEADER)
            self.costs |= {first + timedelta(day): file for day in range((after - first).days)}
        restated = (self.restated_days[0], self.restated_days[-1])
        self.restated = self.create_export("cost", *restated, COST_HEADER)
        days = (start, firsts[-1] - timedelta(1))
        self.completions = self.create_export("completions_usage", *days, COMPLETIONS_HEADER)
        self.embeddings = self.create_export("embeddings_usage", *days, EMBEDDINGS_HEADER)
        self.log = self.create("token_usage.csv", EXPORT_LOG_HEADER)
        daily = self.create("truth_daily.csv", DAILY_HEADER)
        self.truth = Truth(daily, self.create("truth_months.csv", MONTHS_HEADER))

    def day_of(self, place: str, number: int) -> date:
        """A day counted from the start of the first or the last month."""
        return self.places[place] + timedelta(number)

    def create_export(self, name: str, first: date, last: date, header: str) -> CsvFile:
        """An export of these days, named as the provider names it."""
        return self.create(f"{name}_{first}_{last}.csv", header)

    def create(self, name: str, header: str) -> CsvFile:
        """A file that is finished with the stack, or removed after a failure."""
        self.files.append(CsvFile(self.out / name, header))
        self.stack.push(self.files[-1].close)
        return self.files[-1]

    def write(self) -> None:
        """Write everything, day by day."""
        for day in self.costs:
            self.write_day(day)
            for file in self.files:
                file.flush()
        self.truth.write_months()

    def write_day(self, day: date) -> None:
        """Write a day: its costs, usage and log, and what must come out of them."""
        self.truth.cover(day, day != self.missing_day)
        first_costs: list[CostLine] = []
        final_costs: list[CostLine] = []
        logged = list(self.grants(day))
        for traffic, bucket in self.planted(day):
            calls = self.make_calls(traffic)
            logged += self.log_calls(day, traffic, bucket, calls)
            self.write_usage(day, traffic, bucket, bucket.reported(calls))
            lines = self.cost_lines(day, traffic, bucket, calls, bucket.billed, bucket.bill)
            final_costs += lines
            billed, bill = bucket.first_billed or bucket.billed, bucket.first_bill or bucket.bill
            first_costs += self.cost_lines(day, traffic, bucket, calls, billed, bill)
            self.expect(day, traffic, bucket, calls, lines)
        if charge := self.charges.get(day):
            texts = (charge.line_item, charge.amount, charge.quantity, charge.unit)
            first_costs.append(CostLine(*texts))
            self.truth.expect_charge(day, charge)
        self.log.lines += [line for _, line in sorted(logged)]
        self.costs[day].lines += [cost_line(day, line) for line in first_costs]
        if day in self.restated_days:
            self.restated.lines += [cost_line(day, line) for line in final_costs]
        if day == self.empty_day:
            self.costs[day].lines.append(empty_line(day, COST_HEADER))
            self.completions.lines.append(empty_line(day, COMPLETIONS_HEADER))
            self.embeddings.lines.append(empty_line(day, EMBEDDINGS_HEADER))

    def planted(self, day: date) -> Iterator[tuple[Traffic, Bucket]]:
        """The models of a day, and what happens to each."""
        if day == self.empty_day:
            return
        for traffic in TRAFFIC:
            if bucket := self.buckets.get((day, traffic.model)):
                yield traffic, bucket
            elif traffic.is_daily and day == self.missing_day:
                yield traffic, AWAITED
            elif traffic.model == DRIFT_MODEL and day >= self.places[LAST]:
                yield traffic, DRIFT
            elif traffic.is_daily:
                yield traffic, ORDINARY

    def make_calls(self, traffic: Traffic) -> list[Call]:
        """The calls of a day in order of time, the first and the last at its very ends."""
        rnd = self.rnd
        times = sorted(rnd.randrange(DAY) for _ in range(rnd.randint(*traffic.calls) - 2))
        calls = []
        for at in (0, *times, DAY - 1):
            put, out = rnd.randint(*traffic.input), rnd.randint(*traffic.output)
            is_cached = rnd.randrange(100) < traffic.cached_of_100
            cached = rnd.randrange(put) // 128 * 128 if is_cached else 0
            # embeddings come without an id
            request_id = "" if traffic.is_embedding else next(self.request_ids)
            user = USERS[rnd.randrange(1_024)]
            calls.append(Call(at, (put, cached, out), rnd.randrange(2), request_id, user))
        return calls

    def grants(self, day: date) -> Iterator[tuple[int, str]]:
        """The line of the log, with its time, of what is no call."""
        number, rest = divmod((day - self.places[FIRST]).days, GRANT_EVERY)
        if not rest:
            action = NON_API_ACTIONS[number % len(NON_API_ACTIONS)]
            at = DAY // 2
            yield at, grant_line(usage_id(self.rnd, day, at), day, USERS[number % 1_024], action)

    def log_calls(
        self, day: date, traffic: Traffic, bucket: Bucket, calls: list[Call]
    ) -> Iterator[tuple[int, str]]:
        """Lines of the log, with their times."""
        for call in bucket.logged(calls):
            cost = bucket.log and bucket.log(list_price(day, traffic, *call.tokens))
            yield call.at, log_line(usage_id(self.rnd, day, call.at), day, traffic, call, cost)

    def write_usage(self, day: date, traffic: Traffic, bucket: Bucket, calls: list[Call]) -> None:
        """Write what the provider reports, a line per key."""
        file = self.embeddings if traffic.is_embedding else self.completions
        for key in (0, 1):
            if of_key := [call for call in calls if call.key == key]:
                file.lines.append(usage_line(day, traffic, bucket, of_key))

    def cost_lines(
        self,
        day: date,
        traffic: Traffic,
        bucket: Bucket,
        calls: list[Call],
        billed: Pick,
        bill: Price,
    ) -> list[CostLine]:
        """What the provider bills for a model: a line per class of tokens, evals on their own."""
        lines = []
        for prefix, billed_calls in (("", billed(calls)), ("evals | ", bucket.evals(calls))):
            put, cached, out = tokens_of(billed_calls)
            for kind, tokens, quantity in (
                ("input", (put - cached, 0, 0), put - cached),
                ("cached input", (cached, cached, 0), cached),
                ("output", (0, 0, out), out),
            ):
                if quantity:
                    item = f"{prefix}{traffic.exported}, {kind}"
                    amount = bill(list_price(day, traffic, *tokens))
                    # whole numbers may come as fractions
                    lines.append(CostLine(item, amount, f"{quantity}.0", "tokens", traffic.project))
        if bucket.unmapped_item:
            lines.append(CostLine(bucket.unmapped_item, bucket.bill_more, project=traffic.project))
        elif bucket.bill_more:
            lines[-1] = lines[-1]._replace(amount=lines[-1].amount + bucket.bill_more)
        return lines

    def expect(
        self, day: date, traffic: Traffic, bucket: Bucket, calls: list[Call], lines: list[CostLine]
    ) -> None:
        """The row that must come out of a day of a model."""
        logged, reported = bucket.logged(calls), bucket.reported(calls)
        listed = [
            None if traffic.model == UNLISTED and some else sum_of(day, traffic, some)
            for some in (logged, reported)
        ]
        own = listed[0]
        if bucket.log:
            own = sum(bucket.log(list_price(day, traffic, *call.tokens)) for call in logged)
        sides = Sides(len(logged), len(reported), own, *listed, sum(li.amount for li in lines))
        row_reason = ""
        if day == self.missing_day:
            sides.reported_requests = sides.reported = sides.billed = None
            # no bill is waited for by a call that none could name
            row_reason = "no_request_id" if traffic.is_embedding else ""
        outcome = (bucket.outcome, bucket.broken, bucket.name, row_reason)
        self.truth.expect(day, traffic.model, sides, *outcome)
        if bucket.unmapped_item:
            self.truth.count_unmapped(day, bucket.bill_more)


def list_price(day: date, traffic: Traffic, put: int, cached: int, out: int) -> int:
    """List price of tokens on a day; input holds cached."""
    return price_of(traffic.model, (put, cached, out), day < PRICE_CHANGE_DATE)


def sum_of(day: date, traffic: Traffic, calls: list[Call]) -> int:
    """List price of some calls."""
    return sum(list_price(day, traffic, *call.tokens) for call in calls)
