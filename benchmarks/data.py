"""A bill and a log of any size, as CSV files that the loader reads: `requests_csv`, `token_usage`.

DuckDB writes them row by row from hashes of the row's number, so a seed always gives the same
bytes and a hundred million rows need no more memory than a thousand. Amounts are list prices of
seeds/ai_model_pricing.csv. Nearly every call is logged and billed alike; the rest is planted, in
the shares below. The bill charges every line at the list price of the tier that it states.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import click
import duckdb

ROOT = Path(__file__).resolve().parents[1]
PRICES = ROOT / "seeds" / "ai_model_pricing.csv"
LAST_MONTH = datetime(2025, 7, 1)
"""of every data set; a price of o3 changed in the month before"""

SITUATIONS = {
    "outside_tolerance": 10,
    "within_tolerance": 10,
    "not_logged": 5,
    "not_billed": 5,
    "billed_twice": 1,
    "logged_twice": 1,
    "other_id": 3,
    "no_call": 2,
    "long": 10,
}
"""per mille of the calls; all others are billed as they are logged. A line of the bill is there
twice, a call is logged twice, the log holds an id that the bill does not, an action of the log is
no call, a call is long and billed as logged"""

MODELS = {
    # model: (name on the bill, per cent of the calls)
    "gpt-4.1-mini": ("gpt-4.1-mini-2025-04-14", 30),
    "gpt-4o-mini": ("gpt-4o-mini-2024-07-18", 20),
    "gpt-4.1-nano": ("gpt-4.1-nano-2025-04-14", 13),
    "gpt-4.1": ("gpt-4.1-2025-04-14", 12),
    "gpt-4o": ("gpt-4o-2024-08-06", 10),
    "text-embedding-3-small": ("text-embedding-3-small", 7),
    "o4-mini": ("o4-mini-2025-04-16", 5),
    "o3": ("o3-2025-04-16", 3),
}
LONG_MODEL = "gpt-4.1"


@dataclass(frozen=True)
class Files:
    """The files of a data set, in the order of time: one of each kind for each period."""

    bills: list[Path]
    logs: list[Path]


def generate(
    folder: Path, rows: int, *, months: int = 3, by_month: bool = False, seed: int = 1
) -> Files:
    """Write about `rows` bill lines and as many log rows, spread evenly over `months`.

    `by_month` writes a bill and a log for each month rather than one for all. What is there
    already from the same call is not written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = [_month(months - number) for number in range(months + 1)]
    if not by_month:
        starts = [starts[0], starts[-1]]
    periods = list(pairwise(starts))
    files = Files([], [])
    with duckdb.connect(config={"memory_limit": "1500MB", "temp_directory": str(folder)}) as db:
        db.execute("set timezone = 'UTC'")
        for number, (start, end) in enumerate(periods):
            first, last = (rows * n // len(periods) for n in (number, number + 1))
            stem = f"{start:%Y%m}_{end:%Y%m}_{first}_{last}_{seed}"
            bill, log = folder / f"bill_{stem}.csv", folder / f"log_{stem}.csv"
            _create_calls(db, first, last, start, end, seed)
            # a number series is made by one core: so the two files side by side
            with ThreadPoolExecutor() as threads:
                list(threads.map(_write, (db.cursor(), db.cursor()), (bill, log), (BILL, LOG)))
            files.bills.append(bill)
            files.logs.append(log)
    return files


def _write(db: duckdb.DuckDBPyConnection, path: Path, query: str) -> None:
    if not path.exists():
        partial = path.with_suffix(".partial")
        db.execute(f"copy ({query}) to '{partial}' (format csv, header)")
        partial.rename(path)


def _month(before_end: int) -> datetime:
    """The first of the month so many months before the end of the last one."""
    month = LAST_MONTH.year * 12 + LAST_MONTH.month - before_end
    return datetime(month // 12, month % 12 + 1, 1)


def _create_calls(
    db: duckdb.DuckDBPyConnection, first: int, last: int, start: datetime, end: datetime, seed: int
) -> None:
    """Make the view `calls`: one row per call, with its situation and its amounts."""
    db.execute("create or replace table models (model text, billed_model text, up_to int)")
    up_to = 0
    for model, (billed_model, share) in MODELS.items():
        up_to += share
        db.execute("insert into models values (?, ?, ?)", [model, billed_model, up_to])
    arms, up_to = "", 0
    for situation, share in SITUATIONS.items():
        up_to += share
        arms += f" when draw_situation < {up_to} then '{situation}'"
    model_arms = " ".join(
        f"when draw_model < {limit} then '{model}'"
        for model, limit in db.execute("select model, up_to from models order by 2").fetchall()
    )
    seconds = (end - start).total_seconds()
    db.execute(f"""
        create or replace view calls as
        with drawn as (
            select
                number,
                {_draw("situation", 0, seed)}, {_draw("model", 1, seed, 100)},
                {_draw("input", 2, seed)}, {_draw("output", 3, seed)},
                {_draw("cached", 4, seed)}, {_draw("time", 5, seed)},
                {_draw("kind", 6, seed)}, {_draw("amount", 7, seed)}
            from range({first}, {last}) as numbers(number)
        ),
        situated as (
            select
                *,
                case {arms} else 'plain' end as situation,
                timestamp '{start}' + to_milliseconds(cast(
                    {seconds * 1000} * (number - {first} + draw_time / 1000.0)
                    / greatest({last - first}, 1) as bigint
                )) as logged_at
            from drawn
        ),
        modelled as (
            select
                *,
                situation in ('outside_tolerance', 'long') as is_long,
                case when situation in ('outside_tolerance', 'long') then '{LONG_MODEL}'
                    else case {model_arms} end end as model,
                date_trunc('second', logged_at)
                    + to_seconds(cast(draw_kind % 3 as bigint)) as billed_at
            from situated
        ),
        counted as (
            select
                *,
                cast(case when is_long then 100000 + draw_input * 100 + draw_output % 100
                    else 50 * exp(draw_input / 1000.0 * 4.5)
                        + draw_output % 7 end as bigint) as input_tokens,
                cast(case when model like 'text-embedding%' then 0
                    else 5 * exp(draw_output / 1000.0 * 5) + draw_time % 5 end as bigint)
                    as output_tokens,
                -- batches are priced as such on both sides
                draw_kind >= 950 and situation = 'plain' as is_batch,
                situation = 'outside_tolerance' and draw_kind % 5 = 1 as is_priority
            from modelled
        ),
        cached as (
            select
                *,
                case
                    when model like 'text-embedding%' then 0
                    when is_long or situation = 'within_tolerance' or draw_cached < 400
                        then input_tokens // 128 * 128
                            * (30 + draw_cached % 50) // 100 // 128 * 128
                    else 0
                end as cached_tokens
            from counted
        ),
        prices as (
            select model_name, effective_from as valid_from,
                lead(effective_from, 1, timestamp '9999-12-31')
                    over (partition by model_name order by effective_from) as valid_to,
                input_price, coalesce(cached_input_price, input_price) as cached_price,
                coalesce(output_price, 0) as output_price
            from (
                select model_name, cast(effective_from as timestamp) as effective_from,
                    cast(input_price_per_1m * 0.000001 as decimal(18, 12)) as input_price,
                    cast(cached_input_price_per_1m * 0.000001 as decimal(18, 12))
                        as cached_input_price,
                    cast(output_price_per_1m * 0.000001 as decimal(18, 12)) as output_price
                from read_csv('{PRICES}', types = {{
                    'input_price_per_1m': 'decimal(18, 6)',
                    'cached_input_price_per_1m': 'decimal(18, 6)',
                    'output_price_per_1m': 'decimal(18, 6)'
                }})
                where min_input_tokens = 0
            )
        ),
        priced as (
            select
                cached.*, models.billed_model,
                {_price("billed")} as bill_list, {_price("logged")} as log_list,
                {_usd("cached.cached_tokens * (logged.input_price - logged.cached_price)")}
                    as saved
            from cached
            inner join models on cached.model = models.model
            inner join prices as billed on cached.model = billed.model_name
                and cached.billed_at >= billed.valid_from and cached.billed_at < billed.valid_to
            inner join prices as logged on cached.model = logged.model_name
                and cached.logged_at >= logged.valid_from and cached.logged_at < logged.valid_to
        )
        select
            *,
            'chatcmpl-' || substr(md5('{seed} request ' || number), 1, 29) as request_id,
            cast(bill_list * case when is_batch then 0.5 when is_priority then 2 else 1 end
                as decimal(30, 18)) as billed_usd,
            cast(case
                when is_batch then log_list * 0.5
                when situation = 'within_tolerance' then log_list + saved
                when situation <> 'outside_tolerance' or is_priority then log_list
                when draw_kind % 5 in (0, 2) then log_list + saved
                when draw_kind % 5 = 3 then log_list * 2
                else cast(round(log_list * (40 + draw_amount % 40) * 0.01, 5)
                    as decimal(30, 18))
            end as decimal(30, 18)) as logged_usd
        from priced
    """)


def _draw(name: str, place: int, seed: int, below: int = 1000) -> str:
    """A whole number from 0, its own for each call."""
    return f"cast(hash(number * 8 + {place}, {seed}) % {below} as int) as draw_{name}"


def _price(price: str) -> str:
    return _usd(
        f"(cached.input_tokens - cached.cached_tokens) * {price}.input_price "
        f"+ cached.cached_tokens * {price}.cached_price "
        f"+ cached.output_tokens * {price}.output_price"
    )


def _usd(amount: str) -> str:
    return f"cast({amount} as decimal(30, 18))"


def _plain(amount: str) -> str:
    """The amount as people write it, without the zeros at its end."""
    return f"rtrim(rtrim(cast({amount} as varchar), '0'), '.')"


BILL = f"""
    select
        request_id, billed_at as timestamp, billed_model as model,
        input_tokens as prompt_tokens, cached_tokens, output_tokens as completion_tokens,
        input_tokens + output_tokens as total_tokens, {_plain("billed_usd")} as cost_usd,
        case when model like 'text-embedding%' then '/v1/embeddings'
            else '/v1/chat/completions' end as endpoint,
        'success' as status,
        case when is_priority then 'priority' else 'default' end as service_tier,
        is_batch as batch
    from (
        select *, unnest(range(case when situation = 'billed_twice' then 2 else 1 end)) as copy
        from calls where situation not in ('not_billed', 'no_call')
    )
"""
LOG = f"""
    select
        cast(cast(md5(number || ' ' || copy) as uuid) as varchar) as id,
        'user_' || draw_amount as user_id,
        case when situation = 'no_call' then 'admin_grant'
            when model like 'text-embedding%' then 'embedding' else 'chat' end as action_type,
        case when situation <> 'no_call' then model end as model_used,
        input_tokens + output_tokens as tokens_used,
        case when situation <> 'no_call' then input_tokens end as input_tokens,
        case when situation <> 'no_call' then output_tokens end as output_tokens,
        case when situation <> 'no_call' then cached_tokens end as cached_input_tokens,
        true as success,
        logged_at + to_seconds(cast(copy as bigint)) as created_at,
        case when situation <> 'no_call' then {_plain("logged_usd * 100")} end
            as calculated_cost_cents,
        case situation when 'no_call' then null when 'other_id' then 'gateway-' || number
            else request_id end as openai_request_id,
        'default' as service_tier,
        is_batch
    from (
        select *, unnest(range(case when situation = 'logged_twice' then 2 else 1 end)) as copy
        from calls where situation <> 'not_logged'
    )
"""


@click.command()
@click.option("--rows", type=float, required=True, help="Calls, such as 1e6.")
@click.option("--months", type=int, default=3, show_default=True)
@click.option("--by-month", is_flag=True, help="A bill and a log for each month.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder.")
def main(rows: float, months: int, by_month: bool, seed: int, out: Path) -> None:
    """Write the data of a benchmark, and the names of its files."""
    files = generate(out, int(rows), months=months, by_month=by_month, seed=seed)
    for path in files.bills + files.logs:
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
