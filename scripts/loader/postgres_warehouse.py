"""A Postgres server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb

from loader import loads
from loader.errors import WarehouseFailed, one_line
from loader.parse import Staged
from loader.sql import literal, raw_columns

TIMES = {"billed_requests": "billed_at", "token_usage": "created_at"}
"""What tells a build where the rows of a month lie: an index of block ranges, which is small, and
enough for rows that come month by month. Blocks that Postgres has not looked at yet are the newest,
and a build reads those anyway."""
INGESTED_ROWS = 150
"""rows sent to Postgres at a time: few enough that the server works while we encode the next"""


@dataclass
class PostgresWarehouse:
    """A Postgres server; rows go in as Arrow batches through ADBC's binary copy."""

    connection: Any
    grown: set[str] = field(default_factory=set)
    """tables of raw that have new rows"""

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
            cursor.execute(loads.LOADED.format(schema="raw"))
            load_number = loads.next_load_number(cursor.fetchall(), staged)
            if load_number is None:
                return False
            cursor.execute(loads.HAS_CALLS.format(schema="raw"))
            replaces = cursor.fetchall()
            # columns that the file lacks stay null by themselves
            self._ingest(cursor, staging.sql(loads.accepted_rows(staged)), staged.format.table)
            self._ingest(cursor, staging.sql(loads.rejected_rows(staged)), "rejected_lines")
            if staged.format.grain == "usage_log" and replaces:
                file_id = literal(staged.source.file_id)
                cursor.execute(loads.REPLACE_CALLS.format(schema="raw", file_id=file_id))
            values = loads.file_row(staged, load_number)
            columns = raw_columns("loaded_files")
            row = staging.sql(
                f"select {', '.join(f'?::{type_} as {column}' for column, type_ in columns)}",
                params=[values[column] for column, _ in columns],
            )
            self._ingest(cursor, row, "loaded_files")
        self.grown |= {staged.format.table, "rejected_lines", "loaded_files"}
        return True

    def analyze(self) -> None:
        """Count and sample what was written: the build comes sooner than autovacuum.

        What another load is writing to is left to that load, rather than waited for.
        """
        for table in sorted(self.grown):
            self.execute(f"analyze (skip_locked) raw.{table}")

    def reads_own_table(self) -> bool:
        return loads.reads_own_table(self.query)

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
def opened(settings: dict[str, Any]) -> Iterator[PostgresWarehouse]:
    """The warehouse of a profile\'s settings, with the tables of `raw` in place."""
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
            f"{where}: cannot connect ({one_line(error)}). "
            "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE."
        ) from None
    try:
        warehouse = PostgresWarehouse(connection)
        if missing := loads.missing_tables(warehouse.query):
            indexes = [
                f"create index if not exists {table}_{time} on raw.{table} "
                f"using brin ({time}) with (autosummarize = on)"
                for table, time in TIMES.items()
                if any(f"raw.{table} " in statement for statement in missing)
            ]
            # two loaders at once would both create the schema, and one of them fail
            warehouse.execute("select pg_advisory_xact_lock(hashtext('raw'))", *missing, *indexes)
        yield warehouse
        warehouse.analyze()
    except dbapi.Error as error:
        raise WarehouseFailed(f"{where}: {one_line(error)}") from None
    finally:
        connection.close()


def _libpq(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")
