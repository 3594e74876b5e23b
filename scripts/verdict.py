"""The verdict: what the marts say of each month, as data and as text for a terminal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from loader.warehouse import Warehouse

LARGEST = 10
LARGEST_CAUSES = 3
MONTH_OF_ROW = "cast(date_trunc('month', usage_date) as date)"
STATUSES = ("matched", "discrepancy", "not_found", "pending", "not_applicable")
COLOURS = {"healthy": "green", "needs_review": "yellow", "no_bill": "yellow"}

HEALTH_COLUMNS = (
    "usage_month",
    "verdict",
    "billed_request_count",
    "matched_count",
    "discrepancy_count",
    "duplicate_log_count",
    "not_found_count",
    "pending_count",
    "missing_from_bill_count",
    "rejected_line_count",
    "match_rate",
    "discrepancy_rate",
    "not_found_rate",
    "logged_usd",
    "billed_usd",
    "not_found_usd",
    "difference_usd",
    "drift_pct",
    "is_drifting",
    "accepted_count",
    "accepted_usd",
    "open_count",
    "open_usd",
)

CLOSE_COLUMNS = (
    "usage_month",
    "billed_usd",
    "logged_usd",
    "expected_usd",
    "reported_usd",
    "calculation_difference_usd",
    "token_difference_usd",
    "rate_difference_usd",
    "timing_usd",
    "non_usage_usd",
    "unmapped_usd",
    "unmapped_line_item_count",
    "covered_day_count",
    "missing_day_count",
    "provisional_day_count",
    "accepted_usd",
    "open_usd",
    "is_closable",
)

DISCREPANCY_COLUMNS = (
    "reconciliation_key",
    "usage_date",
    "model",
    "request_count",
    "reconciliation_status",
    "status_reason",
    "cause",
    "logged_usd",
    "billed_usd",
    "difference_usd",
)

PRICE_COLUMNS = (
    "model",
    "token_class",
    "service_tier",
    "listed_price_per_1m",
    "implied_price_per_1m",
    "first_date",
    "last_date",
    "suggested_row",
)

PAIRS = {
    "log_usage": "log and usage disagree",
    "usage_bill": "usage and bill disagree",
    "both": "both disagree",
}

ADVICE = {
    "no_bill": "No bill is loaded for this month: export it and load it.",
    "nothing_logged": "The log knows none of the billed requests: check that the application logs "
    "request ids, and that bill and log are of the same account and period.",
    "prices_out_of_date": "Three in ten requests or more differ: compare the prices that the "
    "application calculates with to the mart model_prices.",
    "drifting": "The differences add up, though most rows are inside their tolerance: see which "
    "model they are of in reconciliation_summary or daily_reconciliation, compare its price in "
    "model_prices, and look for calls logged twice.",
    "healthy": "Nothing to do.",
    "needs_review": "Look at the mart discrepancies, largest first.",
}


def fetch(warehouse: Warehouse, month: date | None = None) -> dict[str, Any]:
    """The months, or one of them, with statuses and largest discrepancies; money as exact text."""
    of_row_month = f"and {MONTH_OF_ROW} = date '{month}' " if month else ""
    known = _rows(warehouse, "reconciliation_health", HEALTH_COLUMNS, "order by usage_month")
    months = [row for row in known if month is None or row["usage_month"] == month.isoformat()]
    statuses = _records(
        warehouse,
        "select usage_month, reconciliation_status, sum(request_count), sum(logged_usd), "
        "sum(billed_usd), sum(difference_usd) from reconciliation.reconciliation_summary "
        "group by 1, 2",
        (
            "usage_month",
            "reconciliation_status",
            "request_count",
            "logged_usd",
            "billed_usd",
            "difference_usd",
        ),
    )
    bases = {
        (row["usage_month"], row["billed_cost_basis"]): row
        for row in _records(
            warehouse,
            f"select {MONTH_OF_ROW}, billed_cost_basis, count(*), sum(billed_usd) "
            "from reconciliation.reconciled_requests "
            "where billed_cost_basis in ('price_list', 'allocated') group by 1, 2",
            ("usage_month", "billed_cost_basis", "request_count", "billed_usd"),
        )
    }
    closes = {
        row.pop("usage_month"): row
        for row in _rows(warehouse, "monthly_close", CLOSE_COLUMNS, "order by usage_month")
    }
    broken = _records(
        warehouse,
        f"select {MONTH_OF_ROW}, broken_pair, count(*) from reconciliation.daily_reconciliation "
        "where broken_pair is not null group by 1, 2 order by 1, 2",
        ("usage_month", "broken_pair", "bucket_count"),
    )
    # what differs by the noise of doubles only is no cause of anything
    steps = _records(
        warehouse,
        "select usage_month, cause, label, remedy, sum(row_count), sum(difference_usd) "
        "from reconciliation.variance_waterfall "
        "inner join reconciliation_staging.variance_causes using (cause) "
        "group by 1, 2, 3, 4 order by abs(sum(difference_usd)) desc, cause",
        ("usage_month", "cause", "label", "remedy", "row_count", "difference_usd"),
    )
    for row in months:
        row["causes"] = [
            {
                key: int(value) if key == "row_count" else value
                for key, value in step.items()
                if key != "usage_month"
            }
            for step in steps
            if step["usage_month"] == row["usage_month"]
        ]
        for basis, name in (("price_list", "at_list_price"), ("allocated", "by_share")):
            own = bases.get((row["usage_month"], basis), {})
            row[f"billed_{name}_count"] = own.get("request_count", 0)
            row[f"billed_{name}_usd"] = own.get("billed_usd")
        row["close"] = closes.get(row["usage_month"])
        row["broken_pairs"] = {
            found["broken_pair"]: found["bucket_count"]
            for found in broken
            if found["usage_month"] == row["usage_month"]
        }
        own = [found for found in statuses if found["usage_month"] == row["usage_month"]]
        own.sort(key=lambda found: STATUSES.index(found["reconciliation_status"]))
        row["statuses"] = [
            {
                key: int(value) if key == "request_count" else value
                for key, value in found.items()
                if key != "usage_month"
            }
            for found in own
        ]
        row["what_to_do"] = ADVICE[row["verdict"]]
    largest = _rows(
        warehouse,
        "discrepancies",
        DISCREPANCY_COLUMNS,
        # a row without a difference has an unknown side, and the known one is at stake
        f"where not is_accepted {of_row_month}"
        "order by abs(coalesce(difference_usd, billed_usd, logged_usd, 0)) desc, "
        f"reconciliation_key limit {LARGEST}",
    )
    prices = _rows(
        warehouse,
        "price_findings",
        PRICE_COLUMNS,
        "where is_exact order by model, first_date, service_tier, token_class",
    )
    return {
        "months": months,
        "known_months": [row["usage_month"] for row in known],
        "largest_discrepancies": largest,
        "price_findings": prices,
        "less_detailed_files": [
            name
            for (name,) in warehouse.query(
                "select file_name from reconciliation.loaded_files "
                "where is_less_detailed order by load_number"
            )
        ],
    }


def findings(month: dict[str, Any]) -> list[str]:
    """What of a month somebody must look at, in words: a verdict names only the first reason."""
    not_found = _usd(month["not_found_usd"])
    return [
        f"{int(month[column]):,} {words}"
        for column, words in (
            ("discrepancy_count", "outside the tolerance"),
            ("duplicate_log_count", "logged again"),
            ("not_found_count", f"billed but not logged ({not_found})"),
            ("missing_from_bill_count", "missing from the bill"),
            ("rejected_line_count", "lines that could not be read (raw.rejected_lines)"),
        )
        if month[column]
    ]


def show(console: Console, result: dict[str, Any], target: str) -> None:
    """Print the verdict for a person."""
    months = result["months"]
    if not months:
        known = [month[:7] if month else "no date" for month in result["known_months"]]
        console.print(
            f"Nothing of this month is loaded; there is {', '.join(known)}."
            if known
            else "Nothing is loaded yet. Name a bill and a log: "
            "python scripts/reconcile.py bill.csv token_usage.csv"
        )
        return
    for month in months:
        _show_month(console, month)
    if names := result["less_detailed_files"]:
        console.print(
            f"\n[bold yellow]Less detailed than before[/]: {', '.join(map(escape, names))} takes "
            "the place of an export that told more (line items, models or projects). Export it "
            "again with the same grouping to keep what that one proved."
        )
    if result["price_findings"]:
        _show_prices(console, result["price_findings"])
    if result["largest_discrepancies"]:
        console.print("\n[bold]The largest discrepancies[/]")
        _print_table(console, _largest_table(result["largest_discrepancies"]))
    query = (
        "select * from reconciliation.discrepancies "
        "order by abs(coalesce(difference_usd, billed_usd, logged_usd)) desc"
    )
    console.print(
        "\n[bold]Where to look next[/]\n"
        "  each day and model, side by side   select * from reconciliation.daily_reconciliation\n"
        "  can the month be closed?           select * from reconciliation.monthly_close\n"
        f"  every row somebody must look at    {query}\n"
        "  a month's dollars, model by model  select * from reconciliation.reconciliation_summary\n"
        "  one call, both sides, its reason   select * from reconciliation.reconciled_requests\n"
        "  the way from logged to billed      select * from reconciliation.variance_waterfall\n"
        "  what became of each file           select * from reconciliation.loaded_files\n"
        f'  (.venv/bin/dbt show --target {target} --inline "…" runs one; statuses and reasons: '
        "docs/statuses.md, causes: docs/causes.md)"
    )


def _show_month(console: Console, month: dict[str, Any]) -> None:
    colour = COLOURS.get(month["verdict"], "red")
    name = (
        f"{date.fromisoformat(month['usage_month']):%B %Y}" if month["usage_month"] else "No date"
    )
    console.print(f"\n[bold]{name}: [{colour}]{month['verdict']}[/][/]  {month['what_to_do']}")
    drift = _percent(month["drift_pct"])
    console.print(
        f"  estimated (logged) {_usd(month['logged_usd'])}, "
        f"actual (billed) {_usd(month['billed_usd'])}, "
        f"difference {_usd(month['difference_usd'], signed=True)}; drift {drift} over the rows "
        f"that both sides know{' (too much)' if month['is_drifting'] else ''}"
    )
    if month["causes"]:
        _show_causes(console, month["causes"])
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  status")
    for heading in ("requests", "logged", "billed", "difference"):
        table.add_column(heading, justify="right")
    for row in month["statuses"]:
        table.add_row(
            "  " + row["reconciliation_status"],
            f"{row['request_count']:,}",
            _usd(row["logged_usd"]),
            _usd(row["billed_usd"]),
            _usd(row["difference_usd"], signed=True),
        )
    _print_table(console, table)
    if unknown := _unknown_usd(month):
        console.print(
            f"  {_usd(unknown, signed=True)} more is on rows without a difference "
            "(difference_usd is null), because their other side has no price"
        )
    if count := month["billed_at_list_price_count"]:
        console.print(
            f"  {_usd(month['billed_at_list_price_usd'])} of the billed amount is from the price "
            f"list: {count:,} billed requests have a line without amount "
            "(billed_cost_basis price_list)"
        )
    if count := month["billed_by_share_count"]:
        console.print(
            f"  {_usd(month['billed_by_share_usd'])} of the billed amount is shared out: "
            f"{count:,} calls have their part of the bill of a day and model, which proves the "
            "bucket, not the call (billed_cost_basis allocated)"
        )
    if count := month["accepted_count"]:
        console.print(
            f"  accepted: {count:,} of {count + month['open_count']:,} discrepancies "
            f"({_usd(month['accepted_usd'])}); {_usd(month['open_usd'])} stays open"
        )
    if month["close"]:
        _show_close(console, month["close"], month["broken_pairs"])
    if month["verdict"] != "healthy" and (found := findings(month)):
        console.print(f"  to look at: {', '.join(found)}")


def _show_causes(console: Console, causes: list[dict[str, Any]]) -> None:
    """The steps from logged to billed: the largest causes, what to do, and the others' sum."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  why")
    table.add_column("rows", justify="right")
    table.add_column("difference", justify="right")
    table.add_column("what to do")
    for step in causes[:LARGEST_CAUSES]:
        table.add_row(
            "  " + step["label"],
            f"{step['row_count']:,}",
            _usd(step["difference_usd"], signed=True),
            step["remedy"],
        )
    if others := causes[LARGEST_CAUSES:]:
        total = sum(Decimal(step["difference_usd"]) for step in others)
        table.add_row(
            f"  {len(others)} other{'s' if len(others) > 1 else ''}",
            f"{sum(step['row_count'] for step in others):,}",
            _usd(f"{total:f}", signed=True),
            "see variance_waterfall",
        )
    _print_table(console, table)


def _show_close(console: Console, close: dict[str, Any], broken_pairs: dict[str, int]) -> None:
    """The month by days: what is covered, where the chain of amounts breaks, and what is open."""
    days = [f"{close['covered_day_count']} covered by a bill"]
    for column, words in (("missing_day_count", "missing"), ("provisional_day_count", "too young")):
        if close[column]:
            days.append(f"[yellow]{close[column]} {words}[/]")
    closable = "closable" if close["is_closable"] else "not closable yet"
    console.print(f"  days: {', '.join(days)}; {_usd(close['open_usd'])} open; {closable}")
    parts = [
        f"{words} {_usd(close[column], signed=True)}"
        for column, words in (
            ("calculation_difference_usd", "our calculation"),
            ("token_difference_usd", "tokens"),
            ("rate_difference_usd", "rates"),
            ("non_usage_usd", "credits, refunds and tax"),
        )
        if close[column] and Decimal(close[column])
    ]
    if parts:
        console.print(f"  day by day, billed differs from logged by: {', '.join(parts)}")
    if broken_pairs:
        named = ", ".join(
            f"{PAIRS[pair]} on {count:,}" for pair, count in sorted(broken_pairs.items())
        )
        console.print(f"  of days and models, {named}")
    if count := close["unmapped_line_item_count"]:
        console.print(
            f"  line items not understood: {count:,} ({_usd(close['unmapped_usd'])}); say what "
            "they are in seeds/line_items.csv or line_item_classes.csv (docs/exports.md)"
        )


def _show_prices(console: Console, prices: list[dict[str, Any]]) -> None:
    """The prices that the bill proves and the list does not have."""
    console.print("\n[bold]Billed at other prices than the list's[/] (USD per 1 million tokens)")
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("  model", "tokens", "tier"):
        table.add_column(heading, no_wrap=True)
    for heading in ("listed", "billed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("from", "to"):
        table.add_column(heading, no_wrap=True)
    for row in prices[:LARGEST]:
        table.add_row(
            Text("  " + row["model"]),
            row["token_class"],
            row["service_tier"],
            row["listed_price_per_1m"] or "-",
            row["implied_price_per_1m"],
            row["first_date"],
            row["last_date"],
        )
    _print_table(console, table)
    if len(prices) > LARGEST:
        console.print(f"  and {len(prices) - LARGEST} more in price_findings")
    if any(row["suggested_row"] for row in prices):
        console.print(
            "  to take them into the price list: python scripts/update_prices.py --from-findings "
            "--dry-run (docs/price-findings.md)"
        )


def _unknown_usd(month: dict[str, Any]) -> str | None:
    """What billed less logged holds beyond the differences: the known sides of unknown ones."""
    billed, logged, difference = (
        Decimal(month[column] or 0) for column in ("billed_usd", "logged_usd", "difference_usd")
    )
    beyond = billed - logged - difference
    return f"{beyond:f}" if beyond else None


def _print_table(console: Console, table: Table) -> None:
    """Print a table whole, however narrow the terminal or pipe: cut figures mislead."""
    wide = Console(file=console.file, width=1_000, force_terminal=console.is_terminal)
    wide.print(table)


def _largest_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2),
    )
    for heading in ("  date", "model", "status", "reason", "cause"):
        table.add_column(heading, no_wrap=True)
    for heading in ("requests", "logged", "billed", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("reconciliation_key", no_wrap=True)
    for row in rows:
        table.add_row(
            f"  {row['usage_date'] or ''}",
            Text(row["model"] or ""),
            row["reconciliation_status"],
            row["status_reason"],
            row["cause"] or "",
            f"{row['request_count']:,}",
            _usd(row["logged_usd"]),
            _usd(row["billed_usd"]),
            _usd(row["difference_usd"], signed=True),
            Text(row["reconciliation_key"]),
        )
    return table


def _rows(warehouse: Warehouse, mart: str, columns: tuple[str, ...], rest: str) -> list[dict]:
    sql = f"select {', '.join(columns)} from reconciliation.{mart} {rest}"
    return _records(warehouse, sql, columns)


def _records(warehouse: Warehouse, sql: str, columns: tuple[str, ...]) -> list[dict]:
    return [
        dict(zip(columns, (_plain(value) for value in row), strict=True))
        for row in warehouse.query(sql)
    ]


def _plain(value: Any) -> Any:
    """A value as JSON has it: dates as ISO text, decimals as exact text."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def _usd(amount: str | None, *, signed: bool = False) -> str:
    """USD to six decimals for reading; the marts and --json have all eighteen."""
    if amount is None:
        return "-"
    value = Decimal(amount)
    sign = "-" if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}${abs(value):,.6f}"


def _percent(ratio: str | None) -> str:
    return "-" if ratio is None else f"{Decimal(ratio):+.2%}"
