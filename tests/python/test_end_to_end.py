"""Files in, marts out, on both engines: what a user runs, compared with what was planted."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from conftest import ROOT, TARGET_FOLDER, query
from planted_causes import wrong_sides
from rich.console import Console

import reconcile
import verdict
from loader.errors import WarehouseFailed
from loader.warehouse import open_warehouse

LOAD = [sys.executable, str(ROOT / "scripts" / "load.py")]
RECONCILE = [sys.executable, str(ROOT / "scripts" / "reconcile.py")]
GENERATE = [sys.executable, str(ROOT / "scripts" / "generate_sample.py")]
DBT = Path(sys.executable).with_name("dbt")
SEEDS = (1,)
FILES = ("openai_bill.csv", "openai_bill_restated.csv", "token_usage.csv")
MARTS = {
    "reconciled_requests": "reconciliation_key",
    "token_usage_reconciled": "id",
    "discrepancies": "reconciliation_key",
    "reconciliation_summary": "usage_month, model, reconciliation_status",
    "reconciliation_health": "usage_month",
    "daily_reconciliation": "usage_date, project_id, model",
    "daily_tokens": "usage_date, project_id, model, token_class, quantity_unit",
    "monthly_close": "usage_month",
    "loaded_files": "file_id",
    "model_prices": "model_name, valid_from, min_input_tokens",
    "variance_waterfall": "usage_month, model, side, cause",
    "drift_findings": "usage_date, model",
    "price_findings": "model, token_class, service_tier, first_date, listed_price_per_1m",
}
KEPT = {
    "reconciled_requests",
    "token_usage_reconciled",
    "int_calls_summed_by_day",
    "int_causes_summed_by_day",
    "int_discrepancies_listed",
    "int_lines_summed_by_file",
    "int_price_days_judged",
    "int_requests_summed_by_day",
    "int_requests_summed_by_result",
}
"""tables of which a build replaces some days"""
LINES_TEST = "assert_loaded_lines_are_in_the_raw_tables"
CLOCK = ("loaded_at", "reconciled_at", "first_seen_at")
DIGIT = Decimal("1e-18")


def run(command: list[str], env: dict[str, str], expect: int = 0) -> subprocess.CompletedProcess:
    """Run a command of the product; its exit status must be the one expected."""
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def mart(env: dict[str, str], name: str) -> list[dict]:
    """Every row of a mart, by column name, but for the load's own clock."""
    columns = [
        column
        for (column,) in query(
            env,
            "select column_name from information_schema.columns "
            f"where table_schema = 'reconciliation' and table_name = '{name}' "
            "order by ordinal_position",
        )
        if column not in CLOCK
    ]
    rows = query(env, f"select {', '.join(columns)} from reconciliation.{name}")
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    return sorted(found, key=lambda row: [str(row[key]) for key in MARTS[name].split(", ")])


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed{seed}")
def sample(request, tmp_path_factory) -> Path:
    """A generated sample with its truth."""
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run(
        [*GENERATE, "--requests", "3000", "--seed", str(request.param), "--out", str(folder)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def built(sample, tmp_path_factory, postgres_server, profiles) -> dict[str, dict[str, str]]:
    """Both engines with the sample loaded and `dbt build` run: target -> environment."""
    environments = {}
    for target in ("duckdb", "postgres"):
        env = profile_environment(profiles, postgres_server, target, tmp_path_factory)
        run([*LOAD, *(str(sample / name) for name in FILES), "--target", target], env)
        done = run([str(DBT), "--no-use-colors", "build", "--target", target], env)
        environments[target] = env | {"BUILD_OUTPUT": done.stdout}
    return environments


def profile_environment(profiles, postgres_server, target, tmp_path_factory) -> dict[str, str]:
    """An environment of a new warehouse that may outlive one test."""
    env = {**os.environ, "DBT_PROFILES_DIR": str(profiles), "DBT_TARGET": target}
    if target == "duckdb":
        folder = tmp_path_factory.mktemp("warehouse")
        return env | {"RECONCILIATION_DUCKDB": str(folder / "warehouse.duckdb")}
    name = f"module_{uuid.uuid4().hex}"
    query({**env, **postgres_server}, f"create database {name}")
    return env | postgres_server | {"PGDATABASE": name}


def read(path: Path) -> list[dict[str, str | None]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]


def money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text.strip(" $")).quantize(DIGIT, ROUND_HALF_UP)


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_every_planted_row_has_its_planted_result(built, sample, target):
    exact = ("usage_id", "reconciliation_status", "status_reason", "match_method")
    amounts = ("logged_usd", "billed_usd", "difference_usd")
    expected = {
        row["reconciliation_key"]: {
            **{column: row[column] for column in exact},
            **{column: money(row[column]) for column in amounts},
        }
        for row in read(sample / "truth.csv")
    }
    found = {
        row["reconciliation_key"]: {column: row[column] for column in exact + amounts}
        for row in mart(built[target], "reconciled_requests")
    }
    assert found.keys() == expected.keys()
    wrong = {key: (found[key], row) for key, row in expected.items() if found[key] != row}
    assert not wrong, list(wrong.items())[:5]


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_no_row_has_another_cause_than_the_planted_one(built, sample, target):
    planted = {row["reconciliation_key"]: row for row in read(sample / "truth.csv")}
    found = {row["reconciliation_key"]: row for row in mart(built[target], "reconciled_requests")}
    assert list(wrong_sides(found, planted.items())) == []


@pytest.mark.parametrize("name", MARTS)
def test_both_engines_have_the_same_rows(built, name):
    duckdb_rows, postgres_rows = (mart(built[target], name) for target in built)
    assert len(duckdb_rows) == len(postgres_rows) > 0
    for ours, theirs in zip(duckdb_rows, postgres_rows, strict=True):
        assert ours == theirs


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_the_marts_hold_every_dollar_of_the_files(built, sample, target):
    """Control totals by a reading of the files that shares nothing with the models."""
    env = built[target]
    bills = [read(sample / name) for name in FILES[:2]]
    stated = sum(money(row["cost_usd"]) or 0 for lines in bills for row in lines)
    log = sum(
        (Decimal(row["calculated_cost_cents"] or 0) / 100).quantize(DIGIT, ROUND_HALF_UP)
        for row in read(sample / "token_usage.csv")
    )
    [(found_stated, found_duplicate, found_superseded, found_reconciled)] = query(
        env,
        "select sum(accepted_usd), sum(duplicate_usd), sum(superseded_usd), sum(reconciled_usd) "
        "from reconciliation.loaded_files where grain = 'request'",
    )
    assert found_stated == stated
    assert found_duplicate > 0 and found_superseded > 0
    assert found_reconciled == stated - found_duplicate - found_superseded
    [(billed, logged)] = query(
        env,
        "select sum(billed_usd), "
        "sum(case when logged_cost_basis = 'calculated' then logged_usd else 0 end) "
        "from reconciliation.reconciled_requests",
    )
    [(priced,)] = query(
        env,
        "select sum(amount_usd) from reconciliation_staging.int_bill_lines_priced "
        "where stated_usd is null",
    )
    assert billed == found_reconciled + priced
    assert logged == log


def test_ten_thousand_calls_at_twice_the_price_match_and_drift(duckdb_file, tmp_path):
    bill, log = tmp_path / "bill.csv", tmp_path / "log.csv"
    with bill.open("w") as bill_file, log.open("w") as log_file:
        bill_file.write("request_id,timestamp,model,cost_usd\n")
        log_file.write("id,created_at,model_used,calculated_cost_cents,openai_request_id\n")
        for number in range(10_000):
            at = f"2025-05-{1 + number % 28:02d} 10:00:00"
            bill_file.write(f"r{number},{at},gpt-4o-mini,0.0044\n")
            log_file.write(f"u{number},{at},gpt-4o-mini,0.2,r{number}\n")
    done = run(
        [*RECONCILE, str(bill), str(log), "--json", "--strict"],
        duckdb_file,
        expect=3,
    )
    result = json.loads(done.stdout)
    [month] = result["months"]
    assert month["matched_count"] == month["billed_request_count"] == 10_000
    assert month["verdict"] == "drifting"
    assert Decimal(month["drift_pct"]) == Decimal("1.2")
    assert Decimal(month["difference_usd"]) == Decimal("24")
    assert result["largest_discrepancies"] == []
    assert [row["reconciliation_status"] for row in month["statuses"]] == ["matched"]


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_plain_dbt_build_passes_every_test_without_a_warning(built, target):
    """What `dbt build` alone does on what is loaded: every data test and every unit test."""
    said = built[target]["BUILD_OUTPUT"]
    [summary] = [line for line in said.splitlines() if " PASS=" in line]
    assert "WARN=0 ERROR=0 SKIP=0" in summary, summary
    assert "unit_test" in said
    for word in ("warn", "deprecat"):
        suspicious = [line for line in said.lower().splitlines() if word in line]
        assert suspicious in ([], [summary.lower()])


def test_the_unit_tests_pass_under_other_tolerances(two_logs):
    """A unit test that took its tolerance from the project would fail whoever changes it."""
    other = {
        "tolerance_pct": 0.01,
        "tolerance_usd": 0.001,
        "drift_tolerance_pct": 0.5,
        "fallback_match_seconds": 5,
        "settle_hours": 1,
        "as_of": "2025-05-15 12:00:00",
    }
    run([str(DBT), "test", "--select", "test_type:unit", "--vars", json.dumps(other)], two_logs)


def test_a_bill_without_amounts_is_said_to_prove_nothing(duckdb_file, tmp_path):
    bill, log = tmp_path / "bill.csv", tmp_path / "log.csv"
    bill.write_text(
        "id,timestamp,model,prompt_tokens,completion_tokens,Total charge\n"
        "r,2025-05-01 10:00:00,gpt-4o-mini,1000,0,1.00\n"
    )
    log.write_text(
        "id,created_at,model_used,calculated_cost_cents,openai_request_id\n"
        "u,2025-05-01 10:00:00,gpt-4o-mini,0.015,r\n"
    )
    done = run([*RECONCILE, str(bill), str(log)], duckdb_file)
    assert "columns not used: Total charge" in done.stdout
    assert done.stdout.count("no line states an amount") == 1
    assert (
        "$0.000150 of the billed amount is from the price list: "
        "1 billed requests have a line without amount" in done.stdout
    )


def test_the_verdict_of_a_month_that_is_not_there_names_those_that_are(two_logs, monkeypatch):
    for name in ("DBT_PROFILES_DIR", "RECONCILIATION_DUCKDB"):
        monkeypatch.setenv(name, two_logs[name])
    with open_warehouse("duckdb") as found:
        result = verdict.fetch(found, date(2024, 1, 1))
    said = io.StringIO()
    verdict.show(Console(file=said, width=200), result, "duckdb")
    assert said.getvalue() == "Nothing of this month is loaded; there is 2025-05.\n"


COLUMNS_OF_MARTS = {
    "duckdb": "select table_name, column_name, data_type, comment from duckdb_columns() "
    "where schema_name = 'reconciliation'",
    "postgres": "select relname, attname, format_type(atttypid, atttypmod), "
    "col_description(attrelid, attnum) from pg_attribute join pg_class on pg_class.oid = attrelid "
    "where relnamespace = 'reconciliation'::regnamespace and relkind = 'r' and attnum > 0",
}


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_every_mart_is_contracted_and_every_column_described_in_the_warehouse(built, target):
    columns = query(built[target], COLUMNS_OF_MARTS[target])
    assert {table for table, _, _, _ in columns} == set(MARTS)
    assert [(table, column) for table, column, _, comment in columns if not comment] == []
    manifest = json.loads((TARGET_FOLDER / "manifest.json").read_text())
    marts = [node for node in manifest["nodes"].values() if node["schema"] == "reconciliation"]
    models = {node["name"]: node for node in marts if node["resource_type"] == "model"}
    assert set(models) == set(MARTS)
    assert all(node["config"]["contract"]["enforced"] for node in models.values())


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_every_column_of_a_mart_has_the_type_of_its_contract(built, target):
    manifest = json.loads((TARGET_FOLDER / "manifest.json").read_text())
    contracts = {
        (node["name"], column["name"]): plain_type(column["data_type"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"] in MARTS
        for column in node["columns"].values()
    }
    columns = query(built[target], COLUMNS_OF_MARTS[target])
    assert {
        (table, column): plain_type(data_type) for table, column, data_type, _ in columns
    } == contracts


def plain_type(written: str) -> str:
    """One name for what engines and contracts call differently."""
    names = {
        "decimal": "numeric",
        "timestamp without time zone": "timestamp",
        "string": "text",
        "varchar": "text",
        "character varying": "text",
    }
    name, _, rest = written.lower().replace(", ", ",").partition("(")
    return names.get(name, name) + (f"({rest}" if rest else "")


def test_postgres_has_counted_and_sampled_every_table_as_soon_as_it_is_made(built):
    """Else the next step is planned for none of its rows, which may compare all with all."""
    tables = query(
        built["postgres"],
        "select relname, last_analyze is not null, (select count(*) from pg_stats as known "
        "where known.schemaname = made.schemaname and tablename = relname) > 0, n_live_tup "
        "from pg_stat_user_tables as made where schemaname like 'reconciliation%'",
    )
    analyzed = {name: is_analyzed for name, is_analyzed, _, _ in tables}
    assert set(analyzed) > {*MARTS, "int_calls_priced", "ai_model_pricing"}
    assert [name for name, is_analyzed in analyzed.items() if not is_analyzed] == []
    # of an empty one nothing can be known
    assert [name for name, _, is_known, rows in tables if rows and not is_known] == []


def test_postgres_vacuums_by_itself_what_is_kept_and_nothing_else(built):
    """What the next build makes anew has nothing to clear away, and its build would wait."""
    options = dict(
        query(
            built["postgres"],
            "select relname, coalesce(cast(reloptions as text), '') from pg_class "
            "where relkind = 'r' and relnamespace in (select oid from pg_namespace "
            "where nspname in ('reconciliation', 'reconciliation_staging'))",
        )
    )
    left_alone = {name for name, option in options.items() if "autovacuum_enabled=false" in option}
    assert left_alone > {"discrepancies", "monthly_close", "int_calls_priced", "int_days_built"}
    seeds = {path.stem for path in (ROOT / "seeds").glob("*.csv")}
    assert options.keys() - left_alone == KEPT | seeds


def test_postgres_finds_the_days_of_a_kept_row_by_an_index(built):
    """A month's build would else read the rows of all months."""
    indexes = query(
        built["postgres"],
        "select tablename || ' ' || substring(indexdef from '[(].*') from pg_indexes "
        "where schemaname = 'reconciliation' order by 1",
    )
    assert [index for [index] in indexes] == [
        "reconciled_requests (logged_at)",
        "reconciled_requests (usage_date)",
        "token_usage_reconciled (((created_at)::date))",
    ]


def test_both_grains_of_reconciled_requests_have_the_same_types(built):
    """Where one column differs, Postgres does not share out what is computed of their union."""
    types = {
        name: query(
            built["postgres"],
            "select column_name, data_type from information_schema.columns "
            f"where table_name = '{name}' order by ordinal_position",
        )
        for name in ("int_requests_judged", "int_charges_judged")
    }
    assert types["int_requests_judged"] == types["int_charges_judged"]
    assert ("request_count", "bigint") in types["int_requests_judged"]


def test_duckdb_stores_ids_as_they_are_and_all_else_compressed(built):
    """A dictionary of ids takes longer to look for than all else of a table takes to write."""
    tables = query(
        built["duckdb"],
        "select schema_name || '.' || table_name, sql from duckdb_tables() "
        "where sql like '%USING COMPRESSION%'",
    )
    as_they_are = {
        table: re.findall(r"(\w+) VARCHAR USING COMPRESSION Uncompressed", sql)
        for table, sql in tables
    }
    keys = ["reconciliation_key", "usage_id", "request_id"]
    assert as_they_are == {
        "raw.billed_requests": ["request_id"],
        "raw.token_usage": ["id", "openai_request_id"],
        "reconciliation.discrepancies": keys,
        "reconciliation.reconciled_requests": keys,
        "reconciliation.token_usage_reconciled": ["id", "openai_request_id"],
        "reconciliation_staging.int_billed_requests_summed": ["request_id"],
        "reconciliation_staging.int_calls_priced": ["usage_id", "request_id"],
        "reconciliation_staging.int_discrepancies_listed": keys,
    }


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_columns_stand_in_the_order_of_the_contract(built, target):
    """Who reads a mart by position, or copies it, relies on it."""
    manifest = json.loads((TARGET_FOLDER / "manifest.json").read_text())
    contracts = {
        node["name"]: list(node["columns"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"] in MARTS
    }
    found = query(
        built[target],
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'reconciliation' order by table_name, ordinal_position",
    )
    assert {mart: [name for table, name in found if table == mart] for mart in MARTS} == contracts


@pytest.fixture(scope="module")
def two_logs_built(tmp_path_factory, profiles) -> dict[str, str]:
    """A bill and two logs, of which the second replaces a row of the first; built once."""
    folder = tmp_path_factory.mktemp("two_logs")
    header = "id,created_at,model_used,calculated_cost_cents,openai_request_id\n"
    texts = {
        "bill.csv": "id,timestamp,model,cost\nr1,2025-05-01,m,0.5\nr2,2025-05-01,m,0.5\n",
        "first.csv": header + "u1,2025-05-01,m,50,r1\nu2,2025-05-01,m,70,r2\n",
        "second.csv": header + "u2,2025-05-01,m,50,r2\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    env = profile_environment(profiles, {}, "duckdb", tmp_path_factory)
    run([*RECONCILE, *(str(folder / name) for name in texts)], env)
    # as this build compiled it: a build elsewhere writes the same file
    test = TARGET_FOLDER / "compiled/token_reconciliation/tests" / f"{LINES_TEST}.sql"
    return env | {"LINES_TEST_SQL": test.read_text()}


@pytest.fixture
def two_logs(two_logs_built, tmp_path) -> dict[str, str]:
    """A copy of it, to spoil."""
    path = tmp_path / "warehouse.duckdb"  # as the tables in compiled SQL are qualified
    shutil.copy(two_logs_built["RECONCILIATION_DUCKDB"], path)
    return two_logs_built | {"RECONCILIATION_DUCKDB": str(path)}


def test_a_log_row_that_a_later_log_replaced_is_accounted_for(two_logs):
    rows = query(
        two_logs,
        "select file_name, superseded_line_count, superseded_usd, reconciled_usd "
        "from reconciliation.loaded_files order by load_number",
    )
    assert rows[1:] == [
        ("first.csv", 1, Decimal("0.7"), Decimal("0.5")),
        ("second.csv", 0, 0, Decimal("0.5")),
    ]


@pytest.mark.parametrize(
    "loss",
    [
        "delete from raw.token_usage where id = 'u2'",
        "delete from raw.billed_requests where request_id = 'r2'",
        "insert into raw.token_usage select * replace ('u3' as id) from raw.token_usage "
        "where id = 'u2'",
    ],
)
def test_rows_that_are_gone_or_more_without_a_load_fail_the_build(two_logs, loss):
    assert query(two_logs, two_logs["LINES_TEST_SQL"]) == []
    query(two_logs, loss)
    assert query(two_logs, two_logs["LINES_TEST_SQL"]) != []


def build_of(command: subprocess.Popen) -> str:
    """The process id of the dbt that a command started."""
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
    deadline = time.monotonic() + 60
    while not (build := children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert build
    return build[0]


def test_a_second_command_waits_for_the_first(two_logs):
    lock = ROOT / "target" / "reconcile.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(RECONCILE, env=two_logs, cwd=ROOT, stdout=subprocess.PIPE)
        assert b"Waiting for another reconcile.py" in second.stdout.readline()
        assert second.poll() is None
    assert build_of(second)
    second.terminate()
    second.communicate(timeout=30)


def test_a_stopped_command_stops_its_build(two_logs):
    begun = subprocess.Popen(RECONCILE, env=two_logs, cwd=ROOT, stdout=subprocess.DEVNULL)
    build = build_of(begun)
    time.sleep(4)  # past its imports
    begun.terminate()
    assert begun.wait(timeout=10) == 128 + 15
    assert not Path(f"/proc/{build}").exists()


def test_an_empty_warehouse_builds_and_says_that_nothing_is_loaded(warehouse):
    done = run([*RECONCILE, "--target", warehouse["DBT_TARGET"]], warehouse)
    assert "Nothing is loaded yet" in done.stdout
    assert query(warehouse, "select count(*) from reconciliation.reconciled_requests") == [(0,)]


def test_a_build_that_fails_says_which_model_and_exits_with_1(duckdb_file):
    query(duckdb_file, "create schema raw")
    query(duckdb_file, "create table raw.token_usage as select 1 as id")
    done = run([*RECONCILE], duckdb_file, 1)
    assert "dbt build failed" in done.stderr and "stg_application__token_usage" in done.stderr
    assert "\n" in done.stderr.strip() and "�" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_java_is_told_by_its_causes():
    calls = "".join(f"\tat org.apache.spark.One.step{n}(One.scala:{n})\n" for n in range(100))
    said = (
        "12 of 13 PASS\nCompleted with 1 error:\nFailure in test one (seeds/_seeds.yml)\n"
        f"  An error occurred\n{calls}Caused by: java.lang.Error: no room\n{calls}"
        "\t... 105 more\n  compiled code at target/one.sql\n"
    )
    assert reconcile._fault(said) == (
        "Completed with 1 error:\nFailure in test one (seeds/_seeds.yml)\n"
        "  An error occurred\nCaused by: java.lang.Error: no room\n"
        "  compiled code at target/one.sql"
    )


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit('there is no dbt')", "there is no dbt"),
        # what was found while the files were loaded
        (
            reconcile.DBT.replace("\ncli()", "\nsys.exit(os.environ['JAVA_HOME'])"),
            "/found/while/loading",
        ),
    ],
)
def test_dbt_gets_the_environment_of_when_it_begins_or_says_why_it_does_not(
    program, said, monkeypatch
):
    monkeypatch.setattr(reconcile, "DBT", program)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(WarehouseFailed, match=said), reconcile._ready_to_build("duckdb") as dbt:
        time.sleep(0.5)
        monkeypatch.setenv("JAVA_HOME", "/found/while/loading")
        reconcile._build(dbt, Console(quiet=True))
