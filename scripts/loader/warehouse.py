"""Where rows go: the warehouse of a target, with the tables of `raw` in place."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb

from loader.errors import UnusableInput, WarehouseFailed
from loader.parse import Staged
from loader.profile import PROJECT, profile_target
from loader.sql import DDL, literal, raw_columns

INGESTED_ROWS = 150
"""rows sent to Postgres at a time: few enough that the server works while we encode the next"""
LOCK_PATIENCE = 30.0
"""seconds to wait for another process that has the DuckDB file open"""


class Warehouse(Protocol):
    """What the commands need of a target."""

    def query(self, sql: str) -> list[tuple]:
        """All rows of a small result."""

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        """Load a staged file in one transaction; False if these bytes are loaded already."""


@contextmanager
def open_warehouse(target: str | None) -> Iterator[Warehouse]:
    """The warehouse of a target, with the tables of `raw` in place.

    Raises WarehouseFailed, saying which warehouse and what it answered.
    """
    name, settings = profile_target(target)
    kinds = {"duckdb": _open_duckdb, "postgres": _open_postgres}
    if settings.get("type") not in kinds:
        raise UnusableInput(
            f"Target {name!r} is of type {settings.get('type')!r}; the loader writes to: "
            f"{', '.join(kinds)}."
        )
    with kinds[settings["type"]](settings) as warehouse:
        yield warehouse


def is_view(warehouse: Warehouse) -> bool:
    """Whether raw.token_usage is a view over the application's own table."""
    return bool(
        warehouse.query(
            "select 1 from information_schema.tables where table_schema = 'raw' "
            "and table_name = 'token_usage' and table_type = 'VIEW'"
        )
    )


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
            loaded = staging.execute(_LOADED.format(schema="warehouse.raw")).fetchall()
            load_number = _next_load_number(loaded, staged)
            if load_number is None:
                staging.execute("rollback")
                return False
            replaces = staging.execute(_HAS_CALLS.format(schema="warehouse.raw")).fetchall()
            staging.execute(
                f"insert into warehouse.raw.{staged.format.table} "
                f"(file_id, {', '.join(staged.columns)}) {_accepted(staged)}"
            )
            staging.execute(f"insert into warehouse.raw.rejected_lines {_rejected(staged)}")
            if staged.format.grain == "usage_log" and replaces:
                file_id = literal(staged.source.file_id)
                staging.execute(_REPLACE_CALLS.format(schema="warehouse.raw", file_id=file_id))
            values = _file_row(staged, load_number)
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
                    f"{self.path}: cannot be opened ({_one_line(error)}). {hint}"
                ) from None


@contextmanager
def _open_duckdb(settings: dict[str, Any]) -> Iterator[DuckDBWarehouse]:
    if settings.get("path", ":memory:") == ":memory:":
        raise UnusableInput("The DuckDB target needs a file: set `path` in the profile.")
    path = PROJECT / settings["path"]
    warehouse = DuckDBWarehouse(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if missing := _missing_tables(warehouse):
            warehouse.execute(*missing)
        yield warehouse
    except (duckdb.Error, OSError) as error:
        raise WarehouseFailed(f"{path}: {_one_line(error)}") from None


@dataclass
class PostgresWarehouse:
    """A Postgres server; rows go in as Arrow batches through ADBC's binary copy."""

    connection: Any

    def query(self, sql: str) -> list[tuple]:
        with self._transaction() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def execute(self, *statements: str) -> None:
        with self._transaction() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        with self._transaction() as cursor:
            # one load at a time, so that load numbers rise and no bytes load twice
            cursor.execute("lock table raw.loaded_files in exclusive mode")
            cursor.execute(_LOADED.format(schema="raw"))
            load_number = _next_load_number(cursor.fetchall(), staged)
            if load_number is None:
                return False
            cursor.execute(_HAS_CALLS.format(schema="raw"))
            replaces = cursor.fetchall()
            # columns that the file lacks stay null by themselves
            self._ingest(cursor, staging.sql(_accepted(staged)), staged.format.table)
            self._ingest(cursor, staging.sql(_rejected(staged)), "rejected_lines")
            if staged.format.grain == "usage_log" and replaces:
                file_id = literal(staged.source.file_id)
                cursor.execute(_REPLACE_CALLS.format(schema="raw", file_id=file_id))
            values = _file_row(staged, load_number)
            columns = raw_columns("loaded_files")
            row = staging.sql(
                f"select {', '.join(f'?::{type_} as {column}' for column, type_ in columns)}",
                params=[values[column] for column, _ in columns],
            )
            self._ingest(cursor, row, "loaded_files")
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self.connection.cursor() as cursor:
            try:
                yield cursor
                self.connection.commit()
            except BaseException:
                with suppress(Exception):
                    self.connection.rollback()
                raise

    @staticmethod
    def _ingest(cursor: Any, rows: duckdb.DuckDBPyRelation, table: str) -> None:
        batches = rows.to_arrow_reader(INGESTED_ROWS)
        cursor.adbc_ingest(table, batches, mode="append", db_schema_name="raw")


@contextmanager
def _open_postgres(settings: dict[str, Any]) -> Iterator[PostgresWarehouse]:
    from adbc_driver_postgresql import dbapi

    options = {
        "host": settings.get("host"),
        "port": settings.get("port"),
        "user": settings.get("user"),
        "password": settings.get("password") or settings.get("pass"),
        "dbname": settings.get("dbname") or settings.get("database"),
        "sslmode": settings.get("sslmode"),
        "connect_timeout": settings.get("connect_timeout", 10),
    }
    dsn = " ".join(
        f"{key}='{_libpq(value)}'" for key, value in options.items() if value not in (None, "")
    )
    where = f"Postgres at {options['host']}, database {options['dbname']}"
    try:
        connection = dbapi.connect(dsn)
    except dbapi.Error as error:
        raise WarehouseFailed(
            f"{where}: cannot connect ({_one_line(error)}). "
            "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE."
        ) from None
    try:
        warehouse = PostgresWarehouse(connection)
        if missing := _missing_tables(warehouse):
            # two loaders at once would both create the schema, and one of them fail
            warehouse.execute("select pg_advisory_xact_lock(hashtext('raw'))", *missing)
        yield warehouse
    except dbapi.Error as error:
        raise WarehouseFailed(f"{where}: {_one_line(error)}") from None
    finally:
        connection.close()


_LOADED = "select file_id, load_number from {schema}.loaded_files"

_HAS_CALLS = "select 1 from {schema}.token_usage limit 1"

# a later file's row replaces an earlier row of the same call
_REPLACE_CALLS = """
delete from {schema}.token_usage
where file_id <> {file_id}
    and id in (select id from {schema}.token_usage where file_id = {file_id})
"""


def _missing_tables(warehouse: Warehouse) -> list[str]:
    """What creates the tables that are not there; `raw.token_usage` may be the user's own view."""
    there = warehouse.query(
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


def _accepted(staged: Staged) -> str:
    return f"select {literal(staged.source.file_id)} as file_id, * from ({staged.select})"


def _rejected(staged: Staged) -> str:
    return (
        f"select {literal(staged.source.file_id)} as file_id, * from {staged.rejected} "
        "order by line_number"
    )


def _next_load_number(loaded: list[tuple], staged: Staged) -> int | None:
    """One more than the newest load, or None if the file is among them."""
    if any(file_id == staged.source.file_id for file_id, _ in loaded):
        return None
    return max((number for _, number in loaded), default=0) + 1


def _file_row(staged: Staged, load_number: int) -> dict[str, Any]:
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


def _libpq(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
