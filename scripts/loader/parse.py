"""From a readable file to typed rows: DuckDB reads everything as text, then types it in SQL.

A line lands in a staging table with a value for every column of its raw table, or among the
rejected lines with a reason. A clean file is read where it lies; one that is not is read again,
record by record, so that each line has its own number and its own verdict.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow

from loader.cells import typed_lines
from loader.errors import UnusableInput, one_line
from loader.exports import WITHOUT_MODEL, lay_out_export
from loader.formats import Format, Layout
from loader.pages import Pages, read_pages
from loader.private import without_text, without_unknown_cells
from loader.records import MAX_LINE, Record, read_header, records
from loader.source import Source
from loader.sql import identifier, literal, raw_columns

TYPES = Path(__file__).with_name("types.sql")
BATCH = 10_000
MAX_FILE_USD = 10**11
"""a file of more would make sums that no decimal(30, 18) holds"""
AMOUNTS = {
    "cost_usd": "cost_usd",
    "amount_usd": "amount_usd",
    "calculated_cost_cents": "round(calculated_cost_cents * 0.01, 18)",
}
"""columns that say what a line costs, and that in USD"""

DUCKDB_REASONS = {
    "TOO MANY COLUMNS": "too_many_columns",
    "MISSING COLUMNS": "too_few_columns",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "invalid_encoding",
    "UNQUOTED VALUE": "malformed_quotes",
}


@dataclass
class Staged:
    """One checked file: where its rows wait, and what is to be said about it."""

    source: Source
    format: Format
    issuer: str | None
    columns: tuple[str, ...]
    """the columns of the raw table that the file fills"""
    select: str
    """SQL over the staging connection: those columns of every accepted line, in file order"""
    rejected: str
    """name of the staging table with line_number, reason, column_name, raw_line"""
    ignored_columns: tuple[str, ...]
    accepted_line_count: int
    rejected_line_count: int
    accepted_usd: Decimal
    states_amounts: bool
    """whether any line says what it costs"""
    first_at: datetime | None
    last_at: datetime | None
    usage_kind: str | None
    rounded_amount_count: int
    """amounts with a digit other than 0 beyond the 18th decimal"""
    ungrouped_by: str | None
    """the column that would tell a bucket's parts apart, where no line has it"""
    repeated_page_count: int = 0
    is_cut_short: bool = False

    @property
    def line_count(self) -> int:
        """Lines below the header: the accepted and the rejected ones."""
        return self.accepted_line_count + self.rejected_line_count


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A staging connection; what does not fit in memory spills into `folder`.

    Raises UnusableInput where RECONCILIATION_MEMORY is no amount of memory.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": str(folder / "spill"),
            # a file is staged in steps, and memory that is given back is dear to get again
            "allocator_flush_threshold": "1GB",
            "allocator_background_threads": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    memory_limit = os.environ.get("RECONCILIATION_MEMORY") or "4GB"
    try:
        connection.execute(f"set memory_limit = {literal(memory_limit)}")
    except duckdb.Error as error:
        raise UnusableInput(
            f"RECONCILIATION_MEMORY={memory_limit}: {one_line(error)}. It is the most memory that "
            "DuckDB takes, such as 4GB."
        ) from None
    connection.execute("set timezone = 'UTC'")
    connection.execute(TYPES.read_text("utf-8"))
    return connection


def stage(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    folder: Path,
    name: str,
    as_format: str | None = None,
    issuer: str | None = None,
) -> Staged:
    """Type every line of a file into staging tables called after `name`.

    Raises UnusableInput when the format is unknown, there is no data line (which an export of
    buckets may lack), or none is usable.
    """
    connection.execute(
        f"create or replace table {name}_rejected "
        "(line_number bigint, reason text, column_name text, raw_line text)"
    )
    pages = read_pages(source, folder, as_format) if source.is_json else None
    try:
        if source.is_parquet:
            file = _ParquetFile(connection, source, name)
        else:
            file = _TextFile(connection, pages.source if pages else source, name)
        layout = pages.layout if pages else lay_out_export(file.names, as_format, source.name)
        line_number = file.read(layout, folder)
        if layout.format.grain == "usage_log":
            _reject_repeated_ids(connection, name, layout.name_of("id"))
        _reject_problems(connection, name, line_number)
        file.fill_raw_lines(layout)
    except duckdb.OutOfMemoryException as error:
        raise UnusableInput(
            f"{source.name}: needs more room than a load may take ({one_line(error)}). Give it "
            "memory (RECONCILIATION_MEMORY=8GB) or disk in the temporary folder (TMPDIR)."
        ) from None
    except (duckdb.Error, OSError) as error:
        raise UnusableInput(
            f"{source.name}: cannot be read ({str(error).splitlines()[0][:300]}). Export it again."
        ) from None
    staged = _staged(connection, source, layout, name, line_number, issuer, pages)
    if not staged.line_count and layout.format.bucket:
        return staged  # a period without any bucket
    if not staged.line_count:
        raise UnusableInput(
            f"{source.name}: a header of {layout.format.name} and no data line below it. "
            "Export it again, with data in the period."
        )
    if not staged.accepted_line_count:
        first = " ".join(
            f"Line {number}: {reason}{f' in column {column}' if column else ''}."
            for number, reason, column, _ in first_rejects(connection, staged, 3)
        )
        raise UnusableInput(
            f"{source.name}: read as {layout.format.name}, but not one of its "
            f"{staged.line_count:,} lines is usable. {first}"
        )
    return staged


def first_rejects(
    connection: duckdb.DuckDBPyConnection, staged: Staged, limit: int
) -> list[tuple[int, str, str | None, str | None]]:
    """(line_number, reason, column_name, raw_line) of the first rejected lines."""
    return connection.execute(
        f"select line_number, reason, column_name, raw_line from {staged.rejected} "
        f"order by 1 limit {limit}"
    ).fetchall()


def first_rows(connection: duckdb.DuckDBPyConnection, staged: Staged, limit: int) -> list[dict]:
    """The first accepted rows, as the warehouse would have them."""
    rows = connection.execute(f"{staged.select} limit {limit}")
    names = [column for column, *_ in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


class _TextFile:
    """A CSV file, on its way into the tables `name` (lines as typed) and `name`_rejected."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
        self._connection = connection
        self._source = source
        self._name = name
        self._header = read_header(source)
        self.names = self._header.names
        self._last_line = 1

    def read(self, layout: Layout, folder: Path) -> str:
        """Type the lines; the SQL of a typed line's number."""
        if not self._source.needs_care and self._read_plain(layout):
            return "rowid + 2"  # the reader rejected nothing: rows are in the order of lines
        self._read_with_care(layout, folder / "numbered.csv")
        return "line_number"

    def _read_plain(self, layout: Layout) -> bool:
        """Read the file where it lies; False if any line needs a second look."""
        try:
            reader = self._reader(self._source.path, is_numbered=False)
            self._type(typed_lines(layout, reader))
        except duckdb.Error:
            return False
        [(count,)] = self._connection.execute(f"select count(*) from {self._name}").fetchall()
        return count == self._source.line_count - 1

    def _read_with_care(self, layout: Layout, numbered: Path) -> None:
        """Rewrite the file's sound records with their line numbers, and read those."""
        broken = self._rewrite(numbered)
        for batch in _batches(without_text(broken) if layout.format.private else broken):
            self._connection.register("batch", batch)
            self._connection.execute(
                f"insert into {self._name}_rejected "
                "select line_number, problem, null, text from batch"
            )
        self._type(typed_lines(layout, self._reader(numbered, is_numbered=True), "line_number"))
        arms = " ".join(f"when '{kind}' then '{why}'" for kind, why in DUCKDB_REASONS.items())
        self._connection.execute(
            f"""
            insert into {self._name}_rejected
            select
                try_cast(regexp_extract(csv_line, '^[0-9]+') as bigint) as line_number,
                min_by(case error_type {arms} else 'malformed_line' end, byte_position),
                null, null
            from {self._name}_faults
            group by 1
            """
        )
        numbered.unlink()
        self._check_numbers()

    def _rewrite(self, numbered: Path) -> Iterator[Record]:
        """Write the sound records, each with its line number in front; yield the others."""
        with numbered.open("w", encoding="utf-8", newline="") as copy:
            for record in records(self._source, self._header):
                self._last_line = record.line_number
                if record.problem:
                    yield record
                else:
                    copy.write(f"{record.line_number}{self._header.delimiter}{record.text}\n")

    def _type(self, query: str) -> None:
        for table in (f"{self._name}_faults", f"{self._name}_scans"):
            self._connection.execute(f"drop table if exists {table}")
        self._connection.execute(f"create or replace table {self._name} as {query}")

    def _reader(self, path: Path, *, is_numbered: bool) -> str:
        columns = [f"'c{position}': 'varchar'" for position in range(len(self.names))]
        # Parts of a file are read side by side only where no quoted cell can hold a line end,
        # because DuckDB takes the lines inside a cell that two parts share for lines of the file.
        own = "header = true, parallel = true"
        if is_numbered:
            columns.insert(0, "'line_number': 'bigint'")
            own = "header = false, parallel = false, new_line = '\\n'"
        # everything is said, so nothing is sniffed: a sniffer guesses from the first rows
        return f"""read_csv(
            {literal(str(path))}, columns = {{{", ".join(columns)}}}, {own}, auto_detect = false,
            delim = {literal(self._header.delimiter)}, quote = '"', escape = '"', nullstr = '',
            strict_mode = true, null_padding = false, max_line_size = {MAX_LINE},
            store_rejects = true, rejects_limit = 0, rejects_table = '{self._name}_faults',
            rejects_scan = '{self._name}_scans'
        )"""

    def _check_numbers(self) -> None:
        """Every line exactly once, else DuckDB found other lines than we did."""
        [(count, distinct, last)] = self._connection.execute(
            f"""
            select count(*), count(distinct line_number), coalesce(max(line_number), 1)
            from (
                select line_number from {self._name}
                union all select line_number from {self._name}_rejected
            )
            """
        ).fetchall()
        if not count == distinct == last - 1 == self._last_line - 1:
            raise UnusableInput(
                f"{self._source.name}: where its lines begin and end cannot be told. "
                "Look for unbalanced quotes, or export it again."
            )

    def fill_raw_lines(self, layout: Layout) -> None:
        """Give every rejected line its text, in one more pass over the file."""
        rejected = f"{self._name}_rejected"
        # of a private format only lines whose cells are known for what they are
        kept = "and column_name is not null" if layout.format.private else ""
        numbers = self._connection.cursor().execute(
            f"select line_number from {rejected} where raw_line is null {kept} order by 1"
        )
        found = _numbered(records(self._source, self._header), numbers)
        if layout.format.private:
            found = without_unknown_cells(found, layout, self._header.delimiter)
        self._connection.execute(
            f"create or replace table {self._name}_raw (line_number bigint, raw_line text)"
        )
        for batch in _batches(found):
            self._connection.register("batch", batch)
            self._connection.execute(
                f"insert into {self._name}_raw select line_number, text from batch"
            )
        self._connection.execute(
            f"update {rejected} set raw_line = {self._name}_raw.raw_line from {self._name}_raw "
            f"where {self._name}_raw.line_number = {rejected}.line_number"
        )


class _ParquetFile:
    """A Parquet file, on its way into the tables `name` (rows as typed) and `name`_rejected."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
        self._connection = connection
        self._name = name
        self._rows = f"read_parquet({literal(str(source.path))})"
        described = connection.execute(f"describe select * from {self._rows}").fetchall()
        self.names = tuple(column for column, *_ in described)

    def read(self, layout: Layout, _folder: Path) -> str:
        """Type the rows; the SQL of a typed row's number."""
        cells = ", ".join(
            f"cast({identifier(column)} as varchar) as c{position}"
            for position, column in enumerate(self.names)
        )
        query = typed_lines(layout, f"(select {cells} from {self._rows})")
        self._connection.execute(f"create or replace table {self._name} as {query}")
        for target in layout.positions:
            if layout.format.columns[target].type == "text":
                problem = literal(f"nul_byte:{layout.name_of(target)}")
                self._connection.execute(
                    f"update {self._name} set problem = {problem} "
                    f"where problem is null and contains({target}, chr(0))"
                )
        return "rowid + 2"

    def fill_raw_lines(self, layout: Layout) -> None:
        """Give every rejected row its values as JSON: there is no line of text."""
        shown = "parquet_row"
        if layout.format.private:
            known = map(identifier, filter(layout.format.knows, self.names))
            shown = f"struct_pack({', '.join(f'{column} := {column}' for column in known)})"
        self._connection.execute(
            f"""
            update {self._name}_rejected set raw_line = numbered.raw_line
            from (
                select row_number() over () + 1 as line_number, to_json({shown}) as raw_line
                from {self._rows} as parquet_row
            ) as numbered
            where numbered.line_number = {self._name}_rejected.line_number
            """
        )


def _reject_repeated_ids(connection: duckdb.DuckDBPyConnection, name: str, shown: str) -> None:
    """The last line of an id is the call; the earlier ones are older states of it."""
    connection.execute(
        f"""
        update {name} set problem = {literal(f"duplicate_id:{shown}")}
        from (
            select id, max(rowid) as last_row from {name}
            where problem is null and hash(id) in (
                select hash(id) from {name} where problem is null group by 1 having count(*) > 1
            )
            group by id having count(*) > 1
        ) as repeated
        where {name}.id = repeated.id and {name}.rowid < repeated.last_row
            and {name}.problem is null
        """
    )


def _reject_problems(connection: duckdb.DuckDBPyConnection, name: str, line_number: str) -> None:
    connection.execute(
        f"""
        insert into {name}_rejected
        select
            {line_number},
            split_part(problem, ':', 1),
            substr(problem, strpos(problem, ':') + 1),
            null
        from {name} where problem is not null
        """
    )


def _staged(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    layout: Layout,
    name: str,
    line_number: str,
    issuer: str | None,
    pages: Pages | None,
) -> Staged:
    known = layout.format
    present = [column for column, _ in raw_columns(known.table) if column in layout.positions]
    # a column without a value is null by itself, and costs a warehouse as much as a full one
    counts = connection.execute(
        f"select {', '.join(f'count({column})' for column in present)} from {name}"
    ).fetchall()
    filled = [column for column, count in zip(present, counts[0], strict=True) if count]
    amounts = [AMOUNTS[column] for column in filled if column in AMOUNTS]
    usd = amounts[0] if amounts else "cast(null as decimal(30, 18))"
    time = known.time if known.time in filled else "cast(null as timestamp)"
    [(accepted, accepted_usd, first_at, last_at)] = connection.execute(
        f"""
        select
            count(*), cast(coalesce(sum({usd}), 0) as decimal(38, 18)), min({time}), max({time})
        from {name} where problem is null
        """
    ).fetchall()
    if abs(accepted_usd) >= MAX_FILE_USD:
        raise UnusableInput(
            f"{source.name}: its lines add up to {accepted_usd:,.2f} USD, which no bill does. "
            "Look at the unit of its amounts, and export it again."
        )
    [(rejected,)] = connection.execute(f"select count(*) from {name}_rejected").fetchall()
    rounded = 0
    if any(known.columns[column].count_rounded for column in present):
        [(rounded,)] = connection.execute(
            f"select count(*) from {name} where problem is null and is_rounded"
        ).fetchall()
    kind = [f"{literal(layout.usage_kind)} as usage_kind"] if layout.usage_kind else []
    return Staged(
        source=source,
        format=known,
        issuer=(issuer or known.issuer) if known.issuer else None,
        columns=("line_number", *filled, *(["usage_kind"] if kind else [])),
        select=f"select {', '.join([f'{line_number} as line_number', *filled, *kind])} from {name} "
        "where problem is null",
        rejected=f"{name}_rejected",
        ignored_columns=pages.ignored_keys if pages else layout.ignored(),
        accepted_line_count=accepted,
        rejected_line_count=rejected,
        accepted_usd=accepted_usd,
        states_amounts=bool(amounts),
        first_at=first_at,
        last_at=last_at,
        usage_kind=layout.usage_kind,
        rounded_amount_count=rounded,
        ungrouped_by=_ungrouped_by(layout, filled),
        repeated_page_count=pages.repeated_page_count if pages else 0,
        is_cut_short=pages.is_cut_short if pages else False,
    )


def _ungrouped_by(layout: Layout, filled: list[str]) -> str | None:
    """The column that no line has, though with it the file would prove more."""
    grouping = {"cost_bucket": "line_item", "usage_bucket": "model"}.get(layout.format.grain)
    only_covers = set(filled) <= {*layout.format.bucket, "project_id", "organization_id"}
    if grouping in filled or only_covers or layout.usage_kind in WITHOUT_MODEL:
        return None
    return grouping


def _numbered(found: Iterator[Record], numbers: duckdb.DuckDBPyConnection) -> Iterator[Record]:
    """The records that have these line numbers; both come in ascending order."""
    while batch := numbers.fetchmany(BATCH):
        for (number,) in batch:
            yield next(record for record in found if record.line_number == number)


def _batches(found: Iterable[Record]) -> Iterator[pyarrow.RecordBatch]:
    """Records as Arrow: line_number, problem, text."""
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        yield pyarrow.record_batch(
            {
                "line_number": pyarrow.array([r.line_number for r in batch], pyarrow.int64()),
                "problem": pyarrow.array([r.problem for r in batch], pyarrow.string()),
                "text": pyarrow.array([r.text for r in batch], pyarrow.string()),
            }
        )
