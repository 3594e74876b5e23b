"""Which files can be read, and what is said of one that cannot: nothing of it is loaded then."""

from __future__ import annotations

import gzip
import json
import os
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from conftest import query
from loading import FORMATS, GOOD, HEADER, check_totals, raw_counts, run, stage, stage_file
from pyarrow import parquet

from loader.errors import UnusableInput

BILL = FORMATS / "requests_csv.csv"
TEXT = f"{HEADER}\n{GOOD}\n"

# fmt: off
NAMES = [
    "it's.csv", 'a "quoted" bill.csv', "bill[1].csv", "bill*.csv", "bill?.csv", "{a,b}.csv",
    "-bill.csv", "bill.csv.gz", "bill.parquet", "bill", "a\nb.csv", "[red]bill.csv",
    ":warning:.csv", "\\", "Ä🙂.csv", "\udce4.csv",
]
# fmt: on


def refused(env: dict[str, str], *arguments: str | Path, stdin: bytes | None = None) -> str:
    """What is said when nothing is loaded: not even the warehouse is there."""
    result = run(env, *arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not Path(env["RECONCILIATION_DUCKDB"]).exists()
    return result.stderr


def test_a_missing_file(duckdb_file, tmp_path):
    said = refused(duckdb_file, tmp_path / "none.csv")

    assert said == f"Error: {tmp_path}/none.csv: there is no such file. Check the path.\n"


def test_a_folder(duckdb_file, tmp_path):
    assert f"{tmp_path}: this is a folder. Name the files" in refused(duckdb_file, tmp_path)


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz"])
def test_an_empty_file(duckdb_file, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")

    assert f"{path}: the file is empty." in refused(duckdb_file, path)


@pytest.mark.parametrize("text", ["\n", " \n\t\n", "\ufeff", "\ufeff\n"], ids=repr)
def test_a_file_of_blanks(text):
    with pytest.raises(UnusableInput, match="first line is not text"):
        stage(text)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n", "\n  \n"], ids=repr)
def test_a_header_and_no_line(end):
    with pytest.raises(UnusableInput, match="a header of requests_csv and no data line below it"):
        stage(HEADER + end)


def test_no_usable_line(duckdb_file, tmp_path):
    path = tmp_path / "bill.csv"
    path.write_text(f"{HEADER}\nshort\n{GOOD.replace('0.25', 'x')}\n")

    assert refused(duckdb_file, path) == (
        f"Error: {path}: read as requests_csv, but not one of its 2 lines is usable. "
        "Line 2: too_few_columns. Line 3: invalid_amount in column cost.\n"
    )


@pytest.mark.parametrize("content", [b"PK\x03\x04\x14\0\0\0\x08\0rest", b"%PDF\0\0\n"])
def test_another_kind_of_file(content):
    with pytest.raises(UnusableInput, match="first line is not text, so it is no CSV file"):
        stage(content)


def test_of_two_files_one_unusable(duckdb_file, tmp_path):
    unusable = tmp_path / "unknown.csv"
    unusable.write_text("a,b\n1,2\n")

    assert "fits no known format" in refused(duckdb_file, BILL, unusable)


def test_no_argument(duckdb_file):
    assert "Name at least one file" in refused(duckdb_file)


def test_an_unknown_format_name(duckdb_file):
    assert "'excel' is not one of" in refused(duckdb_file, BILL, "--as", "excel")


def test_an_unknown_target(duckdb_file):
    said = refused(duckdb_file, BILL, "--target", "snowflake")

    assert "no target 'snowflake'. It has: duckdb, postgres" in said


def test_dry_run_reports_and_writes_nothing(duckdb_file, tmp_path):
    result = run(duckdb_file, BILL, "--dry-run")

    assert result.exit_code == 0
    assert "checked as requests_csv, 5 lines: 4 accepted, 1 rejected; $0.01382," in result.output
    assert "line 6: invalid_tokens in column completion_tokens: chatcmpl-A3" in result.output
    assert "chatcmpl-A2" in result.output  # of the first rows
    assert list(tmp_path.iterdir()) == []


def test_any_file_name(duckdb_file, tmp_path, monkeypatch):
    """Characters of a file name are neither patterns nor markup, and its ending is no promise."""
    for decoy in ("bill1.csv", "billX.csv", "a.csv"):
        (tmp_path / decoy).write_text("a pattern would find this\n")
    for number, name in enumerate(NAMES):
        (tmp_path / name).write_text(TEXT.replace("id1", f"id{number}"))
    monkeypatch.chdir(tmp_path)
    result = run(duckdb_file, "--", *NAMES)

    assert result.exit_code == 0
    stored = [os.fsencode(name).decode("utf-8", "backslashreplace") for name in NAMES]
    assert query(
        duckdb_file,
        "select file_name, request_id from raw.billed_requests "
        "join raw.loaded_files using (file_id) order by load_number",
    ) == [(name, f"id{number}") for number, name in enumerate(stored)]
    shown = ["".join(char if char.isprintable() else "�" for char in name) for name in stored]
    assert [line.split(": loaded")[0] for line in result.output.splitlines()] == shown


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_packed_files(duckdb_file, tmp_path, codec):
    path = tmp_path / "bill.packed"
    with pyarrow.output_stream(path, compression=codec) as packed:
        packed.write(BILL.read_bytes())
    plain, unpacked = stage_file(BILL), stage_file(path)

    assert unpacked.rows == plain.rows
    assert unpacked.rejected == plain.rejected
    assert unpacked.staged.source.byte_count == path.stat().st_size
    assert unpacked.staged.source.file_id != plain.staged.source.file_id


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("kept", [6, 200, -1])
def test_a_packed_file_that_is_cut_off(duckdb_file, tmp_path, codec, kept):
    path = tmp_path / "bill.gz"
    with pyarrow.output_stream(path, compression=codec) as packed:
        packed.write(BILL.read_bytes())
    path.write_bytes(path.read_bytes()[:kept])

    said = refused(duckdb_file, path)
    assert f"{path}: cannot be read to its end (Truncated compressed stream)" in said


def test_a_packed_file_that_is_damaged(duckdb_file, tmp_path):
    content = bytearray(gzip.compress(BILL.read_bytes()))
    content[len(content) // 2] ^= 255
    path = tmp_path / "bill.gz"
    path.write_bytes(content)

    assert "It may be cut off or damaged: fetch it again." in refused(duckdb_file, path)


def test_standard_input(duckdb_file):
    result = run(duckdb_file, "-", stdin=BILL.read_bytes())

    assert result.exit_code == 0
    assert result.output.startswith("-: loaded as requests_csv, 5 lines: 4 accepted, 1 rejected;")
    assert query(duckdb_file, "select file_name from raw.loaded_files") == [("-",)]


def test_nothing_on_standard_input(duckdb_file):
    assert "-: the file is empty." in refused(duckdb_file, "-", stdin=b"")


def test_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(TEXT.encode())))
    writer.start()
    loaded = stage_file(pipe)
    writer.join()

    assert loaded.ids == ["id1"]


def write_parquet(path: Path, columns: dict) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_parquet_logs(warehouse, tmp_path):
    at = datetime(2024, 12, 1, 10, 30, 45, 123456)
    path = write_parquet(
        tmp_path / "log.parquet",
        {
            "id": ["a", "b", "a", "d", None],
            "created_at": [at, at.replace(tzinfo=UTC), at, at, at],
            "model_used": ["gpt-4o"] * 5,
            "tokens_used": [1, 2, 3, -4, 5],
            "calculated_cost_cents": [0.1, 1e-7, 2.5, 0.25, 1.0],
            "success": [True, None, False, True, True],
            "note": [b"\0", b"", None, b"x", b"y"],
        },
    )
    result = run(warehouse, path)

    assert result.exit_code == 0
    rows = query(
        warehouse,
        "select line_number, id, created_at, tokens_used, calculated_cost_cents, success "
        "from raw.token_usage order by line_number",
    )
    assert rows == [
        (3, "b", at, 2, Decimal("0.0000001"), None),
        (4, "a", at, 3, Decimal("2.5"), False),
    ]
    rejected = query(
        warehouse,
        "select line_number, reason, column_name, raw_line from raw.rejected_lines "
        "order by line_number",
    )
    assert [line[:3] for line in rejected] == [
        (2, "duplicate_id", "id"),
        (5, "invalid_tokens", "tokens_used"),
        (6, "missing_value", "id"),
    ]
    assert json.loads(rejected[1][3])["tokens_used"] == -4
    assert json.loads(rejected[2][3])["model_used"] == "gpt-4o"
    usd = query(warehouse, "select accepted_usd from raw.loaded_files")
    assert usd == [(Decimal("0.025") + Decimal("1e-9"),)]


def test_parquet_types(tmp_path):
    loaded = stage_file(
        write_parquet(
            tmp_path / "bill.parquet",
            {
                "request_id": [7, 8, 9],
                "timestamp": [date(2024, 12, 1), date(2024, 12, 2), None],
                "model": ["m", "bad \0 model", "m"],
                "cost": [Decimal("0.123456789012345678"), Decimal(1), Decimal("-2.5")],
            },
        )
    )

    assert loaded.ids == ["7", "9"]
    assert loaded.rows[0]["billed_at"] == datetime(2024, 12, 1)
    assert loaded.staged.accepted_usd == Decimal("0.123456789012345678") - Decimal("2.5")
    assert [line[:3] for line in loaded.rejected] == [(3, "nul_byte", "model")]
    assert json.loads(loaded.rejected[0].raw_line)["model"] == "bad \0 model"


def test_a_parquet_file_without_rows(tmp_path):
    columns = {"request_id": [], "timestamp": [], "model": [], "cost": []}
    path = write_parquet(tmp_path / "bill.parquet", columns)

    with pytest.raises(UnusableInput, match="no data line below it"):
        stage_file(path)


def test_a_damaged_parquet_file(duckdb_file, tmp_path):
    path = write_parquet(tmp_path / "bill.parquet", {"request_id": ["x" * 100] * 100})
    path.write_bytes(path.read_bytes()[:-20])

    assert f"{path}: cannot be read (" in refused(duckdb_file, path)


def test_a_parquet_file_damaged_in_the_middle(duckdb_file, tmp_path):
    columns = {"request_id": list("abc"), "timestamp": [1733049045] * 3, "model": list("xyz")}
    path = write_parquet(tmp_path / "bill.parquet", columns | {"cost": [1.5, 2.5, 3.5]})
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)

    assert f"{path}: cannot be read (" in refused(duckdb_file, path)


def test_nothing_is_left_in_the_temporary_folder(duckdb_file, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    run(duckdb_file, BILL)
    run(duckdb_file, tmp_path / "none.csv")
    run(duckdb_file, "-", stdin=b"a,b\n1,2\n")

    assert list(folder.iterdir()) == []
    assert raw_counts(duckdb_file)["loaded_files"] == 1


def test_the_totals_check_itself_can_fail():
    """The helper under most of these tests would notice a lost line or a lost dollar."""
    for lost in ("accepted_line_count", "rejected_line_count", "accepted_usd"):
        loaded = stage(f"{HEADER}\n{GOOD}\nshort\n")
        setattr(loaded.staged, lost, getattr(loaded.staged, lost) - 1)
        with pytest.raises(AssertionError):
            check_totals(loaded)
