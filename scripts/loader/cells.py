"""SQL that makes typed columns of a line's cells, and says what is wrong with the line."""

from __future__ import annotations

from dataclasses import dataclass

from loader.formats import Column, Layout
from loader.sql import literal


@dataclass(frozen=True)
class Type:
    """A type of formats.toml: its macro in types.sql, the values it admits, the reason else."""

    macro: str
    reason: str = ""
    bound: str = ""


TYPES = {
    "text": Type("as_text"),
    "tokens": Type("as_tokens", "invalid_tokens"),
    "count": Type("as_tokens", "invalid_number"),
    # a line of a billion USD or more is no line of a bill
    "usd": Type("as_decimal", "invalid_amount", "abs({0}) < 1000000000"),
    "cents": Type("as_decimal", "invalid_amount", "abs({0}) < 100000000000"),
    "quantity": Type("as_decimal", "invalid_number"),
    "seconds": Type("as_seconds", "invalid_number", "{0} >= 0"),
    "timestamp": Type(
        "as_timestamp",
        "invalid_timestamp",
        "{0} >= timestamp '2000-01-01' and {0} < timestamp '2100-01-01'",
    ),
    "boolean": Type("as_boolean", "invalid_boolean"),
    "currency": Type("as_currency", "currency_not_usd"),
}


@dataclass(frozen=True)
class _Cell:
    """One cell of a line, and the SQL of its steps: as it stands, read, admitted."""

    position: int
    header: str
    column: Column
    name: str

    @property
    def text(self) -> str:
        """The cell without the words that mean nothing; of JSON, what stands at its path."""
        text = f"c{self.position}"
        for word in self.column.blank:
            text = f"nullif({text}, {literal(word)})"
        if self.column.json:
            found = [f"json_extract_string({text}, {literal(path)})" for path in self.column.json]
            text = f"case when json_valid({text}) then coalesce({', '.join(found)}) else {text} end"
        return f"{text} as text_{self.name}"

    @property
    def read(self) -> str:
        """The value that the text spells, or null."""
        text = f"text_{self.name}"
        if not (self.column.true_values or self.column.false_values):
            return f"{TYPES[self.column.type].macro}({text}) as read_{self.name}"
        arms = [f"when {literal(word)} then true" for word in self.column.true_values]
        arms += [f"when {literal(word)} then false" for word in self.column.false_values]
        return f"case lower(as_text({text})) {' '.join(arms)} end as read_{self.name}"

    @property
    def admitted(self) -> str:
        """The value if it is one that may be, in the unit of the raw table."""
        value = f"read_{self.name}"
        if bound := TYPES[self.column.type].bound:
            value = f"case when {bound.format(value)} then {value} end"
        if self.column.scale != 1:
            value = f"cast({value} * {self.column.scale} as decimal(30, 18))"
        return f"{value} as {self.name}"

    @property
    def problem(self) -> str:
        """WHEN there is text but no value; empty for text, which is always a value."""
        reason = TYPES[self.column.type].reason
        return reason and (
            f"when {self.name} is null and as_text(text_{self.name}) is not null "
            f"then {literal(f'{reason}:{self.header}')}"
        )


def typed_lines(layout: Layout, reader: str, number: str | None = None) -> str:
    """A query of every line of `reader`: the columns of the raw table that the file fills.

    `reader` has one text column per header name, c0, c1 … in order, and `number` may be a
    column with the line number, to hand on. The column `problem` holds what is wrong first, as
    reason:header name, or null. `is_rounded` is there where the format counts such amounts.

    Without a join, so that a table made of it has its rows in the order of the lines, though two
    threads write it. DuckDB makes a join of `in` with a list, so there is none.
    """
    cells = [
        _Cell(position, layout.header[position], layout.format.columns[target], f"{target}_{place}")
        for target, positions in layout.positions.items()
        for place, position in enumerate(positions)
    ]
    handed_on = [number] if number else []
    totals = [f"{_total(layout, target)} as {target}" for target in layout.positions]
    problems = [cell.problem for cell in cells if cell.problem]
    problems += _missing_values(layout) + _wrong_bucket(layout)
    rounded = [f"is_rounded(text_{cell.name})" for cell in cells if cell.column.count_rounded]
    also = f", {' or '.join(rounded)} as is_rounded" if rounded else ""
    return f"""
        with texts as (select {", ".join(handed_on + [cell.text for cell in cells])} from {reader}),
        read as (select *, {", ".join(cell.read for cell in cells)} from texts),
        admitted as (select *, {", ".join(cell.admitted for cell in cells)} from read)
        select {", ".join(handed_on + totals)}, case {" ".join(problems)} end as problem{also}
        from admitted
    """


def _total(layout: Layout, target: str) -> str:
    """The value of a column; of one with further amounts to add, their sum."""
    parts = [f"{target}_{place}" for place in range(len(layout.positions[target]))]
    if len(parts) == 1:
        return parts[0]
    total = " + ".join(f"coalesce({part}, 0)" for part in parts)
    return (
        f"case when coalesce({', '.join(parts)}) is not null "
        f"then cast({total} as decimal(30, 18)) end"
    )


def _missing_values(layout: Layout) -> list[str]:
    """For each requirement of the format: WHEN none of its alternatives has its values."""
    arms = []
    for requirement in layout.format.required_values:
        options = [[_value_is(layout, text) for text in option] for option in requirement]
        known = [option for option in options if "false" not in option]
        if any(set(option) == {"true"} for option in known):
            continue
        met = " or ".join(" and ".join(option) for option in known)
        wanted = [column for option in requirement for column in option]
        shown = next(layout.name_of(column) for column in wanted if column in layout.positions)
        arms.append(f"when not ({met}) then {literal(f'missing_value:{shown}')}")
    return arms


def _value_is(layout: Layout, text: str) -> str:
    """SQL of a condition of a requirement: `x`, that x has a value, or `no x`, that it has none."""
    column = text.removeprefix("no ")
    is_wanted = column == text
    if column not in layout.positions:
        return "false" if is_wanted else "true"
    return f"{_total(layout, column)} is {'not null' if is_wanted else 'null'}"


def _wrong_bucket(layout: Layout) -> list[str]:
    """WHEN a period has no length, or is not within one UTC day."""
    if not layout.format.bucket:
        return []
    start, end = (_total(layout, column) for column in layout.format.bucket)
    shown = layout.name_of(layout.format.bucket[1])
    return [
        f"when {end} <= {start} then {literal(f'bucket_end_not_after_start:{shown}')}",
        f"when {end} > date_trunc('day', {start}) + interval 1 day "
        f"then {literal(f'bucket_not_in_one_utc_day:{shown}')}",
    ]
