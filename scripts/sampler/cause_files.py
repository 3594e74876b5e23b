"""The lines of the bills, exports, log and truth of the causes, as they are written.

Amounts are whole units of 1e-18 USD.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import NamedTuple

from sampler.cause_prices import Tokens
from sampler.cause_traffic import Traffic
from sampler.cause_vocabulary import Side
from sampler.export_files import (
    COMPLETIONS_HEADER,
    EXPORT_LOG_HEADER,
    KEYS,
    PROJECTS,
    USER,
    csv_line,
    day_cells,
    instant,
)
from sampler.stated_causes import Cause
from sampler.writer import decimal_text

BILL_HEADER = (
    "request_id,timestamp,model,prompt_tokens,cached_tokens,cache_write_tokens,completion_tokens,"
    "reasoning_tokens,total_tokens,cost_usd,fee_usd,service_tier,batch,region"
)
OPENROUTER_HEADER = (
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,"
    "byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,"
    "model_permaslug,provider_name,variant,cancelled,streamed,user,finish_reason_raw,"
    "finish_reason_normalized,generation_time_ms,time_to_first_token_ms,api_key_disabled,"
    "api_key_name,app_name"
)
LOG_HEADER = f"{EXPORT_LOG_HEADER},cache_write_tokens,service_tier,is_batch,region"
USAGE_HEADER = f"{COMPLETIONS_HEADER},input_cache_write_tokens"
SIDE_COLUMNS = (
    "log_error_usd,log_cause,is_log_cause_provable,bill_error_usd,bill_cause,"
    "is_bill_cause_provable,situation"
)
TRUTH_HEADER = (
    "reconciliation_key,usage_date,model,is_allocated,logged_usd,expected_usd,billed_usd,"
    f"difference_usd,{SIDE_COLUMNS}"
)
DAILY_HEADER = "usage_date,project_id,model,logged_usd,billed_usd,difference_usd," + SIDE_COLUMNS

LOG_UNIT, BILL_UNIT = 10**16, 10**18  # of a cent and of a dollar


class Errors(NamedTuple):
    """What each side adds to the difference of a row, None where nobody knows, and why."""

    log: int | None
    log_cause: Cause
    bill: int | None
    bill_cause: Cause

    @property
    def cells(self) -> tuple[str, ...]:
        """As the truth has it."""
        texts = (decimal_text(self.log), *self.log_cause.cells)
        return *texts, decimal_text(self.bill), *self.bill_cause.cells


def double_text(units: int, unit: int, rnd: Random) -> tuple[str, int]:
    """An amount in so large units as a sum of doubles has it: its text, and what that says."""
    text = repr(units / unit * (1 + rnd.randint(-8, 8) * 2**-52))
    return text, int((Decimal(text) * unit).quantize(Decimal(1), ROUND_HALF_UP))


def zulu(day: date, at: int) -> str:
    """A time of a UTC day in milliseconds, as our log has it."""
    text = instant(day, at).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def bill_time(day: date, at: int) -> str:
    """The same to the second, as bills have it."""
    return f"{instant(day, at):%Y-%m-%d %H:%M:%S}"


def bill_line(name: str, time: str, kind: Traffic, tokens: Tokens, side: Side, usd: str) -> str:
    """A line of the bill by request."""
    counts = (tokens.input, tokens.cached, tokens.write or "", tokens.output)
    facts = (decimal_text(side.fee) if side.fee else "", side.tier, side.batch, side.region)
    total = tokens.input + tokens.output
    return csv_line(name, time, kind.exported, *counts, tokens.reasoning or "", total, usd, *facts)


def openrouter_line(
    name: str, time: str, kind: Traffic, tokens: Tokens, side: Side, usd: str
) -> str:
    """A line of OpenRouter's activity; half of a fee is for files."""
    search = side.fee // 2
    fees = (decimal_text(search), 0, decimal_text(side.fee - search), 0)
    counts = (tokens.input, tokens.output, tokens.reasoning, tokens.cached)
    model = kind.exported if "/" in kind.exported else f"openai/{kind.exported}"
    how = ("OpenAI", "standard", "false", "true", "", "stop", "stop", 2134, 412, "false")
    return csv_line(name, time, usd, *fees, *counts, model, *how, "app", "Example")


class Logged(NamedTuple):
    """A row of our log, and when it is from."""

    usage_id: str
    user: str
    day: date
    at: int  # milliseconds of the day
    request_id: str
    cents: str
    key: int = 0  # which of its project's keys


def log_line(
    row: Logged, kind: Traffic, tokens: Tokens, side: Side, model: str = "", action: str = ""
) -> str:
    """A row of our log."""
    return csv_line(
        row.usage_id,
        row.user,
        action or kind.action,
        model or kind.model,
        tokens.input + tokens.output,
        tokens.input,
        tokens.output,
        tokens.cached,
        tokens.reasoning,
        "true",
        "",
        zulu(row.day, row.at),
        row.cents,
        row.request_id,
        PROJECTS[kind.project][0],
        KEYS[kind.project][row.key],
        tokens.write,
        side.tier,
        side.batch,
        side.region,
    )


def usage_line(
    day: date, kind: Traffic, key: int, count: int, tokens: Tokens, batch: str, tier: str
) -> str:
    """A line of the usage: `count` calls of one key that were served in one way."""
    project_id, uncached = PROJECTS[kind.project][0], tokens.input - tokens.cached - tokens.write
    cells = (*day_cells(day), project_id, count, USER, KEYS[kind.project][key], kind.exported)
    text = (tokens.input, tokens.output, tokens.cached, uncached, uncached, tokens.output)
    return csv_line(*cells, batch, tier, *text, tokens.cached, *[0] * 6, tokens.write)
