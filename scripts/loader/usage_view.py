"""`raw.token_usage` as a view over the table in which the application already logs its calls."""

from __future__ import annotations

import re

from loader.errors import UnusableInput
from loader.profile import profile_target
from loader.sql import identifier, literal, raw_columns
from loader.warehouse import Warehouse

REQUIRED = ("id", "created_at", "model_used")
PROVENANCE = ("file_id", "line_number")
"""columns that only a loaded file fills"""

BLANKS = r"E' \t\n\x0B\f\r' || chr(160) || chr(65279)"
"""what the loader, too, takes from both ends of a text (types.sql)"""

EXACT = r"u?(tiny|small|big|huge)?int(eger)?|(decimal|numeric).*"
INEXACT = "real|float|double.*"
ADMITTED = {
    "timestamp": r"date|timestamp.*",
    "bigint": EXACT,
    "decimal": EXACT,
    "boolean": "boolean",
}
"""wanted type -> the types of the application's that a plain cast reads right"""


def refuse_spark(target: str | None) -> None:
    """Raises UnusableInput where the target is Spark, whose columns are not read in place."""
    _, settings = profile_target(target)
    if settings.get("type") == "spark":
        raise UnusableInput(
            "--usage-table: not on Spark. Write the application's table into a Parquet or CSV "
            "file, and load that."
        )


def create(warehouse: Warehouse, table: str) -> tuple[list[str], list[str]]:
    """Create the view; the columns the application's table has, and those that become null.

    The application's table is only read. Raises UnusableInput when the name is not
    SCHEMA.TABLE, the table lacks a column that nothing can replace or holds one of a type that
    could be misread, or raw.token_usage holds loaded rows that a view would hide.
    """
    if not re.fullmatch(r"\w+\.\w+", table):
        raise UnusableInput(
            f"--usage-table {table}: give the table as SCHEMA.TABLE, "
            "for example public.token_usage."
        )
    schema, name = table.split(".")
    if (schema, name) == ("raw", "token_usage"):
        raise UnusableInput(f"--usage-table {table}: a view cannot be over itself.")
    types = dict(
        warehouse.query(
            "select column_name, lower(data_type) from information_schema.columns "
            f"where table_schema = {literal(schema)} and table_name = {literal(name)}"
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
    columns = [(column, type_.lower()) for column, type_ in raw_columns("token_usage")]
    selected = ", ".join(
        f"{_converted(table, column, type_, types.get(column))} as {column}"
        for column, type_ in columns
    )
    view = (
        f"create or replace view raw.token_usage as select {selected} "
        f"from {identifier(schema)}.{identifier(name)}"
    )
    if warehouse.reads_own_table():
        warehouse.execute(view)
    elif warehouse.query("select 1 from raw.token_usage limit 1"):
        raise UnusableInput(
            "--usage-table: raw.token_usage holds rows loaded from files. Drop it first "
            "(drop table raw.token_usage cascade) if the application's table replaces them."
        )
    else:
        # views that dbt built on the empty table go with it; the next build makes them again
        warehouse.execute("drop table raw.token_usage cascade", view)
    wanted = [column for column, _ in columns if column not in PROVENANCE]
    return (
        [column for column in wanted if column in types],
        [column for column in wanted if column not in types],
    )


def _converted(table: str, column: str, wanted: str, found: str | None) -> str:
    """SQL that reads a column of the application's as the type that `raw` promises."""
    wanted = wanted.replace("varchar", "text")
    own = identifier(column)
    if found is None or column in PROVENANCE:
        return f"cast(null as {wanted})"
    if wanted == "text" and column == "id":
        return f"cast({own} as text)"  # as it stands, since people join on it
    if wanted == "text":
        return f"nullif(ltrim(rtrim(cast({own} as text), {BLANKS}), {BLANKS}), '')"
    if wanted == "timestamp" and "with time zone" in found:
        return f"{own} at time zone 'UTC'"
    if wanted == "timestamp" and re.fullmatch(f"{EXACT}|{INEXACT}", found):
        # seconds since 1970, or milliseconds where the number is too big for seconds
        seconds = f"case when {own} < 100000000000 then {own} else {own} / 1000.0 end"
        return f"to_timestamp({seconds}) at time zone 'UTC'"
    if wanted.startswith("decimal") and re.fullmatch(INEXACT, found):
        # by way of its shortest text, as Postgres casts a double to 15 digits only; NaN is null
        return f"case when abs({own}) < 1e11 then cast(cast({own} as text) as {wanted}) end"
    if found == "numeric":  # of Postgres, which may be NaN or infinite, and so no number
        bound = "1e18" if wanted == "bigint" else "1e11"
        return f"case when abs({own}) < {bound} then cast({own} as {wanted}) end"
    if re.fullmatch(ADMITTED[wanted.partition("(")[0]], found):
        return f"cast({own} as {wanted})"
    raise UnusableInput(
        f"--usage-table {table}: column {column} is of type {found}, which could be misread as "
        f"{wanted}. Make a view over it that converts the column, and give that."
    )
