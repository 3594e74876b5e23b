"""The files of the causes, read line by line, in the words of the second opinion.

Amounts are USD.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from cause_opinion import Asked, Counts, listed
from test_generate_sample import amount, moment, read, short

DIGIT = Decimal("1e-18")
# of the bill, per 1M, from a day on
NEW_PRICES = {
    "gpt-5-mini": (date(2026, 8, 17), ("0.3", "0.03", "0.3", "2.2")),
    "gpt-5.4-mini": (date(2026, 9, 17), ("0.825", "0.0825", "0.825", "4.8")),
}


def flag(text: str) -> bool | None:
    """A boolean, None where nothing is said."""
    return {"true": True, "false": False}.get(text.lower())


def said_tier(tier: str, is_batch: bool | None) -> str:
    """The service tier that a side states."""
    return "batch" if is_batch else "" if tier.lower() == "auto" else tier.lower()


def implied(model: str, day: date) -> tuple:
    """The price that the bill of a day proves, if it is not the list's."""
    since, texts = NEW_PRICES.get(short(model), (date.max, ()))
    return (tuple(map(Decimal, texts)),) if day >= since else ()


def billed_lines(folder: Path) -> dict[str, dict]:
    """Lines of both bills by request id, in the words of the log."""
    lines = {}
    for row in read(folder / "bill.csv"):
        lines[row["request_id"].strip()] = {
            "key": f"bill:openai:{row['request_id'].strip()}",
            "at": moment(row["timestamp"]),
            "model": row["model"],
            "counts": Counts(
                int(row["prompt_tokens"]),
                int(row["cached_tokens"]),
                int(row["cache_write_tokens"] or 0),
                int(row["completion_tokens"]),
                int(row["reasoning_tokens"] or 0),
            ),
            "usd": amount(row["cost_usd"]).quantize(DIGIT, ROUND_HALF_UP),
            "fee": amount(row["fee_usd"]) or Decimal(0),
            "tier": said_tier(row["service_tier"], flag(row["batch"])),
            "is_batch": flag(row["batch"]),
            "region": row["region"],
        }
    for row in read(folder / "openrouter_activity.csv"):
        lines[row["generation_id"].strip()] = {
            "key": f"bill:openrouter:{row['generation_id'].strip()}",
            "at": moment(row["created_at"]),
            "model": row["model_permaslug"],
            "counts": Counts(
                int(row["tokens_prompt"]),
                int(row["tokens_cached"]),
                0,
                int(row["tokens_completion"]),
                int(row["tokens_reasoning"]),
            ),
            "usd": amount(row["cost_total"]).quantize(DIGIT, ROUND_HALF_UP),
            "fee": amount(row["cost_web_search"]) + amount(row["cost_file_processing"]),
            "tier": "",
            "is_batch": None,
            "region": "",
        }
    return lines


def logged_lines(folder: Path) -> dict[str, dict]:
    """Rows of the log by their key."""
    rows = {}
    for row in read(folder / "token_usage.csv"):
        cents = amount(row["calculated_cost_cents"])
        names = ("input", "cached_input", "cache_write", "output", "reasoning")
        rows[f"usage:{row['id']}"] = {
            "at": moment(row["created_at"]),
            "model": row["model_used"],
            "counts": Counts(*(int(row[f"{name}_tokens"]) for name in names)),
            "usd": None if cents is None else (cents / 100).quantize(DIGIT, ROUND_HALF_UP),
            "tier": said_tier(row["service_tier"], flag(row["is_batch"])),
            "is_batch": flag(row["is_batch"]),
            "region": row["region"],
            "request_id": row["openai_request_id"].strip(),
        }
    return rows


def differs(ours: Counts, theirs: Counts) -> bool:
    """Whether the log counts other tokens than the bill."""
    return (
        (ours.input, ours.output) != (theirs.input, theirs.output)
        or ours.cached not in (0, theirs.cached)
        or ours.write not in (0, theirs.write)
    )


def asked_of(side: str, log: dict, bill: dict | None) -> Asked:
    """What there is to explain of a side of a call, of its log alone where nothing bills it."""
    own, other = (log, bill or {}) if side == "log" else (bill, log)
    source = bill or log
    counts = source["counts"]
    reasoning = counts.reasoning or log["counts"].reasoning
    as_logged = None
    if bill and side == "log" and differs(log["counts"], counts):
        as_logged = listed(log["model"], log["at"], log["counts"])
    flags = [source.get("is_batch"), log["is_batch"]]
    return Asked(
        side,
        own["usd"],
        Counts(counts.input, counts.cached, counts.write, counts.output, reasoning),
        source["model"],
        source["at"],
        context=counts.input,
        tier=own["tier"] or other.get("tier", ""),
        is_tier_said=bool(own["tier"] or other.get("tier")),
        is_batch=next((is_batch for is_batch in flags if is_batch is not None), None),
        region=source["region"] or log["region"],
        fee=source.get("fee", Decimal(0)),
        as_logged=as_logged,
        implied=implied(source["model"], source["at"].date()) if side == "bill" else (),
    )
