"""Load, build, and say whether the bill is right: `python scripts/reconcile.py [FILES…]`."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import verdict
from load import exit_with, file_options, load_files, print_summary, stop_on_signals
from loader.errors import UnusableInput, WarehouseFailed
from loader.profile import PROJECT, profile_target
from loader.warehouse import open_warehouse

UNHEALTHY = 3
# dbt takes longer to import than a small file to load: it imports meanwhile, and begins when
# it gets the environment, which then says where Java is.
# A tenth of a small build is Python's search for garbage, which a process that ends can do without.
DBT = """
import gc, json, os, sys
from dbt.cli.main import cli
gc.disable()
os.environ |= json.loads(sys.stdin.readline() or sys.exit(1))
cli()
"""


@click.command()
@click.argument("files", nargs=-1)
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--strict", is_flag=True, help="Exit with 3 when some month is not healthy.")
@click.option(
    "--month",
    type=click.DateTime(["%Y-%m"]),
    metavar="YYYY-MM",
    help="Show and judge this month only, such as the one that is closed.",
)
def main(files, target, as_format, issuer, dry_run, as_json, strict, month) -> None:
    """Load FILES, run `dbt build` and print the verdict; without FILES rebuild and print only."""
    stop_on_signals()
    if dry_run and not files:
        raise click.UsageError("--dry-run checks files: name at least one.")
    console = Console(highlight=False, soft_wrap=True, emoji=False, stderr=as_json)
    result: dict = {"files": []}
    try:
        name, _ = profile_target(target)
        with (
            nullcontext() if dry_run else _one_at_a_time(console),
            nullcontext() if dry_run else _ready_to_build(name) as dbt,
        ):
            if files:
                result["files"] = load_files(
                    list(files),
                    target=name,
                    as_format=as_format,
                    issuer=issuer,
                    dry_run=dry_run,
                    console=console,
                )
                if not as_json:
                    for summary in result["files"]:
                        print_summary(console, summary)
            if not dry_run:
                if not files:
                    with open_warehouse(name):
                        pass  # so that the raw tables are there, also before the first load
                _build(dbt, console)
                with open_warehouse(name) as warehouse:
                    result |= verdict.fetch(warehouse, month and month.date())
    except (UnusableInput, WarehouseFailed) as error:
        exit_with(error)
    if as_json:
        click.echo(json.dumps(result, default=str, indent=2))
    elif not dry_run:
        verdict.show(console, result, name)
    months = result.get("months", [])
    is_absent = month is not None and not months
    if strict and (is_absent or any(row["verdict"] != "healthy" for row in months)):
        sys.exit(UNHEALTHY)


@contextmanager
def _one_at_a_time(console: Console) -> Iterator[None]:
    """Wait for another of these commands: two builds at once drop each other's tables."""
    lock = PROJECT / "target" / "reconcile.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("Waiting for another reconcile.py of this project to end …")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def _ready_to_build(target: str) -> Iterator[subprocess.Popen]:
    """`dbt build` without unit tests (of the models, not the data), which waits to be told."""
    # a build is mostly dbt's own time, and a tenth of that is what its log says beyond this level
    options = ["--no-use-colors", "build", "--log-level-file", "info"]
    options += ["--target", target, "--exclude-resource-type", "unit_test"]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", DBT, *options],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as dbt:
        try:
            yield dbt
        except BaseException:
            dbt.terminate()  # else it would be waited for
            raise


def _build(dbt: subprocess.Popen, console: Console) -> None:
    """Let dbt build, and show how far it is.

    Raises WarehouseFailed with what dbt says of every node that failed.
    """
    said: list[str] = []
    with Progress(
        TextColumn("Building the marts"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("build", total=None)
        with suppress(BrokenPipeError), dbt.stdin:  # it may have ended, and has said why
            dbt.stdin.write(json.dumps(dict(os.environ)) + "\n")
        for line in dbt.stdout:
            said.append(line)
            if found := re.search(r"\b(\d+) of (\d+) (OK|PASS|ERROR|FAIL|SKIP|WARN)", line):
                progress.update(task, total=int(found[2]), advance=1)
    if dbt.wait():
        raise WarehouseFailed("dbt build failed, so the marts may be old. " + _fault("".join(said)))


def _fault(said: str) -> str:
    """What dbt says of every node that failed, or of why it did not begin."""
    starts = [said.find(words) for words in ("Completed with", "Encountered an error", "Traceback")]
    start = next((start for start in starts if start >= 0), 0)
    # Java's causes stand between the calls that led to them
    return re.sub(r"(?m)^[ \t]+(at \S+\(|\.\.\. \d+ more).*\n", "", said[start:])[-4000:].strip()


if __name__ == "__main__":
    main()
