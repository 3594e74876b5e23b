"""Who is measured, and how: a contestant is a list of commands, each a phase of its own.

To add one, add an entry to CONTESTANTS: what it does and what it leaves out stands in the report.
Each command is a process, so that no contestant finds the memory or the caches of another.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from data import ROOT, Files

CONTESTANTS_FOLDER = Path(__file__).with_name("contestants")
SEEDS = ROOT / "seeds"
PYTHON = sys.executable
DBT = str(Path(sys.executable).with_name("dbt"))
DATACOMPY_PYTHON = Path(sys.executable).parents[1] / "datacompy" / "bin" / "python"
LINES_ONE_BY_ONE = 20_000
WORKER_MEMORY = "3g"


@dataclass(frozen=True)
class Place:
    """What a contestant gets: the files, a folder that is removed afterwards, the environment."""

    files: Files
    folder: Path
    env: dict[str, str]


@dataclass(frozen=True)
class Phase:
    """One command and what it is for."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Contestant:
    """Somebody who is measured."""

    name: str
    title: str
    does: str
    """what it does and does not do, for the report"""
    phases: Callable[[Place], list[Phase]]
    needs_server: bool = False
    workers: int = 0
    """of a Spark cluster that it needs, each of a core and WORKER_MEMORY"""
    data: str = "months"
    """`months`: a bill and a log of three months; `tiny`: the same of a few calls; `thirteen`: a
    bill and a log for each of thirteen months"""
    most_rows: int | None = None
    """at larger sizes it is left out, unless asked for by name"""
    most_runs: int | None = None
    """what takes minutes is not run more often, whatever is asked for"""
    missing: Callable[[], str | None] = lambda: None
    """why it cannot run here, or None"""


def ours(target: str) -> Callable[[Place], list[Phase]]:
    """Load and build as a user does; seeds are built once per warehouse."""

    def phases(place: Place) -> list[Phase]:
        files = [*place.files.bills, *place.files.logs]
        return [
            _load(target, files),
            Phase("seed", _dbt("seed", target)),
            Phase("run", _dbt("run", target)),
        ]

    return phases


def thirteenth_month(target: str) -> Callable[[Place], list[Phase]]:
    """Twelve months are there; one more is loaded and built, and then all of them anew."""

    def phases(place: Place) -> list[Phase]:
        *bills, last_bill = place.files.bills
        *logs, last_log = place.files.logs
        between = [Phase("vacuum", _sql("postgres", "vacuum.sql"))] if target == "postgres" else []
        return [
            _load(target, [*bills, *logs], "load twelve months"),
            Phase("seed", _dbt("seed", target)),
            Phase("run twelve months", _dbt("run", target)),
            *between,
            _load(target, [last_bill, last_log], "load the thirteenth"),
            Phase("run the thirteenth", _dbt("run", target)),
            Phase("run all anew", [*_dbt("run", target), "--full-refresh"]),
        ]

    return phases


def by_hand(engine: str) -> Callable[[Place], list[Phase]]:
    """The scripts of an analyst: load both files, write the marts."""

    def phases(place: Place) -> list[Phase]:
        where = str(place.folder / "hand.duckdb") if engine == "duckdb" else engine
        return [
            Phase("load", _sql(where, f"load_{engine}.sql", place.files)),
            Phase("run", _sql(where, "marts.sql", place.files)),
        ]

    return phases


def copied(place: Place) -> list[Phase]:
    """psql's copy, and nothing else."""
    return [Phase("load", _sql("postgres", "copy_postgres.sql", place.files))]


def row_by_row(commits: str) -> Callable[[Place], list[Phase]]:
    """The log by copy, then a sample of the bill line by line."""

    def phases(place: Place) -> list[Phase]:
        script = str(CONTESTANTS_FOLDER / "row_by_row.py")
        [bill] = place.files.bills
        return [
            Phase("load", _sql("postgres", "copy_postgres.sql", place.files)),
            Phase("run", [PYTHON, script, str(bill), str(LINES_ONE_BY_ONE), commits]),
        ]

    return phases


def script(name: str, python: str = PYTHON) -> Callable[[Place], list[Phase]]:
    """A Python script that reads the files itself, so load and build are one."""

    def phases(place: Place) -> list[Phase]:
        [bill], [log] = place.files.bills, place.files.logs
        path = str(CONTESTANTS_FOLDER / name)
        return [Phase("run", [python, path, str(bill), str(log), str(place.folder)])]

    return phases


def no_spark() -> str | None:
    """Why ours cannot run on Spark here, or None."""
    profile = yaml.safe_load((ROOT / "profiles.example.yml").read_text("utf-8"))
    if "spark" not in profile["token_reconciliation"]["outputs"]:
        return "profiles.example.yml has no target spark"
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        return "there is no Java"
    return None


def no_datacompy() -> str | None:
    """Why datacompy cannot run here, or None."""
    return None if DATACOMPY_PYTHON.exists() else "datacompy is not installed: make bench does it"


def _load(target: str, files: list[Path], name: str = "load") -> Phase:
    command = [PYTHON, str(ROOT / "scripts" / "load.py"), "--target", target]
    return Phase(name, [*command, *map(str, files)])


def _dbt(command: str, target: str) -> list[str]:
    return [DBT, "--quiet", command, "--target", target, "--project-dir", str(ROOT)]


def _sql(engine: str, name: str, files: Files | None = None) -> list[str]:
    settings = _settings(files) if files else {}
    return [
        PYTHON,
        str(CONTESTANTS_FOLDER / "run_sql.py"),
        engine,
        str(CONTESTANTS_FOLDER / name),
        *(f"{key}={value}" for key, value in settings.items()),
    ]


def _settings(files: Files) -> dict[str, object]:
    """What the scripts of an analyst are told of a bill and a log."""
    [bill], [log] = files.bills, files.logs
    return {
        "bill": bill,
        "log": log,
        "seeds": SEEDS,
        "bill_name": bill.name,
        "log_name": log.name,
        "bill_bytes": bill.stat().st_size,
        "log_bytes": log.stat().st_size,
    }


OURS = (
    "load.py and dbt run. Checks every line, keeps rejected ones with a reason, and knows all that "
    "the README lists: several files and issuers, restatements, refunds, exports of costs and "
    "usage, prices solved from the bill. dbt seed is done once per warehouse and told apart."
)
BY_HAND = (
    "load_{0}.sql and marts.sql: the same 13 marts, row by row equal on this data. Made for one "
    "readable bill and one log; what it relies on stands at its head."
)
FRAMES = (
    "Reads both files, joins on the id, difference, tolerance and status, a summary per month, "
    "model and status. In doubles; no copies taken out, no match by time, no list price, no "
    "causes, none of the other marts."
)
ROW_BY_ROW = (
    "After \\copy: one select and one update per bill line over one connection, prepared, with an "
    "index on each id, the server on the same machine. Statuses only, and unbilled calls are not "
    f"looked for. Of a longer bill the first {LINES_ONE_BY_ONE:,} lines are run and the time "
    "scaled up. "
)
START_UP = "Ours with a few lines loaded: what dbt and the process starts take, whatever the data."
THIRTEEN = (
    "Ours: twelve months loaded and built, then one more loaded and built, against dbt run "
    "--full-refresh over all thirteen."
)

CONTESTANTS = [
    Contestant("ours_duckdb", "ours on DuckDB", OURS, ours("duckdb")),
    Contestant(
        "hand_duckdb",
        "hand-written SQL on DuckDB",
        BY_HAND.format("duckdb"),
        by_hand("duckdb"),
        most_rows=10_000_000,
    ),
    Contestant("start_duckdb", "start-up on DuckDB", START_UP, ours("duckdb"), data="tiny"),
    Contestant("polars", "Polars", FRAMES, script("polars_join.py"), most_rows=10_000_000),
    Contestant("pandas", "pandas", FRAMES, script("pandas_join.py"), most_rows=10_000_000),
    Contestant(
        "datacompy",
        "datacompy",
        "Reads both files and compares tokens and cost on the id, 5 % either way: a report, no "
        "status per row and no sums. With Polars, in doubles. Counts ids that are there twice by "
        "their order.",
        script("datacompy_compare.py", str(DATACOMPY_PYTHON)),
        most_rows=10_000_000,
        missing=no_datacompy,
    ),
    Contestant(
        "ours_postgres",
        "ours on Postgres",
        OURS,
        ours("postgres"),
        needs_server=True,
        most_rows=1_000_000,
    ),
    Contestant(
        "hand_postgres",
        "hand-written SQL on Postgres",
        BY_HAND.format("postgres"),
        by_hand("postgres"),
        needs_server=True,
        most_rows=1_000_000,
    ),
    Contestant(
        "start_postgres",
        "start-up on Postgres",
        START_UP,
        ours("postgres"),
        needs_server=True,
        data="tiny",
        most_rows=1_000_000,
    ),
    Contestant(
        "copy",
        "psql \\copy",
        "Both files into plain tables of the raw types: nothing is checked, numbered or hashed.",
        copied,
        needs_server=True,
        most_rows=10_000_000,
    ),
    Contestant(
        "row_by_row",
        "row by row on Postgres",
        ROW_BY_ROW + "Each line is committed, as an application does.",
        row_by_row("each"),
        needs_server=True,
        most_rows=10_000_000,
    ),
    Contestant(
        "row_by_row_once",
        "row by row on Postgres, one commit",
        ROW_BY_ROW + "All in one transaction, the least that this way can take.",
        row_by_row("once"),
        needs_server=True,
        most_rows=10_000_000,
    ),
    Contestant(
        "ours_spark",
        "ours on Spark",
        OURS,
        ours("spark"),
        most_rows=1_000_000,
        most_runs=1,
        missing=no_spark,
    ),
    *(
        Contestant(
            f"spark_workers_{workers}",
            f"ours on a Spark cluster, {named}",
            f"Ours on a standalone cluster of this machine, {named} of one core and "
            f"{WORKER_MEMORY} of memory. The loader and the driver are processes beside it.",
            ours("spark"),
            workers=workers,
            most_rows=1_000_000,
            most_runs=1,
            missing=no_spark,
        )
        for workers, named in ((1, "one worker"), (2, "two workers"))
    ),
    Contestant(
        "start_spark",
        "start-up on Spark",
        START_UP,
        ours("spark"),
        data="tiny",
        most_rows=1_000_000,
        most_runs=1,
        missing=no_spark,
    ),
    Contestant(
        "month_duckdb",
        "a thirteenth month on DuckDB",
        THIRTEEN,
        thirteenth_month("duckdb"),
        data="thirteen",
        most_rows=10_000_000,
    ),
    Contestant(
        "month_postgres",
        "a thirteenth month on Postgres",
        f"{THIRTEEN} In between all tables are vacuumed, as autovacuum does within a month.",
        thirteenth_month("postgres"),
        needs_server=True,
        data="thirteen",
        most_rows=1_000_000,
    ),
]
