"""A file is in the warehouse whole or not at all, once, whatever happens while it is written."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from conftest import query
from loading import FORMATS, HEADER, TABLES, raw_counts, run, start

from loader import duckdb_warehouse

BILL = FORMATS / "requests_csv.csv"
LOG = FORMATS / "token_usage.csv"
NOTHING = dict.fromkeys(TABLES, 0)
BOTH = NOTHING | {"loaded_files": 2, "rejected_lines": 3, "billed_requests": 4, "token_usage": 3}
LOG_HEADER = "id,created_at,model_used,tokens_used,calculated_cost_cents"


def test_the_same_bytes_again_change_nothing(warehouse, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(BILL.read_bytes())
    run(warehouse, BILL, LOG)
    everything = query(warehouse, "select * from raw.loaded_files order by load_number")
    again = run(warehouse, copy, LOG, "--issuer", "another")

    assert again.exit_code == 0
    assert f"{copy}: already loaded (the same bytes; nothing changed) as requests_csv" in (
        again.output
    )
    assert f"{LOG}: already loaded" in again.output
    assert raw_counts(warehouse) == BOTH
    assert query(warehouse, "select * from raw.loaded_files order by load_number") == everything


def test_the_same_file_twice_in_one_command(warehouse):
    result = run(warehouse, BILL, BILL)

    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.startswith(str(BILL))]
    assert lines[0].startswith(f"{BILL}: loaded as")
    assert lines[1].startswith(f"{BILL}: already loaded")
    assert raw_counts(warehouse)["billed_requests"] == 4


def test_files_load_in_the_order_given(warehouse):
    run(warehouse, LOG, BILL)

    loaded = query(warehouse, "select load_number, file_name from raw.loaded_files order by 1")
    assert loaded == [(1, LOG.name), (2, BILL.name)]


def test_a_later_row_of_a_call_replaces_the_earlier(warehouse, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(f"{LOG_HEADER}\na,2024-12-01,m,1,0.5\nb,2024-12-01,m,2,0.25\n")
    second.write_text(f"{LOG_HEADER}\nb,2024-12-02,m,3,0.75\nc,2024-12-02,m,4,1.5\n")
    run(warehouse, first)
    run(warehouse, second)

    rows = query(
        warehouse,
        "select id, tokens_used, file_name, line_number from raw.token_usage "
        "join raw.loaded_files using (file_id) order by id",
    )
    assert rows == [("a", 1, first.name, 2), ("b", 3, second.name, 2), ("c", 4, second.name, 3)]
    # the earlier file still says what it logged
    assert query(
        warehouse,
        "select accepted_line_count, accepted_usd from raw.loaded_files order by load_number",
    ) == [(2, Decimal("0.0075")), (2, Decimal("0.0225"))]


def test_the_rows_are_the_same_in_both_warehouses(duckdb_file, postgres, tmp_path):
    bill = tmp_path / "bill.csv"
    nasty = ['"a,""b""\n\\N c"', "\\N", "null", "🙂", "x" * 10_000, "'; --", "%s{}", "\u2028"]
    lines = [f"{identity},1733049045.123456,m,1,2,-0.000000000000000001" for identity in nasty]
    bill.write_text("\n".join([HEADER, *lines, 'bad "\\N\tline', "\x01\x7f,,"]))
    for env in (duckdb_file, postgres):
        assert run(env, bill, BILL, LOG, FORMATS / "openrouter_activity.csv").exit_code == 0

    for table in ("billed_requests", "token_usage", "rejected_lines"):
        sql = f"select * from raw.{table} order by file_id, line_number"
        assert query(duckdb_file, sql) == query(postgres, sql)
        assert query(duckdb_file, sql)
    columns = "file_id, load_number, accepted_usd, first_at, last_at, byte_count, issuer"
    sql = f"select {columns} from raw.loaded_files order by load_number"
    assert query(duckdb_file, sql) == query(postgres, sql)


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle(warehouse, tmp_path, killer):
    """Rows of every table are written by then, and nothing is committed."""
    run(warehouse, BILL)
    before = raw_counts(warehouse)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = start(
        warehouse | {"TMPDIR": str(temporary)},
        LOG,
        before="import os, loader.loads\n"
        f"loader.loads.file_row = lambda *_: os.kill(os.getpid(), {int(killer)})",
    )
    out, errors = process.communicate(timeout=60)

    assert process.returncode != 0
    assert out == ""
    assert raw_counts(warehouse) == before
    if killer is not signal.SIGKILL:  # which leaves no time to clean up
        assert "Traceback" not in errors
        assert list(temporary.iterdir()) == []
    assert run(warehouse, LOG).exit_code == 0
    assert raw_counts(warehouse) == BOTH


def test_interrupted_during_a_query(duckdb_file, monkeypatch):
    """DuckDB makes an error of its own of a signal that comes then."""

    def interrupted(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("loader.parse.stage", interrupted)
    result = run(duckdb_file, BILL)

    assert (result.exit_code, result.stderr.strip()) == (1, "Aborted!")


def test_a_failing_warehouse_is_said_in_one_line(warehouse):
    run(warehouse, BILL)
    query(warehouse, "drop table raw.rejected_lines")
    query(warehouse, "create table raw.rejected_lines (file_id text, line_number bigint)")
    result = run(warehouse, LOG)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    assert query(warehouse, "select count(*) from raw.token_usage") == [(0,)]
    assert query(warehouse, "select count(*) from raw.loaded_files") == [(1,)]


def test_loaders_at_once(warehouse):
    """Each file once, with a number of its own, though no table was there when they began."""
    processes = [start(warehouse, path) for path in (BILL, LOG, BILL)]
    said = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [errors for _, errors in said] == ["", "", ""]
    assert sorted("already loaded" in out for out, _ in said) == [False, False, True]
    assert raw_counts(warehouse) == BOTH
    numbers = query(warehouse, "select load_number from raw.loaded_files order by 1")
    assert numbers == [(1,), (2,)]


@contextmanager
def transaction(env: dict[str, str]) -> Iterator[psycopg2.extensions.cursor]:
    """A transaction of somebody else, committed at the end."""
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    other = psycopg2.connect(**{key: env[variable] for key, variable in variables.items()})
    with closing(other), other, other.cursor() as cursor:
        yield cursor


def wait_until_it_waits(env: dict[str, str], process: subprocess.Popen) -> None:
    while not query(env, "select 1 from pg_locks where not granted") and process.poll() is None:
        time.sleep(0.05)


def test_another_loader_is_making_the_tables(postgres):
    """Postgres lets two sessions make one schema and then fails the later of them."""
    with transaction(postgres) as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('raw'))")
        cursor.execute("create schema raw")
        loader = start(postgres, BILL)
        wait_until_it_waits(postgres, loader)
    _, errors = loader.communicate(timeout=60)

    assert (loader.returncode, errors) == (0, "")
    assert raw_counts(postgres)["billed_requests"] == 4


def test_another_loader_is_loading_the_same_bytes(postgres):
    run(postgres, LOG)
    with transaction(postgres) as cursor:
        cursor.execute("lock table raw.loaded_files in exclusive mode")
        cursor.execute(
            "update raw.loaded_files set file_id = %s",
            [hashlib.sha256(BILL.read_bytes()).hexdigest()],
        )
        loader = start(postgres, BILL)
        wait_until_it_waits(postgres, loader)
    out, errors = loader.communicate(timeout=60)

    assert (loader.returncode, errors) == (0, "")
    assert "already loaded" in out
    assert raw_counts(postgres)["billed_requests"] == 0


def test_a_role_that_may_only_write_rows(postgres):
    run(postgres, BILL)
    role = f"writer_{uuid.uuid4().hex}"
    query(
        postgres,
        f"create role {role} login; grant usage on schema raw to {role}; "
        f"grant all on all tables in schema raw to {role}",
    )
    result = run(postgres | {"PGUSER": role}, LOG)

    assert result.exit_code == 0
    assert raw_counts(postgres) == BOTH


def test_postgres_knows_at_once_how_many_rows_were_loaded(postgres):
    """A plan for the rows that a table had before, or for none, may be a bad one."""
    run(postgres, BILL, LOG)
    counted = {"billed_requests", "token_usage", "rejected_lines", "loaded_files"}
    known = query(
        postgres,
        "select relname, reltuples from pg_class "
        "where relnamespace = 'raw'::regnamespace and relkind = 'r' and reltuples >= 0",
    )
    counts = raw_counts(postgres)
    assert dict(known) == {table: counts[table] for table in counted}
    assert set(counts) > counted


def test_postgres_finds_the_rows_of_a_month_by_their_time(postgres):
    """Else a build of one more month reads every month that was loaded before."""
    run(postgres, BILL, LOG)
    found = query(
        postgres,
        "select tablename, substring(indexdef from 'USING .*') from pg_indexes "
        "where schemaname = 'raw' and indexdef ~ 'brin'",
    )
    assert dict(found) == {
        "billed_requests": "USING brin (billed_at) WITH (autosummarize='on')",
        "token_usage": "USING brin (created_at) WITH (autosummarize='on')",
    }


def test_a_load_does_not_wait_to_count_what_another_one_writes(postgres):
    run(postgres, LOG)
    with transaction(postgres) as cursor:
        # what a load holds meanwhile, and what counting a table needs
        cursor.execute("lock table raw.billed_requests in share update exclusive mode")
        out, errors = start(postgres, BILL).communicate(timeout=30)
    assert "4 accepted" in out, errors
    assert raw_counts(postgres) == BOTH


def hold(path: str) -> subprocess.Popen:
    """Another process that has a DuckDB file open until its input ends."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(flush=True); input()",
            path,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    return process


def test_a_duckdb_file_in_use_is_waited_for(duckdb_file):
    holder = hold(duckdb_file["RECONCILIATION_DUCKDB"])
    loader = start(duckdb_file, BILL)
    time.sleep(1)
    assert loader.poll() is None
    holder.communicate(b"\n")
    _, errors = loader.communicate(timeout=60)

    assert (loader.returncode, errors) == (0, "")
    assert raw_counts(duckdb_file)["billed_requests"] == 4


def test_a_duckdb_file_in_use_for_too_long(duckdb_file, monkeypatch):
    monkeypatch.setattr(duckdb_warehouse, "LOCK_PATIENCE", 0.3)
    holder = hold(duckdb_file["RECONCILIATION_DUCKDB"])
    result = run(duckdb_file, BILL)
    holder.communicate(b"\n")

    assert result.exit_code == 1
    assert duckdb_file["RECONCILIATION_DUCKDB"] + ": cannot be opened (" in result.stderr
    assert "Another process has it open: close it, or wait until it is done." in result.stderr


def test_a_file_that_is_no_duckdb_file(duckdb_file):
    path = Path(duckdb_file["RECONCILIATION_DUCKDB"])
    path.write_text("something of the user's " * 1000)
    before = path.read_bytes()
    result = run(duckdb_file, BILL)

    assert result.exit_code == 1
    assert f"{path}: cannot be opened (" in result.stderr
    assert "Check the path and that it is a DuckDB file." in result.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", ["", "sub/warehouse.duckdb"])
def test_a_path_where_no_file_can_be(duckdb_file, tmp_path, part):
    """A folder in its place, or a file where a folder should be."""
    place = tmp_path / "place"
    place.write_text("") if part else place.mkdir()
    result = run(duckdb_file | {"RECONCILIATION_DUCKDB": str(place / part)}, BILL)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {place}")


def test_the_folder_of_the_duckdb_file_is_made(duckdb_file, tmp_path):
    env = duckdb_file | {"RECONCILIATION_DUCKDB": str(tmp_path / "it's" / "new" / "w.duckdb")}

    assert run(env, BILL).exit_code == 0
    assert raw_counts(env)["billed_requests"] == 4


def test_the_wrong_postgres_port(postgres):
    result = run(postgres | {"PGPORT": "1"}, BILL)

    assert result.exit_code == 1
    where = f"Postgres at {postgres['PGHOST']}, database {postgres['PGDATABASE']}: cannot connect"
    assert where in result.stderr
    assert "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE." in result.stderr


def test_a_postgres_database_that_is_not_there(postgres):
    result = run(postgres | {"PGDATABASE": "it's not there"}, BILL)

    assert result.exit_code == 1
    assert 'database "it\'s not there" does not exist' in result.stderr


def test_the_target_named_goes_before_the_one_of_the_environment(postgres, duckdb_file):
    env = postgres | {name: duckdb_file[name] for name in ("DBT_TARGET", "RECONCILIATION_DUCKDB")}
    result = run(env, BILL, "--target", "postgres")

    assert result.exit_code == 0
    assert raw_counts(postgres)["billed_requests"] == 4
    assert not Path(duckdb_file["RECONCILIATION_DUCKDB"]).exists()


def test_tables_beside_ours_stay(warehouse):
    query(warehouse, "create schema raw")
    query(warehouse, "create table raw.notes as select 'mine' as note")

    assert run(warehouse, BILL).exit_code == 0
    assert query(warehouse, "select note from raw.notes") == [("mine",)]
    assert raw_counts(warehouse)["billed_requests"] == 4


def test_the_time_of_loading_is_utc(warehouse):
    before = datetime.now(UTC).replace(tzinfo=None)
    start(warehouse | {"TZ": "Asia/Tokyo", "PGTZ": "Asia/Tokyo"}, BILL).communicate(timeout=60)

    [(loaded_at,)] = query(warehouse, "select loaded_at from raw.loaded_files")
    assert before <= loaded_at <= datetime.now(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("text", ["id,model,cost\nid1,m,0.5\n", "id,date,model,cost\nid1,,m,0.5\n"])
def test_a_bill_without_times(warehouse, tmp_path, text):
    path = tmp_path / "bill.csv"
    path.write_text(text)
    result = run(warehouse, path)

    assert "1 accepted, 0 rejected; $0.50, no times" in result.output
    assert query(warehouse, "select first_at, last_at from raw.loaded_files") == [(None, None)]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (None, "There is no profiles.yml"),
        ("a: [", "profiles.yml: it cannot be read ("),
        ("[]", "it has no profile named 'token_reconciliation'"),
        ("token_reconciliation: {outputs: {duckdb: }}", "profiles.yml: it cannot be read ("),
        (
            "token_reconciliation: {outputs: {duckdb: {type: \"{{ env_var('NONE') }}\"}}}",
            "needs the environment variable NONE",
        ),
        ("token_reconciliation: {outputs: {duckdb: {type: duckdb}}}", "needs a file: set `path`"),
        (
            "token_reconciliation: {outputs: {duckdb: {type: snowflake}}}",
            "is of type 'snowflake'; the loader writes to: duckdb, postgres, spark",
        ),
    ],
)
def test_a_profile_that_leads_nowhere(duckdb_file, tmp_path, monkeypatch, profile, said):
    monkeypatch.setattr("loader.profile.PROJECT", tmp_path)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    (tmp_path / "dbt_project.yml").write_text("profile: token_reconciliation")
    if profile:
        (tmp_path / "profiles.yml").write_text(profile)
    result = run(duckdb_file | {"DBT_PROFILES_DIR": ""}, BILL)

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("amount", "status", "said"),
    [
        ("much", 2, "Error: RECONCILIATION_MEMORY=much: "),
        ("1MB", 2, f"Error: {BILL}: needs more room than a load may take (Out of Memory"),
        ("200MB", 0, ""),
        ("", 0, ""),
    ],
)
def test_memory_is_what_the_user_allows(duckdb_file, amount, status, said):
    result = run(duckdb_file | {"RECONCILIATION_MEMORY": amount}, BILL)

    assert result.exit_code == status
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(
    ("variables", "name", "status"),
    [({}, "none.csv", 2), ({"PGPORT": "1"}, BILL, 1), ({"PGDATABASE": "none"}, BILL, 1)],
)
def test_an_error_is_one_line(postgres, variables, name, status):
    """No library adds a warning of its own when the process ends."""
    process = start(postgres | variables, name)
    out, errors = process.communicate(timeout=60)

    assert (process.returncode, out) == (status, "")
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
