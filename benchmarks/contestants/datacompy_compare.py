"""datacompy over the two frames, joined on the id: `datacompy_compare.py BILL LOG FOLDER`.

It writes datacompy's report. Its environment is its own: datacompy does not yet allow the newest
Polars and pandas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import datacompy
import polars as pl


def main(bill_path: str, log_path: str, folder: str) -> None:
    bill = pl.read_csv(bill_path).select(
        "request_id",
        pl.col("prompt_tokens").alias("input_tokens"),
        pl.col("completion_tokens").alias("output_tokens"),
        "cost_usd",
    )
    log = (
        pl.read_csv(log_path)
        .filter(pl.col("openai_request_id").is_not_null())
        .select(
            pl.col("openai_request_id").alias("request_id"),
            "input_tokens",
            "output_tokens",
            (pl.col("calculated_cost_cents") / 100).alias("cost_usd"),
        )
    )
    compared = datacompy.PolarsCompare(
        log, bill, join_columns="request_id", rel_tol=0.05, df1_name="log", df2_name="bill"
    )
    (Path(folder) / "report.txt").write_text(compared.report(), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
