"""The benchmark itself: it compares the same work, measures what it says and writes its report."""

from __future__ import annotations

import functools
import json
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, query
from rich.console import Console

import bench
import registry
import report
from data import generate
from measure import CommandFailed, measure
from registry import CONTESTANTS, DATACOMPY_PYTHON, Contestant, Phase, Place

ROWS = 2000
# the others are the same commands on other data, and dbt takes its time
SHORT = (
    "ours_duckdb",
    "hand_duckdb",
    "polars",
    "pandas",
    "datacompy",
    "ours_postgres",
    "hand_postgres",
    "copy",
    "row_by_row",
    "row_by_row_once",
)
MARTS = (
    "reconciled_requests",
    "token_usage_reconciled",
    "discrepancies",
    "reconciliation_summary",
    "reconciliation_health",
    "daily_reconciliation",
    "daily_tokens",
    "monthly_close",
    "loaded_files",
    "model_prices",
    "variance_waterfall",
    "drift_findings",
    "price_findings",
)
CLOCK = ("loaded_at", "reconciled_at", "first_seen_at")
ENGINES = ("duckdb", "postgres")


@pytest.fixture(scope="module")
def marts() -> dict[str, dict[str, list[tuple]]]:
    """contestant -> mart -> its rows; filled while `run` runs."""
    return {}


@pytest.fixture(scope="module")
def run(marts, tmp_path_factory):
    """One run of the command: what it printed, its page and its figures."""
    folder = tmp_path_factory.mktemp("bench")

    def look(contestant: Contestant, place: Place) -> None:
        if contestant.name.startswith(("ours_", "hand_")):
            marts[contestant.name] = read_marts(contestant, place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "run_size", functools.partial(bench.run_size, look=look))
        arguments = ["--sizes", "2e3", "--repeats", "1", "--only", ",".join(SHORT)]
        arguments += ["--out", str(folder / "page.md"), "--json", str(folder / "figures.json")]
        done = CliRunner().invoke(bench.main, arguments)
    assert done.exit_code == 0, done.output
    figures = json.loads((folder / "figures.json").read_text())
    return done.output, (folder / "page.md").read_text("utf-8"), figures


def read_marts(contestant: Contestant, place: Place) -> dict[str, list[tuple]]:
    """Every mart that a contestant made; of the load's own clock only whether it is null."""
    engine = contestant.name.partition("_")[2]
    env = place.env | {"DBT_TARGET": engine}
    if contestant.name == "hand_duckdb":
        env["RECONCILIATION_DUCKDB"] = str(place.folder / "hand.duckdb")
    names = dict(query(env, "select file_id, file_name from reconciliation.loaded_files"))
    found = {}
    for mart in MARTS:
        columns = [
            column
            for (column,) in query(
                env,
                "select column_name from information_schema.columns "
                f"where table_schema = 'reconciliation' and table_name = '{mart}' "
                "order by ordinal_position",
            )
        ]
        shown = [f"{column} is null" if column in CLOCK else column for column in columns]
        rows = query(env, f"select {', '.join(shown)} from reconciliation.{mart}")
        # a script by hand calls a file by its name
        named = [tuple(names.get(v, v) if isinstance(v, str) else v for v in row) for row in rows]
        found[mart] = [tuple(columns), *sorted(named, key=as_text)]
    return found


def as_text(row: tuple) -> str:
    """A key that sorts rows alike whatever type an engine gives a number."""
    return repr([f"{v:.18f}" if isinstance(v, int | Decimal) else str(v) for v in row])


@pytest.mark.parametrize("mart", MARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_marts_by_hand_equal_ours_row_by_row(run, marts, engine, mart):
    ours, by_hand = (marts[f"{who}_{engine}"][mart] for who in ("ours", "hand"))
    assert by_hand[0] == ours[0]
    assert len(by_hand) == len(ours)
    assert (len(ours) > 1) == (mart != "price_findings")
    for our_row, their_row in zip(ours[1:], by_hand[1:], strict=True):
        assert our_row == their_row


def test_the_data_has_every_situation(run, marts):
    columns, *rows = marts["ours_duckdb"]["reconciled_requests"]
    found = Counter()
    for row in rows:
        of = dict(zip(columns, row, strict=True))
        found[of["status_reason"]] += 1
        found[of["match_method"]] += 1
        found[of["cause"]] += 1
    assert {
        "exact", "within_amount", "outside_tolerance", "duplicate_log", "not_logged",
        "missing_from_bill", "not_an_api_call", "request_id", "timestamp_model",
        "cache_ignored", "priority", "double_count", "unexplained",
    } <= found.keys()  # fmt: skip
    assert 0.95 * ROWS < found["exact"] < 0.98 * ROWS
    columns, *files = marts["ours_duckdb"]["loaded_files"]
    assert sum(row[columns.index("duplicate_line_count")] for row in files) > 0


def test_what_takes_minutes_is_not_repeated_as_often_as_the_rest(tmp_path, monkeypatch):
    # gigabytes are written to before each run, of which nothing is asked here
    monkeypatch.setattr(bench, "touch_memory", lambda: None)

    def nothing(_place: Place) -> list[Phase]:
        return [Phase("run", [sys.executable, "-c", "pass"])]

    contestants = [
        Contestant("quick", "quick", "nothing", nothing, data="tiny"),
        Contestant("slow", "slow", "nothing", nothing, data="tiny", most_runs=1),
        Contestant("several", "several", "nothing", nothing, data="tiny", most_runs=2),
    ]
    found = bench.run_size(Console(quiet=True), contestants, 10, 3, folder=tmp_path)
    assert {one.contestant: one.runs for one in found} == {"quick": 3, "slow": 1, "several": 2}


def test_the_report_is_well_formed(run):
    printed, page, figures = run
    assert "Ratios" in printed
    titles = {one.name: one.title for one in CONTESTANTS}
    phases = {(figure["contestant"], figure["phase"]) for figure in figures}
    assert {name for name, _ in phases} == set(SHORT)
    assert {("ours_postgres", phase) for phase in ("load", "seed", "run")} <= phases
    for figure in figures:
        assert figure["rows"] == ROWS and figure["runs"] == 1
        assert figure["seconds"] > 0
        is_sample = figure["contestant"].startswith("row_by_row") and figure["phase"] == "run"
        assert figure["cpu_seconds"] is None if is_sample else figure["cpu_seconds"] > 0
        assert figure["peak_bytes"] > 10_000_000
        assert f"| {titles[figure['contestant']]} | {figure['phase']} | 1 |" in page
    for name in SHORT:
        [contestant] = [one for one in CONTESTANTS if one.name == name]
        assert contestant.does in page
    tables = page.split("\n\n")
    rows = [line for block in tables if block.startswith("|") for line in block.splitlines()]
    assert len(rows) > 30
    for block in tables:
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
    assert "make bench SIZES=2000" in page
    assert "duckdb 2." in page and "polars 2." in page and "datacompy 1." in page
    for private in (platform.node(), str(ROOT), tempfile.gettempdir(), str(Path.home()) + "/"):
        assert private not in page


def test_ratios_are_those_of_the_figures():
    seconds = {
        ("ours_duckdb", "load"): 4,
        ("ours_duckdb", "run"): 16,
        ("start_duckdb", "run"): 10,
        ("hand_duckdb", "load"): 3,
        ("hand_duckdb", "run"): 2,
        ("month_duckdb", "run the thirteenth"): 13,
        ("month_duckdb", "run all anew"): 30,
    }
    found = report.ratios(
        [{"rows": 9, "contestant": c, "phase": p, "seconds": s} for (c, p), s in seconds.items()]
    )
    assert {ratio.what: (ratio.ratio, ratio.without_start) for ratio in found} == {
        "DuckDB: load + dbt run / hand-written script": (4, 2),
        "DuckDB: dbt run / hand-written marts": (8, 3),
        "DuckDB: load / hand-written load": (4 / 3, None),
        "DuckDB: dbt run after a thirteenth month / all thirteen anew": (13 / 30, 3 / 20),
    }


def test_a_process_that_a_command_starts_is_measured_with_it():
    hold = "import time; held = b'x' * 300_000_000; time.sleep(1.5)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    measured = measure([sys.executable, "-c", f"{start}; print('done')"])
    assert measured.output == "done\n"
    assert 300_000_000 < measured.peak_bytes < 400_000_000
    assert 1.5 < measured.seconds < 60
    assert measure([sys.executable, "-c", "pass"]).peak_bytes < 100_000_000


def test_a_server_is_measured_with_the_command():
    hold = "import time; held = b'x' * 200_000_000; print(flush=True); time.sleep(60)"
    server = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    try:
        server.stdout.readline()
        command = [sys.executable, "-c", "import time; time.sleep(1.5)"]
        assert measure(command, servers=[server.pid]).peak_bytes > 200_000_000
        assert measure(command).peak_bytes < 100_000_000
    finally:
        server.kill()
        server.communicate()


def test_the_cores_time_of_a_command_and_of_its_server_is_measured(tmp_path):
    # from now on, as a server may have computed before it is looked at
    compute = "import time\nbegun = time.process_time()\n"
    compute += "while time.process_time() - begun < 0.5: pass"
    assert 0.5 < measure([sys.executable, "-c", compute]).cpu_seconds < 1.5
    # a server that computes while the command waits for it
    begin, end = tmp_path / "begin", tmp_path / "end"
    serve = (
        f"import pathlib, time\nwhile not pathlib.Path({str(begin)!r}).exists(): time.sleep(0.01)\n"
        f"{compute}\npathlib.Path({str(end)!r}).touch()\ntime.sleep(60)"
    )
    ask = (
        f"import pathlib, time; pathlib.Path({str(begin)!r}).touch()\n"
        f"while not pathlib.Path({str(end)!r}).exists(): time.sleep(0.05)"
    )
    server = subprocess.Popen([sys.executable, "-c", serve])
    try:
        assert 0.5 < measure([sys.executable, "-c", ask], servers=[server.pid]).cpu_seconds < 1.5
    finally:
        server.kill()
        server.wait()
    assert measure([sys.executable, "-c", ask]).cpu_seconds < 0.4


def test_a_command_that_fails_says_what_it_said():
    with pytest.raises(CommandFailed, match=r"exit status 3(.|\n)*out of luck"):
        measure([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])


def test_a_contestant_that_fails_stops_the_run(monkeypatch):
    phases = [registry.Phase("run", [sys.executable, "-c", "raise SystemExit('no luck')"])]
    broken = Contestant("polars", "broken", "nothing", lambda _place: phases)
    monkeypatch.setattr(bench, "CONTESTANTS", [broken])
    done = CliRunner().invoke(bench.main, ["--sizes", "10", "--out", "never.md"])
    assert done.exit_code == 1
    assert "polars, run" in done.output and "no luck" in done.output
    assert not Path("never.md").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sizes", "many"], "'many' is no number of bill lines"),
        (["--sizes", "0"], "'0' is no number of bill lines"),
        (["--only", "polars,mongo"], "no contestant mongo"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(arguments, said):
    done = CliRunner().invoke(bench.main, arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_a_seed_always_gives_the_same_files(tmp_path):
    first, again, other = (
        generate(tmp_path / str(number), 3000, seed=seed) for number, seed in enumerate((1, 1, 2))
    )
    for ours, same, differing in zip(
        first.bills + first.logs, again.bills + again.logs, other.bills + other.logs, strict=True
    ):
        assert ours.read_bytes() == same.read_bytes() != differing.read_bytes()
        assert 2900 < len(ours.read_text().splitlines()) < 3100


def test_thirteen_months_are_thirteen_bills_and_logs(tmp_path):
    files = generate(tmp_path, 1300, months=13, by_month=True)
    months = [path.read_text().splitlines()[1].split(",")[1][:7] for path in files.bills]
    assert months == [f"2024-{month:02d}" for month in range(7, 13)] + [
        f"2025-{month:02d}" for month in range(1, 8)
    ]
    assert len(files.logs) == 13
    place = Place(files, tmp_path, {})
    commands = [phase.command for phase in registry.thirteenth_month("duckdb")(place)]
    assert str(files.bills[12]) not in commands[0] and str(files.bills[11]) in commands[0]
    assert commands[3][-2:] == [str(files.bills[12]), str(files.logs[12])]
    assert commands[5] == [*commands[4], "--full-refresh"]


def test_the_script_by_hand_stops_at_an_amount_off_the_price_list(tmp_path):
    files = generate(tmp_path, 300)
    [bill] = files.bills
    header, first, *rest = bill.read_text().splitlines()
    cells = first.split(",")
    cells[7] = "123.45"
    bill.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    load, marts_made = registry.by_hand("duckdb")(Place(files, tmp_path, {}))
    measure(load.command)
    with pytest.raises(CommandFailed, match="no price is solved for here: 1"):
        measure(marts_made.command)


def test_a_contestant_that_is_missing_here_says_why(monkeypatch):
    monkeypatch.setattr(registry, "DATACOMPY_PYTHON", Path("nowhere"))
    assert "make bench" in registry.no_datacompy()
    assert DATACOMPY_PYTHON.exists()
    missing = Contestant("x", "x", "", lambda _place: [], missing=lambda: "not here")
    assert bench._left_out(missing, 1, is_named=True) == "not here"
    small = Contestant("x", "x", "", lambda _place: [], most_rows=10)
    assert bench._left_out(small, 11, is_named=False) == "run up to 10 only"
    assert bench._left_out(small, 11, is_named=True) is None
    assert bench._left_out(small, 10, is_named=False) is None
