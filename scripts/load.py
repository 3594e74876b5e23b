"""Load files into the schema `raw`: `python scripts/load.py FILES… [--target T]`."""

from __future__ import annotations

import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import click
import duckdb
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from loader import parse, usage_view
from loader.errors import UnusableInput, WarehouseFailed
from loader.exports import format_choices
from loader.parse import Staged
from loader.source import open_source
from loader.warehouse import Warehouse, open_warehouse

SHOWN_REJECTS = 5
NO_AMOUNTS = (
    "the list price of the tokens will stand in for it, which proves nothing about what was "
    "charged. If one of the columns not used is the cost, rename it (docs/formats.md)"
)
CUT_SHORT = (
    "its last page says that more follow (has_more), so days are missing. Fetch the pages after "
    "it, with page=<next_page>, and load them all as one file"
)


def load_files(
    names: list[str],
    *,
    target: str | None = None,
    as_format: str | None = None,
    issuer: str | None = None,
    dry_run: bool = False,
    console: Console,
) -> list[dict]:
    """Check every file, then load them in the order given; one summary per file.

    `dry_run` checks and reports, and opens no warehouse. Raises UnusableInput (nothing was
    loaded) or WarehouseFailed (files before the failing one are loaded, it and later ones not).
    """
    with (
        tempfile.TemporaryDirectory(prefix="token-reconciliation-") as temporary,
        _interrupted_as_usual(),
    ):
        folder = Path(temporary)
        staging = parse.connect(folder)
        checked = _check_files(staging, folder, names, as_format, issuer, console)
        if dry_run:
            return [
                _summary(staging, staged, "checked")
                | {"first_rows": parse.first_rows(staging, staged, 3)}
                for staged in checked
            ]
        with open_warehouse(target) as warehouse:
            _refuse_logs_beside_a_view(warehouse, checked)
            summaries = []
            for staged in checked:
                with console.status(f"Loading {_plain(staged.source.name)}"):
                    is_new = warehouse.write(staging, staged)
                outcome = "loaded" if is_new else "already loaded"
                summaries.append(_summary(staging, staged, outcome))
        return summaries


@contextmanager
def _interrupted_as_usual() -> Iterator[None]:
    """DuckDB makes an error of its own of a signal that comes during a query."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from None


def _check_files(
    staging: duckdb.DuckDBPyConnection,
    folder: Path,
    names: list[str],
    as_format: str | None,
    issuer: str | None,
    console: Console,
) -> list[Staged]:
    checked = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        for position, name in enumerate(names):
            own_folder = folder / str(position)
            own_folder.mkdir()
            size = Path(name).stat().st_size if Path(name).is_file() else None
            task = progress.add_task(f"Reading {_plain(name)}", total=size)
            source = open_source(
                name, own_folder, lambda done, task=task: progress.advance(task, done)
            )
            progress.update(task, description=f"Checking {_plain(name)}")
            checked.append(
                parse.stage(staging, source, own_folder, f"file_{position}", as_format, issuer)
            )
    return checked


def _refuse_logs_beside_a_view(warehouse: Warehouse, checked: list[Staged]) -> None:
    logs = [staged for staged in checked if staged.format.grain == "usage_log"]
    if logs and warehouse.reads_own_table():
        raise UnusableInput(
            f"{logs[0].source.name}: raw.token_usage is a view over the application's own table, "
            "so no log can be loaded. Drop it first (drop view raw.token_usage cascade) if files "
            "replace that table."
        )


def _summary(staging: duckdb.DuckDBPyConnection, staged: Staged, outcome: str) -> dict:
    return {
        "file": staged.source.name,
        "outcome": outcome,
        "file_id": staged.source.file_id,
        "format": staged.format.name,
        "grain": staged.format.grain,
        "usage_kind": staged.usage_kind,
        "issuer": staged.issuer,
        "line_count": staged.line_count,
        "accepted_line_count": staged.accepted_line_count,
        "rejected_line_count": staged.rejected_line_count,
        "accepted_usd": f"{staged.accepted_usd:f}",
        "states_amounts": staged.states_amounts,
        "rounded_amount_count": staged.rounded_amount_count,
        "ungrouped_by": staged.ungrouped_by,
        "repeated_page_count": staged.repeated_page_count,
        "is_cut_short": staged.is_cut_short,
        "first_at": staged.first_at,
        "last_at": staged.last_at,
        "ignored_columns": list(staged.ignored_columns),
        "first_rejected_lines": [
            {"line_number": number, "reason": reason, "column": column, "raw_line": raw}
            for number, reason, column, raw in parse.first_rejects(staging, staged, SHOWN_REJECTS)
        ],
    }


def print_summary(console: Console, summary: dict) -> None:
    """Say what became of one file."""
    outcome = summary["outcome"]
    kind = f" ({summary['usage_kind']})" if summary["usage_kind"] else ""
    console.print(
        f"[bold]{_plain(summary['file'])}[/]: {outcome}"
        + (" (the same bytes; nothing changed)" if outcome == "already loaded" else "")
        + f" as {summary['format']}{kind}, {summary['line_count']:,} lines: "
        f"{summary['accepted_line_count']:,} accepted, "
        f"{summary['rejected_line_count']:,} rejected; {_extent(summary)}"
    )
    if summary["ignored_columns"]:
        names = ", ".join(summary["ignored_columns"])
        console.print(f"  columns not used: {_plain(names[:500])}")
    for note in _notes(summary):
        console.print(f"  {note}")
    for row in summary["first_rejected_lines"]:
        column = f" in column {row['column']}" if row["column"] else ""
        raw = " ".join((row["raw_line"] or "").split())[:160]
        found = f"[yellow]{row['reason']}[/]{_plain(column)}: {_plain(raw)}"
        console.print(f"  line {row['line_number']}: {found}")
    hidden = summary["rejected_line_count"] - len(summary["first_rejected_lines"])
    if hidden > 0:
        where = "" if outcome == "checked" else ", all in raw.rejected_lines"
        console.print(f"  … and {hidden:,} more{where}")
    if rows := summary.get("first_rows"):
        console.print(_first_rows(rows))


def _extent(summary: dict) -> str:
    """How much money a file holds, and of which time."""
    first, last = summary["first_at"], summary["last_at"]
    if summary["grain"] in ("request", "usage_log"):
        times = f"{first} to {last} UTC" if first else "no times"
        return f"{_usd(summary['accepted_usd'])}, {times}"
    days = f"covers {first:%Y-%m-%d} to {last:%Y-%m-%d} UTC" if first else "covers nothing"
    if summary["grain"] == "usage_bucket":
        return days
    return f"{_usd(summary['accepted_usd'])}, {days}"


def _notes(summary: dict) -> Iterator[str]:
    """What a person should know of a file beside its totals."""
    if not summary["states_amounts"] and summary["grain"] in ("request", "usage_log"):
        yield f"[bold yellow]no line states an amount[/]: {NO_AMOUNTS}"
    if summary["is_cut_short"]:
        yield f"[bold yellow]the export is cut short[/]: {CUT_SHORT}"
    if count := summary["repeated_page_count"]:
        yield f"pages that are there again, and count once: {count:,}"
    if count := summary["rounded_amount_count"]:
        yield f"amounts rounded, as they have digits beyond the 18th decimal: {count:,}"
    if column := summary["ungrouped_by"]:
        yield f"no line has a {column}: an export grouped by {column} proves more"


def _first_rows(rows: list[dict]) -> Table:
    """Rows side by side, since a row has more columns than a terminal."""
    table = Table("column", title="first rows", title_justify="left")
    for row in rows:
        table.add_column(f"line {row['line_number']}", overflow="fold")
    for column in list(rows[0])[1:]:
        table.add_row(column, *(_plain(_shown(row[column])) for row in rows))
    return table


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def _plain(text: str) -> str:
    """Text of a user's file, shown as it is: no markup, no control characters."""
    return escape("".join(char if char.isprintable() else "�" for char in text))


def _paragraphs(text: str) -> str:
    """The same of a message of several lines."""
    return "\n".join(_plain(line) for line in text.splitlines())


def _usd(amount: str) -> str:
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    whole, _, decimals = digits.partition(".")
    return f"{sign}${int(whole):,}.{decimals.rstrip('0').ljust(2, '0')}"


def exit_with(error: UnusableInput | WarehouseFailed) -> None:
    """Print an error for a person, and leave with its exit status."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    console.print(f"[bold red]Error:[/] {_paragraphs(str(error))}")
    sys.exit(error.exit_code)


def stop_on_signals() -> None:
    """Let a terminated command clean up after itself, as an interrupted one does."""

    def leave(signum: int, _frame: object) -> None:
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def _checked_issuer(_context: click.Context, _option: click.Option, value: str | None):
    """An issuer is part of reconciliation keys, so its name holds nothing that cuts them."""
    if value is not None and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", value):
        raise click.BadParameter("use lower-case letters, digits, '.', '_' and '-', such as openai")
    return value


def file_options(command: Callable) -> Callable:
    """The options of every command that loads files."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Check and report; write nothing."),
        click.option(
            "--issuer",
            callback=_checked_issuer,
            help="Who sent the bill, instead of what the format says.",
        ),
        click.option(
            "--as",
            "as_format",
            type=click.Choice(format_choices()),
            metavar="FORMAT",
            help="Read as this format, such as requests_csv; of usage also with its kind, such as "
            "openai_usage:embeddings.",
        ),
        click.option("--target", help="Target of the dbt profile; by default the profile's own."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("files", nargs=-1)
@file_options
@click.option(
    "--usage-table",
    metavar="SCHEMA.TABLE",
    help="Make raw.token_usage a view over the application's own table instead.",
)
def main(files, target, as_format, issuer, dry_run, usage_table) -> None:
    """Load bills, usage and logs (CSV, TSV, Parquet, or JSON of the Costs and Usage API).

    Each may be plain, .gz or .zst; - is standard input.
    """
    stop_on_signals()
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    if not files and not usage_table:
        raise click.UsageError("Name at least one file, or --usage-table SCHEMA.TABLE.")
    if usage_table and (files or dry_run):
        raise click.UsageError("--usage-table takes no files and no --dry-run.")
    try:
        if usage_table:
            usage_view.refuse_spark(target)
            with open_warehouse(target) as warehouse:
                mapped, missing = usage_view.create(warehouse, usage_table)
            console.print(
                f"raw.token_usage is now a view over {_plain(usage_table)}: "
                f"{len(mapped)} columns of it used, {len(missing)} missing ones null"
                + (f" ({', '.join(missing)})" if missing else "")
            )
        else:
            summaries = load_files(
                list(files),
                target=target,
                as_format=as_format,
                issuer=issuer,
                dry_run=dry_run,
                console=console,
            )
            for summary in summaries:
                print_summary(console, summary)
    except (UnusableInput, WarehouseFailed) as error:
        exit_with(error)


if __name__ == "__main__":
    main()
