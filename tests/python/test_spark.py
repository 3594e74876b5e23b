"""Spark, on a cluster of processes: the marts are those of DuckDB, whatever is lost meanwhile.

On Spark the last days of the log come late: a first build on the cluster, without them, loses
machines; a second one, in a local session, rebuilds what they touch. DuckDB builds all at once.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
import spark_losses
from conftest import ROOT, query
from test_end_to_end import CLOCK, GENERATE, MARTS, RECONCILE

from cluster import Cluster, running_cluster
from loader.warehouse import open_warehouse

SHARE = Decimal("1e-12")
"""USD by which an allocated call's share may differ: it is proposed by a double"""
SHARES = ("billed_usd", "difference_usd", "bill_error_usd")
DBT = Path(sys.executable).with_name("dbt")
LATE = "2026-09-21"
"""first day of the part of the log that is loaded late"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """A bill by request, one of OpenRouter, exports of costs and usage, a log and its end."""
    folder = tmp_path_factory.mktemp("sample")
    command = [*GENERATE, "--requests", "1000", "--causes", "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    names = [path for path in (folder / "causes").glob("*.csv") if "truth" not in path.name]
    return [str(path) for path in sorted(names)] + [str(_cut_off_late_calls(folder / "causes"))]


def _cut_off_late_calls(folder: Path) -> Path:
    """Move the last days of the log into a file of their own."""
    log, late_log = folder / "token_usage.csv", folder / "token_usage_late.csv"
    with log.open(newline="") as file:
        header, *calls = csv.reader(file)
    created_at = header.index("created_at")
    for path, is_late in ((log, False), (late_log, True)):
        with path.open("w", newline="") as file:
            own = [call for call in calls if (call[created_at] >= LATE) == is_late]
            csv.writer(file).writerows([header, *own])
    return late_log


@pytest.fixture(scope="module")
def cluster(spark_environment, tmp_path_factory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), spark_environment) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def on_duckdb(files, profiles, tmp_path_factory) -> dict:
    """The same files on DuckDB: the environment, and what reconcile.py says."""
    environment = {
        **os.environ,
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET": "duckdb",
        "RECONCILIATION_DUCKDB": str(tmp_path_factory.mktemp("duckdb") / "warehouse.duckdb"),
    }
    done = subprocess.run([*RECONCILE, *files, "--json"], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    return {"environment": environment, "verdict": json.loads(done.stdout)}


@pytest.fixture(scope="module")
def on_spark(files, cluster, spark_environment, tmp_path_factory) -> dict:
    """The files on the cluster, which loses an executor and then a worker during the build; then
    the late ones in a local session."""
    folder = tmp_path_factory.mktemp("warehouse")
    environment = spark_environment | {"RECONCILIATION_SPARK": str(folder)}
    built = folder / "tables" / "reconciliation_staging.db"
    said = (folder / "said").open("w+")
    *files, late_file = files
    command = subprocess.Popen(
        [*RECONCILE, *files, "--json"],
        env=environment | {"SPARK_MASTER": cluster.master_url},
        cwd=ROOT,
        stdout=said,
        stderr=subprocess.STDOUT,
    )

    def wait_for_tables(count: int) -> None:
        while not built.exists() or len(list(built.iterdir())) < count:
            assert command.poll() is None, (folder / "said").read_text()
            time.sleep(0.2)

    wait_for_tables(40)
    lost = {"executors": spark_losses.kill_executors(cluster, 0)}
    wait_for_tables(70)
    spark_losses.kill_worker(cluster, 1)
    lost["tables_then"] = len(list(built.iterdir()))
    assert command.wait() == 0, (folder / "said").read_text()
    lost["tables_built"] = len(list(built.iterdir()))
    done = subprocess.run(
        [*RECONCILE, late_file, "--json"],
        env=environment | {"SPARK_MASTER": "local[*]"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {"environment": environment, "verdict": json.loads(done.stdout), "lost": lost}


@pytest.fixture(scope="module")
def marts(on_spark) -> dict[str, list[dict]]:
    """Every row of every mart on Spark, and the comments of their columns; read once."""
    with patch.dict(os.environ, on_spark["environment"]), open_warehouse("spark") as warehouse:
        staging = "reconciliation_staging"
        [days] = warehouse.query(
            "select count(*), count_if(usage_date in (select usage_date from "
            f"{staging}.int_days_to_rebuild)) from (select distinct usage_date from "
            f"{staging}.int_days_fingerprinted) as known"
        )
        found = {"days, and those rebuilt": days}
        for name in MARTS:
            described = warehouse.query(f"describe reconciliation.{name}")
            columns = [column for column, _, _ in described]
            rows = warehouse.query(f"select {', '.join(columns)} from reconciliation.{name}")
            found[name] = [dict(zip(columns, row, strict=True)) for row in rows]
            found[f"comments of {name}"] = [comment for _, _, comment in described]
    return found


def test_a_build_that_loses_an_executor_and_a_worker_ends_right(on_spark):
    assert len(on_spark["lost"]["executors"]) == 1, on_spark["lost"]["executors"]
    assert on_spark["lost"]["tables_then"] < on_spark["lost"]["tables_built"]


def test_the_build_after_the_late_calls_rebuilds_their_days_alone(marts):
    days, rebuilt = marts["days, and those rebuilt"]
    assert 0 < rebuilt < days / 2


def test_the_verdict_is_that_of_duckdb(on_spark, on_duckdb):
    ours, theirs = ({**one["verdict"], "files": None} for one in (on_spark, on_duckdb))
    assert ours["months"] and ours == theirs


@pytest.mark.parametrize("name", MARTS)
def test_every_mart_has_the_rows_of_duckdb(marts, on_duckdb, name):
    environment = on_duckdb["environment"]
    keys = MARTS[name].split(", ")
    columns = [column for column in marts[name][0] if column not in CLOCK]
    sql = f"select {', '.join(columns)} from reconciliation.{name}"
    theirs = [dict(zip(columns, row, strict=True)) for row in query(environment, sql)]
    ours = [{column: row[column] for column in columns} for row in marts[name]]
    for rows in (ours, theirs):
        rows.sort(key=lambda row: [str(row[key]) for key in keys])
    assert len(ours) == len(theirs) > 0
    for our_row, their_row in zip(ours, theirs, strict=True):
        if our_row.get("billed_cost_basis") == "allocated":
            for column in SHARES:
                ours_usd, theirs_usd = our_row.pop(column), their_row.pop(column)
                assert (ours_usd is None) == (theirs_usd is None)
                assert abs((ours_usd or 0) - (theirs_usd or 0)) <= SHARE
        assert our_row == their_row


@pytest.mark.parametrize("name", MARTS)
def test_every_column_is_described_in_the_warehouse(marts, name):
    assert all(marts[f"comments of {name}"])


def test_a_build_that_is_killed_leaves_the_old_mart_whole(on_spark, marts):
    """Killed when the new table stands beside the old one; the next build removes it."""
    environment = on_spark["environment"]
    schema = Path(environment["RECONCILIATION_SPARK"]) / "tables" / "reconciliation.db"
    expected = sorted(row["reconciliation_key"] for row in marts["reconciled_requests"])
    build = [str(DBT), "--quiet", "run", "--select", "reconciled_requests"]
    begun = subprocess.Popen(build, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not (schema / "reconciled_requests__new").exists():
        assert begun.poll() is None
        time.sleep(0.01)
    begun.kill()
    begun.wait()

    with patch.dict(os.environ, environment), open_warehouse("spark") as warehouse:
        keys = warehouse.query("select reconciliation_key from reconciliation.reconciled_requests")
    assert sorted(key for (key,) in keys) == expected
    subprocess.run(build, env=environment, cwd=ROOT, check=True)
    assert not (schema / "reconciled_requests__new").exists()
    files = f"{schema}/reconciled_requests/*.parquet"
    keys = duckdb.sql(f"select reconciliation_key from read_parquet('{files}')").fetchall()
    assert sorted(key for (key,) in keys) == expected
