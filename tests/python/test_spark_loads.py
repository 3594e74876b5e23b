"""On Spark, too, a file is in the warehouse whole or not at all, and once."""

from __future__ import annotations

import os
import signal
import time
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import ROOT, query
from loading import FORMATS, HEADER, TABLES, run, staging, start

from loader import loads, parse
from loader.errors import WarehouseFailed
from loader.source import open_source
from loader.warehouse import open_warehouse

BILL = FORMATS / "requests_csv.csv"
LOG = FORMATS / "token_usage.csv"
BOTH = {"loaded_files": 2, "rejected_lines": 3, "billed_requests": 4, "token_usage": 3}
LOG_HEADER = "id,created_at,model_used,tokens_used,calculated_cost_cents"


@pytest.fixture(scope="module")
def session(spark_environment, tmp_path_factory):
    """A warehouse whose session all tests of the loader share: to start one takes long."""
    folder = tmp_path_factory.mktemp("spark")
    environment = spark_environment | {"RECONCILIATION_SPARK": str(folder)}
    with patch.dict(os.environ, environment), open_warehouse("spark") as warehouse:
        yield warehouse


@pytest.fixture
def empty(session):
    """The same without what another test loaded."""
    from loader.spark_warehouse import missing

    session.execute("drop schema raw cascade", "drop schema raw_files cascade")
    session.execute(*missing(session))
    return session


def load(warehouse, path: Path, folder: Path, issuer: str | None = None) -> bool:
    """Load a file; False where its bytes are loaded already."""
    own = folder / f"stage_{time.monotonic_ns()}"
    own.mkdir()
    staged = parse.stage(staging(), open_source(str(path), own), own, "file", None, issuer)
    return warehouse.write(staging(), staged)


def counts(warehouse) -> dict[str, int]:
    """How many rows the raw tables have that have any."""
    found = {name: warehouse.query(f"select count(*) from raw.{name}")[0][0] for name in TABLES}
    return {name: count for name, count in found.items() if count}


def test_the_rows_are_those_of_duckdb(empty, duckdb_file, tmp_path):
    bill = tmp_path / "bill.csv"
    nasty = ['"a,""b""\n\\N c"', "\\N", "null", "🙂", "x" * 10_000, "'; --", "%s{}", "\u2028"]
    lines = [f"{identity},1733049045.123456,m,1,2,-0.000000000000000001" for identity in nasty]
    bill.write_text("\n".join([HEADER, *lines, 'bad "\\N\tline', "\x01\x7f,,"]))
    exports = sorted(FORMATS.glob("openai_*.csv"))
    files = [bill, BILL, LOG, FORMATS / "openrouter_activity.csv", *exports]
    assert run(duckdb_file, *files).exit_code == 0
    assert all(load(empty, path, tmp_path) for path in files)

    for table in TABLES:
        columns = "*"
        if table == "loaded_files":
            columns = "file_id, load_number, accepted_usd, first_at, last_at, byte_count, issuer"
        order = "load_number" if table == "loaded_files" else "file_id, line_number"
        sql = f"select {columns} from raw.{table} order by {order}"
        assert empty.query(sql) == query(duckdb_file, sql)
        assert empty.query(sql)


def test_the_same_bytes_again_change_nothing(empty, tmp_path):
    assert load(empty, BILL, tmp_path) and load(empty, LOG, tmp_path)
    assert not load(empty, BILL, tmp_path, issuer="another")
    assert not load(empty, LOG, tmp_path)
    assert counts(empty) == BOTH
    numbers = empty.query("select load_number, file_name from raw.loaded_files order by 1")
    assert numbers == [(1, BILL.name), (2, LOG.name)]


def test_a_later_row_of_a_call_replaces_the_earlier(empty, tmp_path):
    logs = {
        "first.csv": "a,2024-12-01,m,1,0.5\nb,2024-12-01,m,2,0.25\n",
        "second.csv": "b,2024-12-02,m,3,0.75\nc,2024-12-02,m,4,1.5\n",
        "third.csv": "b,2024-12-03,m,5,0.75\n",
    }
    for name, lines in logs.items():
        path = tmp_path / name
        path.write_text(f"{LOG_HEADER}\n{lines}")
        assert load(empty, path, tmp_path)

    assert empty.query(
        "select id, tokens_used, file_name, line_number from raw.token_usage "
        "join raw.loaded_files using (file_id) order by id"
    ) == [("a", 1, "first.csv", 2), ("b", 5, "third.csv", 2), ("c", 4, "second.csv", 3)]
    # the earlier files still say what they logged
    assert empty.query(
        "select accepted_line_count, accepted_usd from raw.loaded_files order by load_number"
    ) == [(2, Decimal("0.0075")), (2, Decimal("0.0225")), (1, Decimal("0.0075"))]


@pytest.mark.parametrize("files_written", [0, 1, 2])
def test_a_load_that_stops_leaves_nothing_to_see(empty, tmp_path, monkeypatch, files_written):
    """Of the rows, the rejected lines and the row of the file: after each of them."""
    load(empty, BILL, tmp_path)
    before = counts(empty)
    put, written = type(empty)._put, []

    def stopping(*arguments) -> None:
        if len(written) == files_written:
            raise KeyboardInterrupt
        put(*arguments)
        written.append(arguments)

    monkeypatch.setattr(type(empty), "_put", stopping)
    with pytest.raises(KeyboardInterrupt):
        load(empty, LOG, tmp_path)
    assert counts(empty) == before
    monkeypatch.undo()
    assert load(empty, LOG, tmp_path)
    assert counts(empty) == BOTH


def test_two_loads_never_have_one_number(empty, tmp_path, monkeypatch):
    """Where another machine loads at the same time, its file with the next number is there."""
    load(empty, BILL, tmp_path)
    before = counts(empty)
    monkeypatch.setattr(loads, "next_load_number", lambda *_: 1)
    with pytest.raises(WarehouseFailed, match="another load was quicker"):
        load(empty, LOG, tmp_path)
    assert counts(empty) == before


def test_loads_on_one_machine_wait_for_each_other(spark_environment, tmp_path):
    """The one that is killed at its end loads nothing; the metastore is then the next one's."""
    environment = spark_environment | {"RECONCILIATION_SPARK": str(tmp_path / "it is new")}
    kill = "import os, loader.loads\nloader.loads.file_row = lambda *_: os.kill(os.getpid(), 9)"
    killed = start(environment, LOG, before=kill)
    others = [start(environment, BILL), start(environment, BILL)]
    assert killed.wait(timeout=300) == -signal.SIGKILL
    said = [process.communicate(timeout=300) for process in others]

    assert [errors for _, errors in said] == ["", ""]
    assert [process.returncode for process in others] == [0, 0]
    assert sorted("already loaded" in out for out, _ in said) == [False, True]
    again = start(environment, LOG, BILL)
    out, _ = again.communicate(timeout=300)
    assert f"{LOG}: loaded as" in out and f"{BILL}: already loaded" in out


def test_an_error_of_spark_is_one_line_and_names_the_log(spark_environment, tmp_path):
    environment = spark_environment | {"RECONCILIATION_SPARK": str(tmp_path)}
    environment["SPARK_MASTER"] = "nowhere"
    process = start(environment, BILL)
    out, errors = process.communicate(timeout=300)

    assert (process.returncode, out) == (1, "")
    assert errors.startswith("Error: Spark at nowhere: ") and errors.count("\n") == 1
    assert str(ROOT / "logs" / "spark.log") in errors


def test_an_own_table_in_place_is_refused(spark_environment, tmp_path):
    environment = spark_environment | {"RECONCILIATION_SPARK": str(tmp_path)}
    result = run(environment, "--usage-table", "app.token_usage")

    assert result.exit_code == 2
    assert "--usage-table: not on Spark" in result.stderr
