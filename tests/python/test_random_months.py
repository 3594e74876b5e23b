"""Random months from small, nasty alphabets: every row of the marts against the rules in oracle.py.

A world is a few bills and two logs. Its parts do not touch each other (own request ids, own token
counts), so one build tries thousands of cases: amounts around the tolerances, restatements and
refunds in any order, ties and chains of the fallback, prices that change at midnight.
"""

from __future__ import annotations

import csv
import hashlib
import io
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from conftest import ROOT, query
from oracle import Call, Expected, File, Line, expect

DBT = Path(sys.executable).with_name("dbt")
KEYS = {
    "reconciled_requests": ("reconciliation_key",),
    "token_usage_reconciled": ("id",),
    "loaded_files": ("file_id",),
    "reconciliation_summary": ("usage_month", "model", "reconciliation_status"),
    "reconciliation_health": ("usage_month",),
}
MIDNIGHT = datetime(2025, 6, 10)  # the list price of o3 falls at this moment
MODELS = (
    *("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-05-13", "openai/gpt-4o"),
    *("o3", "o3-2025-04-16", "openai/o3", "o3", "gpt-4o-mini", "gpt-5.2", "gpt-5.2-pro"),
    *("gpt-5.4", "gpt-5-4", "gpt-5.4-20260305", "openai/gpt-5.4-2026-03-05"),
    *("ft:gpt-4o-2024-08-06:acme::b7", "ft-gpt-4o-mini", "ft:gpt-3.5-turbo-0125:acme"),
    *("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5", "gemini-embedding-001"),
    *(
        "openai/gpt-4-turbo-preview",
        "gpt-4-0125-preview",
        "unheard-of",
        "acme/unheard-of-2025-01-01",
    ),
)
ONE_MODEL = (  # spellings of one model, and two that are others
    ("gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "gpt-4o", "gpt-4o-mini", "chatgpt-4o-latest"),
    ("gpt-5.4", "gpt-5-4", "gpt-5.4-20260305", "openai/gpt-5-4-2026-03-05", "gpt-5.4-pro", "gpt-5"),
    ("ft:gpt-4o:a::1", "ft:gpt-4o-2024-08-06:b::2", "ft-gpt-4o", "ft-gpt-4o-2024-08-06", "gpt-4o"),
    ("unheard-of", "acme/unheard-of", "unheard-of-2025-01-01", "unheard-of-2", "unheard"),
)
INPUTS = (0, 1, 7, 100, 1000, 200_000, 200_001, 272_000, 272_001, None)
OUTPUTS = (0, 0, 1, 50, 999, None)
CACHED = (None, None, 0, 1, 100)
WRITTEN = (None, None, None, 0, 1, 10)
AMOUNTS = (
    *(None, None, "-1", "-0.05", "0", "0.05", "0.0000015", "1", "2", "-0.000000000000000001"),
    *(
        "1.05",
        "1.050000000000000001",
        "0.95",
        "0.949999999999999999",
        "0.1",
        "0.100000000000000001",
    ),
)
CENTS = (
    *(None, "0", "5", "5", "10", "100", "100", "200", "0.00015", "-5", "-100"),
    *("0.00000000000000005", "0.000000000000000149", "33.333333333333333333"),
)
ACTIONS = (None, "chat", "chat", "chat", "translate", "admin_grant", "trial_grant")
OFFSETS = (-121, -120, -61, -60.000001, -60, -30, -1, -0.000001, 0, 0, 0.5, 1, 30, 59, 60, 61, 120)
MONTHS = (  # parts of a month: how many requests, dollars logged and billed; ? has no price
    ((20, "1", "1"),),
    # matched, of requests and of dollars: 95 %
    ((95, "1", "1"), (5, "1", "?")),
    ((94, "1", "1"), (6, "1", "?")),
    ((95, "1", "1"), (1, "1", "2"), (1, "3", "2"), (1, "?", "1")),
    ((95, "1", "1"), (1, "1", "2"), (1, "3", "2"), (1, "?", "1.01")),
    # discrepancies: 5 %, 30 %
    ((95, "1", "1"), (5, "0.1", "0")),
    ((96, "1", "1"), (4, "0.1", "0")),
    ((95, "1", "1"), (1, "0", "0"), (2, "1", "1.25"), (2, "1.5", "1.25")),
    ((14, "1", "1"), (3, "1", "2"), (3, "3", "2")),
    ((15, "1", "1"), (3, "1", "2"), (3, "3", "2")),
    # not found: 1 %
    ((99, "1", "1"), (1, None, "0")),
    ((198, "1", "1"), (1, None, "2")),
    ((198, "1", "1"), (1, None, "1.99")),
    # missing: 1 %
    ((99, "1", "1"), (1, "1", None)),
    ((98, "1", "1"), (1, "1", None)),
    # drift: 2 %
    ((20, "1", "1.02"),),
    ((20, "1", "1.020000000000000001"),),
    ((20, "-1", "-1.02"),),
    ((20, "1", "0.979999999999999999"),),
    ((20, "0", "0.01"),),
    # no dollars, dollars given back, one side only
    ((20, "0", "0"),),
    ((20, "-1", "-1"), (1, None, "1")),
    ((3, "1", None),),
    ((3, None, "1"),),
    ((1, None, "1"), (1, "1", "?")),
)
BLANKS = ("", "", "", " ", "\t", "\u00a0")


# drafts of files ----------------------------------------------------------------------------------


@dataclass
class Draft:
    """A file that is being made up: a bill, or a log when it has no issuer."""

    name: str
    issuer: str | None
    first_day: datetime
    days: int
    rows: list[Line | Call] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)
    loaded_at: datetime = MIDNIGHT

    def midnights(self) -> list[datetime]:
        """The midnights around which all offsets stay inside the days of the file."""
        return [self.first_day + timedelta(days=day) for day in range(1, self.days)]

    def holds(self, moment: datetime) -> bool:
        return self.first_day <= moment < self.first_day + timedelta(days=self.days)


class World:
    """A few files drawn from a seed, in the order in which they are loaded.

    `is_any_order`: no file restates another, so that their order must not matter.
    """

    def __init__(self, seed: int, *, is_any_order: bool = False) -> None:
        self.rng = random.Random(seed)
        self.serial = 0
        self.is_any_order = is_any_order
        june = datetime(2025, 6, 1)
        self.bills = [
            Draft("first", "openai", june + timedelta(days=5), 7),
            Draft("second", "openai", june + timedelta(days=self.rng.choice([6, 7, 8])), 5),
            Draft("third", "openai", june + timedelta(days=8), self.rng.choice([2, 4])),
            Draft("router", "openrouter", june + timedelta(days=6), 5),
            Draft("router_again", "openrouter", june + timedelta(days=8), 3),
        ]
        if is_any_order:
            self.bills = [
                Draft("first", "openai", june + timedelta(days=7), 3),
                Draft("second", "openai", june + timedelta(days=10), 3),
                Draft("router", "openrouter", june + timedelta(days=8), 4),
            ]
        if seed % 2 or is_any_order:
            # bytes order upper case before lower; and "openai-eu:" before "openai:"
            self.bills.append(
                Draft(
                    "gateway", self.one(["Acme Gateway", "openai-eu"]), june + timedelta(days=7), 4
                )
            )
        self.years = Draft("years", "openai", datetime(2023, 1, 1), 1096)
        self.undated = Draft("undated", "openai", june, 0)
        self.logs = [Draft("log", None, june, 30), Draft("log_again", None, june, 30)]
        self.files = [*self.bills, self.years, self.undated, *self.logs]
        self.rng.shuffle(self.files)
        for position, draft in enumerate(self.files):
            # half a day apart: the newest calls are too young for some loads
            later = timedelta(hours=0 if is_any_order else 12 * position)
            draft.loaded_at = datetime(2025, 6, 10, 12) + later

        for _ in range(450):
            self.request_with_an_id()
        for _ in range(40):
            self.request_of_two_issuers()
        for _ in range(20):
            self.request_without_a_time()
        for group in range(250):
            self.fallback_group(group)
        for _ in range(80):
            self.call_without_a_bill()
        for number, parts in enumerate((MONTHS[0], *self.rng.sample(MONTHS, len(MONTHS)))):
            self.judged_month(datetime(2023 + number // 12, 1 + number % 12, 1), parts)
        self.split_the_log()
        self.reject_lines()
        for draft in self.files:
            self.number(draft)

    def sides(self) -> list[Draft]:
        """The bills that may name one request: one per issuer where the order must not matter."""
        if not self.is_any_order:
            return self.bills
        by_issuer = {draft.issuer: draft for draft in self.rng.sample(self.bills, len(self.bills))}
        return list(by_issuer.values())

    def one(self, values: Iterable):
        return self.rng.choice(list(values))

    def name(self, prefix: str) -> str:
        """A new id; upper and lower case, so that the order of ids is an order of bytes."""
        self.serial += 1
        return f"{self.one([prefix, prefix.upper()])}{self.one('aB_-')}{self.serial}"

    def moment(self, draft: Draft) -> datetime:
        return self.one(draft.midnights()) + timedelta(seconds=self.one(OFFSETS))

    def line(self, **values) -> Line:
        return Line(line_number=0, **values)

    def log(self, call: Call) -> None:
        self.logs[0].rows.append(call)

    def call(self, **values) -> Call:
        return Call(line_number=0, id=self.name("u"), **values)

    # the parts

    def request_with_an_id(self) -> None:
        """One request id on one to four lines anywhere, logged never, once or several times."""
        request_id = self.name("r")
        model = self.one(MODELS)
        tokens = {
            "input_tokens": self.one(INPUTS),
            "output_tokens": self.one(OUTPUTS),
            "cached_input_tokens": self.one(CACHED),
        }
        moment = None
        sides = self.sides()
        for _ in range(self.one([0, 1, 1, 1, 2, 3, 4])):
            draft = self.one(sides)
            lines = [row for row in draft.rows if row.request_id == request_id]
            if lines and self.rng.random() < 0.4:
                draft.rows.append(self.again(lines[0], draft))
                continue
            moment = self.moment(draft)
            line = self.line(
                request_id=request_id,
                billed_at=moment if self.rng.random() < 0.97 else None,
                model=model if self.rng.random() < 0.8 else self.one(MODELS),
                cost_usd=amount(self.one(AMOUNTS)),
                **(tokens if self.rng.random() < 0.7 else {}),
            )
            if self.rng.random() < 0.3:
                line = replace(line, input_tokens=self.one(INPUTS))
            line = self.fill(line, draft)
            draft.rows.append(line)
        for _ in range(self.one([0, 1, 1, 1, 1, 2, 3])):
            near = (moment or self.moment(self.one(self.bills))) + timedelta(
                seconds=self.one([0, 0, 0, -1, 1, 61])
            )
            self.log(
                self.call(
                    created_at=near,
                    model_used=model if self.rng.random() < 0.9 else self.one([*MODELS, None]),
                    user_id=self.one(["7", None]),
                    action_type=self.one(ACTIONS),
                    success=self.one([True, False, None]),
                    calculated_cost_cents=amount(self.cents(request_id)),
                    openai_request_id=request_id,
                    cache_write_tokens=self.one(WRITTEN),
                    **tokens,
                )
            )

    def fill(self, line: Line, draft: Draft) -> Line:
        """What the format of a file can say, and what it must: tokens where there is no cost."""
        if line.cost_usd is None and None in (line.input_tokens, line.output_tokens):
            line = replace(line, input_tokens=self.one(INPUTS[:-1]), output_tokens=self.one((0, 7)))
        if is_router(draft):
            return replace(line, fee_usd=amount(self.one([None, "0", "0.01"])))
        return replace(
            line,
            cache_write_tokens=self.one(WRITTEN),
            service_tier=self.one([None, None, "flex"]),
            is_batch=self.one([None, None, True]),
        )

    def again(self, line: Line, draft: Draft) -> Line:
        """The same line, one of another model and size, or one that differs in a single column."""
        kind = self.rng.random()
        if kind < 0.4:
            return line
        if kind < 0.6:
            output_tokens = self.one([line.output_tokens, line.output_tokens, 5000])
            return replace(line, model=self.one(MODELS), output_tokens=output_tokens)
        columns = {"fee_usd": Decimal("0.02"), "reasoning_tokens": 1, "request_status": "stop"}
        if not is_router(draft):
            columns |= {"total_tokens": 9, "cache_write_tokens": 2, "endpoint": "chat"}
            columns |= {"service_tier": "batch", "is_batch": False, "region": "eu"}
        column = self.one(columns)
        return replace(line, **{column: columns[column]})

    def cents(self, request_id: str) -> str | None:
        """A logged cost at the edge of the tolerance to some billed amount of the request."""
        billed = [
            row.cost_usd
            for draft in self.bills
            for row in draft.rows
            if row.request_id == request_id and row.cost_usd is not None
        ]
        if not billed or self.rng.random() < 0.3:
            return self.one(CENTS)
        edge = self.one(
            ["0", "0", "0.05", "-0.05", "0.050000000000000001", "-0.000000000000000001"]
        )
        cents = (self.one([self.one(billed), sum(billed)]) + Decimal(edge)) * 100
        return f"{cents:f}"

    def request_of_two_issuers(self) -> None:
        """The same request id on the bills of two issuers."""
        request_id = self.name("r")
        moment = MIDNIGHT + timedelta(seconds=self.one(OFFSETS))
        tokens = {"input_tokens": 10_000 + self.serial, "output_tokens": 3}
        for draft in self.rng.sample(self.sides(), 2):
            if not draft.holds(moment):
                continue
            draft.rows.append(
                self.line(
                    request_id=request_id,
                    billed_at=moment,
                    model="gpt-4o",
                    cost_usd=amount(self.one(["1", "2", "-1"])),
                    **tokens,
                )
            )
        for logged_id in (request_id, self.one([None, request_id, self.name("r")])):
            self.log(
                self.call(
                    created_at=moment + timedelta(seconds=self.one(OFFSETS)),
                    model_used="gpt-4o",
                    calculated_cost_cents=Decimal(100),
                    openai_request_id=logged_id,
                    **tokens,
                )
            )

    def request_without_a_time(self) -> None:
        """In a file that has no time at all, so that it covers no day; logged or not."""
        request_id = self.name("r")
        tokens = {"input_tokens": self.one(INPUTS[:-1]), "output_tokens": 1}
        self.undated.rows.append(
            self.line(
                request_id=request_id,
                billed_at=None,
                model=self.one(MODELS),
                cost_usd=amount(self.one(AMOUNTS)),
                **tokens,
            )
        )
        moment = MIDNIGHT + timedelta(seconds=self.one(OFFSETS))
        if self.rng.random() < 0.3 and not self.is_any_order:
            self.bills[0].rows.append(
                self.line(
                    request_id=request_id,
                    billed_at=moment,
                    model="o3",
                    cost_usd=amount(self.one(["1", "-1"])),
                    **tokens,
                )
            )
        if self.rng.random() < 0.7:
            self.log(
                self.call(
                    created_at=moment,
                    model_used=self.one(MODELS),
                    calculated_cost_cents=amount(self.one(CENTS)),
                    openai_request_id=request_id,
                    **tokens,
                )
            )

    def fallback_group(self, group: int) -> None:
        """Two to eight rows that only model, tokens and time can bring together."""
        models = self.one(ONE_MODEL)
        tokens = {"input_tokens": 20_000 + group, "output_tokens": self.one([5, 5, 0])}
        centre = self.one(self.one(self.bills).midnights())
        offsets = [0, *self.rng.sample(OFFSETS, self.one([1, 3, 5, 9]))]
        sides = [draft for draft in self.bills if centre in draft.midnights()]
        for _ in range(self.rng.randint(2, 8)):
            moment = centre + timedelta(seconds=self.one(offsets))
            model = self.one([*models[:4] * 4, *models])
            own = dict(tokens)
            if self.rng.random() < 0.05:
                own[self.one(own)] = None
            if self.rng.random() < 0.5:
                draft = self.one(sides)
                cost = amount(self.one(["1", "2", "0.05", "1", "1", None, "-1"]))
                if cost is None:
                    own = tokens
                draft.rows.append(
                    self.line(
                        request_id=self.one([None, None, self.name("r")]),
                        billed_at=moment,
                        model=model,
                        cost_usd=cost,
                        **own,
                    )
                )
                if self.rng.random() < 0.1:
                    draft.rows.append(draft.rows[-1])
                continue
            call = self.call(
                created_at=moment,
                model_used=self.one([model] * 12 + [None]),
                action_type=self.one([None, "chat", "chat", "chat", "chat", "admin_grant"]),
                calculated_cost_cents=amount(self.one(["100", "105", "200", None])),
                openai_request_id=self.one([None, self.name("r")]),
                **own,
            )
            self.log(call)
            if call.openai_request_id and self.rng.random() < 0.2:
                again = moment + timedelta(seconds=self.one([0, 1, 60]))
                self.log(replace(call, id=self.name("u"), created_at=again))

    def call_without_a_bill(self) -> None:
        """On covered and uncovered days, and around the age at which a call must be billed."""
        day = self.one([datetime(2022, 12, 5), datetime(2025, 6, self.rng.randint(1, 20))])
        moment = day + timedelta(seconds=self.one(OFFSETS))
        if self.rng.random() < 0.5:
            # to the microsecond at the edge of the age, for some load
            loaded_at = self.one(self.bills).loaded_at
            moment = loaded_at - timedelta(hours=48, microseconds=self.one([-1, 0, 1]))
        call = self.call(
            created_at=moment,
            model_used=self.one([*MODELS, None]),
            action_type=self.one(ACTIONS),
            input_tokens=self.one(INPUTS),
            output_tokens=self.one(OUTPUTS),
            calculated_cost_cents=amount(self.one(CENTS)),
            openai_request_id=self.one([None, self.name("r"), self.name("r")]),
        )
        self.log(call)
        if self.rng.random() < 0.2:
            self.log(replace(call, id=self.name("u")))

    def judged_month(self, month: datetime, parts: tuple[tuple[int, str | None, str | None], ...]):
        """A month of so many requests, each logged and billed with these dollars."""
        for count, logged, billed in parts:
            for _ in range(count):
                request_id = self.name("m")
                moment = month.replace(day=self.one([1, 2, 28]), hour=self.one([0, 12, 23]))
                if billed is not None:
                    self.years.rows.append(
                        self.line(
                            request_id=request_id,
                            billed_at=moment,
                            model="unheard-of" if billed == "?" else "gpt-4o",
                            cost_usd=None if billed == "?" else Decimal(billed),
                            input_tokens=1,
                            output_tokens=1,
                        )
                    )
                if logged is not None:
                    self.log(
                        self.call(
                            created_at=moment,
                            model_used="unheard-of" if logged == "?" else "gpt-4o",
                            calculated_cost_cents=None if logged == "?" else Decimal(logged) * 100,
                            openai_request_id=request_id,
                        )
                    )

    def split_the_log(self) -> None:
        """The second log repeats some rows of the first, changed or not; else it has the rest."""
        june = [call for call in self.logs[0].rows if call.created_at > datetime(2025, 6, 1)]
        some = self.rng.sample(june, 60)
        if self.is_any_order:
            self.logs[0].rows = [call for call in self.logs[0].rows if call not in some]
            self.logs[1].rows = some
            return
        for call in some:
            changed = replace(
                call,
                calculated_cost_cents=amount(self.one(CENTS)),
                success=self.one([True, False]),
                openai_request_id=self.one([call.openai_request_id] * 5 + [None]),
            )
            self.logs[1].rows.append(changed)

    def reject_lines(self) -> None:
        """Lines that cannot be read: no amount, an older state of a call in the same file."""
        for draft in self.rng.sample(self.bills, 2):
            draft.rejected.append({"request_id": "x", "model": "o3", "cost_usd": "1,5"})
        if self.rng.random() < 0.5:
            self.years.rejected.append({"request_id": "x", "model": "o3", "input_tokens": "1.5"})
        for log in self.logs:
            for call in self.rng.sample(log.rows, 3):
                log.rejected.append({**texts(call, self.rng), "calculated_cost_cents": "12345"})

    def number(self, draft: Draft) -> None:
        """Shuffle the rows of a file and give them their lines; rejected ones come first."""
        self.rng.shuffle(draft.rows)
        first = 2 + len(draft.rejected)
        draft.rows = [
            replace(row, line_number=first + position) for position, row in enumerate(draft.rows)
        ]


def amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


# files --------------------------------------------------------------------------------------------

ROUTER_NAMES = {
    "request_id": "generation_id",
    "billed_at": "created_at",
    "model": "model_permaslug",
    "input_tokens": "tokens_prompt",
    "cached_input_tokens": "tokens_cached",
    "output_tokens": "tokens_completion",
    "reasoning_tokens": "tokens_reasoning",
    "cost_usd": "cost_total",
    "fee_usd": "cost_web_search",
    "request_status": "finish_reason_normalized",
}
CSV_NAMES = {
    "request_id": "request_id",
    "billed_at": "timestamp",
    "model": "model",
    "input_tokens": "prompt_tokens",
    "cached_input_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_tokens": "completion_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "total_tokens": "total_tokens",
    "cost_usd": "cost_usd",
    "fee_usd": "fee_usd",
    "endpoint": "endpoint",
    "request_status": "status",
    "region": "region",
    "service_tier": "service_tier",
    "is_batch": "batch",
}
LOG_NAMES = {column.name: column.name for column in fields(Call) if column.name != "line_number"}


def is_router(draft: Draft) -> bool:
    return draft.issuer == "openrouter"


def texts(row: Line | Call, rng: random.Random) -> dict[str, str]:
    """The cells of a row, each in one of the spellings that mean the same."""
    cells = {}
    for column in fields(row):
        value = getattr(row, column.name)
        if value is None:
            cells[column.name] = ""
        elif isinstance(value, Decimal):
            plain = f"{value:f}"
            cells[column.name] = rng.choice([plain, plain, f" {plain}", f"{value:e}"])
        elif column.name in ("request_id", "openai_request_id"):
            cells[column.name] = rng.choice(BLANKS) + value + rng.choice(BLANKS)
        else:
            cells[column.name] = str(value)
    return cells


def write(draft: Draft, folder: Path, rng: random.Random) -> Path:
    names = LOG_NAMES if draft.issuer is None else ROUTER_NAMES if is_router(draft) else CSV_NAMES
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names.values())
    for cells in [*draft.rejected, *(texts(row, rng) for row in draft.rows)]:
        writer.writerow(cells.get(name, "") for name in names)
    path = folder / f"{draft.name}.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    return path


def run(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout


def load(drafts: list[Draft], folder: Path, env: dict[str, str]) -> list[File]:
    """Load the files in this order, at the times of the world, and say what is loaded."""
    paths = {draft.name: folder / f"{draft.name}.csv" for draft in drafts}
    batches: list[tuple[str | None, list[str]]] = []
    for draft in drafts:
        issuer = draft.issuer if draft.issuer not in (None, "openai", "openrouter") else None
        if not batches or batches[-1][0] != issuer:
            batches.append((issuer, []))
        batches[-1][1].append(str(paths[draft.name]))
    for issuer, names in batches:
        option = ["--issuer", issuer] if issuer else []
        run([sys.executable, str(ROOT / "scripts" / "load.py"), *names, *option], env)
    files = []
    for position, draft in enumerate(drafts):
        file_id = hashlib.sha256(paths[draft.name].read_bytes()).hexdigest()
        query(
            env,
            f"update raw.loaded_files set loaded_at = timestamp '{draft.loaded_at}' "
            f"where file_id = '{file_id}'",
        )
        [(load_number,)] = query(
            env, f"select load_number from raw.loaded_files where file_id = '{file_id}'"
        )
        assert load_number == position + 1
        files.append(
            File(
                file_id=file_id,
                load_number=load_number,
                loaded_at=draft.loaded_at,
                issuer=draft.issuer,
                lines=tuple(draft.rows) if draft.issuer else (),
                calls=() if draft.issuer else tuple(draft.rows),
                rejected_line_count=len(draft.rejected),
            )
        )
    return files


def build(env: dict[str, str], folder: Path, *, is_tested: bool = True) -> None:
    """Build every model, with its data tests or, to save time, without."""
    own = {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    left_out = ["unit_test"] if is_tested else ["unit_test", "test"]
    excluded = [word for kind in left_out for word in ("--exclude-resource-type", kind)]
    run([str(DBT), "build", *excluded, "--target", env["DBT_TARGET"]], env | own)


# comparison ---------------------------------------------------------------------------------------


def mart(env: dict[str, str], name: str, without: tuple[str, ...] = ()) -> dict[tuple, dict]:
    """Every row of a mart: key -> row by column name."""
    columns = [
        column
        for (column,) in query(
            env,
            "select column_name from information_schema.columns where table_schema = "
            f"'reconciliation' and table_name = '{name}' order by ordinal_position",
        )
        if column not in without
    ]
    rows = [
        dict(zip(columns, row, strict=True))
        for row in query(env, f"select {', '.join(columns)} from reconciliation.{name}")
    ]
    by_key = {tuple(row[column] for column in KEYS[name]): row for row in rows}
    assert len(by_key) == len(rows), f"{name}: a key is in more than one row"
    return by_key


def is_same(column: str, wanted: object, found: object) -> bool:
    """Equal; ratios, which are for display, but for their last digit."""
    if column.endswith(("_pct", "_rate")) and None not in (wanted, found):
        return abs(wanted - found) <= max(Decimal("1e-6"), abs(wanted) * Decimal("2e-12"))
    return wanted == found


def differences(wanted: dict[tuple, dict], found: dict[tuple, dict]) -> list[str]:
    """The first rows that differ: only in one side, or the columns that differ with both values."""
    result = [f"only wanted: {wanted[key]}" for key in wanted.keys() - found.keys()]
    result += [f"only found: {found[key]}" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        unequal = {
            column: (value, found[key][column])
            for column, value in wanted[key].items()
            if not is_same(column, value, found[key][column])
        }
        if unequal:
            shown = ", ".join(f"{c}: wanted {w}, found {f}" for c, (w, f) in unequal.items())
            result.append(f"{key}: {shown}\n    wanted {wanted[key]}\n    found {found[key]}")
    return sorted(result)


def assert_equal(name: str, wanted: dict[tuple, dict], found: dict[tuple, dict]) -> None:
    unequal = differences(wanted, found)
    assert not unequal, f"{name}: {len(unequal)} rows differ\n" + "\n".join(unequal[:10])


def assert_as_the_rules_say(env: dict[str, str], expected: Expected) -> None:
    for name, key in KEYS.items():
        wanted = {tuple(row[column] for column in key): row for row in getattr(expected, name)}
        assert_equal(name, wanted, mart(env, name))


def written(world: World, folder: Path) -> None:
    for draft in world.files:
        write(draft, folder, world.rng)


def test_every_row_is_what_the_rules_say(duckdb_file, tmp_path, target_path, reference):
    world = World(1)
    written(world, tmp_path)
    files = load(world.files, tmp_path, duckdb_file)
    build(duckdb_file, target_path)
    assert_as_the_rules_say(duckdb_file, expect(files, reference))


def test_both_engines_have_the_rows_of_the_rules(
    duckdb_file, postgres, tmp_path, target_path, reference
):
    world = World(2)
    written(world, tmp_path)
    for env in (duckdb_file, postgres):
        files = load(world.files, tmp_path, env)
        build(env, target_path, is_tested=env is postgres)
        assert_as_the_rules_say(env, expect(files, reference))
    for name in KEYS:
        # whole rows: columns that the rules leave open are equal too
        assert_equal(name, mart(duckdb_file, name), mart(postgres, name))


def test_files_that_restate_nothing_load_in_any_order(
    duckdb_file, tmp_path, target_path, reference
):
    """Log before bills or after, bills of several issuers or of several weeks in any order."""
    world = World(3, is_any_order=True)
    written(world, tmp_path)
    built = []
    for position, order in enumerate((world.files, world.files[::-1])):
        env = duckdb_file | {"RECONCILIATION_DUCKDB": str(tmp_path / f"{position}.duckdb")}
        files = load(order, tmp_path, env)
        build(env, target_path, is_tested=False)
        assert_as_the_rules_say(env, expect(files, reference))
        built.append(env)
    for name in KEYS:
        assert_equal(name, *(mart(env, name, without=("load_number",)) for env in built))
