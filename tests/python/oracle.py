"""The rules of the request grain in plain Python: what the marts must hold for given files.

Written from the rules, not from the SQL: it shares no code with the models and takes no care to be
fast, so that it can be read as their definition. Amounts are exact decimals, rounded half away
from zero at the 18th digit; times are UTC without zone.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import cached_property
from pathlib import Path

EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
USD = Decimal("1e-18")
RATIO = Decimal("1e-6")

TOLERANCE_PCT = Decimal("0.05")
TOLERANCE_USD = Decimal("0.05")
DRIFT_TOLERANCE_PCT = Decimal("0.02")
FALLBACK_MATCH = timedelta(seconds=60)
SETTLE = timedelta(hours=48)


# what is given ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """An accepted line of a bill, as loaded."""

    line_number: int
    request_id: str | None
    billed_at: datetime | None
    model: str
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: Decimal | None = None
    fee_usd: Decimal | None = None
    endpoint: str | None = None
    request_status: str | None = None
    service_tier: str | None = None
    is_batch: bool | None = None
    region: str | None = None

    @property
    def id(self) -> str | None:
        return trimmed(self.request_id)

    def parsed(self) -> tuple:
        """Every column that a line has, but for its place in the file."""
        values = {column.name: getattr(self, column.name) for column in fields(self)}
        return tuple((values | {"line_number": None, "request_id": self.id}).values())


@dataclass(frozen=True)
class Call:
    """A row of the application's log, as loaded."""

    line_number: int
    id: str
    created_at: datetime
    model_used: str | None
    user_id: str | None = None
    action_type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    success: bool | None = None
    calculated_cost_cents: Decimal | None = None
    openai_request_id: str | None = None
    service_tier: str | None = None
    is_batch: bool | None = None
    region: str | None = None

    @property
    def request_id(self) -> str | None:
        return trimmed(self.openai_request_id)

    @property
    def cost_usd(self) -> Decimal | None:
        if self.calculated_cost_cents is None:
            return None
        return usd(self.calculated_cost_cents * Decimal("0.01"))


@dataclass(frozen=True)
class File:
    """A loaded file: a bill with its lines (and an issuer), or a log with its calls."""

    file_id: str
    load_number: int
    loaded_at: datetime
    issuer: str | None = None
    lines: tuple[Line, ...] = ()
    calls: tuple[Call, ...] = ()
    rejected_line_count: int = 0

    @cached_property
    def times(self) -> list[datetime]:
        """The times of its rows, in order."""
        found = [line.billed_at for line in self.lines] + [call.created_at for call in self.calls]
        return sorted(moment for moment in found if moment is not None)

    def covers(self, day: date) -> bool:
        """A bill covers the UTC days from its first time to its last; superseded lines still do."""
        if not self.lines or not self.times:
            return False
        return self.times[0].date() <= day <= self.times[-1].date()


@dataclass(frozen=True)
class Price:
    """A row of the price list; USD per 1 million tokens."""

    effective_from: datetime
    min_input_tokens: int
    input: Decimal | None
    cached_input: Decimal | None
    cache_write: Decimal | None
    output: Decimal | None


@dataclass(frozen=True)
class Reference:
    """What people edit: the price list, other names of models, actions that are no calls."""

    prices: dict[str, list[Price]]
    """model_name -> its rows, by effective_from"""
    aliases: dict[str, str]
    non_api_actions: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> Reference:
        def rows(name: str) -> list[dict[str, str]]:
            with (folder / name).open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))

        def amount(text: str) -> Decimal | None:
            return Decimal(text) if text else None

        prices: dict[str, list[Price]] = defaultdict(list)
        for row in sorted(rows("ai_model_pricing.csv"), key=lambda row: row["effective_from"]):
            prices[row["model_name"]].append(
                Price(
                    effective_from=datetime.fromisoformat(row["effective_from"]),
                    min_input_tokens=int(row["min_input_tokens"]),
                    input=amount(row["input_price_per_1m"]),
                    cached_input=amount(row["cached_input_price_per_1m"]),
                    cache_write=amount(row["cache_write_price_per_1m"]),
                    output=amount(row["output_price_per_1m"]),
                )
            )
        return cls(
            prices=dict(prices),
            aliases={row["alias"]: row["model_name"] for row in rows("model_aliases.csv")},
            non_api_actions=frozenset(row["action_type"] for row in rows("non_api_actions.csv")),
        )


# small helpers ------------------------------------------------------------------------------------


def trimmed(text: str | None) -> str | None:
    return (text or "").strip() or None


def usd(amount: Decimal) -> Decimal:
    with localcontext(EXACT):
        return amount.quantize(USD)


def ratio(part: Decimal | int, whole: Decimal | int | None) -> Decimal | None:
    """For display: a decimal(18,6), null where the base is 0 or the ratio absurd."""
    if not whole or part is None:
        return None
    with localcontext(EXACT):
        result = (Decimal(part) / Decimal(whole)).quantize(RATIO)
    return result if abs(result) < 10**11 else None


def total(values: Iterable):
    """The sum of the known values; null where there is none."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def first_of_month(day: date | None) -> date | None:
    return None if day is None else day.replace(day=1)


# names and prices ---------------------------------------------------------------------------------


def full_name(name: str) -> str:
    return name.strip().lower().rpartition("/")[2]


def model_name(name: str | None, reference: Reference) -> str | None:
    """The name under which a model is compared: without vendor and date, after the aliases."""
    if trimmed(name) is None:
        return None
    full = full_name(name)
    if full.startswith("ft:") or full.startswith("ft-"):
        full = "ft:" + full[3:].partition(":")[0]
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", full)
    return reference.aliases.get(undated, undated)


def list_price(
    name: str | None,
    at: datetime | None,
    tokens: tuple[int | None, int | None, int | None, int | None],
    reference: Reference,
) -> Decimal | None:
    """USD of a call by the list; `tokens` are input, cached input, cache write and output.

    Null where the tokens or the time are not known, or a price that is needed is not in the list.
    """
    given, cached, written, output = tokens
    if trimmed(name) is None or at is None or given is None or output is None:
        return None
    cached, written = cached or 0, written or 0
    names = (full_name(name), reference.aliases.get(full_name(name)), model_name(name, reference))
    listed = next((reference.prices[name] for name in names if name in reference.prices), [])
    in_force = {price.min_input_tokens: price for price in listed if price.effective_from <= at}
    reached = [threshold for threshold in in_force if threshold <= given]
    if not reached:
        return None
    price = in_force[max(reached)]

    def either(first: Decimal | None, second: Decimal | None) -> Decimal | None:
        return second if first is None else first

    parts = (
        (given - cached - written, price.input),
        (cached, either(price.cached_input, price.input)),
        (written, either(price.cache_write, price.input)),
        (output, price.output),
    )
    amount = Decimal(0)
    for count, per_million in parts:
        if count == 0:
            continue
        if per_million is None:
            return None
        amount += count * per_million * Decimal("0.000001")
    return usd(amount)


# the bill side ------------------------------------------------------------------------------------


@dataclass
class Billed:
    """One request that a bill charges for."""

    key: str
    issuer: str
    request_id: str | None
    billed_at: datetime | None
    model: str
    input_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    fee_usd: Decimal | None
    service_tier: str | None
    is_batch: bool | None
    region: str | None
    usd: Decimal | None
    is_usd_known: bool
    is_credited: bool
    """whether a line of it gives money back"""
    line_count: int
    """lines that count its tokens"""
    cost_basis: str
    file: File


@dataclass
class CountedLine:
    """A line that counts, with its amount: the bill's own, else the list's."""

    file: File
    line: Line
    usd: Decimal | None


def dispositions(bills: list[File]) -> dict[tuple[str, int], str]:
    """What becomes of every line of every bill: `counted`, `duplicate` or `superseded`."""
    result: dict[tuple[str, int], str] = {}
    by_request: dict[tuple[str, str], dict[int, list[tuple[File, Line]]]] = defaultdict(dict)
    for file in bills:
        seen = set()
        for line in file.lines:
            place = (file.file_id, line.line_number)
            result[place] = "counted"
            if line.id is None:
                # it cannot be recognised in a later file, so the days decide
                later = [
                    other
                    for other in bills
                    if other.issuer == file.issuer and other.load_number > file.load_number
                ]
                if any(other.covers(line.billed_at.date()) for other in later):
                    result[place] = "superseded"
            elif line.parsed() in seen:
                result[place] = "duplicate"
            else:
                seen.add(line.parsed())
                files = by_request[file.issuer, line.id]
                files.setdefault(file.load_number, []).append((file, line))
    for files in by_request.values():
        for load_number in files:
            if load_number < charging_file(files):
                for file, line in files[load_number]:
                    result[file.file_id, line.line_number] = "superseded"
    return result


def charging_file(files: dict[int, list[tuple[File, Line]]]) -> int:
    """The load number of the last file that does more than refund; 0 if all only refund."""
    return max((number for number, lines in files.items() if not is_refund(lines)), default=0)


def is_refund(lines: list[tuple[File, Line]]) -> bool:
    return all(line.cost_usd is not None and line.cost_usd < 0 for _, line in lines)


def billed_requests(bills: list[File], reference: Reference) -> list[Billed]:
    fate = dispositions(bills)
    by_key: dict[str, list[CountedLine]] = defaultdict(list)
    for file in sorted(bills, key=lambda file: file.load_number):
        for line in file.lines:
            if fate[file.file_id, line.line_number] != "counted":
                continue
            key = f"bill:{file.issuer}:{line.id}"
            if line.id is None:
                key = f"line:{file.file_id}:{line.line_number}"
            amount = line.cost_usd
            if amount is None:
                tokens = (
                    line.input_tokens,
                    line.cached_input_tokens,
                    line.cache_write_tokens,
                    line.output_tokens,
                )
                amount = list_price(line.model, line.billed_at, tokens, reference)
            by_key[key].append(CountedLine(file, line, amount))
    return [billed_request(key, lines) for key, lines in by_key.items()]


def billed_request(key: str, counted: list[CountedLine]) -> Billed:
    """Add up the lines of one request; `counted` in the order of load_number and line."""

    def size(item: CountedLine) -> tuple:
        # an unknown amount is below all others; max() takes the first of equals
        tokens = (item.line.input_tokens or 0) + (item.line.output_tokens or 0)
        return (item.usd is not None, item.usd or Decimal(0), tokens)

    largest = max(counted, key=size)
    files: dict[int, list[tuple[File, Line]]] = defaultdict(list)
    for item in counted:
        files[item.file.load_number].append((item.file, item.line))
    charging = charging_file(files)
    charged = [item.line for item in counted if item.file.load_number == charging]
    return Billed(
        key=key,
        issuer=largest.file.issuer,
        request_id=largest.line.id,
        billed_at=min(
            (item.line.billed_at for item in counted if item.line.billed_at is not None),
            default=None,
        ),
        model=largest.line.model,
        input_tokens=total(line.input_tokens for line in charged),
        cached_input_tokens=total(line.cached_input_tokens for line in charged),
        cache_write_tokens=total(line.cache_write_tokens for line in charged),
        output_tokens=total(line.output_tokens for line in charged),
        reasoning_tokens=total(line.reasoning_tokens for line in charged),
        fee_usd=total(item.line.fee_usd for item in counted),
        service_tier=largest.line.service_tier,
        is_batch=largest.line.is_batch,
        region=largest.line.region,
        usd=total(item.usd for item in counted),
        is_usd_known=all(item.usd is not None for item in counted),
        line_count=len(charged),
        is_credited=any(item.usd is not None and item.usd < 0 for item in counted),
        cost_basis="price_list"
        if any(item.line.cost_usd is None for item in counted)
        else "billed",
        file=largest.file,
    )


# the log side -------------------------------------------------------------------------------------


def logged_calls(logs: list[File]) -> list[tuple[File, Call]]:
    """A later file's row replaces an earlier row with the same id."""
    by_id: dict[str, tuple[File, Call]] = {}
    for file in sorted(logs, key=lambda file: file.load_number):
        for call in file.calls:
            by_id[call.id] = (file, call)
    return list(by_id.values())


def logged_again(calls: list[Call]) -> set[str]:
    """Ids of the rows whose request id another row logged before."""
    by_request: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.request_id is not None:
            by_request[call.request_id].append(call)
    result = set()
    for group in by_request.values():
        group.sort(key=lambda call: (call.created_at, call.id))
        result.update(call.id for call in group[1:])
    return result


# matching -----------------------------------------------------------------------------------------


def bill_of_each_id(billed: list[Billed]) -> dict[str, Billed]:
    """Should two issuers bill one request id, it belongs to the first by name, in bytes."""
    by_issuer = sorted(billed, key=lambda request: request.issuer, reverse=True)
    return {request.request_id: request for request in by_issuer if request.request_id is not None}


def match(
    calls: list[Call], billed: list[Billed], again: set[str], reference: Reference
) -> dict[str, tuple[Billed, str]]:
    """The bill of each matched call: call id -> (billed request, match_method)."""
    by_request_id = bill_of_each_id(billed)
    matched = {
        call.id: (by_request_id[call.request_id], "request_id")
        for call in calls
        if call.id not in again and call.request_id in by_request_id
    }

    taken = {request.key for request, _ in matched.values()}
    left_billed = [request for request in billed if request.key not in taken]
    left_calls = [
        call
        for call in calls
        if call.id not in matched
        and call.id not in again
        and call.action_type not in reference.non_api_actions
    ]

    def likeness(model: str | None, row: Call | Billed) -> tuple:
        return (model_name(model, reference), row.input_tokens, row.output_tokens)

    groups: dict[tuple, tuple[list[Call], list[Billed]]] = defaultdict(lambda: ([], []))
    for call in left_calls:
        groups[likeness(call.model_used, call)][0].append(call)
    for request in left_billed:
        if request.billed_at is not None:
            groups[likeness(request.model, request)][1].append(request)
    for key, (some_calls, some_billed) in groups.items():
        if None in key:
            continue
        for call in some_calls:
            request = nearest(call.created_at, some_billed, lambda request: request.billed_at)
            if request is None:
                continue
            if nearest(request.billed_at, some_calls, lambda call: call.created_at) is call:
                matched[call.id] = (request, "timestamp_model")
    return matched


def nearest(moment: datetime, rows: list, time_of) -> Call | Billed | None:
    """The one row nearest in time and near enough; none where two are equally near."""
    near = [row for row in rows if abs(time_of(row) - moment) <= FALLBACK_MATCH]
    if not near:
        return None
    least = min(abs(time_of(row) - moment) for row in near)
    closest = [row for row in near if abs(time_of(row) - moment) == least]
    return closest[0] if len(closest) == 1 else None


# the marts ----------------------------------------------------------------------------------------


@dataclass
class Expected:
    """The rows that the marts must hold, each a dict by column name."""

    reconciled_requests: list[dict] = field(default_factory=list)
    token_usage_reconciled: list[dict] = field(default_factory=list)
    loaded_files: list[dict] = field(default_factory=list)
    reconciliation_summary: list[dict] = field(default_factory=list)
    reconciliation_health: list[dict] = field(default_factory=list)
    pairs: list[tuple[dict, Call | None, Billed | None]] = field(default_factory=list)
    """each row of reconciled_requests with its call and its billed request"""


def expect(files: list[File], reference: Reference) -> Expected:
    """Everything that follows from the loaded files."""
    with localcontext(EXACT):
        bills = [file for file in files if file.lines]
        logs = [file for file in files if file.calls]
        placed = logged_calls(logs)
        calls = [call for _, call in placed]
        billed = billed_requests(bills, reference)
        again = logged_again(calls)
        matched = match(calls, billed, again, reference)
        bill_of_id = bill_of_each_id(billed)

        pairs = []
        for call in calls:
            request, method = matched.get(call.id, (None, None))
            row = reconciled(call, request, method, reference)
            judge(row, call, request, call.id in again, bills, reference)
            if row["status_reason"] == "duplicate_log" and call.request_id in bill_of_id:
                row["billed_usd"] = Decimal(0)
                row["reconciled_at"] = bill_of_id[call.request_id].file.loaded_at
            pairs.append((row, call, request))
        taken = {request.key for request, _ in matched.values()}
        for request in billed:
            if request.key not in taken:
                row = reconciled(None, request, None, reference)
                judge(row, None, request, False, bills, reference)
                pairs.append((row, None, request))
        rows = [row for row, _, _ in pairs]

        return Expected(
            reconciled_requests=rows,
            token_usage_reconciled=[
                usage_row(*pair, row) for pair, row in zip(placed, rows, strict=False)
            ],
            loaded_files=[file_row(file, bills, placed) for file in files],
            reconciliation_summary=summary(rows),
            reconciliation_health=health(rows, files, bills, reference),
            pairs=pairs,
        )


def reconciled(
    call: Call | None, request: Billed | None, method: str | None, reference: Reference
) -> dict:
    """A row of reconciled_requests but for its status."""
    # what calls no provider is not priced: its missing cost counts as 0
    is_provider_call = call is not None and call.action_type not in reference.non_api_actions
    logged_usd = call.cost_usd if call else None
    if is_provider_call and logged_usd is None:
        logged_usd = list_price(call.model_used, call.created_at, tokens_of(call), reference)
    is_logged_unknown = is_provider_call and logged_usd is None
    is_billed_unknown = request is not None and not request.is_usd_known
    billed_usd = request.usd if request else None
    difference = None
    if not is_logged_unknown and not is_billed_unknown:
        difference = usd((billed_usd or Decimal(0)) - (logged_usd or Decimal(0)))

    has_billed_tokens = request is not None and not (
        request.input_tokens is None and request.output_tokens is None
    )
    priced = request if has_billed_tokens else call
    expected_usd = None
    if priced is not None:
        expected_usd = list_price(
            request.model if request else call.model_used,
            (request.billed_at if request else None) or (call.created_at if call else None),
            tokens_of(priced),
            reference,
        )

    at = call.created_at if call else request.billed_at
    models = (
        model_name(call.model_used, reference) if call else None,
        model_name(request.model, reference) if request else None,
    )
    return {
        "reconciliation_key": f"usage:{call.id}" if call else request.key,
        "usage_id": call.id if call else None,
        "request_id": (call.request_id if call else None)
        or (request.request_id if request else None),
        "issuer": request.issuer if request else None,
        "usage_date": at.date() if at else None,
        "logged_at": call.created_at if call else None,
        "billed_at": request.billed_at if request else None,
        "user_id": call.user_id if call else None,
        "action_type": call.action_type if call else None,
        "logged_model": call.model_used if call else None,
        "billed_model": request.model if request else None,
        "model": models[0] or models[1],
        "logged_input_tokens": call.input_tokens if call else None,
        "logged_output_tokens": call.output_tokens if call else None,
        "billed_input_tokens": request.input_tokens if request else None,
        "billed_cached_input_tokens": request.cached_input_tokens if request else None,
        "billed_output_tokens": request.output_tokens if request else None,
        "logged_usd": logged_usd,
        "billed_usd": billed_usd,
        "expected_usd": expected_usd,
        "difference_usd": difference,
        "difference_pct": None if difference is None else ratio(difference, logged_usd),
        "logged_cost_basis": None
        if logged_usd is None
        else "calculated"
        if call.calculated_cost_cents is not None
        else "price_list",
        "billed_cost_basis": request.cost_basis if request else None,
        "match_method": method,
        "file_id": request.file.file_id if request else None,
        "reconciled_at": request.file.loaded_at if request else None,
    }


def tokens_of(row: Call | Billed) -> tuple[int | None, int | None, int | None, int | None]:
    return (row.input_tokens, row.cached_input_tokens, row.cache_write_tokens, row.output_tokens)


def judge(
    row: dict,
    call: Call | None,
    request: Billed | None,
    is_again: bool,
    bills: list[File],
    reference: Reference,
) -> None:
    """Set the status of a row: a closed list, the first that fits."""

    def status() -> tuple[str, str]:
        if call is None:
            return "not_found", "not_logged"
        if request is None:
            if call.action_type in reference.non_api_actions:
                return "not_applicable", "not_an_api_call"
            if call.request_id is None:
                return "not_applicable", "no_request_id"
            if is_again:
                return "discrepancy", "duplicate_log"
            covering = [file for file in bills if file.covers(call.created_at.date())]
            if covering and call.created_at < max(file.loaded_at for file in covering) - SETTLE:
                return "pending", "missing_from_bill"
            return "pending", "awaiting_bill"
        difference, logged_usd = row["difference_usd"], row["logged_usd"]
        if difference is None:
            return "pending", "no_price"
        if difference == 0:
            return "matched", "exact"
        if abs(difference) <= TOLERANCE_PCT * abs(logged_usd or 0):
            return "matched", "within_percent"
        if abs(difference) <= TOLERANCE_USD:
            return "matched", "within_amount"
        return "discrepancy", "outside_tolerance"

    row["reconciliation_status"], row["status_reason"] = status()


def usage_row(file: File, call: Call, row: dict) -> dict:
    """The log's own columns, then what it really cost and since when that is known."""
    billed_usd = row["billed_usd"]
    own = {column.name: getattr(call, column.name) for column in fields(call)}
    return own | {
        "openai_request_id": call.request_id,
        "file_id": file.file_id,
        "actual_cost_cents": None if billed_usd is None else billed_usd * 100,
        "reconciled_at": None if billed_usd is None else row["reconciled_at"],
        "reconciliation_status": row["reconciliation_status"],
        "status_reason": row["status_reason"],
    }


def file_row(file: File, bills: list[File], placed: list[tuple[File, Call]]) -> dict:
    """Every accepted line and dollar is reconciled, a duplicate or superseded."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    if file.lines:
        fate = dispositions(bills)
        for line in file.lines:
            amounts[fate[file.file_id, line.line_number]].append(line.cost_usd or Decimal(0))
    kept = {(owner.file_id, call.id) for owner, call in placed}
    for call in file.calls:
        state = "counted" if (file.file_id, call.id) in kept else "superseded"
        amounts[state].append(call.cost_usd or Decimal(0))
    sums = {state: sum(values, Decimal(0)) for state, values in amounts.items()}
    return {
        "file_id": file.file_id,
        "load_number": file.load_number,
        "issuer": file.issuer,
        "accepted_line_count": len(file.lines) + len(file.calls),
        "rejected_line_count": file.rejected_line_count,
        "line_count": len(file.lines) + len(file.calls) + file.rejected_line_count,
        "accepted_usd": sum(sums.values(), Decimal(0)),
        "first_at": min(file.times, default=None),
        "last_at": max(file.times, default=None),
        "loaded_at": file.loaded_at,
        "duplicate_line_count": len(amounts["duplicate"]),
        "superseded_line_count": len(amounts["superseded"]),
        "duplicate_usd": sums.get("duplicate", Decimal(0)),
        "superseded_usd": sums.get("superseded", Decimal(0)),
        "reconciled_usd": sums.get("counted", Decimal(0)),
    }


def summary(rows: list[dict]) -> list[dict]:
    """Month × model × status."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in rows:
        month = first_of_month(row["usage_date"])
        groups[month, row["model"], row["reconciliation_status"]].append(row)
    return [
        {
            "usage_month": month,
            "model": model,
            "reconciliation_status": status,
            "request_count": len(group),
            "logged_usd": total(row["logged_usd"] for row in group),
            "billed_usd": total(row["billed_usd"] for row in group),
            "difference_usd": total(row["difference_usd"] for row in group),
        }
        for (month, model, status), group in groups.items()
    ]


def health(
    rows: list[dict], files: list[File], bills: list[File], reference: Reference
) -> list[dict]:
    """One row per month, with its verdict."""
    by_month: dict[date | None, list[dict]] = defaultdict(list)
    for row in rows:
        by_month[first_of_month(row["usage_date"])].append(row)
    rejected: dict[date | None, int] = defaultdict(int)
    for file in files:
        if file.rejected_line_count:
            month = first_of_month(min(file.times).date() if file.times else None)
            rejected[month] += file.rejected_line_count
    return [
        month_row(month, by_month.get(month, []), rejected.get(month, 0), bills, reference)
        for month in {*by_month, *rejected}
    ]


def month_row(
    month: date | None, rows: list[dict], rejected: int, bills: list[File], reference: Reference
) -> dict:
    def with_status(*statuses: str) -> list[dict]:
        return [row for row in rows if row["reconciliation_status"] in statuses]

    def billed_in(some: list[dict]) -> Decimal:
        return total(row["billed_usd"] for row in some) or Decimal(0)

    billed = [row for row in rows if row["file_id"] is not None]
    matched = with_status("matched")
    not_found = with_status("not_found")
    duplicates = [row for row in rows if row["status_reason"] == "duplicate_log"]
    discrepant = [
        row for row in with_status("discrepancy") if row["status_reason"] != "duplicate_log"
    ]
    missing = [row for row in rows if row["status_reason"] == "missing_from_bill"]
    provider_calls = [
        row
        for row in rows
        if row["usage_id"] is not None
        and row["action_type"] not in reference.non_api_actions
        and row["status_reason"] != "duplicate_log"
        and any(file.covers(row["usage_date"]) for file in bills)
    ]
    compared = with_status("matched", "discrepancy")
    drift = total(row["difference_usd"] for row in compared) or Decimal(0)
    drift_base = total(row["logged_usd"] for row in compared) or Decimal(0)
    is_drifting = abs(drift) > DRIFT_TOLERANCE_PCT * abs(drift_base)
    billed_usd = total(row["billed_usd"] for row in rows)

    def share_is(some: list[dict], fits) -> bool:
        """Whether it fits of billed requests and, where any were billed, of dollars."""
        return fits(len(some), len(billed)) and (
            billed_usd is None or billed_usd <= 0 or fits(billed_in(some), billed_usd)
        )

    if not billed:
        verdict = "no_bill"
    elif len(not_found) == len(billed):
        verdict = "nothing_logged"
    elif len(discrepant) >= Decimal("0.30") * len(billed):
        verdict = "prices_out_of_date"
    elif is_drifting:
        verdict = "drifting"
    elif (
        share_is(matched, lambda part, whole: part >= Decimal("0.95") * whole)
        and share_is(discrepant, lambda part, whole: part < Decimal("0.05") * whole)
        and share_is(not_found, lambda part, whole: part < Decimal("0.01") * whole)
        and len(missing) <= Decimal("0.01") * len(provider_calls)
        and rejected == 0
    ):
        verdict = "healthy"
    else:
        verdict = "needs_review"
    return {
        "usage_month": month,
        "billed_request_count": len(billed),
        "matched_count": len(matched),
        "discrepancy_count": len(discrepant),
        "duplicate_log_count": len(duplicates),
        "not_found_count": len(not_found),
        "pending_count": len(with_status("pending")),
        "missing_from_bill_count": len(missing),
        "rejected_line_count": rejected,
        "match_rate": ratio(len(matched), len(billed)),
        "discrepancy_rate": ratio(len(discrepant), len(billed)),
        "not_found_rate": ratio(len(not_found), len(billed)),
        "logged_usd": total(row["logged_usd"] for row in rows),
        "billed_usd": billed_usd,
        "not_found_usd": billed_in(not_found),
        "difference_usd": total(row["difference_usd"] for row in rows),
        "drift_pct": ratio(drift, drift_base),
        "is_drifting": is_drifting,
        "verdict": verdict,
    }
