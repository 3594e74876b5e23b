"""What people write in pandas: read both files, join on the id, compare, sum up.

`pandas_join.py BILL LOG FOLDER` writes every row with its status, and a summary, as Parquet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

TOLERANCE_SHARE = 0.05
TOLERANCE_USD = 0.05


def main(bill_path: str, log_path: str, folder: str) -> None:
    bill = pd.read_csv(
        bill_path,
        usecols=[
            "request_id",
            "timestamp",
            "model",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd",
        ],
        parse_dates=["timestamp"],
    ).rename(columns={"timestamp": "billed_at", "model": "billed_model", "cost_usd": "billed_usd"})
    log = pd.read_csv(
        log_path,
        usecols=[
            "id",
            "created_at",
            "model_used",
            "input_tokens",
            "output_tokens",
            "calculated_cost_cents",
            "openai_request_id",
        ],
        parse_dates=["created_at"],
        date_format="ISO8601",
    ).rename(columns={"id": "usage_id", "openai_request_id": "request_id"})
    log["logged_usd"] = log["calculated_cost_cents"] / 100
    # pandas would join missing ids with missing ids
    has_id = log["request_id"].notna()
    rows = pd.concat(
        [log[has_id].merge(bill, on="request_id", how="outer"), log[~has_id]], ignore_index=True
    )
    difference = rows["billed_usd"].fillna(0) - rows["logged_usd"].fillna(0)
    is_within = (difference.abs() <= TOLERANCE_SHARE * rows["logged_usd"].abs()) | (
        difference.abs() <= TOLERANCE_USD
    )
    rows["difference_usd"] = difference
    rows["status"] = "discrepancy"
    rows.loc[is_within, "status"] = "matched"
    rows.loc[rows["billed_usd"].isna(), "status"] = "pending"
    rows.loc[rows["usage_id"].isna(), "status"] = "not_found"
    rows["month"] = rows["created_at"].fillna(rows["billed_at"]).dt.to_period("M").dt.start_time
    rows["model"] = rows["model_used"].fillna(rows["billed_model"])
    summary = (
        rows.groupby(["month", "model", "status"], dropna=False)
        .agg(
            requests=("status", "size"),
            logged_usd=("logged_usd", "sum"),
            billed_usd=("billed_usd", "sum"),
            difference_usd=("difference_usd", "sum"),
        )
        .reset_index()
    )
    rows.to_parquet(Path(folder) / "rows.parquet")
    summary.to_parquet(Path(folder) / "summary.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
