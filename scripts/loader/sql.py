"""SQL text from Python values, and the columns that the raw tables declare."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

DDL = Path(__file__).with_name("raw_tables.sql")
RAW_TABLES = (
    "loaded_files",
    "rejected_lines",
    "billed_requests",
    "cost_buckets",
    "usage_buckets",
    "token_usage",
)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def raw_columns(table: str) -> tuple[tuple[str, str], ...]:
    """(column, type) of a raw table, in order, as raw_tables.sql declares it."""
    with duckdb.connect(":memory:") as catalogue:
        catalogue.execute(DDL.read_text("utf-8"))
        found = catalogue.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = 'raw' and table_name = ? order by ordinal_position",
            [table],
        ).fetchall()
    return tuple(found)
