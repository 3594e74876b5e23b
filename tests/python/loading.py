"""What the loader's tests share: staging text in-process, and the command as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple

import duckdb
from click.testing import CliRunner, Result
from conftest import ROOT, query

import load
from loader import parse
from loader.parse import Staged
from loader.source import open_source

FORMATS = ROOT / "tests" / "fixtures" / "formats"
HEADER = "request_id,timestamp,model,prompt_tokens,completion_tokens,cost"
TABLES = (
    "loaded_files",
    "rejected_lines",
    "billed_requests",
    "cost_buckets",
    "usage_buckets",
    "token_usage",
)
GOOD = "id1,2024-12-01 10:30:45,gpt-4o,150,75,0.25"


class Rejected(NamedTuple):
    """A row of rejected_lines, without its file."""

    line_number: int
    reason: str
    column_name: str | None
    raw_line: str | None


@dataclass
class Loaded:
    """What became of a file: its rows as the warehouse would have them, and the rejected lines."""

    staged: Staged
    rows: list[dict]
    rejected: list[Rejected]

    @property
    def ids(self) -> list[str | None]:
        return [row.get("request_id", row.get("id")) for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(line.line_number, line.reason) for line in self.rejected]


def stage(
    content: str | bytes,
    *,
    as_format: str | None = None,
    issuer: str | None = None,
    name: str = "bill.csv",
) -> Loaded:
    """Stage a file of this content; its totals are checked on the way."""
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return stage_file(path, as_format=as_format, issuer=issuer)


def stage_file(path: Path, *, as_format: str | None = None, issuer: str | None = None) -> Loaded:
    """Stage a file that is there; its totals are checked on the way."""
    connection = staging()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = open_source(str(path), folder)
        staged = parse.stage(connection, source, folder, "file", as_format, issuer)
        rows = parse.first_rows(connection, staged, 1_000_000)
        rejected = parse.first_rejects(connection, staged, 1_000_000)
    loaded = Loaded(staged, rows, [Rejected(*line) for line in rejected])
    check_totals(loaded)
    return loaded


@cache
def staging() -> duckdb.DuckDBPyConnection:
    """A staging connection, one for all: a new one takes longer than a small file."""
    return parse.connect(Path(mkdtemp()))


def check_totals(loaded: Loaded) -> None:
    """Accepted + rejected = lines, each with a number of its own; dollars and times add up."""
    staged = loaded.staged
    numbers = [row["line_number"] for row in loaded.rows]
    numbers += [line.line_number for line in loaded.rejected]
    assert staged.accepted_line_count == len(loaded.rows)
    assert staged.rejected_line_count == len(loaded.rejected)
    assert staged.line_count == len(numbers)
    assert sorted(numbers) == list(range(2, len(numbers) + 2))
    assert staged.accepted_usd == sum(dollars(loaded.rows), Decimal(0))
    times = [row[staged.format.time] for row in loaded.rows if row.get(staged.format.time)]
    assert (staged.first_at, staged.last_at) == (min(times, default=None), max(times, default=None))


def dollars(rows: list[dict]) -> Iterator[Decimal]:
    """The USD of each row that has an amount, to the 18th digit."""
    for row in rows:
        if (usd := row.get("cost_usd", row.get("amount_usd"))) is not None:
            yield usd
        elif row.get("calculated_cost_cents") is not None:
            usd = row["calculated_cost_cents"] / 100
            yield usd.quantize(Decimal("1e-18"), ROUND_HALF_UP)


def run(env: dict[str, str], *arguments: str | Path, stdin: bytes | None = None) -> Result:
    """`scripts/load.py` in this process. It may exit with any status, but not with a traceback."""
    result = CliRunner().invoke(load.main, [str(a) for a in arguments], input=stdin, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def start(
    env: dict[str, str], *arguments: str | Path, before: str = "", **options: object
) -> subprocess.Popen:
    """`scripts/load.py` in a process of its own; `before` is Python that it runs first."""
    program = f"import sys; sys.path.insert(0, 'scripts'); import load\n{before}\nload.main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def raw_counts(env: dict[str, str]) -> dict[str, int]:
    """How many rows each raw table has."""
    return {table: query(env, f"select count(*) from raw.{table}")[0][0] for table in TABLES}
