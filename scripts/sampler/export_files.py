"""The lines of the provider's exports and of the log beside them, as they are written.

Money is whole units of 1e-18 USD.
"""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple

from sampler.export_situations import Bucket, Traffic
from sampler.writer import LOG_HEADER, decimal_text

COST_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,"
    "quantity_unit,line_item,user_id,api_key_id,project_id,organization_id,project_name,"
    "organization_name,user_email,api_source"
)
COMPLETIONS_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,"
    "api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens,"
    "input_uncached_tokens,input_text_tokens,output_text_tokens,input_cached_text_tokens,"
    "input_audio_tokens,input_cached_audio_tokens,output_audio_tokens,input_image_tokens,"
    "input_cached_image_tokens,output_image_tokens"
)
EMBEDDINGS_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,"
    "api_key_id,model,input_tokens"
)
EXPORT_LOG_HEADER = f"{LOG_HEADER},project_id,api_key_id"

ORGANIZATION = ("org-Sample7fQ2", "Example Ltd")
PROJECTS = (("proj_SampleChat41", "Chat"), ("proj_SampleAgents88", "Agents"))
KEYS = (("key_SampleWeb3", "key_SampleApp5"), ("key_SampleNight7", "key_SampleTeam9"))
USER, EMAIL = "user-Sample61", "someone@example.com"


class Call(NamedTuple):
    """A call; its tokens are input, cached input (inside input) and output."""

    at: int  # milliseconds of the day
    tokens: tuple[int, int, int]
    key: int  # which of its project's keys
    request_id: str
    user: str


class CostLine(NamedTuple):
    """A line of the costs of a day; charges are of no project."""

    line_item: str
    amount: int
    quantity: str = ""
    unit: str = ""
    project: int | None = None


def tokens_of(calls: list[Call]) -> tuple[int, ...]:
    """Input, cached input and output tokens of some calls."""
    return tuple(sum(call.tokens[part] for call in calls) for part in range(3))


def usage_id(rnd: Random, day: date, at: int) -> str:
    """An id in the form of a UUID of version 7, of a time in milliseconds of a day."""
    made = f"{int(instant(day).timestamp()) * 1_000 + at:012x}"
    bits = f"{rnd.getrandbits(72):018x}"
    return f"{made[:8]}-{made[8:]}-7{bits[:3]}-a{bits[3:6]}-{bits[6:]}"


def csv_line(*cells: object) -> str:
    """A record, quoted where it must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def instant(day: date, milliseconds: int = 0) -> datetime:
    """An instant of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def day_cells(day: date) -> tuple:
    """The first four columns of every export."""
    start, end = instant(day), instant(day + timedelta(1))
    return int(start.timestamp()), int(end.timestamp()), start.isoformat(), end.isoformat()


def empty_line(day: date, header: str) -> str:
    """A day on which nothing happened."""
    return csv_line(*day_cells(day), *[""] * (header.count(",") - 3))


def amount_text(units: int) -> str:
    """An amount as the provider writes it: more decimals than needed, and an odd zero."""
    if not units:
        return "0E-6176"
    whole, fraction = divmod(abs(units), 10**18)
    return f"{'-' if units < 0 else ''}{whole}.{fraction:018d}0000000000"


def cost_line(day: date, line: CostLine, amount: str = "") -> str:
    """A line of the costs, grouped by line item and project; `amount` is how it is written."""
    project_id, project_name = ("", "") if line.project is None else PROJECTS[line.project]
    return csv_line(
        *day_cells(day),
        amount or amount_text(line.amount),
        "usd",
        line.quantity,
        line.unit,
        line.line_item,
        "",
        "",
        project_id,
        ORGANIZATION[0],
        project_name,
        ORGANIZATION[1],
        EMAIL,
        "",
    )


def usage_line(day: date, traffic: Traffic, bucket: Bucket, calls: list[Call]) -> str:
    """A line of the usage: calls of one key."""
    put, cached, out = tokens_of(calls)
    key = KEYS[traffic.project][calls[0].key]
    project_id = PROJECTS[traffic.project][0]
    cells = (*day_cells(day), project_id, len(calls), USER, key, traffic.exported)
    if traffic.is_embedding:
        return csv_line(*cells, put)
    how = ("TRUE" if bucket.is_batch else "FALSE", bucket.tier)
    text = (put, out, cached, put - cached, put - cached, out, cached)
    return csv_line(*cells, *how, *text, *[0] * 6)


def log_line(usage_id: str, day: date, traffic: Traffic, call: Call, cost: int | None) -> str:
    """A call in our log; without cost where it is None."""
    put, cached, out = call.tokens
    return csv_line(
        usage_id,
        call.user,
        traffic.action,
        traffic.logged,
        put + out,
        put,
        out,
        cached,
        0,
        "true",
        "",
        instant(day, call.at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        decimal_text(cost, 16),
        call.request_id,
        PROJECTS[traffic.project][0],
        KEYS[traffic.project][call.key],
    )


def grant_line(usage_id: str, day: date, user: str, action: str) -> str:
    """An action in our log that is no call, at noon."""
    tokens = (0, 0, 0, 0, 0)
    return csv_line(
        usage_id, user, action, "", *tokens, "true", "", f"{day}T12:00:00.000Z", "", "", "", ""
    )
