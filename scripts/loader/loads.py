"""What a load is on every engine: which rows of a staged file go into which raw table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loader.parse import Staged
from loader.sql import DDL, literal

LOADED = "select file_id, load_number from {schema}.loaded_files"

HAS_CALLS = "select 1 from {schema}.token_usage limit 1"

# a later file's row replaces an earlier row of the same call
REPLACE_CALLS = """
delete from {schema}.token_usage
where file_id <> {file_id}
    and id in (select id from {schema}.token_usage where file_id = {file_id})
"""


def missing_tables(query: Callable[[str], list[tuple]]) -> list[str]:
    """What creates the tables that are not there; `raw.token_usage` may be the user's own view."""
    there = query(
        "select 'schema', schema_name from information_schema.schemata where schema_name = 'raw' "
        "union all "
        "select 'table', table_name from information_schema.tables where table_schema = 'raw'"
    )
    without_comments = re.sub(r"^--.*$", "", DDL.read_text("utf-8"), flags=re.MULTILINE)
    schema, *tables = filter(str.strip, without_comments.split(";"))
    missing = [
        sql for sql in tables if ("table", re.search(r"raw\.(\w+)", sql).group(1)) not in there
    ]
    # asked for only where it is not there: a role may own the schema and make none
    return missing if ("schema", "raw") in there else [schema, *missing]


def reads_own_table(query: Callable[[str], list[tuple]]) -> bool:
    """Whether raw.token_usage is a view over the application's own table."""
    return bool(
        query(
            "select 1 from information_schema.tables where table_schema = 'raw' "
            "and table_name = 'token_usage' and table_type = 'VIEW'"
        )
    )


def accepted_rows(staged: Staged) -> str:
    """SQL of the rows of a staged file that its raw table gets."""
    return f"select {literal(staged.source.file_id)} as file_id, * from ({staged.select})"


def rejected_rows(staged: Staged) -> str:
    """SQL of the rows that raw.rejected_lines gets."""
    return (
        f"select {literal(staged.source.file_id)} as file_id, * from {staged.rejected} "
        "order by line_number"
    )


def next_load_number(loaded: list[tuple], staged: Staged) -> int | None:
    """One more than the newest load, or None if the file is among them."""
    if any(file_id == staged.source.file_id for file_id, _ in loaded):
        return None
    return max((number for _, number in loaded), default=0) + 1


def file_row(staged: Staged, load_number: int) -> dict[str, Any]:
    """The row that raw.loaded_files gets: column -> value."""
    return {
        "file_id": staged.source.file_id,
        "load_number": load_number,
        "file_name": Path(staged.source.name).name,
        "format": staged.format.name,
        "grain": staged.format.grain,
        "issuer": staged.issuer,
        "byte_count": staged.source.byte_count,
        "line_count": staged.line_count,
        "accepted_line_count": staged.accepted_line_count,
        "rejected_line_count": staged.rejected_line_count,
        "accepted_usd": staged.accepted_usd,
        "first_at": staged.first_at,
        "last_at": staged.last_at,
        "loaded_at": datetime.now(UTC).replace(tzinfo=None),
    }
