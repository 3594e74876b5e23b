"""Where rows go: the target of the dbt profile, opened as dbt would open it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import yaml
from dbt_common.clients.jinja import get_template

from loader.errors import UnusableInput, WarehouseFailed
from loader.parse import Staged, raw_columns

PROJECT = Path(__file__).resolve().parents[2]
DDL = Path(__file__).with_name("raw_tables.sql")
LOCK_PATIENCE = 30.0
"""seconds to wait for another process that has the DuckDB file open"""


class Warehouse(Protocol):
    """What the commands need of a target."""

    def query(self, sql: str) -> list[tuple]:
        """All rows of a small result."""

    def execute(self, sql: str) -> None:
        """Run one statement, committed by itself."""

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        """Load a staged file in one transaction; False if these bytes are loaded already."""


def profile_target(target: str | None) -> tuple[str, dict[str, Any]]:
    """The name and settings of a target, from the dbt profile that `dbt build` would use.

    Raises UnusableInput when there is no profile, or no such target in it.
    """
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    folders = [os.environ.get("DBT_PROFILES_DIR"), PROJECT, Path.home() / ".dbt"]
    found = next(
        (Path(f) / "profiles.yml" for f in folders if f and (Path(f) / "profiles.yml").is_file()),
        None,
    )
    if found is None:
        raise UnusableInput(
            "There is no profiles.yml. Copy profiles.example.yml to profiles.yml "
            "(`make setup` does it), or set DBT_PROFILES_DIR."
        )
    profile = (yaml.safe_load(found.read_text("utf-8")) or {}).get(project["profile"])
    if not profile:
        raise UnusableInput(f"{found}: it has no profile named {project['profile']!r}.")
    outputs = profile.get("outputs") or {}
    name = target or os.environ.get("DBT_TARGET") or _render(profile.get("target", "default"))
    if name not in outputs:
        raise UnusableInput(f"{found}: no target {name!r}. It has: {', '.join(outputs)}.")
    return name, {key: _render(value) for key, value in outputs[name].items()}


def _render(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    context = {"env_var": _env_var}
    return get_template(value, context, native=True).render(context)


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise UnusableInput(f"The profile needs the environment variable {name}. Set it.")
    return value


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


@dataclass
class DuckDBWarehouse:
    """The embedded default: one file. It is opened per call, so that others may read between."""

    path: str
    settings: dict[str, Any]

    def query(self, sql: str) -> list[tuple]:
        with self._connected() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with self._connected() as connection:
            connection.execute(sql)

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        self._patiently(lambda: staging.execute(f"attach {_literal(self.path)} as warehouse"))
        try:
            staging.execute("begin")
            table = f"warehouse.raw.{staged.format.table}"
            load_number = _next_load_number(
                staging.execute(_LOADED.format(schema="warehouse.raw")).fetchall(), staged
            )
            if load_number is None:
                staging.execute("rollback")
                return False
            file_id = _literal(staged.source.file_id)
            staging.execute(
                f"insert into {table} (file_id, {', '.join(staged.columns)}) "
                f"select {file_id}, * from ({staged.select})"
            )
            staging.execute(
                f"insert into warehouse.raw.rejected_lines "
                f"select {file_id}, * from {staged.rejected} order by line_number"
            )
            if staged.format.grain == "usage_log":
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
            staging.execute("detach warehouse")
        return True

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._patiently(lambda: duckdb.connect(self.path))
        try:
            yield connection
        finally:
            connection.close()

    def _patiently(self, action: Any) -> Any:
        """Do it, waiting for another process that holds the file; then say which file it is."""
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                return action()
            except duckdb.IOException as error:
                locked = "lock" in str(error).lower()
                if locked and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                hint = (
                    "Another process has it open: close it, or wait until it is done."
                    if locked
                    else "Check the path and that it is a DuckDB file."
                )
                raise WarehouseFailed(
                    f"{self.path}: cannot be opened ({str(error).splitlines()[0]}). {hint}"
                ) from None


@contextmanager
def _open_duckdb(settings: dict[str, Any]) -> Iterator[DuckDBWarehouse]:
    path = str(settings.get("path", ":memory:"))
    if path == ":memory:":
        raise UnusableInput("The DuckDB target needs a file: set `path` in the profile.")
    if not os.path.isabs(path):
        path = str(PROJECT / path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    warehouse = DuckDBWarehouse(path, settings)
    try:
        with warehouse._connected() as connection:
            _create_raw_tables(
                lambda sql: connection.execute(sql).fetchall(), lambda sql: connection.execute(sql)
            )
        yield warehouse
    except duckdb.Error as error:
        raise WarehouseFailed(f"{path}: {error}") from None


@dataclass
class PostgresWarehouse:
    """A Postgres server; rows go in as Arrow batches through ADBC's binary copy."""

    connection: Any

    def query(self, sql: str) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall()
        self.connection.rollback()
        return rows

    def execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
        self.connection.commit()

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        try:
            with self.connection.cursor() as cursor:
                # one load at a time, so that load numbers rise and no bytes load twice
                cursor.execute("lock table raw.loaded_files in exclusive mode")
                cursor.execute(_LOADED.format(schema="raw"))
                load_number = _next_load_number(cursor.fetchall(), staged)
                if load_number is None:
                    self.connection.rollback()
                    return False
                file_id = _literal(staged.source.file_id)
                self._ingest(
                    cursor,
                    staging,
                    staged.format.table,
                    # columns that the file lacks stay null by themselves
                    f"select {file_id} as file_id, * from ({staged.select})",
                )
                self._ingest(
                    cursor,
                    staging,
                    "rejected_lines",
                    f"select {file_id} as file_id, * from {staged.rejected} order by line_number",
                )
                if staged.format.grain == "usage_log":
                    cursor.execute(_REPLACE_CALLS.format(schema="raw", file_id=file_id))
                values = _file_row(staged, load_number)
                row = staging.sql(
                    "select "
                    + ", ".join(f"? :: {type_} as {column}" for column, type_ in _FILE_COLUMNS),
                    params=[values[column] for column, _ in _FILE_COLUMNS],
                )
                cursor.adbc_ingest(
                    "loaded_files", row.to_arrow_reader(1), mode="append", db_schema_name="raw"
                )
            self.connection.commit()
        except BaseException:
            with suppress(Exception):
                self.connection.rollback()
            raise
        return True

    @staticmethod
    def _ingest(cursor: Any, staging: duckdb.DuckDBPyConnection, table: str, sql: str) -> None:
        batches = staging.sql(sql).to_arrow_reader(8_192)
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
        _create_raw_tables(warehouse.query, warehouse.execute)
        yield warehouse
    except dbapi.Error as error:
        raise WarehouseFailed(f"{where}: {_one_line(error)}") from None
    finally:
        connection.close()


_LOADED = "select file_id, load_number from {schema}.loaded_files"

# a later file's row replaces an earlier row of the same call
_REPLACE_CALLS = """
delete from {schema}.token_usage
where file_id <> {file_id}
    and id in (select id from {schema}.token_usage where file_id = {file_id})
"""

_FILE_COLUMNS = raw_columns("loaded_files")


def _create_raw_tables(query: Any, execute: Any) -> None:
    """Create what is not there yet; `raw.token_usage` may be a view of the user's own."""
    there = {
        name
        for (name,) in query(
            "select table_name from information_schema.tables where table_schema = 'raw'"
        )
    }
    without_comments = re.sub(r"^--.*$", "", DDL.read_text("utf-8"), flags=re.MULTILINE)
    for statement in filter(str.strip, without_comments.split(";")):
        table = re.search(r"raw\.(\w+)", statement)
        if table is None and there:
            continue
        if table is None or table.group(1) not in there:
            execute(statement)


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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
