"""Spark, local or a cluster: Parquet in the warehouse's folder, and views over it in `raw`.

Spark's own tables know no transactions. So the schema `raw_files` has a table for each raw table,
with one Parquet file per loaded file, and `raw` has views of the rows whose file has a row in
`loaded_files`. That row is a Parquet file too, written last, and with it the load is done.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from loader import loads
from loader.errors import WarehouseFailed
from loader.parse import Staged
from loader.spark_session import spark_session
from loader.sql import RAW_TABLES, literal, raw_columns

REPLACED = "replaced_calls"
"""of earlier logs, the calls that a later log has again"""
REPLACED_COLUMNS = (("file_id", "VARCHAR"), ("id", "VARCHAR"), ("replaced_by", "VARCHAR"))

LOADED_ROWS = """
create view raw.{table} as
select own.* from raw_files.{table} as own
left semi join raw_files.loaded_files as files on own.file_id = files.file_id
"""
CURRENT_CALLS = f"""
{LOADED_ROWS.format(table="token_usage")}
left anti join (
    select own.* from raw_files.{REPLACED} as own
    left semi join raw_files.loaded_files as files on own.replaced_by = files.file_id
) as replaced on own.file_id = replaced.file_id and own.id = replaced.id
"""


@dataclass
class SparkWarehouse:
    """A session on which the tables of `raw_files` and the views of `raw` are in place."""

    session: Any

    def query(self, sql: str) -> list[tuple]:
        from pyspark.sql.functions import col
        from pyspark.sql.types import TimestampType

        found = self.session.sql(sql)
        for field in found.schema.fields:
            # else it would arrive in the time zone of this machine
            if isinstance(field.dataType, TimestampType):
                found = found.withColumn(field.name, col(f"`{field.name}`").cast("timestamp_ntz"))
        return [tuple(row) for row in found.collect()]

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.session.sql(statement)

    def reads_own_table(self) -> bool:
        return False

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        loaded = self.query(loads.LOADED.format(schema="raw_files"))
        load_number = loads.next_load_number(loaded, staged)
        if load_number is None:
            return False
        file_id = staged.source.file_id
        name = f"{file_id}.parquet"
        for table in (*RAW_TABLES, REPLACED):
            self._delete(table, name)  # of a load of these bytes that did not get to its end
        for table, rows in (
            (staged.format.table, loads.accepted_rows(staged)),
            ("rejected_lines", loads.rejected_rows(staged)),
        ):
            self._put(staging, table, rows, name)
        if staged.format.grain == "usage_log" and loaded:
            self._put_replaced_calls(file_id, name)
        values = loads.file_row(staged, load_number)
        row = ", ".join(f"?::{type_} as {column}" for column, type_ in raw_columns("loaded_files"))
        self._put(
            staging,
            "loaded_files",
            f"select {row}",
            f"{load_number:010}.parquet",
            [values[column] for column, _ in raw_columns("loaded_files")],
        )
        return True

    def _put_replaced_calls(self, file_id: str, name: str) -> None:
        """A later file's row replaces an earlier row of the same call."""
        new = self._path("token_usage", name).toString().replace("`", "``")
        self.session.sql(
            f"select file_id, id, {literal(file_id)} as replaced_by from raw.token_usage "
            f"where id in (select id from parquet.`{new}`)"
        ).write.parquet(self._path(REPLACED, name).toString())
        self.session.catalog.refreshTable(f"raw_files.{REPLACED}")

    def _put(
        self,
        staging: duckdb.DuckDBPyConnection,
        table: str,
        rows: str,
        name: str,
        values: list[Any] | None = None,
    ) -> None:
        """Write rows as one Parquet file of a table; others see all of it or nothing.

        Raises WarehouseFailed where a file of this name is there.
        """
        times = [column for column, type_ in raw_columns(table) if type_ == "TIMESTAMP"]
        relation = staging.sql(rows, params=values)
        # as instants, which is what Spark's timestamps are
        selected = ", ".join(
            f"timezone('UTC', {column}) as {column}" if column in times else column
            for column in relation.columns
        )
        target = self._path(table, name)
        # Spark passes over names that begin with an underscore
        unfinished = self._path(table, f"_{name}")
        with tempfile.TemporaryDirectory(prefix="token-reconciliation-") as folder:
            relation.project(selected).write_parquet(f"{folder}/{name}")
            local_path = self.session._jvm.org.apache.hadoop.fs.Path(f"file:{folder}/{name}")
            files = self._files(target)
            files.copyFromLocalFile(True, True, local_path, unfinished)
        if files.exists(target) or not files.rename(unfinished, target):
            raise WarehouseFailed(f"{target}: another load was quicker. Run the command again.")
        self.session.catalog.refreshTable(f"raw_files.{table}")

    def _delete(self, table: str, name: str) -> None:
        path = self._path(table, name)
        if self._files(path).delete(path, True):
            self.session.catalog.refreshTable(f"raw_files.{table}")

    def _path(self, table: str, name: str) -> Any:
        """The path of a table's file, on any file system that Spark knows."""
        hadoop = self.session._jvm.org.apache.hadoop.fs
        schema = self.session.catalog.getDatabase("raw_files").locationUri
        folder = hadoop.Path(self.session._jvm.java.net.URI(schema))
        return hadoop.Path(folder, f"{table}/{name}")

    def _files(self, path: Any) -> Any:
        """The file system that a path is on."""
        return path.getFileSystem(self.session._jsc.hadoopConfiguration())


@contextmanager
def opened(settings: dict[str, Any]) -> Iterator[SparkWarehouse]:
    """The warehouse of a profile's settings, with the tables of `raw` in place."""
    with spark_session(settings.get("server_side_parameters") or {}) as session:
        warehouse = SparkWarehouse(session)
        warehouse.execute(*missing(warehouse))
        yield warehouse


def missing(warehouse: SparkWarehouse) -> list[str]:
    """What creates the schemas, tables and views that are not there."""
    schemas = {name for (name,) in warehouse.query("show schemas")}
    statements = [f"create schema {name}" for name in ("raw", "raw_files") if name not in schemas]
    there = {
        f"{schema}.{name}"
        for schema in ("raw", "raw_files")
        if schema in schemas
        for _, name, _ in warehouse.query(f"show tables in {schema}")
    }
    columns = {table: raw_columns(table) for table in RAW_TABLES} | {REPLACED: REPLACED_COLUMNS}
    for table, own in columns.items():
        if f"raw_files.{table}" not in there:
            typed = ", ".join(
                f"{column} {type_.replace('VARCHAR', 'string')}" for column, type_ in own
            )
            # recursively, as what Spark itself writes is a folder of files
            statements.append(
                f"create table raw_files.{table} ({typed}) using parquet "
                "options (recursiveFileLookup true)"
            )
    views = {table: LOADED_ROWS.format(table=table) for table in RAW_TABLES}
    views["token_usage"] = CURRENT_CALLS
    statements += [view for table, view in views.items() if f"raw.{table}" not in there]
    return statements
