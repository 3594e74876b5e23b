"""Measure the project against what people would use instead: `make bench SIZES=1e6,1e7`.

All contestants of a size run in turn on the same files, and that as often as is asked for; of each
phase the median counts. The figures go to a table here and to docs/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
from rich.console import Console

import report
from cluster import LOOPBACK, running_cluster
from data import ROOT, Files, generate
from measure import CommandFailed, measure, touch_memory
from registry import CONTESTANTS, WORKER_MEMORY, Contestant, Phase, Place
from server import running_server

LARGE = 10_000_000
TINY_ROWS = 200
MONTHS = 13


@dataclass(frozen=True)
class PhaseResult:
    """The median of the runs of a phase."""

    contestant: str
    phase: str
    rows: int
    runs: int
    seconds: float
    """scaled up to all lines, where only a sample was run"""
    cpu_seconds: float | None
    peak_bytes: int
    sampled_lines: int | None


class Figure(NamedTuple):
    """What was measured of one run of a phase; as in PhaseResult."""

    seconds: float
    cpu_seconds: float | None
    peak_bytes: int
    sampled_lines: int | None


@click.command()
@click.option("--sizes", default="1e6", show_default=True, help="Bill lines, such as 1e6,1e7.")
@click.option(
    "--repeats", default=3, show_default=True, help="Runs of each; from 1e7 on and on Spark one."
)
@click.option("--only", default="", help="Names of contestants, with commas; else all that fit.")
@click.option(
    "--folder",
    envvar="BENCH_FOLDER",
    type=click.Path(path_type=Path),
    help="Where data and warehouses go meanwhile; by default the system's temporary folder.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=ROOT / "docs" / "benchmarks.md",
    help="The page to write; its figures go beside it as JSON with --json.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Figures as JSON.")
@click.option("--seed", default=1, show_default=True)
def main(
    sizes: str,
    repeats: int,
    only: str,
    folder: Path | None,
    out: Path,
    json_path: Path | None,
    seed: int,
) -> None:
    """Run the contestants and write the report."""
    console = Console(highlight=False, soft_wrap=True)
    chosen = _chosen(only)
    figures: list[dict] = []
    left_out: list[str] = []
    for rows in [_rows(size) for size in sizes.split(",") if size]:
        fitting = []
        for contestant in chosen:
            if reason := _left_out(contestant, rows, is_named=bool(only)):
                left_out.append(f"{contestant.title} at {rows:,}: {reason}")
            else:
                fitting.append(contestant)
        runs = 1 if rows >= LARGE else repeats
        results = run_size(console, fitting, rows, runs, folder=folder, seed=seed)
        figures += map(asdict, results)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    report.show(console, figures)
    report.write(out, figures, left_out)
    console.print(f"Written to {out}")


def _rows(size: str) -> int:
    try:
        rows = int(float(size))
    except ValueError:
        rows = 0
    if rows < 1:
        raise click.BadParameter(f"{size!r} is no number of bill lines, such as 1e6")
    return rows


def _chosen(only: str) -> list[Contestant]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = [contestant.name for contestant in CONTESTANTS]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"no contestant {', '.join(unknown)}; there are {known}")
    return [one for one in CONTESTANTS if not names or one.name in names]


def _left_out(contestant: Contestant, rows: int, *, is_named: bool) -> str | None:
    """Why a contestant does not run at a size, or None."""
    if reason := contestant.missing():
        return reason
    if not is_named and contestant.most_rows and rows > contestant.most_rows:
        return f"run up to {contestant.most_rows:,} only"
    return None


@contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    """A folder that is gone afterwards. Others may enter: Postgres is another user there."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="token-reconciliation-bench-", dir=folder))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run_size(
    console: Console,
    contestants: list[Contestant],
    rows: int,
    runs: int,
    *,
    folder: Path | None = None,
    seed: int = 1,
    look: Callable[[Contestant, Place], None] = lambda _contestant, _place: None,
) -> list[PhaseResult]:
    """Run the contestants in turn, `runs` times, on files of so many bill lines.

    `look` sees what a contestant made, before it is removed. Raises ClickException where one fails.
    """
    found: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    with _scratch(folder) as scratch:
        data = _data(console, {one.data for one in contestants}, rows, scratch, seed)
        for run in range(runs):
            for contestant in contestants:
                most = min(runs, contestant.most_runs or runs)
                if run >= most:
                    continue
                title = f"{contestant.title}, {rows:,} rows, run {run + 1} of {most}"
                with console.status(title):
                    for phase, figure in _run(contestant, data[contestant.data], scratch, look):
                        found[contestant.name, phase].append(figure)
                        console.print(f"{title}: {phase} {figure.seconds:,.1f} s")
    return [
        PhaseResult(
            contestant=name,
            phase=phase,
            rows=rows,
            runs=len(figures),
            seconds=median(figure.seconds for figure in figures),
            cpu_seconds=_median_or_none([figure.cpu_seconds for figure in figures]),
            peak_bytes=max(figure.peak_bytes for figure in figures),
            sampled_lines=figures[0].sampled_lines,
        )
        for (name, phase), figures in found.items()
    ]


def _median_or_none(values: list[float | None]) -> float | None:
    return None if None in values else median(values)


def _data(
    console: Console, kinds: set[str], rows: int, scratch: Path, seed: int
) -> dict[str, Files]:
    with console.status(f"Generating {rows:,} rows"):
        made = {}
        if "months" in kinds:
            made["months"] = generate(scratch / "months", rows, seed=seed)
        if "tiny" in kinds:
            made["tiny"] = generate(scratch / "tiny", min(rows, TINY_ROWS), seed=seed)
        if "thirteen" in kinds:
            made["thirteen"] = generate(
                scratch / "thirteen", rows, months=MONTHS, by_month=True, seed=seed
            )
    return made


def _run(
    contestant: Contestant,
    files: Files,
    scratch: Path,
    look: Callable[[Contestant, Place], None],
) -> Iterator[tuple[str, Figure]]:
    """Each phase with what was measured."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"{contestant.name}-", dir=scratch))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        env = _environment(folder)
        pids = []
        if contestant.needs_server:
            server = stack.enter_context(running_server(scratch))
            env |= server.variables
            pids = [server.pid]
        if contestant.workers:
            env |= {"SPARK_LOCAL_IP": LOOPBACK, "SPARK_EXECUTOR_MEMORY": WORKER_MEMORY}
            cluster = stack.enter_context(
                running_cluster(folder, env, contestant.workers, WORKER_MEMORY)
            )
            env["SPARK_MASTER"] = cluster.master_url
            pids = [process.pid for process in (cluster.master, *cluster.workers)]
        place = Place(files, folder, env)
        touch_memory()
        for phase in contestant.phases(place):
            yield phase.name, _measured(contestant, phase, env, pids, files)
        look(contestant, place)


def _measured(
    contestant: Contestant, phase: Phase, env: dict[str, str], pids: list[int], files: Files
) -> Figure:
    try:
        measured = measure(phase.command, env, pids)
    except CommandFailed as error:
        raise click.ClickException(f"{contestant.name}, {phase.name}: {error}") from None
    last_line = measured.output.strip().rpartition("\n")[2]
    if not last_line.startswith('{"seconds"'):
        return Figure(measured.seconds, measured.cpu_seconds, measured.peak_bytes, None)
    # it timed a sample itself
    sample = json.loads(last_line)
    with files.bills[0].open("rb") as bill:
        lines = sum(block.count(b"\n") for block in iter(lambda: bill.read(1 << 20), b"")) - 1
    factor = lines / sample["lines"]
    return Figure(
        sample["seconds"] * factor,
        # of the whole process, with what the sample leaves out
        None,
        measured.peak_bytes,
        sample["lines"] if factor > 1 else None,
    )


def _environment(folder: Path) -> dict[str, str]:
    """The environment of a user who works in `folder`, with the profile that `make` installs."""
    profiles = folder / "profiles"
    profiles.mkdir()
    shutil.copy(ROOT / "profiles.example.yml", profiles / "profiles.yml")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT"))}
    return kept | {
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "RECONCILIATION_DUCKDB": str(folder / "ours.duckdb"),
        "RECONCILIATION_SPARK": str(folder / "spark"),
        "TMPDIR": str(folder),
    }


if __name__ == "__main__":
    main()
