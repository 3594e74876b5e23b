"""What people write in Polars: read both files, join on the id, compare, sum up.

`polars_join.py BILL LOG FOLDER` writes every row with its status, and a summary, as Parquet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

TOLERANCE_SHARE = 0.05
TOLERANCE_USD = 0.05


def main(bill_path: str, log_path: str, folder: str) -> None:
    bill = pl.scan_csv(bill_path, try_parse_dates=True).select(
        "request_id",
        pl.col("timestamp").alias("billed_at"),
        pl.col("model").alias("billed_model"),
        pl.col("prompt_tokens").alias("billed_input_tokens"),
        pl.col("completion_tokens").alias("billed_output_tokens"),
        pl.col("cost_usd").alias("billed_usd"),
    )
    log = pl.scan_csv(log_path, try_parse_dates=True).select(
        pl.col("openai_request_id").alias("request_id"),
        pl.col("id").alias("usage_id"),
        "created_at",
        "model_used",
        "input_tokens",
        "output_tokens",
        (pl.col("calculated_cost_cents") / 100).alias("logged_usd"),
    )
    difference = pl.col("billed_usd").fill_null(0) - pl.col("logged_usd").fill_null(0)
    is_within = (difference.abs() <= TOLERANCE_SHARE * pl.col("logged_usd").abs()) | (
        difference.abs() <= TOLERANCE_USD
    )
    rows = (
        log.join(bill, on="request_id", how="full", coalesce=True)
        .with_columns(
            difference.alias("difference_usd"),
            pl.when(pl.col("usage_id").is_null())
            .then(pl.lit("not_found"))
            .when(pl.col("billed_usd").is_null())
            .then(pl.lit("pending"))
            .when(is_within)
            .then(pl.lit("matched"))
            .otherwise(pl.lit("discrepancy"))
            .alias("status"),
        )
        .collect(engine="streaming")
    )
    summary = rows.group_by(
        pl.coalesce("created_at", "billed_at").dt.truncate("1mo").alias("month"),
        pl.coalesce("model_used", "billed_model").alias("model"),
        "status",
    ).agg(
        pl.len().alias("requests"),
        pl.col("logged_usd", "billed_usd", "difference_usd").sum(),
    )
    # as quick as Parquet is written: what ours writes is quick too
    rows.write_parquet(Path(folder) / "rows.parquet", compression="lz4")
    summary.write_parquet(Path(folder) / "summary.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
