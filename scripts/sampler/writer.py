"""Writes the files of a sample: ordinary calls as fast as Python can, situations in between."""

import hashlib
import heapq
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from itertools import accumulate, chain, repeat
from pathlib import Path
from random import Random
from typing import NamedTuple

from sampler.period import HOUR, MINUTES, SECOND, Period
from sampler.situations import SITUATIONS
from sampler.stated_causes import BY_REQUEST, CAUSE_COLUMNS, cause_cells
from sampler.vocabulary import (
    AMOUNT,
    EXACT,
    NOT_CALL,
    O3_BEFORE_PER_1M,
    PERCENT,
    PRICES_PER_1M,
    Billed,
    Cost,
    Logged,
    Row,
    Situation,
)

BILL_HEADER = (
    "request_id,timestamp,model,prompt_tokens,cached_tokens,completion_tokens,total_tokens,cost_usd"
)
LOG_HEADER = (
    "id,user_id,action_type,model_used,tokens_used,input_tokens,output_tokens,cached_input_tokens,"
    "reasoning_tokens,success,error_message,created_at,calculated_cost_cents,openai_request_id"
)
TRUTH_HEADER = (
    "reconciliation_key,usage_id,request_id,reconciliation_status,status_reason,match_method,"
    f"logged_usd,billed_usd,difference_usd,{CAUSE_COLUMNS},situation"
)

CHUNK = 4_096  # calls held before they are written

# units of 1e-18 USD per token: input, cached input, output
PRICES = {
    model: tuple(int(Decimal(price) * 10**12) for price in prices)
    for model, prices in {**PRICES_PER_1M, "o3 before": O3_BEFORE_PER_1M}.items()
}
PLANTED_MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini")

# model, action, share of 100, input tokens from and to, output tokens from and to
TRAFFIC = (
    ("gpt-4o-mini", "chat", 40, 150, 3_000, 40, 700),
    ("gpt-4o", "chat", 15, 400, 6_000, 100, 1_400),
    ("gpt-4.1-mini", "summarize", 15, 1_500, 12_000, 150, 900),
    ("gpt-4.1", "agent_step", 14, 1_500, 16_000, 150, 1_600),
    # so short that a stale price stays below 5 cents: only the drift shows it
    ("o3", "agent_step", 4, 200, 1_500, 200, 1_100),
    ("text-embedding-3-small", "embed", 12, 100, 2_000, 0, 0),
)
SHAPES = 8_192

# an ordinary call is billed up to 3 seconds later, in the hour in which it is made
BILLED_MINUTES = MINUTES + MINUTES[-1:] * 3
FRACTIONS = [f".{bits % 1_000:03d}Z" for bits in range(1_024)]
USERS = [f"user_{number:04d}" for number in range(1_024)]


def decimal_text(units: int | None, places: int = 18) -> str:
    """Whole units of 10 ** -places as plain decimal text; nothing for None."""
    if not units:
        return "" if units is None else "0"
    whole, fraction = divmod(abs(units), 10**places)
    text = f"{whole}.{fraction:0{places}d}".rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text


def price_of(model: str, tokens: tuple[int, int, int], is_before_change: bool) -> int:
    """List price in units of 1e-18 USD of (input, cached, output) tokens; input holds cached."""
    prices = PRICES["o3 before" if model == "o3" and is_before_change else model]
    return (tokens[0] - tokens[1]) * prices[0] + tokens[1] * prices[1] + tokens[2] * prices[2]


def ordinary_shapes(rnd: Random) -> tuple[list, list, list]:
    """Texts of ordinary calls: log up to the time, cents, bill after it, truth after the ids.

    Three lists of equal length: before o3's price changed, while our log is stale, and after.
    """
    before, stale, after = [], [], []
    ends = list(accumulate(share for _, _, share, *_ in TRAFFIC))
    for number in range(SHAPES):
        kind = next(kind for kind, end in enumerate(ends) if number * 100 // SHAPES < end)
        model, action, _, least_in, most_in, least_out, most_out = TRAFFIC[kind]
        # squares: short calls are common, long ones are not
        put = least_in + int((most_in - least_in) * rnd.random() ** 2)
        out = least_out + int((most_out - least_out) * rnd.random() ** 2)
        is_cached = rnd.random() < 0.35 and put > 1_024 and model.startswith("gpt")
        cached = int(put * rnd.random()) // 128 * 128 if is_cached else 0
        reasoning = int(out * (0.3 + rnd.random() / 2)) if model == "o3" else 0
        old, new = (price_of(model, (put, cached, out), is_old) for is_old in (True, False))
        for shapes, logged, billed in ((before, old, old), (stale, old, new), (after, new, new)):
            if shapes is not before and old == new:
                shapes.append(before[-1])
                continue
            situation, outcome = "ordinary", EXACT
            if logged != billed:
                situation, outcome = "stale_price", AMOUNT
            elif number % 32 == 5 and billed > 10**14 and billed % 10**12:
                # an old client rounds what it logs to a ten-thousandth of a cent
                logged = (logged + 5 * 10**11) // 10**12 * 10**12
                situation, outcome = "rounded_cost", PERCENT
            amounts = (decimal_text(units) for units in (logged, billed, billed - logged))
            cells = cause_cells(BY_REQUEST, situation, outcome.split(",")[1], billed - logged)
            shapes.append(
                (
                    f"{action},{model},{put + out},{put},{out},{cached},{reasoning},true,,",
                    decimal_text(logged, 16),
                    f"{model},{put},{cached},{out},{put + out},{decimal_text(billed)}\n",
                    f"{outcome},request_id,{','.join((*amounts, *cells))},{situation}\n",
                )
            )
    return before, stale, after


def usage_id_ends(rnd: Random) -> list[str]:
    """Last parts of usage ids."""
    return rnd.randbytes(6 * CHUNK).hex("-", 6).split("-")


def request_ids(rnd: Random) -> list[str]:
    """Request ids in OpenAI's form."""
    text = b64encode(rnd.randbytes(24 * CHUNK), altchars=b"aZ").decode()
    return ["chatcmpl-" + text[at : at + 29] for at in range(0, 32 * CHUNK, 32)]


def endless(make: Callable[[Random], list[str]], rnd: Random) -> Iterator[str]:
    """What `make` gives, list after list."""
    return chain.from_iterable(map(make, repeat(rnd)))


class CsvFile:
    """A CSV file in the making; it gets its name once it is whole."""

    def __init__(self, path: Path, header: str):
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self.file = self.part.open("wb")
        self.digest = hashlib.sha256()
        self.written = 0
        self.lines = [header + "\n"]

    @property
    def line_count(self) -> int:
        """How many records it has, the header included: the last one's line number."""
        return self.written + len(self.lines)

    def flush(self) -> bytes:
        """Write what is held, and return it."""
        data = "".join(self.lines).encode()
        self.file.write(data)
        self.written += len(self.lines)
        self.lines.clear()
        return data

    def close(self, failure: type | None, *_) -> None:
        """Finish the file, or remove it after a failure."""
        try:
            if failure is None:
                self.flush()
        finally:
            self.file.close()
        if failure is None:
            self.part.replace(self.path)
        else:
            self.part.unlink()


class BillFile(CsvFile):
    """A bill, known by the hash of its bytes."""

    def flush(self) -> bytes:
        """Write what is held, and return it."""
        data = super().flush()
        self.digest.update(data)
        return data


class Call(NamedTuple):
    """What the parts of one planted situation share."""

    at: int
    model: str
    tokens: tuple[int, int, int]
    price: int


class Sample:
    """The four files, and what goes into them."""

    def __init__(self, out: Path, period: Period, seed: int, stack: ExitStack):
        self.period = period
        self.rnd = Random(seed)
        self.usage_id_ends = endless(usage_id_ends, self.rnd)
        self.request_ids = endless(request_ids, self.rnd)
        self.shapes = ordinary_shapes(self.rnd)
        self.planted = 0
        self.files: list[CsvFile] = []
        for kind, name, header in (
            (BillFile, "openai_bill.csv", BILL_HEADER),
            (BillFile, "openai_bill_restated.csv", BILL_HEADER),
            (CsvFile, "token_usage.csv", LOG_HEADER),
            (CsvFile, "truth.csv", TRUTH_HEADER),
        ):
            self.files.append(kind(out / name, header))
            stack.push(self.files[-1].close)
        self.bill, self.restated, self.log, self.truth = self.files

    def write(self, requests: int, advance: Callable[[int], None]) -> None:
        """Write everything: so many API calls, and tell `advance` how many more there are."""
        # the keys of lines without an id hold the hash of their file, known only at the end
        with tempfile.TemporaryFile("w+", encoding="utf-8") as self.unnamed:
            self.write_calls(requests, advance)
            self.name_lines()

    def write_calls(self, requests: int, advance: Callable[[int], None]) -> None:
        """Write the calls in order of time, what is planted among the ordinary ones."""
        never = (sys.maxsize, 0)
        numbers = range(len(SITUATIONS))
        plants = heapq.merge(*(self.period.times(n, requests, self.rnd) for n in numbers))
        at, number = next(plants, never)
        planted_calls = self.period.planted_calls(requests)
        for hour, count in self.period.hours(requests - planted_calls):
            for first in range(0, count, CHUNK):
                calls = range(first, min(first + CHUNK, count))
                until = hour * HOUR + HOUR * calls.stop // count
                while at < until:
                    self.plant(SITUATIONS[number], at)
                    at, number = next(plants, never)
                self.write_ordinary(hour, calls, count)
                for file in self.files:
                    file.flush()
                advance(len(calls))
        while at < sys.maxsize:
            self.plant(SITUATIONS[number], at)
            at, number = next(plants, never)
        advance(planted_calls)

    def write_ordinary(self, hour: int, calls: range, count: int) -> None:
        """Write some of the `count` ordinary calls of an hour."""
        # every call passes here, so what repeats is looked up once
        before, stale, after = self.shapes
        shapes = before if self.period.is_before_change(hour * HOUR) else stale
        shapes = after if hour * HOUR >= self.period.stale_after else shapes
        log_hour, bill_hour = self.period.hour_text(hour, "T"), self.period.hour_text(hour)
        prefix = self.usage_prefix(hour)
        minutes, fractions, users = BILLED_MINUTES, FRACTIONS, USERS
        random, bits = self.rnd.random, self.rnd.getrandbits
        log, bill, truth = self.log.lines.append, self.bill.lines.append, self.truth.lines.append
        step = 3_600 / count
        for position, end, request_id in zip(
            calls, self.usage_id_ends, self.request_ids, strict=False
        ):
            second = int((position + random()) * step)
            draw = bits(32)
            described, cents, billed, outcome = shapes[draw & 8_191]
            usage_id = prefix + end
            log(
                f"{usage_id},{users[draw >> 13 & 1_023]},{described}{log_hour}{minutes[second]}"
                f"{fractions[draw >> 22]},{cents},{request_id}\n"
            )
            bill(f"{request_id},{bill_hour}{minutes[second + (draw >> 21 & 3)]},{billed}")
            truth(f"usage:{usage_id},{usage_id},{request_id},{outcome}")

    def usage_prefix(self, hour: int) -> str:
        """All but the last part of a usage id, as in a UUID of version 7."""
        made = f"{(self.period.epoch + hour * 3_600) * 1_000:012x}"
        bits = self.rnd.getrandbits(24)
        return f"{made[:8]}-{made[8:]}-7{bits >> 12:03x}-a{bits & 4_095:03x}-"

    def plant(self, situation: Situation, at: int) -> None:
        """Write one situation: its log, its bill lines, and the rows that must come out."""
        self.planted += 1
        k = self.planted
        model = situation.model or PLANTED_MODELS[k % 4]
        # no two situations share their tokens, so no call can be taken for one of another
        tokens = (400 + k * 1_877 % 4_999, 0, 60 + k * 151 % 401)
        if situation.tokens:
            tokens = (situation.tokens[0] + k % 97, *situation.tokens[1:])
        price = price_of(model, tokens, self.period.is_before_change(at))
        call = Call(at, model, tokens, price)
        names = {letter: next(self.request_ids) for letter in situation.letters}
        prefix = self.usage_prefix(at // HOUR)
        usage_ids = sorted(prefix + next(self.usage_id_ends) for _ in situation.logs)
        logged, billed = [], []
        # the last one first: the order of the file must decide nothing
        for part, usage_id in zip(reversed(situation.logs), reversed(usage_ids), strict=True):
            name = names.get(part.id.strip(), "")
            amount = self.plant_log(part, usage_id, name, call)
            logged.insert(0, (usage_id, name, amount))
        for part in situation.bills:
            name = names.get(part.id.strip(), "")
            file = self.restated if part.restated else self.bill
            amount = self.plant_bill(part, file, name, call)
            billed.append((name, amount, part.restated, file.line_count))
        for row in situation.rows:
            self.expect(situation.name, row, logged, billed)

    def plant_log(self, part: Logged, usage_id: str, name: str, call: Call) -> int | None:
        """Write a row of the log; returns its amount."""
        amount, cents = self.settle(part, call, call.tokens, 16)
        put, cached, out = call.tokens if part.model else (0, 0, 0)
        error = '"' + part.error.replace('"', '""') + '"' if part.error else ""
        time = call.at + part.at
        self.log.lines.append(
            f"{usage_id},{USERS[self.planted * 7 % 1_024]},{part.action},"
            f"{part.model.format(call.model)},{put + out},{put},{out},{cached},0,"
            f"{'false' if error else 'true'},{error},"
            f"{self.period.time_text(time, 'T')}{FRACTIONS[time % SECOND]},"
            f"{part.cents or cents},{part.id.replace(part.id.strip(), name)}\n"
        )
        return amount

    def plant_bill(self, part: Billed, file: CsvFile, name: str, call: Call) -> int | None:
        """Write a line of a bill; returns its amount."""
        put, cached, out = call.tokens
        put = put if part.part != "output" else 0
        out = out + part.more_output if part.part != "input" else 0
        amount, usd = self.settle(part, call, (put, cached, out), 18)
        file.lines.append(
            f"{part.id.replace(part.id.strip(), name)},{self.period.time_text(call.at + part.at)},"
            f"{part.model.format(call.model)},{put},{cached},{out},{put + out},"
            f"{part.written or usd}\n"
        )
        return amount

    def settle(
        self, part: Logged | Billed, call: Call, tokens: tuple[int, int, int], places: int
    ) -> tuple[int | None, str]:
        """An amount in 1e-18 USD, None if unknown, and its text in units of 10 ** -places."""
        cost = part.cost
        if cost is Cost.UNKNOWN:
            return None, ""
        if cost is Cost.UNPRICED:
            is_before_change = self.period.is_before_change(call.at + part.at)
            return price_of(call.model, tokens, is_before_change), ""
        if cost is Cost.LIST:
            cost = call.price
        amount = cost if isinstance(cost, int) else cost(call.price)
        return amount, decimal_text(amount, places)

    def expect(self, name: str, row: Row, logged: list, billed: list) -> None:
        """Write a row of the truth."""
        usage_id, request_id, ours = ("", "", None) if row.log is None else logged[row.log]
        lines = [billed[position] for position in row.bills]
        theirs = 0 if row.is_billed_elsewhere else None
        if lines and all(line[1] is not None for line in lines):
            theirs = sum(line[1] for line in lines)
        is_ours_unknown = row.log is not None and ours is None and row.outcome != NOT_CALL
        is_unknown = is_ours_unknown or (bool(lines) and theirs is None)
        difference = None if is_unknown else (theirs or 0) - (ours or 0)
        method = row.by if lines and usage_id else ""
        request_id = request_id or (lines[0][0] if lines else "")
        amounts = map(decimal_text, (ours, theirs, difference))
        cells = cause_cells(BY_REQUEST, name, row.outcome.split(",")[1], difference)
        amounts_and_causes = ",".join((*amounts, *cells))
        rest = f"{usage_id},{request_id},{row.outcome},{method},{amounts_and_causes},{name}\n"
        if usage_id:
            self.truth.lines.append(f"usage:{usage_id},{rest}")
        elif request_id:
            self.truth.lines.append(f"bill:openai:{request_id},{rest}")
        else:
            self.unnamed.write(f"{int(lines[0][2])}:{lines[0][3]},{rest}")

    def name_lines(self) -> None:
        """Write the rows that were waiting for the hash of their file."""
        self.bill.flush()
        self.restated.flush()
        self.unnamed.seek(0)
        for line in self.unnamed:
            is_restated, rest = line.split(":", 1)
            digest = (self.restated if int(is_restated) else self.bill).digest.hexdigest()
            self.truth.lines.append(f"line:{digest}:{rest}")
            if len(self.truth.lines) > CHUNK:
                self.truth.flush()
