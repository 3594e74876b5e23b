"""`raw.token_usage` as a view over the table in which the application already logs its calls."""

from __future__ import annotations

import re

from loader.errors import UnusableInput
from loader.parse import raw_columns
from loader.warehouse import Warehouse

REQUIRED = ("id", "created_at", "model_used")


def create(warehouse: Warehouse, table: str) -> tuple[list[str], list[str]]:
    """Create the view; the columns the application's table has, and those that become null.

    The application's table is only read. Raises UnusableInput when the name is not
    SCHEMA.TABLE, the table lacks a column that nothing can replace, or raw.token_usage
    holds loaded rows that a view would hide.
    """
    if not re.fullmatch(r"\w+\.\w+", table):
        raise UnusableInput(
            f"--usage-table {table}: give the table as SCHEMA.TABLE, for example public.token_usage."
        )
    schema, name = table.split(".")
    if (schema, name) == ("raw", "token_usage"):
        raise UnusableInput("--usage-table: raw.token_usage cannot be a view over itself.")
    types = dict(
        warehouse.query(
            "select column_name, lower(data_type) from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{name}'"
        )
    )
    if not types:
        raise UnusableInput(
            f"--usage-table {table}: there is no such table, or no right to read it."
        )
    lacking = [column for column in REQUIRED if column not in types]
    if lacking:
        raise UnusableInput(
            f"--usage-table {table}: it lacks {', '.join(lacking)}. Make a view over it with "
            "these names, and give that."
        )
    kinds = warehouse.query(
        "select table_type from information_schema.tables "
        "where table_schema = 'raw' and table_name = 'token_usage'"
    )
    is_table = bool(kinds) and kinds[0][0] != "VIEW"
    if is_table and warehouse.query("select 1 from raw.token_usage limit 1"):
        raise UnusableInput(
            "--usage-table: raw.token_usage holds rows loaded from files. Drop it first "
            "(drop table raw.token_usage cascade) if the application's table replaces them."
        )
    columns = raw_columns("token_usage")
    wanted = [(column, type_) for column, type_ in columns if column not in PROVENANCE]
    selected = [
        f"{_converted(column, type_, types.get(column))} as {column}" for column, type_ in columns
    ]
    # views that dbt built on the table go with it; the next build makes them again
    warehouse.execute(f"drop {'table' if is_table else 'view'} if exists raw.token_usage cascade")
    warehouse.execute(
        f"create view raw.token_usage as select {', '.join(selected)} from {schema}.{name}"
    )
    mapped = [column for column, _ in wanted if column in types]
    return mapped, [column for column, _ in wanted if column not in types]


PROVENANCE = ("file_id", "line_number")


def _converted(column: str, wanted: str, found: str | None) -> str:
    """SQL that reads a column of the application's as the type that `raw` promises."""
    wanted = wanted.lower().replace("varchar", "text")
    if found is None or column in PROVENANCE:
        return f"cast(null as {wanted})"
    if wanted == "timestamp":
        if "with time zone" in found:
            return f"{column} at time zone 'UTC'"
        if found in ("bigint", "integer"):
            return f"to_timestamp({column}) at time zone 'UTC'"
    return f"cast({column} as {wanted})"
