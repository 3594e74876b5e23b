"""The embedded default: one DuckDB file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from loader import loads
from loader.errors import UnusableInput, WarehouseFailed, one_line
from loader.parse import Staged
from loader.profile import PROJECT
from loader.sql import literal

# In a column whose every row has its own text DuckDB finds no dictionary, but looks for one, which
# takes longer than to write it (macros/unique_texts.sql does the same for what dbt makes).
UNIQUE_TEXT = re.compile(r"^( *(?:id|request_id|openai_request_id) text)\b", re.MULTILINE)
LOCK_PATIENCE = 30.0
"""seconds to wait for another process that has the DuckDB file open"""


@dataclass
class DuckDBWarehouse:
    """The embedded default: one file. It is opened per call, so that others may read between."""

    path: Path

    def query(self, sql: str) -> list[tuple]:
        with self._connected() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, *statements: str) -> None:
        with self._connected() as connection:
            connection.execute("begin")
            for statement in statements:
                connection.execute(statement)
            connection.execute("commit")

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        self._patiently(lambda: staging.execute(f"attach {literal(str(self.path))} as warehouse"))
        try:
            staging.execute("begin")
            loaded = staging.execute(loads.LOADED.format(schema="warehouse.raw")).fetchall()
            load_number = loads.next_load_number(loaded, staged)
            if load_number is None:
                staging.execute("rollback")
                return False
            replaces = staging.execute(loads.HAS_CALLS.format(schema="warehouse.raw")).fetchall()
            staging.execute(
                f"insert into warehouse.raw.{staged.format.table} "
                f"(file_id, {', '.join(staged.columns)}) {loads.accepted_rows(staged)}"
            )
            staging.execute(
                f"insert into warehouse.raw.rejected_lines {loads.rejected_rows(staged)}"
            )
            if staged.format.grain == "usage_log" and replaces:
                file_id = literal(staged.source.file_id)
                staging.execute(loads.REPLACE_CALLS.format(schema="warehouse.raw", file_id=file_id))
            values = loads.file_row(staged, load_number)
            staging.execute(
                f"insert into warehouse.raw.loaded_files ({', '.join(values)}) "
                f"values ({', '.join('?' for _ in values)})",
                list(values.values()),
            )
            staging.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):
                staging.execute("rollback")
            raise
        finally:
            with suppress(duckdb.Error):
                staging.execute("detach warehouse")
        return True

    def reads_own_table(self) -> bool:
        return loads.reads_own_table(self.query)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._patiently(lambda: duckdb.connect(str(self.path)))
        try:
            yield connection
        finally:
            connection.close()

    def _patiently(self, action: Callable[[], duckdb.DuckDBPyConnection]) -> Any:
        """Do it, waiting for another process that holds the file; then say which file it is."""
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                return action()
            except duckdb.IOException as error:
                is_locked = "lock on file" in str(error)
                if is_locked and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                hint = (
                    "Another process has it open: close it, or wait until it is done."
                    if is_locked
                    else "Check the path and that it is a DuckDB file."
                )
                raise WarehouseFailed(
                    f"{self.path}: cannot be opened ({one_line(error)}). {hint}"
                ) from None


@contextmanager
def opened(settings: dict[str, Any]) -> Iterator[DuckDBWarehouse]:
    """The warehouse of a profile\'s settings, with the tables of `raw` in place."""
    if settings.get("path", ":memory:") == ":memory:":
        raise UnusableInput("The DuckDB target needs a file: set `path` in the profile.")
    path = PROJECT / settings["path"]
    warehouse = DuckDBWarehouse(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if missing := loads.missing_tables(warehouse.query):
            as_it_is = r"\1 using compression 'uncompressed'"
            warehouse.execute(*(UNIQUE_TEXT.sub(as_it_is, table) for table in missing))
        yield warehouse
    except (duckdb.Error, OSError) as error:
        raise WarehouseFailed(f"{path}: {one_line(error)}") from None
