"""From a readable file to typed rows: DuckDB reads everything as text, then types it in SQL.

A line lands in `staged` with a value for every column of its raw table, or in `rejected` with a
reason. Typing is strict on purpose: what could be read in two ways is rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow

from loader.errors import UnusableInput
from loader.formats import Column, Format, Layout, lay_out
from loader.source import Record, Source, number_records, read_header, records

BATCH = 10_000
BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(65279)"

# One macro per type: the text of a cell in, a value or null out. Text that is more than blanks
# and gives null is invalid. Each tries the plain spelling first, because a regular expression
# and a trim cost more than the rest of the load.
TYPE_MACROS = rf"""
create or replace temp macro as_text(txt) as
    case when regexp_full_match(txt, '[!-~]+') then txt else nullif(trim(txt, {BLANKS}), '') end;

create or replace temp macro plain_whole(num, txt) as
    case when num between 0 and 999999999999999999 and cast(num as varchar) = txt then num end;

-- whole, not negative, at most 18 digits; 150.0 is whole
create or replace temp macro as_tokens(txt) as coalesce(
    plain_whole(try_cast(txt as bigint), txt),
    case
        when regexp_full_match(as_text(txt), '0*[0-9]{{1,18}}(\.0*)?')
            then try_cast(split_part(as_text(txt), '.', 1) as bigint)
    end
);

-- plain or exponent notation; a leading $ is dropped
create or replace temp macro as_decimal(txt) as coalesce(
    case
        when regexp_full_match(txt, '-?[0-9]*\.?[0-9]+([eE]-?[0-9]{{1,9}})?')
            then try_cast(txt as decimal(30, 18))
    end,
    case
        when regexp_full_match(
            as_text(txt),
            '([+-]?\$?\s*|\$\s*[+-])([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{{1,9}})?'
        )
            then try_cast(
                regexp_replace(as_text(txt), '[$\s]', '', 'g') as decimal(30, 18)
            )
    end
);

create or replace temp macro below(num, bound) as case when abs(num) < bound then num end;

-- a line of a billion USD or more is no line of a bill
create or replace temp macro as_usd(txt) as below(as_decimal(txt), 1000000000);

create or replace temp macro as_cents(txt) as below(as_decimal(txt), 100000000000);

create or replace temp macro as_seconds(txt) as
    try_cast(case when as_decimal(txt) >= 0 then as_decimal(txt) end as decimal(18, 6));

-- ISO 8601 with or without zone (none is UTC), a date, epoch seconds or milliseconds
create or replace temp macro as_any_timestamp(txt) as coalesce(
    case
        when regexp_full_match(
            txt, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?'
        )
            then try_cast(txt as timestamp)
    end,
    case
        when regexp_full_match(
            as_text(txt), '\d{{4}}-\d{{2}}-\d{{2}}([ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?)?'
        )
            then try_cast(as_text(txt) as timestamp)
        when regexp_full_match(
            as_text(txt),
            '\d{{4}}-\d{{2}}-\d{{2}}[ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?\s*(Z|z|UTC|[+-]\d{{2}}(:?\d{{2}})?)'
        )
            then try_cast(
                regexp_replace(as_text(txt), '\s*(Z|z|UTC)$', '+00') as timestamptz
            ) at time zone 'UTC'
        when regexp_full_match(as_text(txt), '\d{{9,10}}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(as_text(txt) as decimal(24, 6)) * 1000000 as bigint))
        when regexp_full_match(as_text(txt), '\d{{12,13}}(\.\d+)?')
            then make_timestamp(try_cast(try_cast(as_text(txt) as decimal(24, 3)) * 1000 as bigint))
    end
);

create or replace temp macro in_our_time(moment) as
    case when moment >= timestamp '2000-01-01' and moment < timestamp '2100-01-01' then moment end;

create or replace temp macro as_timestamp(txt) as in_our_time(as_any_timestamp(txt));

create or replace temp macro as_boolean(txt) as
    case
        when lower(as_text(txt)) in ('true', 't', 'yes', 'y', '1') then true
        when lower(as_text(txt)) in ('false', 'f', 'no', 'n', '0') then false
    end;

create or replace temp macro as_currency(txt) as
    case when upper(as_text(txt)) = 'USD' then 'USD' end;
"""

REASONS = {
    "tokens": "invalid_tokens",
    "usd": "invalid_amount",
    "cents": "invalid_amount",
    "seconds": "invalid_number",
    "timestamp": "invalid_timestamp",
    "boolean": "invalid_boolean",
    "currency": "currency_not_usd",
}

DUCKDB_REASONS = {
    "TOO MANY COLUMNS": "too_many_columns",
    "MISSING COLUMNS": "too_few_columns",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "invalid_encoding",
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
    line_count: int = 0
    accepted_line_count: int = 0
    rejected_line_count: int = 0
    accepted_usd: Decimal = Decimal(0)
    first_at: datetime | None = None
    last_at: datetime | None = None


def connect(folder: Path, memory_limit: str = "1500MB") -> duckdb.DuckDBPyConnection:
    """A staging connection; what does not fit in memory spills into `folder`."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": str(folder / "spill"),
            "memory_limit": memory_limit,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("set timezone = 'UTC'")
    connection.execute(TYPE_MACROS)
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

    Raises UnusableInput when the format is unknown, there is no data line, or none is usable.
    """
    if source.is_parquet:
        reader, header = _parquet(connection, source)
        layout = lay_out(header, as_format, source.name)
        _type_rows(connection, layout, reader, name, "rowid + 2")
        return _finish(connection, source, layout, name, issuer, "rowid + 2", None)

    header, delimiter = read_header(source)
    layout = lay_out(header, as_format, source.name)
    connection.execute(
        f"create or replace table {name}_rejected "
        "(line_number bigint, reason text, column_name text, raw_line text)"
    )
    line = "rowid + 2"  # nothing rejected by the reader: rows and lines go side by side
    if source.needs_care or not _read_plain(connection, source, layout, name, delimiter):
        line = "line_number"
        _read_with_care(connection, source, layout, name, delimiter, folder)
    return _finish(connection, source, layout, name, issuer, line, delimiter)


def _parquet(connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[str, tuple[str, ...]]:
    path = _literal(str(source.path))
    try:
        described = connection.execute(f"describe select * from read_parquet({path})").fetchall()
    except duckdb.Error as error:
        raise UnusableInput(
            f"{source.name}: not a readable Parquet file ({_first_line(error)}). Write it again."
        ) from None
    columns = ", ".join(
        f"cast({_identifier(column)} as varchar) as c{position}"
        for position, (column, *_) in enumerate(described)
    )
    return f"(select {columns} from read_parquet({path}))", tuple(row[0] for row in described)


def _read_plain(connection, source, layout: Layout, name: str, delimiter: str) -> bool:
    """Read the file where it lies; False if any line needs a second look."""
    try:
        _type_rows(
            connection,
            layout,
            _reader(source.path, len(layout.header), delimiter, numbered=False, name=name),
            name,
            "rowid + 2",
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return False
    return not connection.execute(f"select 1 from {name}_faults limit 1").fetchall()


def _read_with_care(connection, source, layout, name, delimiter, folder: Path) -> None:
    """Rewrite the file's sound records with their line numbers, and read those."""
    numbered = folder / "numbered.csv"
    faults = folder / "faults.parquet"
    with _RecordWriter(faults) as writer:
        number_records(source, delimiter, numbered, writer.write)
    connection.execute(
        f"insert into {name}_rejected select line_number, problem, null, text "
        f"from read_parquet({_literal(str(faults))})"
    )
    try:
        _type_rows(
            connection,
            layout,
            _reader(numbered, len(layout.header), delimiter, numbered=True, name=name),
            name,
            "line_number",
        )
    except duckdb.Error as error:
        raise UnusableInput(
            f"{source.name}: cannot be read as CSV ({_first_line(error)}). Export it again."
        ) from None
    connection.execute(
        f"""
        insert into {name}_rejected
        select
            try_cast(regexp_extract(min(csv_line), '^\\s*([0-9]+)', 1) as bigint),
            case min_by(error_type, byte_position)
                {" ".join(f"when '{k}' then '{v}'" for k, v in DUCKDB_REASONS.items())}
                else 'malformed_quotes'
            end,
            null, null
        from {name}_faults
        group by line
        """
    )
    numbered.unlink()
    faults.unlink()


def _reader(path: Path, width: int, delimiter: str, *, numbered: bool, name: str) -> str:
    names = (["line_number"] if numbered else []) + [f"c{position}" for position in range(width)]
    columns = ", ".join(f"'{column}': 'varchar'" for column in names)
    # everything is said, so nothing is sniffed: a sniffer guesses from the first rows
    return f"""read_csv(
        {_literal(str(path))}, columns = {{{columns}}}, header = {not numbered},
        auto_detect = false, delim = {_literal(delimiter)}, quote = '"', escape = '"',
        nullstr = '', strict_mode = true, null_padding = false, store_rejects = true,
        rejects_table = '{name}_faults', rejects_scan = '{name}_scans', rejects_limit = 0,
        max_line_size = 2000100
    )"""


def _type_rows(connection, layout: Layout, reader: str, name: str, line: str) -> None:
    """Create table `name`: every column of the raw table, and `problem` (reason:column or null)."""
    known = layout.format
    for table in (f"{name}_faults", f"{name}_scans"):
        connection.execute(f"drop table if exists {table}")
    texts = {
        target: _before_typing(f"c{position}", known.columns[target])
        for target, position in layout.positions.items()
    }
    pluses = {
        (target, position): f"c{position}"
        for target, positions in layout.plus_positions.items()
        for position in positions
    }
    number = ["try_cast(line_number as bigint) as line_number"] if line == "line_number" else []
    cells = [f"{text} as text_{target}" for target, text in texts.items()]
    cells += [f"{text} as plus_{target}_{position}" for (target, position), text in pluses.items()]
    typed = [_typed(target, known.columns[target]) + f" as {target}" for target in texts]
    typed += [
        f"as_{known.columns[target].type}(plus_{target}_{position}) as typed_{target}_{position}"
        for target, position in pluses
    ]
    values = [
        _added(target, [f"typed_{name}_{position}" for name, position in pluses if name == target])
        + f" as {target}"
        for target in texts
    ]
    connection.execute(
        f"""
        create or replace table {name} as
        with cells as (select {", ".join(number + cells)} from {reader}),
        typed as (select *, {", ".join(typed)} from cells)
        select {", ".join(["line_number"] * len(number) + values)},
            {_problem(layout, texts, pluses)} as problem
        from typed
        """
    )


def _before_typing(cell: str, column: Column) -> str:
    """Words that mean nothing to null; a JSON cell to the value at its path, if it is JSON."""
    for word in column.blank:
        cell = f"nullif({cell}, {_literal(word)})"
    if column.json:
        paths = ", ".join(f"json_extract_string({cell}, {_literal(p)})" for p in column.json)
        cell = f"case when json_valid({cell}) then coalesce({paths}) else {cell} end"
    return cell


def _typed(target: str, column: Column) -> str:
    value = f"as_{column.type}(text_{target})"
    if column.true_values or column.false_values:
        trues = ", ".join(_literal(word) for word in column.true_values)
        falses = ", ".join(_literal(word) for word in column.false_values)
        value = (
            f"case when lower(as_text(text_{target})) in ({trues}) then true "
            f"when lower(as_text(text_{target})) in ({falses}) then false end"
        )
    if column.scale != 1:
        value = f"try_cast({value} * {column.scale} as decimal(30, 18))"
    return value


def _added(target: str, parts: list[str]) -> str:
    if not parts:
        return target
    total = " + ".join(f"coalesce({part}, 0)" for part in [target, *parts])
    return (
        f"case when coalesce({', '.join([target, *parts])}) is not null "
        f"then cast({total} as decimal(30, 18)) end"
    )


def _problem(layout: Layout, texts: dict, pluses: dict) -> str:
    """A CASE that names the first thing wrong with a line as reason:column, else null."""
    known = layout.format
    arms = []
    for target in texts:
        reason = REASONS.get(known.columns[target].type)
        if reason:
            shown = layout.header[layout.positions[target]]
            arms.append(
                f"when {target} is null and as_text(text_{target}) is not null "
                f"then {_literal(f'{reason}:{shown}')}"
            )
    for target, position in pluses:
        arms.append(
            f"when typed_{target}_{position} is null "
            f"and as_text(plus_{target}_{position}) is not null "
            f"then {_literal(f'invalid_amount:{layout.header[position]}')}"
        )
    for requirement in known.required_values:
        options = [
            " and ".join(f"{column} is not null" for column in option)
            for option in requirement
            if all(column in texts for column in option)
        ]
        first = next(
            (column for option in requirement for column in option if column in texts), None
        )
        shown = layout.header[layout.positions[first]] if first else ""
        met = " or ".join(f"({option})" for option in options)
        arms.append(f"when not ({met}) then {_literal(f'missing_value:{shown}')}")
    return f"case {' '.join(arms)} end"


def _finish(connection, source, layout, name, issuer, line, delimiter) -> Staged:
    known = layout.format
    connection.execute(
        f"create table if not exists {name}_rejected "
        "(line_number bigint, reason text, column_name text, raw_line text)"
    )
    if known.grain == "usage_log":
        # the last line of an id is the call; the earlier ones are older states of it
        connection.execute(
            f"""
            update {name} set problem = 'duplicate_id:' || {_literal(_shown(layout, "id"))}
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
    connection.execute(
        f"""
        insert into {name}_rejected
        select {line}, split_part(problem, ':', 1), nullif(substr(problem, strpos(problem, ':') + 1), ''), null
        from {name} where problem is not null
        """
    )
    stored = [column for column, _ in raw_columns(known.table) if column in layout.positions]
    staged = Staged(
        source=source,
        format=known,
        issuer=(issuer or known.issuer) or None,
        columns=("line_number", *stored),
        select=f"select {line} as line_number, {', '.join(stored)} from {name} "
        "where problem is null",
        rejected=f"{name}_rejected",
        ignored_columns=layout.ignored,
    )
    _measure(connection, staged, layout, name)
    if staged.rejected_line_count:
        _fill_raw_lines(connection, staged, layout, name, delimiter)
    if not staged.line_count:
        raise UnusableInput(
            f"{source.name}: a header of {known.name} and no data line below it. "
            "Export it again, with data in the period."
        )
    if not staged.accepted_line_count:
        raise UnusableInput(
            f"{source.name}: read as {known.name}, but not one of its {staged.line_count:,} "
            f"lines is usable. {_first_rejects(connection, staged)}"
        )
    return staged


def _shown(layout: Layout, target: str) -> str:
    return layout.header[layout.positions[target]]


def _measure(connection, staged: Staged, layout: Layout, name: str) -> None:
    known = staged.format
    money = "null::decimal(30, 18)"
    if "cost_usd" in layout.positions:
        money = "cost_usd"
    elif "calculated_cost_cents" in layout.positions:
        money = "cast(calculated_cost_cents * 0.01 as decimal(30, 18))"
    at = known.time if known.time in layout.positions else "null::timestamp"
    [(accepted, usd, first_at, last_at)] = connection.execute(
        f"""
        select count(*), coalesce(sum({money}), 0), min({at}), max({at})
        from {name} where problem is null
        """
    ).fetchall()
    [(rejected,)] = connection.execute(f"select count(*) from {staged.rejected}").fetchall()
    staged.accepted_line_count = accepted
    staged.rejected_line_count = rejected
    staged.line_count = accepted + rejected
    staged.accepted_usd, staged.first_at, staged.last_at = usd, first_at, last_at


def _fill_raw_lines(connection, staged: Staged, layout, name: str, delimiter) -> None:
    """Give every rejected line its text, in one more pass over the file."""
    if delimiter is None:  # Parquet has no lines of text
        return
    wanted = connection.cursor().execute(
        f"select line_number from {staged.rejected} where raw_line is null order by 1"
    )
    batches = pyarrow.RecordBatchReader.from_batches(
        _RecordWriter.SCHEMA, _texts_of(records(staged.source, delimiter), wanted)
    )
    connection.register(f"{name}_texts", batches)
    connection.execute(
        f"create or replace table {name}_raw as select line_number, text from {name}_texts"
    )
    connection.unregister(f"{name}_texts")
    connection.execute(
        f"update {staged.rejected} set raw_line = {name}_raw.text from {name}_raw "
        f"where {name}_raw.line_number = {staged.rejected}.line_number"
    )


def _texts_of(found: Iterator[Record], wanted) -> Iterator[pyarrow.RecordBatch]:
    """The records whose line numbers `wanted` holds; both sides come in ascending order."""
    record = Record(0, "")
    while numbers := wanted.fetchmany(BATCH):
        texts = []
        for (number,) in numbers:
            while record.line_number < number:
                record = next(found)
            texts.append((number, None, record.text))
        yield _RecordWriter.batch(texts)


def _first_rejects(connection, staged: Staged) -> str:
    return " ".join(
        f"Line {number}: {reason}{f' in column {column}' if column else ''}."
        for number, reason, column, _ in first_rejects(connection, staged, 3)
    )


def first_rejects(connection, staged: Staged, limit: int) -> list[tuple]:
    """(line_number, reason, column_name, raw_line) of the first rejected lines."""
    return connection.execute(
        f"select line_number, reason, column_name, raw_line from {staged.rejected} "
        f"order by 1 limit {limit}"
    ).fetchall()


def first_rows(connection, staged: Staged, limit: int) -> list[dict]:
    """The first accepted rows, as the warehouse would have them."""
    rows = connection.execute(f"{staged.select} limit {limit}")
    names = [column for column, *_ in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def raw_columns(table: str) -> list[tuple[str, str]]:
    """(column, type) of a raw table, in order, as raw_tables.sql declares it."""
    catalogue = duckdb.connect(":memory:")
    catalogue.execute(Path(__file__).with_name("raw_tables.sql").read_text("utf-8"))
    return catalogue.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'raw' and table_name = ? order by ordinal_position",
        [table],
    ).fetchall()


class _RecordWriter:
    """Appends records to a Parquet file, a batch at a time."""

    SCHEMA = pyarrow.schema(
        [
            ("line_number", pyarrow.int64()),
            ("problem", pyarrow.string()),
            ("text", pyarrow.string()),
        ]
    )

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(path, self.SCHEMA)
        self._rows: list[tuple] = []

    def write(self, record: Record) -> None:
        self._rows.append((record.line_number, record.problem, record.text))
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_batch(self.batch(self._rows))
        self._rows = []

    @classmethod
    def batch(cls, rows: list[tuple]) -> pyarrow.RecordBatch:
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return pyarrow.record_batch(
            [pyarrow.array(c, f.type) for c, f in zip(columns, cls.SCHEMA, strict=True)],
            schema=cls.SCHEMA,
        )

    def __enter__(self) -> _RecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
