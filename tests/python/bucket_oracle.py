"""The rules of the bucket grain in plain Python: what the marts must hold for given exports.

A provider's cost and usage exports name no request, only UTC days (or hours), models and projects.
Like oracle.py, whose names, prices and request grain it uses, this shares no code with the models
and takes no care to be fast. One Buckets holds the loaded files; its parts are in the order of the
rules: which lines count, what a line item says, the sides of a bucket, the chain between them, the
bill given to calls, the marts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property

from oracle import (
    DRIFT_TOLERANCE_PCT,
    EXACT,
    SETTLE,
    TOLERANCE_PCT,
    TOLERANCE_USD,
    Billed,
    Call,
    File,
    Reference,
    bill_of_each_id,
    billed_requests,
    first_of_month,
    full_name,
    judge,
    list_price,
    logged_again,
    logged_calls,
    match,
    model_name,
    ratio,
    reconciled,
    total,
    trimmed,
    usd,
)

DAY = timedelta(days=1)
ZERO = Decimal(0)
SHARE = Decimal("1e-12")
ALL, NONE, UNMAPPED = "(all)", "(none)", "(unmapped)"
COSTS = "costs"
CALL_KINDS = (
    *("completions", "embeddings", "moderations", "images"),
    *("audio_speeches", "audio_transcriptions"),
)
KIND_BY_NAME = (
    ("embeddings", "embedding"),
    ("moderations", "moderation"),
    ("images", "image"),
    ("images", "dall-e"),
    ("audio_speeches", "tts"),
    ("audio_transcriptions", "whisper"),
    ("audio_transcriptions", "transcribe"),
)
TOKEN_CLASSES = {
    ("text", "input"): "input",
    ("text", "cached input"): "cached_input",
    ("text", "cache writes"): "cache_write",
    ("text", "output"): "output",
    ("audio", "input"): "input_audio",
    ("audio", "cached input"): "cached_input_audio",
    ("audio", "output"): "output_audio",
    ("image", "input"): "input_image",
    ("image", "cached input"): "cached_input_image",
    ("image", "output"): "output_image",
}
TEXT_CLASSES = ("input", "cached_input", "cache_write", "output")
TOOLS, STORAGE = "tool_call", "storage"
# line items that follow no grammar, as far as the tests write them: class, model, is it usage
WHOLE_TEXTS: dict[str, tuple[str, str | None, bool]] = {
    "web search tool calls": (TOOLS, None, True),
    "code interpreter": (TOOLS, None, True),
    "assistants api | code interpreter": (TOOLS, None, True),
    "assistants api | file search": (STORAGE, None, True),
    "vector store storage": (STORAGE, None, True),
    "whisper": ("all", "whisper-1", True),
    "credit grant": ("all", None, False),
    "refund": ("all", None, False),
    "sales tax": ("all", None, False),
    "prepaid credits": ("all", None, False),
}


# what is given ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LoggedCall(Call):
    """A row of the log that names the provider's project."""

    project_id: str | None = None


@dataclass(frozen=True)
class BucketLine:
    """What a line of either export says of where and when."""

    line_number: int
    start: datetime
    end: datetime
    project_id: str | None = None
    organization_id: str | None = None

    @property
    def day(self) -> date:
        return self.start.date()


@dataclass(frozen=True)
class Cost(BucketLine):
    """A line of a cost export."""

    amount_usd: Decimal | None = None
    line_item: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None

    @property
    def is_filled(self) -> bool:
        return self.amount_usd is not None or self.quantity is not None

    @property
    def is_charge(self) -> bool:
        """Whether it makes a bucket: dollars, or a quantity given for nothing."""
        return bool(self.amount_usd or self.quantity)


@dataclass(frozen=True)
class Usage(BucketLine):
    """A line of a usage export; input includes cached, written, audio and image tokens."""

    model: str | None = None
    request_count: int | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    seconds: int | None = None
    characters: int | None = None
    images: int | None = None
    sessions: int | None = None
    bytes: int | None = None

    @property
    def is_filled(self) -> bool:
        place = {column.name for column in fields(BucketLine)} | {"model"}
        names = [column.name for column in fields(self) if column.name not in place]
        return any(getattr(self, name) is not None for name in names)


@dataclass(frozen=True)
class Export:
    """A loaded export: of costs, or of one kind of usage."""

    file_id: str
    load_number: int
    loaded_at: datetime
    kind: str
    lines: tuple[Cost | Usage, ...]
    issuer: str = "openai"

    @cached_property
    def filled(self) -> list[Cost | Usage]:
        return [line for line in self.lines if line.is_filled]

    @cached_property
    def project(self) -> str | None:
        """Its scope: the one project of all its filled lines; none is all projects."""
        return only({line.project_id for line in self.filled})

    @cached_property
    def organization(self) -> str | None:
        return only({line.organization_id for line in self.filled})

    @cached_property
    def has_project_detail(self) -> bool:
        return any(line.project_id is not None for line in self.filled)

    @cached_property
    def days(self) -> set[date]:
        return {line.day for line in self.lines}

    @cached_property
    def whole_days(self) -> set[date]:
        """The days whose 24 hours its buckets span."""
        buckets = {(line.start, line.end) for line in self.lines}
        length: dict[date, timedelta] = defaultdict(timedelta)
        for start, end in buckets:
            length[start.date()] += end - start
        return {day for day, covered in length.items() if covered == DAY}

    def covers(self, day: date) -> bool:
        return day in self.days

    def answers(self, line: BucketLine) -> bool:
        """Whether the project and the organisation of a line are in its scope."""
        return self.project in (None, line.project_id) and is_same_organization(
            self.organization, line.organization_id
        )


@dataclass(frozen=True)
class Options:
    """The project's vars that change what a bucket is."""

    is_by_project: bool = False
    billed_projects: tuple[str, ...] = ()


def only(values: set):
    """The one value of a set; none where there are several."""
    return next(iter(values)) if len(values) == 1 else None


def is_same_organization(one: str | None, other: str | None) -> bool:
    """An organisation that is not named may be any."""
    return one is None or other is None or one == other


# which lines count --------------------------------------------------------------------------------


def fate(export: Export, line: Cost | Usage, exports: list[Export], options: Options) -> str:
    """What becomes of a line: `counted`, `superseded` or `excluded`."""
    if is_superseded(export, line, exports):
        return "superseded"
    is_ours = not options.billed_projects or line.project_id in options.billed_projects
    if line.is_filled and not is_ours:
        return "excluded"
    return "counted"


def is_superseded(export: Export, line: Cost | Usage, exports: list[Export]) -> bool:
    like = [
        other
        for other in exports
        if other is not export and (other.issuer, other.kind) == (export.issuer, export.kind)
    ]
    later = [other for other in like if other.load_number > export.load_number]
    if any(line.day in other.whole_days and other.answers(line) for other in later):
        return True
    if is_part_of_what_stands(export, line, like):
        return True
    if line.day in export.whole_days:
        return False
    # part of a day: whoever has the whole day knows better, later or not; else the same hours
    return any(line.day in other.whole_days and other.answers(line) for other in like) or any(
        line.day not in other.whole_days
        and other.answers(line)
        and any((own.start, own.end) == (line.start, line.end) for own in other.lines)
        for other in later
    )


def is_part_of_what_stands(export: Export, line: Cost | Usage, like: list[Export]) -> bool:
    """One project's line that an earlier file without project detail holds already."""
    if export.project is None:
        return False
    before = [other for other in like if other.load_number < export.load_number]
    return any(
        earlier_line.day == line.day
        and is_same_organization(earlier_line.organization_id, line.organization_id)
        and not is_replaced_before(earlier, earlier_line, before)
        for earlier in before
        if not earlier.has_project_detail
        for earlier_line in earlier.filled
    )


def is_replaced_before(export: Export, line: Cost | Usage, before: list[Export]) -> bool:
    """Whether a file of all projects holds the whole day instead of a line without project."""
    is_part = line.day not in export.whole_days
    return any(
        other is not export
        and other.project is None
        and line.day in other.whole_days
        and (other.load_number > export.load_number or is_part)
        and is_same_organization(other.organization, line.organization_id)
        for other in before
    )


# what a line item says ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """A line item, understood: which model, which class of tokens, whether it is usage."""

    model: str
    token_class: str
    is_model: bool = True
    is_usage: bool = True
    is_evals: bool = False

    @property
    def is_loggable(self) -> bool:
        return self.token_class not in (TOOLS, STORAGE)


def split_item(line_item: str, reference: Reference) -> Item:
    text = line_item.strip().lower()
    if text.startswith("evals | "):
        return replace(split_item(text.removeprefix("evals | "), reference), is_evals=True)
    if text in WHOLE_TEXTS:
        token_class, model, is_usage = WHOLE_TEXTS[text]
        return Item(model or text, token_class, model is not None, is_usage)
    before, comma, after = (part.strip() for part in text.rpartition(","))
    if not comma:
        names = {full_name(text), reference.aliases.get(full_name(text))}
        is_listed = bool(({*names, model_name(text, reference)}) & reference.prices.keys())
        return Item(model_name(text, reference), "all" if is_listed else "unmapped", is_listed)
    name, _, modality = before.rpartition(" ")
    if modality not in ("text", "audio", "image"):
        name, modality = before, "text"
    token_class = TOKEN_CLASSES.get((modality, after))
    if token_class is None:
        return Item(model_name(before, reference), "unmapped")
    return Item(model_name(name, reference), token_class)


# the chain ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """Logged, expected, reported, billed and the differences between them."""

    calculation: Decimal
    token: Decimal
    rate: Decimal
    difference: Decimal


def chain(
    logged: Decimal, expected: Decimal | None, reported: Decimal | None, billed: Decimal
) -> Chain:
    """An unknown link is skipped: its difference is 0, the next starts from the last known."""
    at_list_price = logged if expected is None else expected
    by_provider = at_list_price if reported is None else reported
    return Chain(
        calculation=at_list_price - logged,
        token=by_provider - at_list_price,
        rate=billed - by_provider,
        difference=billed - logged,
    )


def is_outside(difference: Decimal, base: Decimal) -> bool:
    return abs(difference) > TOLERANCE_PCT * abs(base) and abs(difference) > TOLERANCE_USD


def broken_pair(links: Chain, logged: Decimal, expected: Decimal | None, reported: Decimal | None):
    """Which two sides disagree, whatever the bill says in the end; needs the usage export."""
    if reported is None:
        return None
    is_log_usage = is_outside(links.token, logged if expected is None else expected)
    is_usage_bill = is_outside(links.rate, reported)
    if is_log_usage and is_usage_bill:
        return "both"
    return "log_usage" if is_log_usage else "usage_bill" if is_usage_bill else None


# the bill given to calls --------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A call that no request-level bill names."""

    key: str
    expected_usd: Decimal | None
    logged_usd: Decimal | None

    @property
    def is_known(self) -> bool:
        return self.expected_usd is not None or self.logged_usd is not None

    @property
    def weight(self) -> Decimal:
        for amount in (self.expected_usd, self.logged_usd):
            if amount is not None:
                return amount
        return ZERO


def shares(bill: Decimal, calls: list[Candidate]) -> dict[str, Decimal]:
    """The part of a bill that each call gets: its list price, if it has one, and its part of what
    the list prices leave of the bill. They sum to the bill, to the last digit."""
    with localcontext(EXACT):
        result = {call.key: ZERO for call in calls}
        known = [call for call in calls if call.is_known] or calls
        weights = sum((call.weight for call in known), ZERO)
        residual = bill - amount(call.expected_usd for call in calls)
        for call in known:
            part, whole = (call.weight, weights) if weights else (Decimal(1), Decimal(len(known)))
            share_of_residual = (part / whole).quantize(SHARE, ROUND_HALF_UP)
            result[call.key] = usd((call.expected_usd or ZERO) + residual * share_of_residual)
        largest = min(known, key=lambda call: (-call.weight, call.key.encode()))
        result[largest.key] += bill - sum(result.values(), ZERO)
        return result


# the buckets --------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Bucket:
    """What the sides are compared by."""

    day: date
    project: str
    model: str

    def key(self, issuer: str) -> str:
        return f"bucket:{issuer}:{self.day}:{self.project}:{self.model}"


@dataclass(frozen=True)
class Charge:
    """A cost line that counts, with what its line item says."""

    export: Export
    line: Cost
    item: Item


@dataclass(frozen=True)
class Reported:
    """A usage line that counts."""

    export: Export
    line: Usage


class Buckets:
    """The loaded files, and every row that follows from them."""

    def __init__(
        self,
        files: list[File],
        exports: list[Export],
        reference: Reference,
        options: Options | None = None,
    ) -> None:
        self.bills = [file for file in files if file.lines]
        self.logs = [file for file in files if file.calls]
        self.files = files
        self.exports = exports
        self.reference = reference
        self.base_tier = replace(
            reference,
            prices={
                name: [price for price in prices if price.min_input_tokens == 0]
                for name, prices in reference.prices.items()
            },
        )
        self.options = options or Options()
        self.calls: list[Call] = [call for _, call in logged_calls(self.logs)]
        self.again = logged_again(self.calls)
        self.requests = billed_requests(self.bills, reference)
        self.matched = match(self.calls, self.requests, self.again, reference)

    # which lines count

    @cached_property
    def fates(self) -> dict[tuple[str, int], str]:
        return {
            (export.file_id, line.line_number): fate(export, line, self.exports, self.options)
            for export in self.exports
            for line in export.lines
        }

    def counted(self, export: Export) -> list[Cost | Usage]:
        return [
            line
            for line in export.filled
            if self.fates[export.file_id, line.line_number] == "counted"
        ]

    @cached_property
    def charges(self) -> list[Charge]:
        return [
            Charge(export, line, self.item(export, line))
            for export in self.exports
            if export.kind == COSTS
            for line in self.counted(export)
        ]

    def item(self, export: Export, line: Cost) -> Item:
        text = trimmed(line.line_item)
        if text is not None:
            return split_item(text, self.reference)
        if is_ungrouped(export, line.day):
            return Item(ALL, "all")
        return Item(UNMAPPED, "unmapped", is_model=False)

    @cached_property
    def reports(self) -> list[Reported]:
        return [
            Reported(export, line)
            for export in self.exports
            if export.kind in CALL_KINDS
            for line in self.counted(export)
        ]

    # buckets and days

    def project(self, project_id: str | None) -> str:
        return trimmed(project_id) or NONE if self.options.is_by_project else ALL

    @cached_property
    def whole_days(self) -> set[tuple[date, str]]:
        """Days and projects that an ungrouped bill compares as a whole."""
        return {
            (charge.line.day, self.project(charge.line.project_id))
            for charge in self.charges
            if is_ungrouped(charge.export, charge.line.day)
        }

    def bucket(self, day: date, project_id: str | None, model: str | None) -> Bucket:
        project = self.project(project_id)
        name = ALL if (day, project) in self.whole_days else model or NONE
        return Bucket(day, project, name)

    @cached_property
    def all_bills(self) -> list[File | Export]:
        return [*self.bills, *(export for export in self.exports if export.kind == COSTS)]

    def bills_of(self, project: str) -> list[File | Export]:
        """The bills that can know of a project: of those of one project, its own."""
        return [bill for bill in self.all_bills if is_of(bill, project)]

    def has_costs(self, issuer: str, day: date, project: str) -> bool:
        """Whether a cost export of the issuer covers the day, whatever became of its lines."""
        return any(
            isinstance(bill, Export) and bill.issuer == issuer and bill.covers(day)
            for bill in self.bills_of(project)
        )

    def is_covered(self, day: date, project: str = ALL) -> bool:
        return any(bill.covers(day) for bill in self.bills_of(project))

    def is_provisional(self, day: date, project: str = ALL) -> bool:
        """Whether the newest bill of the day was loaded too early to be the last word."""
        loaded = [bill.loaded_at for bill in self.bills_of(project) if bill.covers(day)]
        return bool(loaded) and midnight(day + DAY) > max(loaded) - SETTLE

    # the sides of a bucket

    @cached_property
    def logged(self) -> dict[Bucket, list[Call]]:
        result = defaultdict(list)
        for call in self.calls:
            if self.is_provider_call(call) or call.id in self.matched:
                result[self.bucket_of_call(call)].append(call)
        return result

    def is_provider_call(self, call: Call) -> bool:
        return call.action_type not in self.reference.non_api_actions

    def bucket_of_call(self, call: Call) -> Bucket:
        model = model_name(call.model_used, self.reference)
        return self.bucket(call.created_at.date(), getattr(call, "project_id", None), model)

    def expected_usd(self, call: Call) -> Decimal | None:
        """List price of the logged tokens."""
        tokens = (
            *(call.input_tokens, call.cached_input_tokens),
            *(call.cache_write_tokens, call.output_tokens),
        )
        return list_price(call.model_used, call.created_at, tokens, self.reference)

    def logged_usd(self, call: Call) -> Decimal | None:
        if call.cost_usd is None and self.is_provider_call(call):
            return self.expected_usd(call)
        return call.cost_usd

    @cached_property
    def reported(self) -> dict[Bucket, list[Usage]]:
        result = defaultdict(list)
        for report in self.reports:
            line = report.line
            name = model_name(line.model, self.reference)
            result[self.bucket(line.day, line.project_id, name)].append(line)
        return result

    def reported_usd(self, line: Usage) -> Decimal | None:
        """List price of the base tier; null where a token has no price, as sound and pictures."""
        others = (
            *(line.input_audio_tokens, line.output_audio_tokens),
            *(line.input_image_tokens, line.output_image_tokens),
        )
        if any(others):
            return None
        tokens = (
            *(line.input_tokens, line.cached_input_tokens),
            *(line.cache_write_tokens, line.output_tokens or 0),
        )
        return list_price(line.model, line.start, tokens, self.base_tier)

    @cached_property
    def kinds_of_models(self) -> dict[str, set[str]]:
        """model -> the kinds of calls that it was ever reported as."""
        result = defaultdict(set)
        for export in self.exports:
            if export.kind in CALL_KINDS:
                for line in export.filled:
                    result[model_name(line.model, self.reference) or NONE].add(export.kind)
        return result

    @cached_property
    def named_models(self) -> set[str]:
        """What is known to be a model, not the text of a line item."""
        result = {ALL, NONE, *self.reference.prices, *self.kinds_of_models}
        result |= {model_name(call.model_used, self.reference) for call in self.calls}
        result |= {model_name(request.model, self.reference) for request in self.requests}
        return result | {charge.item.model for charge in self.charges if charge.item.is_model}

    def is_report_whole(self, bucket: Bucket) -> bool:
        """Whether usage exports would say so if the provider had seen calls of the bucket."""
        if bucket.model not in self.named_models:
            return False
        whole = {
            export.kind
            for export in self.exports
            if bucket.day in export.whole_days and is_of(export, bucket.project)
        }
        if bucket.model == ALL:
            return bool(whole & set(CALL_KINDS))
        by_name = (kind for kind, part in KIND_BY_NAME if part in bucket.model)
        kinds = self.kinds_of_models.get(bucket.model) or {next(by_name, "completions")}
        return kinds <= whole

    @cached_property
    def charged(self) -> dict[tuple[str, Bucket], list[Charge]]:
        """What cost exports bill for use: issuer and bucket -> lines with dollars or quantity."""
        result = defaultdict(list)
        for charge in self.charges:
            if charge.item.is_usage and charge.line.is_charge:
                line = charge.line
                bucket = self.bucket(line.day, line.project_id, charge.item.model)
                result[charge.export.issuer, bucket].append(charge)
        return result

    @cached_property
    def requested(self) -> dict[tuple[str, Bucket], list[Billed]]:
        """What request-level bills say: issuer and bucket -> requests, by their billed date."""
        call_of = {request.key: call_id for call_id, (request, _) in self.matched.items()}
        by_id = {call.id: call for call in self.calls}
        result = defaultdict(list)
        for request in self.requests:
            call = by_id.get(call_of.get(request.key))
            moment = request.billed_at or (call.created_at if call else None)
            if moment is None:
                continue
            name = model_name(request.model, self.reference)
            bucket = self.bucket(moment.date(), getattr(call, "project_id", None), name)
            result[request.issuer, bucket].append(request)
        return result

    def issuers(self, bucket: Bucket) -> list[str]:
        return sorted(
            {issuer for issuer, other in (*self.charged, *self.requested) if other == bucket}
        )

    def billed(self, bucket: Bucket) -> dict[str, Decimal]:
        """What each issuer that charges for the bucket does: by its cost export if it has one for
        the day, else by its request-level bill."""
        result = {}
        for (issuer, other), charges in self.charged.items():
            if other == bucket:
                result[issuer] = amount(charge.line.amount_usd for charge in charges)
        for (issuer, other), requests in self.requested.items():
            if other == bucket and not self.has_costs(issuer, bucket.day, bucket.project):
                result[issuer] = amount(request.usd for request in requests)
        return result

    # daily_reconciliation

    @cached_property
    def daily(self) -> dict[Bucket, dict]:
        with localcontext(EXACT):
            buckets = {*self.logged}
            buckets |= {
                bucket
                for bucket, lines in self.reported.items()
                if any(line.request_count for line in lines)
            }
            buckets |= {bucket for _, bucket in (*self.charged, *self.requested)}
            return {bucket: self.daily_row(bucket) for bucket in sorted(buckets)}

    def daily_row(self, bucket: Bucket) -> dict:
        calls = self.logged.get(bucket, [])
        logged = total(self.logged_usd(call) for call in calls) if calls else ZERO
        expected = whole_sum(self.expected_usd(call) for call in calls)
        lines = self.reported.get(bucket, [])
        requests, reported = None, None
        if lines:
            requests = sum(line.request_count or 0 for line in lines)
            reported = whole_sum(self.reported_usd(line) for line in lines)
        elif self.is_report_whole(bucket):
            requests, reported = 0, ZERO
        charged = self.billed(bucket)
        is_covered = self.is_covered(bucket.day, bucket.project)
        billed = sum(charged.values(), ZERO) if is_covered else None
        links = None
        if is_covered and logged is not None:
            links = chain(logged, expected, reported, billed)
        row = {
            "usage_date": bucket.day,
            "project_id": bucket.project,
            "model": bucket.model,
            "issuer": ", ".join(self.issuers(bucket)) or None,
            "logged_requests": len(calls),
            "reported_requests": requests,
            "logged_usd": logged,
            "expected_usd": expected,
            "reported_usd": reported,
            "billed_usd": billed,
            "calculation_difference_usd": links and links.calculation,
            "token_difference_usd": links and links.token,
            "rate_difference_usd": links and links.rate,
            "difference_usd": links and links.difference,
            "resolution": "day" if bucket.model == ALL else "line_item",
            "broken_pair": links and broken_pair(links, logged, expected, reported),
            "is_provisional": self.is_provisional(bucket.day, bucket.project),
        }
        status, reason = self.daily_status(bucket, row, is_charged=bool(self.issuers(bucket)))
        is_compared = status in ("matched", "discrepancy")
        return row | {
            "reconciliation_status": status,
            "status_reason": reason,
            "drift_pct": ratio(links.difference, logged) if is_compared else None,
            "is_drifting": is_compared
            and abs(links.difference) > DRIFT_TOLERANCE_PCT * abs(logged),
        }

    def is_loggable(self, bucket: Bucket) -> bool:
        items = [
            charge.item
            for (_, other), charges in self.charged.items()
            if other == bucket
            for charge in charges
        ]
        return bucket.model == ALL or not items or any(item.is_loggable for item in items)

    def daily_status(self, bucket: Bucket, row: dict, *, is_charged: bool) -> tuple[str, str]:
        """A closed list, the first that fits."""
        if row["billed_usd"] is None:
            return "pending", "awaiting_bill"
        if not self.is_loggable(bucket):
            return "not_found", "not_loggable"
        if row["logged_requests"] == 0:
            return "not_found", "not_logged"
        if row["logged_usd"] is None:
            return "pending", "no_price"
        if not is_charged:
            is_early = row["is_provisional"]
            return "pending", "awaiting_bill" if is_early else "missing_from_bill"
        difference = row["difference_usd"]
        if difference == 0:
            return "matched", "exact"
        if abs(difference) <= TOLERANCE_PCT * abs(row["logged_usd"]):
            return "matched", "within_percent"
        if abs(difference) <= TOLERANCE_USD:
            return "matched", "within_amount"
        return "discrepancy", "outside_tolerance"

    # reconciled_requests

    @cached_property
    def remainders(self) -> dict[tuple[str, Bucket], Decimal]:
        """What cost exports bill beyond the request-level bill of the same issuer and bucket."""
        result = {}
        for issuer, bucket in {*self.charged, *self.requested}:
            if not self.has_costs(issuer, bucket.day, bucket.project):
                continue
            requests = self.requested.get((issuer, bucket), [])
            charges = self.charged.get((issuer, bucket), [])
            remainder = amount(charge.line.amount_usd for charge in charges)
            remainder -= amount(request.usd for request in requests)
            is_explained = any(other == bucket for _, other in self.requested)
            if remainder or not is_explained:
                result[issuer, bucket] = remainder
        return result

    def pool(self, issuer: str, bucket: Bucket) -> list[Call]:
        """The calls that a remainder is given to: those that no request-level bill names."""
        if not self.is_loggable(bucket):
            return []
        return [
            call
            for call in self.logged.get(bucket, [])
            if call.id not in self.matched and call.id not in self.again
        ]

    @cached_property
    def reconciled_requests(self) -> list[dict]:
        with localcontext(EXACT):
            allocated: dict[str, dict] = {}
            rows = []
            for (issuer, bucket), remainder in self.remainders.items():
                unlogged, given = self.divided(issuer, bucket, remainder)
                if unlogged is not None:
                    rows.append(self.not_found_row(issuer, bucket, unlogged))
                for call_id, share in given.items():
                    allocated[call_id] = {"issuer": issuer, "bucket": bucket, "billed_usd": share}
            rows += [self.call_row(call, allocated.get(call.id)) for call in self.calls]
            taken = {request.key for request, _ in self.matched.values()}
            for request in self.requests:
                if request.key not in taken:
                    row = reconciled(None, request, None, self.reference)
                    judge(row, None, request, False, self.all_bills, self.reference)
                    rows.append(row | {"request_count": 1})
            rows += [self.non_usage_row(charge) for charge in self.non_usage]
            return rows

    def divided(
        self, issuer: str, bucket: Bucket, remainder: Decimal
    ) -> tuple[Decimal | None, dict[str, Decimal]]:
        """What of a remainder no log explains, and what each call gets, by its id."""
        pool = self.pool(issuer, bucket)
        if not pool:
            return remainder, {}
        beyond = self.daily[bucket]["token_difference_usd"]
        unlogged = min(beyond, remainder) if beyond is not None and beyond > 0 else None
        calls = [
            Candidate(f"usage:{call.id}", self.expected_usd(call), self.logged_usd(call))
            for call in pool
        ]
        given = shares(remainder - (unlogged or ZERO), calls)
        return unlogged, {key.removeprefix("usage:"): share for key, share in given.items()}

    def call_row(self, call: Call, allocated: dict | None) -> dict:
        request, method = self.matched.get(call.id, (None, None))
        row = reconciled(call, request, method, self.reference) | {"request_count": 1}
        bills = self.bills_of(self.bucket_of_call(call).project)
        judge(row, call, request, call.id in self.again, bills, self.reference)
        if row["status_reason"] == "duplicate_log" and call.request_id in self.bill_of_id:
            row["billed_usd"] = ZERO
        if allocated is None:
            return row
        day = self.daily[allocated["bucket"]]
        is_known = row["logged_usd"] is not None
        share = allocated["billed_usd"]
        return row | {
            "issuer": allocated["issuer"],
            "billed_usd": share,
            "difference_usd": share - row["logged_usd"] if is_known else None,
            "match_method": "bucket",
            "billed_cost_basis": "allocated",
            "reconciliation_status": day["reconciliation_status"] if is_known else "pending",
            "status_reason": day["status_reason"] if is_known else "no_price",
        }

    @cached_property
    def bill_of_id(self) -> dict[str, Billed]:
        return bill_of_each_id(self.requests)

    def not_found_row(self, issuer: str, bucket: Bucket, billed: Decimal) -> dict:
        day = self.daily.get(bucket)
        count = 1
        if day and day["reported_requests"] is not None:
            count = max(1, day["reported_requests"] - day["logged_requests"])
        return one_sided(bucket.key(issuer), bucket.day, bucket.model, issuer, billed) | {
            "request_count": count,
            "reconciliation_status": "not_found",
            "status_reason": "not_logged" if self.is_loggable(bucket) else "not_loggable",
        }

    @cached_property
    def non_usage(self) -> list[Charge]:
        return [charge for charge in self.charges if not charge.item.is_usage]

    def non_usage_row(self, charge: Charge) -> dict:
        line, export = charge.line, charge.export
        key = f"line:{export.file_id}:{line.line_number}"
        return one_sided(key, line.day, None, export.issuer, line.amount_usd or ZERO) | {
            "reconciliation_status": "not_applicable",
            "status_reason": "non_usage_charge",
        }

    # daily_tokens

    @cached_property
    def daily_tokens(self) -> list[dict]:
        with localcontext(EXACT):
            buckets = {*self.logged, *self.metered, *(bucket for _, bucket in self.charged)}
            return [row for bucket in sorted(buckets) for row in self.tokens_rows(bucket)]

    @cached_property
    def metered(self) -> dict[Bucket, list[Reported]]:
        """Usage lines of every kind, also of what is no call."""
        result = defaultdict(list)
        for export in self.exports:
            for line in self.counted(export) if export.kind != COSTS else ():
                name = model_name(line.model, self.reference)
                bucket = self.bucket(line.day, line.project_id, name)
                result[bucket].append(Reported(export, line))
        return result

    def tokens_rows(self, bucket: Bucket) -> list[dict]:
        """A row per class and unit that any side counts."""
        logged = summed(logged_quantities(call) for call in self.logged.get(bucket, []))
        reported = summed(
            reported_quantities(report.line) for report in self.metered.get(bucket, [])
        )
        lines = [
            charge
            for (_, other), charges in self.charged.items()
            if other == bucket
            for charge in charges
        ]
        billed = summed(
            {(charge.item.token_class, charge.line.quantity_unit): charge.line.quantity}
            for charge in lines
        )
        classes = {charge.item.token_class for charge in lines}
        is_billed_by_class = bucket.model != ALL and "all" not in classes
        is_cost_day = any(
            self.has_costs(bill.issuer, bucket.day, bucket.project) for bill in self.all_bills
        )
        rows = []
        for key in {*logged, *reported, *billed}:
            if not (logged.get(key) or reported.get(key) or billed.get(key)):
                continue
            # a log counts text only: of other classes it knows nothing
            from_log = logged.get(key, ZERO if key[0] in TEXT_CLASSES else None)
            by_provider = reported.get(key, ZERO if self.is_report_whole(bucket) else None)
            on_bill = billed.get(key)
            if is_cost_day and is_billed_by_class and key[0] not in classes:
                on_bill = ZERO
            rows.append(
                {
                    "usage_date": bucket.day,
                    "project_id": bucket.project,
                    "model": bucket.model,
                    "token_class": key[0],
                    "quantity_unit": key[1],
                    "logged_quantity": from_log,
                    "reported_quantity": by_provider,
                    "billed_quantity": on_bill,
                    "logged_difference": less(by_provider, from_log),
                    "billed_difference": less(
                        on_bill, from_log if by_provider is None else by_provider
                    ),
                }
            )
        return rows

    # monthly_close

    @cached_property
    def monthly_close(self) -> list[dict]:
        with localcontext(EXACT):
            days = {row["usage_date"] for row in self.daily.values()}
            days |= {charge.line.day for charge in self.non_usage}
            return [self.month_row(month) for month in sorted({*map(first_of_month, days)})]

    def month_row(self, month: date) -> dict:
        rows = [row for row in self.daily.values() if first_of_month(row["usage_date"]) == month]
        non_usage = amount(
            charge.line.amount_usd
            for charge in self.non_usage
            if first_of_month(charge.line.day) == month
        )
        unmapped = [
            charge
            for charge in self.charges
            if charge.item.token_class == "unmapped"
            and charge.line.is_charge
            and first_of_month(charge.line.day) == month
        ]
        days = days_of(month)
        as_of = max(file.loaded_at for file in [*self.files, *self.exports])
        covered = [day for day in days if self.is_covered(day)]
        missing = [day for day in days if midnight(day + DAY) <= as_of and not self.is_covered(day)]
        provisional = [day for day in days if self.is_provisional(day)]
        open_usd = self.open_usd(rows)
        logged = amount(row["logged_usd"] for row in rows)
        return {
            "usage_month": month,
            "billed_usd": amount(row["billed_usd"] for row in rows) + non_usage,
            "logged_usd": logged,
            **{
                column: amount(row[column] for row in rows)
                for column in (
                    *("expected_usd", "reported_usd", "calculation_difference_usd"),
                    *("token_difference_usd", "rate_difference_usd"),
                )
            },
            "timing_usd": self.timing_usd(month),
            "non_usage_usd": non_usage,
            "unmapped_usd": amount(charge.line.amount_usd for charge in unmapped),
            "unmapped_line_item_count": len({charge.line.line_item for charge in unmapped}),
            "covered_day_count": len(covered),
            "missing_day_count": len(missing),
            "provisional_day_count": len(provisional),
            "open_usd": open_usd,
            "is_closable": midnight(days[-1] + DAY) <= as_of
            and not missing
            and not provisional
            and not unmapped
            and open_usd <= DRIFT_TOLERANCE_PCT * abs(logged),
        }

    def open_usd(self, rows: list[dict]) -> Decimal:
        """What keeps a month open: matched rows may cancel each other, no others."""
        settled, result = ZERO, ZERO
        for row in rows:
            if row["reconciliation_status"] == "matched":
                settled += row["difference_usd"]
            elif row["status_reason"] == "awaiting_bill":
                result += abs(row["logged_usd"] or ZERO)
            elif row["status_reason"] != "not_loggable":
                # of a price that is unknown, all that is billed is open
                known = row["difference_usd"] is not None
                result += abs(row["difference_usd"] if known else row["billed_usd"])
        return result + abs(settled)

    def timing_usd(self, month: date) -> Decimal:
        """Billed in this month for another month's calls, less the reverse; request-level bills."""
        calls = {call.id: call for call in self.calls}
        result = ZERO
        for call_id, (request, _) in self.matched.items():
            logged_in = first_of_month(calls[call_id].created_at.date())
            billed_at = request.billed_at
            billed_in = first_of_month(billed_at.date()) if billed_at else logged_in
            result += ((billed_in == month) - (logged_in == month)) * (request.usd or ZERO)
        return result

    # loaded_files

    @property
    def loaded_files(self) -> list[dict]:
        """The exports; what became of bills and logs is in oracle.py."""
        rows = []
        for export in self.exports:
            by_fate: dict[str, list[Decimal]] = defaultdict(list)
            for line in export.lines:
                dollars = getattr(line, "amount_usd", None) or ZERO
                by_fate[self.fates[export.file_id, line.line_number]].append(dollars)
            row = {"file_id": export.file_id, "reconciled_usd": amount(by_fate["counted"])}
            for name in ("superseded", "excluded"):
                row |= {
                    f"{name}_line_count": len(by_fate[name]),
                    f"{name}_usd": amount(by_fate[name]),
                }
            rows.append(row)
        return rows


# small helpers ------------------------------------------------------------------------------------


def is_ungrouped(export: Export, day: date) -> bool:
    """Whether a cost export names no line item on a day."""
    lines = [line for line in export.filled if line.day == day]
    return bool(lines) and all(trimmed(line.line_item) is None for line in lines)


def is_of(file: File | Export, project: str) -> bool:
    """Whether a file can know of a project."""
    scope = file.project if isinstance(file, Export) else None
    return scope is None or project in (ALL, scope)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def days_of(month: date) -> list[date]:
    days = [month + DAY * number for number in range(31)]
    return [day for day in days if day.month == month.month]


def amount(values: Iterable[Decimal | None]) -> Decimal:
    """The sum of the known values, 0 where there is none."""
    return sum((value for value in values if value is not None), ZERO)


def whole_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of all values; null where one is not known."""
    known = list(values)
    return None if None in known else sum(known, ZERO)


def one_sided(
    key: str, day: date, model: str | None, issuer: str, billed: Decimal
) -> dict[str, object]:
    """A row of reconciled_requests that only an export knows, but for its status."""
    return {
        "reconciliation_key": key,
        "usage_id": None,
        "usage_date": day,
        "model": model,
        "issuer": issuer,
        "billed_usd": billed,
        "logged_usd": None,
        "difference_usd": billed,
        "match_method": None,
        "billed_cost_basis": "billed",
        "request_count": 1,
    }


def less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def logged_quantities(call: Call) -> dict[tuple, int | None]:
    """By class and unit; input is that without what was read from or written to a cache."""
    inputs = call.input_tokens
    if inputs is not None:
        inputs -= (call.cached_input_tokens or 0) + (call.cache_write_tokens or 0)
    return {
        ("input", "tokens"): inputs,
        ("cached_input", "tokens"): call.cached_input_tokens,
        ("cache_write", "tokens"): call.cache_write_tokens,
        ("output", "tokens"): call.output_tokens,
    }


def reported_quantities(line: Usage) -> dict[tuple, int | None]:
    parts = {
        ("cached_input", "tokens"): line.cached_input_tokens,
        ("cache_write", "tokens"): line.cache_write_tokens,
        ("input_audio", "tokens"): line.input_audio_tokens,
        ("input_image", "tokens"): line.input_image_tokens,
    }
    made = {
        ("output_audio", "tokens"): line.output_audio_tokens,
        ("output_image", "tokens"): line.output_image_tokens,
    }

    def rest(count: int | None, others: dict) -> int | None:
        return None if count is None else count - sum(other or 0 for other in others.values())

    return {
        **parts,
        **made,
        ("input", "tokens"): rest(line.input_tokens, parts),
        ("output", "tokens"): rest(line.output_tokens, made),
        ("output_image", "images"): line.images,
        ("output_audio", "characters"): line.characters,
        ("tool_call", "sessions"): line.sessions,
    }


def summed(parts: Iterable[dict[tuple, int | Decimal | None]]) -> dict[tuple, Decimal]:
    """The sums of what is known."""
    result: dict[tuple, Decimal] = defaultdict(Decimal)
    for part in parts:
        for key, count in part.items():
            if count is not None:
                result[key] += count
    return dict(result)
