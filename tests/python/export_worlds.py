"""Small, nasty worlds of a provider's exports: what was used, logged and billed, told in files.

A world first draws what was really used by day, project and model, then tells it several times:
cost and usage exports that restate, overlap or contradict each other, a log with gaps and repeats,
request-level bills over some of the days. The files are loaded in any order.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bucket_oracle import COSTS, Cost, Export, LoggedCall, Usage
from oracle import File, Line, Reference, list_price
from test_random_months import CSV_NAMES, LOG_NAMES, ROUTER_NAMES, texts

START = datetime(2025, 5, 30)  # the list price of o3 falls on 10 June
LOADED = datetime(2025, 6, 10, 12)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CENT = Decimal("0.01")
PROJECTS = ("proj_a", "proj_b", None)
SPELLINGS = {  # as the provider names a model, and as the log may
    "gpt-4o-2024-08-06": ("gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o"),
    "gpt-4o-mini-2024-07-18": ("gpt-4o-mini",),
    "o3-2025-04-16": ("o3", "openai/o3-2025-04-16"),
    "gpt-5.6": ("gpt-5.6", "openai/gpt-5.6"),
    "ft:gpt-4o-mini-2024-07-18:acme::b7": ("ft:gpt-4o-mini:acme::b7", "ft-gpt-4o-mini"),
    "text-embedding-3-small": ("text-embedding-3-small",),
    "unheard-of": ("unheard-of", "acme/unheard-of"),
}
ITEM_NAMES = {"ft:gpt-4o-mini-2024-07-18:acme::b7": "ft-gpt-4o-mini-2024-07-18"}
EDGES = (  # dollars logged and billed of a bucket; each is a model of its own
    *(("1", "1"), ("1", "1.05"), ("1", "1.050000000000000001"), ("1", "0.95")),
    *(("1", "0.949999999999999999"), ("0.1", "0.15"), ("0.1", "0.150000000000000001")),
    *(("0", "0.05"), ("0", "0.050000000000000001"), ("2", "2.04"), ("2", "2.040000000000000001")),
    *((None, "1"), ("0.3", None), ("0.000000000000000001", "0.3"), ("0.7", "0"), ("0.2", "-0.1")),
)
PAIRS = (  # model, input tokens logged and reported, dollars billed: 5 cents apart, and more
    ("gpt-4.1", 25_000, 50_000, "0.1"),
    ("gpt-4-turbo", 5_000, 10_001, "0.10001"),
    ("gpt-4.1-mini", 2_500_000, 2_500_000, "1.050000000000000001"),
    ("gpt-4.1-nano", 10_000_000, 9_499_999, "1.02"),
    ("gpt-5.1", 40_000, 0, "0.05"),
    ("gpt-5.2", 0, 200_000, "0.35"),
)
ODD_ITEMS = (  # line item, quantity, unit
    ("web search tool calls", "12", "calls"),
    ("code interpreter", None, None),
    ("assistants api | file search", "0.75", "gb_days"),
    ("vector store storage", "1.5", "gb_days"),
    ("whisper", "90", "seconds"),
    ("credit grant", None, None),
    ("refund", None, None),
    ("sales tax", None, None),
    ("prepaid credits", None, None),
    ("mystery surcharge", "1", None),
    ("gpt-4o, frobnication", "7", "tokens"),
    ("gpt-4o-mini", "3000", "tokens"),
    ("Evals | gpt-4o-2024-08-06, Input", "500", "tokens"),
    ("evals | o3, output", "20", "tokens"),
    ("gpt-4o text, cached input", "64", "tokens"),
    ("gpt-audio-2025-08-28 audio, input", "400", "tokens"),
    ("gpt-image-1 image, cached input", "50", "tokens"),
    ("gpt-image-1 image, output", "1000", "tokens"),
    (" o3-2025-04-16, output ", "33", "tokens"),
    (None, None, None),
)
CREDITS = ("credit grant", "refund")


@dataclass
class Draft:
    """A file that is being made up. `kind` is a bill's issuer, `log`, `costs` or a usage kind."""

    name: str
    kind: str
    rows: list = field(default_factory=list)
    loaded_at: datetime = LOADED
    is_old_header: bool = False

    @property
    def is_usage(self) -> bool:
        return self.kind not in (COSTS, "log", "openai", "openrouter")

    @property
    def is_export(self) -> bool:
        return self.is_usage or self.kind == COSTS

    def loaded(self, file_id: str, load_number: int) -> File | Export:
        """What the rules are told of it."""
        place, rows = (file_id, load_number, self.loaded_at), tuple(self.rows)
        if self.is_export:
            return Export(*place, self.kind, rows)
        if self.kind == "log":
            return File(*place, calls=rows)
        return File(*place, self.kind, rows)

    def number(self, rng: random.Random) -> None:
        rng.shuffle(self.rows)
        self.rows = [replace(row, line_number=2 + place) for place, row in enumerate(self.rows)]


@dataclass
class Used:
    """What one project really used of one model on a day, as the provider counts it."""

    day: datetime
    project: str | None
    model: str
    requests: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    factor: Decimal = Decimal(1)

    def add(self, call: LoggedCall) -> None:
        self.requests += 1
        self.input_tokens += call.input_tokens or 0
        self.cached_input_tokens += call.cached_input_tokens or 0
        self.cache_write_tokens += call.cache_write_tokens or 0
        self.output_tokens += call.output_tokens or 0


class World:
    """Files drawn from a seed, in the order in which they are loaded."""

    def __init__(self, seed: int, reference: Reference) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.serial = 0
        self.reference = reference
        self.days = [START + DAY * number for number in range(15)]  # nobody bills the last but one
        self.organization = "org_1" if seed % 2 else None
        self.calls: list[LoggedCall] = []
        self.used: list[Used] = []
        self.use()
        self.files = [*self.costs(), *self.usage(), *self.bills(), *self.log()]
        self.rng.shuffle(self.files)
        for position, draft in enumerate(self.files):
            draft.loaded_at = LOADED + 4 * HOUR * position
            draft.number(self.rng)

    def one(self, values: Iterable):
        return self.rng.choice(list(values))

    def often(self, share: float) -> bool:
        return self.rng.random() < share

    def name(self, prefix: str) -> str:
        """A new id; upper and lower case, so that the order of ids is an order of bytes."""
        self.serial += 1
        return f"{self.one([prefix, prefix.upper()])}{self.one('aB_-')}{self.serial}"

    def noise(self) -> Decimal:
        """A few dollars' cents with as many digits as are kept."""
        return Decimal(self.rng.randint(-(10**15), 10**15)).scaleb(-18)

    # what was used, and what of it was logged

    def use(self) -> None:
        for day in self.days:
            for model in SPELLINGS:
                for project in PROJECTS:
                    if self.often(0.4):
                        self.use_model(day, project, model)
        for day in self.rng.sample(self.days, 3):
            self.log_call(day, None, None, 100, 5)
            self.log_call(day, "proj_a", "never-billed", 100, 5)

    def use_model(self, day: datetime, project: str | None, model: str) -> None:
        used = Used(day, project, model)
        used.factor = self.one(map(Decimal, ("1", "1", "1", "1.03", "1.05", "1.4", "0.5", "0")))
        for _ in range(self.one([0, 1, 1, 2, 4])):
            size = self.one([90, 1000, 20_000, 60_000])
            output = 0 if "embedding" in model else self.rng.randint(1, size)
            call = self.log_call(day, project, self.one(SPELLINGS[model]), size, output)
            used.add(call)
        if self.often(0.3) or not used.requests:
            for _ in range(self.one([1, 1, 3])):
                output = 0 if "embedding" in model else self.rng.randint(1, 300)
                used.add(self.call(day, project, model, self.rng.randint(1, 3000), output))
        elif self.often(0.1):
            used.output_tokens = max(0, used.output_tokens - 1)  # fewer than we logged
        self.used.append(used)

    def call(
        self, day: datetime, project: str | None, model: str | None, size: int, output: int
    ) -> LoggedCall:
        moment = day + timedelta(seconds=self.rng.randint(0, 86_399))
        is_plain = model is None or "embedding" in model or self.often(0.6)
        return LoggedCall(
            line_number=0,
            id=self.name("u"),
            created_at=self.one([moment, moment, day, day + DAY - timedelta(microseconds=1)]),
            model_used=model,
            action_type=self.one([None, "chat", "chat"]),
            input_tokens=size,
            output_tokens=output,
            cached_input_tokens=None if is_plain else size // 3,
            cache_write_tokens=size // 5 if model == "gpt-5.6" and not is_plain else None,
            success=self.one([True, None]),
            openai_request_id=self.one([None, self.name("r"), self.name("r")]),
            project_id=project,
        )

    def log_call(self, day, project, model, size: int, output: int) -> LoggedCall:
        call = self.call(day, project, model, size, output)
        tokens = (size, call.cached_input_tokens, call.cache_write_tokens, output)
        cost = list_price(model, call.created_at, tokens, self.reference)
        if cost is None:
            cost = self.one([None, Decimal("0.013"), Decimal("0.2")])
        else:
            error = self.one(map(Decimal, ("1", "1", "1", "1", "1.04", "2")))
            cost = self.one([cost * error] * 5 + [None])
        if cost is not None:
            call = replace(call, calculated_cost_cents=(cost * 100).quantize(Decimal("1e-18")))
        if self.often(0.05):
            call = replace(call, project_id=self.one(PROJECTS))
        self.calls.append(call)
        if self.often(0.08):
            again = call.created_at + timedelta(seconds=self.one([0, 1, 86_400]))
            self.calls.append(replace(call, id=self.name("u"), created_at=again))
        return call

    def log(self) -> list[Draft]:
        """Two logs: the second repeats some rows of the first, changed or not."""
        for day in self.rng.sample(self.days, 3):
            self.calls.append(
                replace(self.call(day, None, None, 10, 0), action_type=self.one(["admin_grant"]))
            )
        some = [
            replace(call, calculated_cost_cents=self.one([Decimal(7), Decimal("0.03")]))
            for call in self.rng.sample(self.calls, 8)
        ]
        return [Draft("log", "log", self.calls), Draft("log_again", "log", some)]

    # cost exports

    def costs(self) -> list[Draft]:
        days, organization = self.days, self.organization
        own = {"organization": organization}
        main = self.cost_file("main", days[0:9], **own)
        main.rows.append(self.empty(days[9], DAY))
        self.plant(main, days[:9])
        files = [
            main,
            self.cost_file("again", days[6:12], **own, is_wrong=True),
            self.cost_file(
                "ungrouped", [*days[9:11], days[14]], is_itemised=False, is_by_project=False
            ),
            self.cost_file("one_project", [*days[2:4], *days[10:12]], projects=["proj_a"], **own),
            self.cost_file("other", days[1:3], organization="org_2", is_wrong=True),
            self.cost_file("no_projects", days[3:5], is_by_project=False, **own),
            self.cost_hours("hours", days[4], range(24), 5),
            self.cost_hours("morning", days[12], range(6), 4),
            self.cost_hours("noon", days[12], range(3, 9), 4),
            self.cost_hours("part", days[5], range(8, 10), 2),
            Draft("costs_empty", COSTS, [self.empty(days[8], DAY)]),
        ]
        for draft in files:
            # the header without quantities, as exports were before
            draft.is_old_header = draft.name in ("costs_ungrouped", "costs_other")
            if draft.is_old_header:
                draft.rows = [replace(row, quantity=None, quantity_unit=None) for row in draft.rows]
        return files

    def empty(self, start: datetime, length: timedelta) -> Cost:
        return Cost(0, start, start + length)

    def cost_file(
        self,
        name: str,
        days: list[datetime],
        *,
        organization: str | None = None,
        projects: list[str] | None = None,
        is_itemised: bool = True,
        is_by_project: bool = True,
        is_wrong: bool = False,
    ) -> Draft:
        draft = Draft(f"costs_{name}", COSTS)
        for used in self.used:
            if used.day not in days or (projects and used.project not in projects):
                continue
            for line in self.cost_lines(used):
                if is_wrong and self.often(0.5):
                    line = replace(line, amount_usd=line.amount_usd + self.noise())
                if not is_itemised:
                    line = replace(line, line_item=None, quantity=None, quantity_unit=None)
                project = used.project if is_by_project else None
                line = replace(line, project_id=project, organization_id=organization)
                draft.rows.append(line)
        for day in days:
            if is_itemised:
                for item in self.rng.sample(ODD_ITEMS, 3):
                    project = self.one(projects or PROJECTS) if is_by_project else None
                    draft.rows.append(self.odd(day, item, project, organization))
            elif not any(row.start == day for row in draft.rows):
                draft.rows.append(self.empty(day, DAY))
        return draft

    def cost_lines(self, used: Used) -> list[Cost]:
        """A line per class of tokens, at list price times the factor of the bucket."""
        name = ITEM_NAMES.get(used.model, used.model)
        cached, written = used.cached_input_tokens, used.cache_write_tokens
        parts = (
            ("input", used.input_tokens - cached - written, (1, 0, 0, 0)),
            ("cached input", cached, (1, 1, 0, 0)),
            ("cache writes", written, (1, 0, 1, 0)),
            ("output", used.output_tokens, (0, 0, 0, 1)),
        )
        lines = []
        for part, count, token in parts:
            if count == 0:
                continue
            price = list_price(used.model, used.day, token, self.reference)
            if price is None:
                price = Decimal("0.0000025")
            amount = price * count * used.factor
            if self.often(0.15):
                amount += self.noise() * CENT
            lines.append(
                Cost(
                    *(0, used.day, used.day + DAY),
                    amount_usd=amount.quantize(Decimal("1e-18")),
                    line_item=f"{name}, {part}",
                    quantity=Decimal(count),
                    quantity_unit="tokens",
                )
            )
        return lines

    def odd(self, day: datetime, item: tuple, project: str | None, organization) -> Cost:
        text, quantity, unit = item
        amount = abs(self.noise()) * self.one([1, 1, 100, 500])
        if text in CREDITS:
            amount = -amount
        elif quantity and self.often(0.2):
            amount = Decimal(0)  # given for nothing
        elif self.often(0.1):
            amount, quantity = Decimal(0), None
        return Cost(
            *(0, day, day + DAY, project, organization),
            amount_usd=amount,
            line_item=text,
            quantity=Decimal(quantity) if quantity else None,
            quantity_unit=unit if quantity else None,
        )

    def cost_hours(self, name: str, day: datetime, hours: range, filled: int) -> Draft:
        """A file of hourly buckets: of the whole day, or of a part of it."""
        draft = Draft(f"costs_{name}", COSTS)
        busy = self.rng.sample(list(hours), filled)
        for hour in hours:
            start = day + hour * HOUR
            if hour not in busy:
                draft.rows.append(self.empty(start, HOUR))
                continue
            for _ in range(self.one([1, 2])):
                line = self.odd(day, self.one(ODD_ITEMS[11:19]), self.one(PROJECTS), None)
                line = replace(line, start=start, end=start + HOUR)
                draft.rows.append(replace(line, organization_id=self.organization))
        return draft

    def plant(self, main: Draft, days: list[datetime]) -> None:
        """Buckets at the edges of the tolerances, each of a model of its own."""
        for number, (logged, billed) in enumerate(EDGES):
            day, project, model = self.one(days), self.one(PROJECTS), f"edge-{number}"
            cents = None if logged is None else Decimal(logged) * 100
            call = self.call(day, project, model, 10, 5)
            self.calls.append(replace(call, calculated_cost_cents=cents))
            if billed is not None:
                main.rows.append(self.planted(day, project, model, Decimal(billed), 15))
        for model, logged, reported, billed in PAIRS:
            day, project = self.one(days), self.one(PROJECTS)
            if logged:
                call = self.call(day, project, model, logged, 0)
                self.calls.append(replace(call, cached_input_tokens=None))
            main.rows.append(self.planted(day, project, model, Decimal(billed), reported))
            if reported:
                self.used.append(Used(day, project, model, 1, reported, factor=Decimal(0)))

    def planted(
        self, day: datetime, project: str | None, model: str, billed: Decimal, quantity: int
    ) -> Cost:
        return Cost(
            *(0, day, day + DAY, project, self.organization),
            amount_usd=billed,
            line_item=f"{model}, input",
            quantity=Decimal(quantity),
            quantity_unit="tokens",
        )

    # usage exports

    def usage(self) -> list[Draft]:
        days = self.days
        files = [
            self.usage_file("main", days[0:8]),
            self.usage_file("main", days[0:9], kind="embeddings"),
            self.usage_file("again", days[6:10], is_wrong=True),
            self.usage_file("by_hour", days[7:8], hours=range(24)),
            self.usage_file("part", days[10:11], hours=range(12)),
            self.usage_file("other", days[1:3], organization="org_2", is_wrong=True),
        ]
        sound = Draft("audio_speeches_usage_main", "audio_speeches")
        images = Draft("images_usage_main", "images")
        checks = Draft("moderations_usage_main", "moderations")
        sessions = Draft("code_interpreter_sessions_usage_main", "code_interpreter_sessions")
        for day in days[2:6]:
            place = (0, day, day + DAY, self.one(PROJECTS), self.organization)
            count = self.rng.randint(1, 4)
            sound.rows.append(Usage(*place, "tts-1", count, characters=900))
            images.rows.append(Usage(*place, "gpt-image-1", count, images=count))
            checks.rows.append(Usage(*place, "omni-moderation-latest", count, input_tokens=70))
            sessions.rows.append(Usage(*place, sessions=count))
        spoken = Usage(*(0, days[4], days[5], "proj_a", self.organization), "gpt-audio-2025-08-28")
        spoken = replace(spoken, request_count=2, input_tokens=500, output_tokens=80)
        files[0].rows.append(replace(spoken, input_audio_tokens=400, output_audio_tokens=60))
        files[0].rows.append(replace(spoken, model=None, project_id=None))
        return [*files, sound, images, checks, sessions]

    def usage_file(
        self,
        name: str,
        days: list[datetime],
        *,
        kind: str = "completions",
        organization: str | None = None,
        hours: range | None = None,
        is_wrong: bool = False,
    ) -> Draft:
        draft = Draft(f"{kind}_usage_{name}", kind)
        organization = organization or self.organization
        for used in self.used:
            if used.day not in days or ("embedding" in used.model) != (kind == "embeddings"):
                continue
            start, length = used.day, DAY
            if hours:
                start, length = used.day + self.one(hours) * HOUR, HOUR
            line = Usage(
                *(0, start, start + length, used.project, organization, used.model, used.requests),
                input_tokens=used.input_tokens,
                cached_input_tokens=used.cached_input_tokens if kind == "completions" else None,
                cache_write_tokens=used.cache_write_tokens if kind == "completions" else None,
                output_tokens=used.output_tokens if kind == "completions" else None,
            )
            if is_wrong and self.often(0.3):
                line = replace(line, request_count=used.requests + 1)
                line = replace(line, input_tokens=used.input_tokens + 1000)
            draft.rows.append(line)
        for day in days:
            steps = [day + hour * HOUR for hour in hours] if hours else [day]
            for start in steps:
                if not any(row.start == start for row in draft.rows):
                    draft.rows.append(Usage(0, start, start + (HOUR if hours else DAY)))
        return draft

    # request-level bills

    def bills(self) -> list[Draft]:
        bill, later = Draft("bill", "openai"), Draft("bill_later", "openai")
        router = Draft("router", "openrouter")
        for draft, days, share in (
            (bill, self.days[1:6], 0.35),
            (later, self.days[14:], 0.35),
            (router, self.days[5:11], 0.15),
        ):
            for call in self.calls:
                if call.created_at.replace(hour=0, minute=0, second=0, microsecond=0) not in days:
                    continue
                if call.model_used and self.often(share):
                    draft.rows.append(self.billed(call))
            for day in days:
                unlogged = self.call(day, None, self.one(["gpt-4o", "o3"]), 77, 7)
                draft.rows.append(self.billed(unlogged))
            for row in self.rng.sample(draft.rows, 2):
                draft.rows.append(row)  # a duplicate where it has an id
        last = datetime(2025, 5, 31, 23, 59, 50)  # billed in the next month
        call = replace(self.call(last, None, "gpt-4o", 5000, 50), created_at=last)
        call = replace(call, openai_request_id="late", calculated_cost_cents=Decimal(2))
        self.calls.append(call)
        bill.rows.append(replace(self.billed(call), billed_at=datetime(2025, 6, 1, 0, 0, 5)))
        return [bill, later, router]

    def billed(self, call: LoggedCall) -> Line:
        cost = call.cost_usd or Decimal("0.01")
        if self.often(0.3):
            cost += self.noise()
        is_cost_known = self.often(0.9)
        return Line(
            line_number=0,
            request_id=call.openai_request_id if self.often(0.9) else None,
            billed_at=call.created_at,
            model=call.model_used,
            input_tokens=call.input_tokens,
            cached_input_tokens=call.cached_input_tokens,
            output_tokens=call.output_tokens,
            cost_usd=cost if is_cost_known else None,
        )


class Months(World):
    """A month of costs, one with usage too, one with a request-level bill over both; each export
    is restated twice, so that files may be loaded in any order that keeps those of a name."""

    def __init__(self, seed: int, reference: Reference) -> None:
        super().__init__(seed, reference)
        self.calls, self.used = [], []
        self.organization = "org_1"
        self.days = [
            datetime(2025, month, day) for month in (5, 6, 7) for day in (1, 2, 3, 4, 5, 6)
        ]
        self.use()
        may, june, july = self.days[:6], self.days[6:12], self.days[12:]
        files = [Draft("log", "log", self.calls)]
        for month in (may, june, july):
            for version in range(3):
                name = f"{month[0]:%m}_{version}"
                span = month[version:]
                files.append(self.cost_file(name, span, organization="org_1", is_wrong=version < 2))
                if month is not may:
                    files.append(self.usage_file(name, span, is_wrong=version < 2))
        bill = Draft("bill", "openai")
        for call in self.calls:
            if call.created_at >= july[0] and call.model_used and self.often(0.5):
                bill.rows.append(replace(self.billed(call), request_id=self.name("id")))
        self.files = [*files, bill]
        for position, draft in enumerate(self.files):
            draft.loaded_at = datetime(2025, 8, 1) + HOUR * position
            draft.number(self.rng)

    def orders(self) -> list[list[Draft]]:
        """As told; and shuffled, but for the versions of one export, which keep their order."""
        drawn = {draft.name: self.rng.random() for draft in self.files}
        versions = sorted(self.files, key=lambda draft: drawn[draft.name])
        by_export = {}
        for draft in self.files:
            by_export.setdefault((draft.kind, draft.name[:-1]), []).append(draft)
        return [
            self.files,
            [by_export[draft.kind, draft.name[:-1]].pop(0) for draft in versions],
        ]


# files --------------------------------------------------------------------------------------------

PLACE = ("start_time", "end_time", "start_time_iso", "end_time_iso")
OLD_COSTS = (
    *(*PLACE, "amount_value", "amount_currency", "line_item"),
    *("project_id", "organization_id", "organization_name"),
)
COSTS_HEADER = (
    *(*PLACE, "amount_value", "amount_currency", "quantity", "quantity_unit", "line_item"),
    *("user_id", "api_key_id", "project_id", "organization_id", "project_name"),
    *("organization_name", "user_email", "api_source"),
)
WHO = ("project_id", "num_model_requests", "user_id", "api_key_id", "model")
USAGE_HEADERS = {
    "completions": (
        *(*PLACE, *WHO, "batch", "service_tier", "input_tokens", "output_tokens"),
        *("input_cached_tokens", "input_uncached_tokens", "input_text_tokens"),
        *("output_text_tokens", "input_cached_text_tokens", "input_audio_tokens"),
        *("input_cached_audio_tokens", "output_audio_tokens", "input_image_tokens"),
        *("input_cached_image_tokens", "output_image_tokens", "input_cache_write_tokens"),
        "organization_id",
    ),
    "embeddings": (*PLACE, *WHO, "input_tokens", "organization_id"),
    "moderations": (*PLACE, *WHO, "input_tokens", "organization_id"),
    "images": (*PLACE, *WHO, "images", "source", "size", "organization_id"),
    "audio_speeches": (*PLACE, *WHO, "characters", "organization_id"),
    "code_interpreter_sessions": (*PLACE, "project_id", "num_sessions", "organization_id"),
}
NAMES = {
    "request_count": "num_model_requests",
    "cached_input_tokens": "input_cached_tokens",
    "cache_write_tokens": "input_cache_write_tokens",
    "sessions": "num_sessions",
    "amount_usd": "amount_value",
}
LOG_COLUMNS = {**LOG_NAMES, "project_id": "project_id"}


def export_cells(row: Cost | Usage, rng: random.Random) -> dict[str, str]:
    """The cells of a line of an export, by the provider's names, as it spells values."""
    cells = {
        "start_time": f"{int((row.start - datetime(1970, 1, 1)).total_seconds())}",
        "end_time": f"{int((row.end - datetime(1970, 1, 1)).total_seconds())}",
        "start_time_iso": row.start.isoformat() + rng.choice(["", "+00:00"]),
        "end_time_iso": row.end.isoformat(),
    }
    for name, value in vars(row).items():
        if name in ("line_number", "start", "end") or value is None:
            continue
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        if isinstance(value, int):
            text = rng.choice([text, text, f"{text}.0"])
        elif isinstance(value, Decimal) and value == 0:
            text = rng.choice(["0", "0E-6176", "0.0"])
        cells[NAMES.get(name, name)] = text
    if "amount_value" in cells:
        cells["amount_currency"] = "usd"
    return cells


def write(draft: Draft, folder: Path, rng: random.Random) -> Path:
    path = folder / f"{draft.name}.csv"
    if draft.is_export:
        header = USAGE_HEADERS.get(draft.kind, OLD_COSTS if draft.is_old_header else COSTS_HEADER)
        rows = [export_cells(row, rng) for row in draft.rows]
        keys = header
    else:
        names = {"log": LOG_COLUMNS, "openrouter": ROUTER_NAMES}.get(draft.kind, CSV_NAMES)
        header, keys = names.values(), names.keys()
        rows = [texts(row, rng) for row in draft.rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cells.get(key, "") for key in keys] for cells in rows)
    return path
