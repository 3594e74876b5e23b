"""Prices that a bill proves, from the warehouse into the price list.

The mart price_findings says where a price of the bill differs from the list's, and
int_price_rows_suggested where it is back at the list's. Both are dated rows of the price list.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from loader.errors import UnusableInput
from loader.warehouse import Warehouse

BILL = "bill "
"""what the source of a row begins with that this wrote; other rows by hand are people's"""

Row = dict[str, str]
Key = tuple[str, str, int]

_ROWS = """
select suggested_row from reconciliation.price_findings
where is_exact and suggested_row is not null
union
select price_row from reconciliation_staging.int_price_rows_suggested
"""
_UNPROVEN = "select count(*) from reconciliation.price_findings where suggested_row is null"
_MARTS = """
select table_name from information_schema.tables
where (table_schema, table_name) in (
    ('reconciliation', 'price_findings'),
    ('reconciliation_staging', 'int_price_rows_suggested')
)
"""


@dataclass
class Adopted:
    """What became of each row of the bill."""

    written: dict[Key, Row] = field(default_factory=dict)
    known: list[Key] = field(default_factory=list)
    """the list says so already"""
    refused: list[Key] = field(default_factory=list)
    """a person's row has the key"""


def found_rows(warehouse: Warehouse, columns: tuple[str, ...]) -> tuple[list[Row], int]:
    """The bill's rows of the price list, and how many findings have none.

    Raises UnusableInput where the warehouse was never built with the mart.
    """
    if len(warehouse.query(_MARTS)) < 2:
        raise UnusableInput("The warehouse has no mart price_findings: run `dbt build` first.")
    lines = sorted(line for (line,) in warehouse.query(_ROWS))
    [(unproven,)] = warehouse.query(_UNPROVEN)
    return [dict(zip(columns, cells, strict=True)) for cells in csv.reader(lines)], unproven


def adopt(
    found: Iterable[Row], by_hand: dict[Key, Row], listed: dict[Key, Row], prices: Iterable[str]
) -> Adopted:
    """Put the bill's rows into `by_hand`, oldest first, where the list says something else then.

    `listed` are the other rows of the list; where both have a key, the one by hand counts.
    """
    result = Adopted()
    for row in sorted(found, key=lambda row: row["effective_from"]):
        key = row["model_name"], row["effective_from"], int(row["min_input_tokens"])
        before = _in_force(key, {**listed, **by_hand})
        if before and _costs(before, prices) == _costs(row, prices):
            result.known.append(key)
        elif key in by_hand and not by_hand[key]["source"].startswith(BILL):
            result.refused.append(key)
        else:
            by_hand[key] = result.written[key] = row
    return result


def _in_force(key: Key, rows: dict[Key, Row]) -> Row | None:
    """The row of the model and context tier that holds on the day."""
    model, day, tier = key
    dated = [other for other in rows if other[0] == model and other[2] == tier and other[1] <= day]
    return rows[max(dated)] if dated else None


def _costs(row: Row, prices: Iterable[str]) -> list[Decimal]:
    """USD per 1M tokens of each class; a class without a price costs what input does."""
    return [Decimal(row[price] or row["input_price_per_1m"] or 0) for price in prices]
