"""Fill seeds/ai_model_pricing.csv from the price data bundled with the package genai-prices.

Rows whose source is `genai-prices` are this script's: they are written anew on every run. All other
rows are people's: they stay as they are, and win where both have the same key. No network is used,
so the same package version always writes the same bytes.

With --from-findings it leaves the package aside and adds, as rows by hand, the prices that the
loaded bills prove (the mart price_findings).
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import click
import genai_prices
from genai_prices.data import providers as bundled_providers
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

from adopted_prices import adopt, found_rows
from loader.errors import UnusableInput, WarehouseFailed
from loader.warehouse import open_warehouse

SOURCE = "genai-prices"

# Who makes models, not who resells them. A name two of them use belongs to the first.
VENDORS = (
    "openai",
    "anthropic",
    "google",
    "mistral",
    "deepseek",
    "x-ai",
    "cohere",
    "meta",
    "minimax",
    "moonshotai",
    "zai",
)

PRICE_KEYS = {
    "input_price_per_1m": "input_mtok",
    "cached_input_price_per_1m": "cache_read_mtok",
    "cache_write_price_per_1m": "cache_write_mtok",
    "output_price_per_1m": "output_mtok",
}
KEY_COLUMNS = ("model_name", "effective_from", "min_input_tokens")
COLUMNS = ("provider", *KEY_COLUMNS, *PRICE_KEYS, "source")

# Billed as lines of their own (tool calls), or a dearer kind of a cache write we have a price for.
BESIDE_TOKENS = {
    "web_searches_kcount",
    "storage_searches_kcount",
    "cache_write_5m_mtok",
    "cache_write_1h_mtok",
}

MAX_DECIMALS = 6
ALWAYS = date(1970, 1, 1)
SHOWN = 10

Row = dict[str, str]
Key = tuple[str, str, int]


class SeedError(click.ClickException):
    """A seed that cannot be used: says what, where and what to do. Exits with status 2."""

    exit_code = 2


@dataclass
class PriceList:
    """What the package says, as rows of the seed, and what the seed cannot say: reason to names."""

    rows: dict[Key, Row] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str, name: str) -> None:
        names = self.left_out.setdefault(reason, [])
        if name not in names:
            names.append(name)


def row_key(row: Row) -> Key:
    return row["model_name"], row["effective_from"], int(row["min_input_tokens"])


def sort_key(row: Row) -> tuple[str, Key]:
    return row["provider"], row_key(row)


# --- what the package says


def equal_names(match: MatchLogic) -> Iterator[str]:
    """The names that a match clause lists in full; prefixes and patterns name no model."""
    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from equal_names(clause)


def model_names(provider: Provider, model: ModelInfo) -> set[str]:
    """The full names, in lower case, under which this entry of the provider is sold."""
    names = {
        name.lower()
        for name in (model.id, *equal_names(model.match))
        if provider.find_model(name) is model and not name.endswith("-")
    }
    if model.id.startswith("ft:"):
        names.add(model.id.rstrip("-"))
    return names


def is_resold(name: str, provider: Provider, vendors: Iterable[Provider]) -> bool:
    """True where the provider sells another vendor's model, such as Claude at Google."""

    def claims(vendor: Provider) -> bool:
        return vendor.model_match is not None and vendor.model_match.is_match(name)

    return not claims(provider) and any(claims(v) for v in vendors if v is not provider)


def periods(model: ModelInfo) -> list[tuple[date, ModelPrice]] | None:
    """(first UTC day, prices), oldest first; None where prices depend on more than the date."""
    if isinstance(model.prices, ModelPrice):
        return [(ALWAYS, model.prices)]
    starts = set()
    for conditional in model.prices:
        if conditional.constraint is None:
            starts.add(ALWAYS)
        elif isinstance(conditional.constraint, StartDateConstraint):
            starts.add(conditional.constraint.start_date)
        else:
            return None
    return [
        (start, model.get_prices(datetime.combine(start, time.min, UTC)))
        for start in sorted(starts)
    ]


def price_at(price: Decimal | TieredPrices | None, input_tokens: int) -> Decimal | None:
    """USD per 1M tokens in a request of so many input tokens: a tier applies above its start."""
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return reached[-1] if reached else price.base


def why_not(name: str, prices: ModelPrice) -> str | None:
    """Why these prices do not fit the seed's columns, or None where they do."""
    present = {key: value for key, value in vars(prices).items() if value is not None}
    if not present.keys() & set(PRICE_KEYS.values()):
        return "no price per token (free, or billed by the hour, page or character)"
    other = present.keys() - set(PRICE_KEYS.values()) - BESIDE_TOKENS
    # Gemini's chat models read sound and pictures too, but text is what they are used for: their
    # text price stands. Elsewhere such prices mark a model for sound or pictures.
    if name.startswith("gemini-"):
        other = {key for key in other if not key.startswith(("input_", "cache_"))}
    # of some of those the package holds the text price alone, which is a fraction of the truth
    if other or re.search(r"-(audio|image)\b", name):
        return "text is not all it is priced by (sound, pictures or requests)"
    amounts = [
        amount
        for value in present.values()
        for amount in (
            [value.base, *(tier.price for tier in value.tiers)]
            if isinstance(value, TieredPrices)
            else [value]
        )
    ]
    if any(-amount.normalize().as_tuple().exponent > MAX_DECIMALS for amount in amounts):
        return f"more than {MAX_DECIMALS} decimals"
    return None


def rows_of(provider_id: str, name: str, dated: list[tuple[date, ModelPrice]]) -> list[Row]:
    """One row per period and context tier.

    A row holds until the next one of its model and tier, so a tier that a later period drops gets
    a row there all the same, with the price that big requests pay from then on.
    """
    rows: list[Row] = []
    tiers = {0}
    before: dict[int, dict[str, str]] = {}
    for start, prices in dated:
        values = {column: getattr(prices, key) for column, key in PRICE_KEYS.items()}
        for value in values.values():
            if isinstance(value, TieredPrices):
                tiers |= {tier.start + 1 for tier in value.tiers}
        now = {
            tier: {column: written(price_at(value, tier)) for column, value in values.items()}
            for tier in sorted(tiers)
        }
        if now != before:  # a period may change only what the seed does not hold
            rows += [
                {
                    "provider": provider_id,
                    "model_name": name,
                    "effective_from": start.isoformat(),
                    "min_input_tokens": str(tier),
                    **amounts,
                    "source": SOURCE,
                }
                for tier, amounts in now.items()
            ]
        before = now
    return rows


def written(price: Decimal | None) -> str:
    return "" if price is None else format(price.normalize(), "f")


def looked_up_as(name: str, aliases: dict[str, str]) -> list[str]:
    """The names a price lookup tries after the full name, in the models' order."""
    bare = name.rpartition("/")[2]
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", bare)
    tried = (bare, aliases.get(bare), aliases.get(undated, undated))
    return [other for other in tried if other and other != name]


def price_list(providers: list[Provider], aliases: dict[str, str]) -> PriceList:
    """The vendors' list prices under every full name that a lookup would not find otherwise."""
    by_id = {provider.id: provider for provider in providers}
    if missing := [vendor for vendor in VENDORS if vendor not in by_id]:
        raise click.ClickException(
            f"genai-prices {genai_prices.__version__} has no provider {', '.join(missing)}; correct"
            " VENDORS in scripts/update_prices.py, or the prices of its models would be lost"
        )
    vendors = [by_id[vendor] for vendor in VENDORS]
    result = PriceList()
    found: dict[str, list[Row]] = {}
    for provider in vendors:
        for model in provider.models:
            names = model_names(provider, model)
            if not names:
                result.leave_out("known by a prefix only", model.id)
            for name in sorted(names):
                if is_resold(name, provider, vendors):
                    result.leave_out(f"sold by {provider.id}, made by another vendor", model.id)
                elif (dated := periods(model)) is None:
                    result.leave_out("price depends on the time of day", model.id)
                elif reason := next(filter(None, (why_not(name, p) for _, p in dated)), None):
                    result.leave_out(reason, model.id)
                elif name in found:
                    winner = found[name][0]["provider"]
                    result.leave_out(f"name taken by {winner}", f"{name} of {provider.id}")
                else:
                    found[name] = rows_of(provider.id, name, dated)

    def content(rows: list[Row]) -> list[Row]:
        return [{**row, "model_name": ""} for row in rows]

    for name, rows in found.items():
        other = next((other for other in looked_up_as(name, aliases) if other in found), None)
        if other is None or content(found[other]) != content(rows):
            result.rows |= {row_key(row): row for row in rows}
    return result


# --- the seeds


def read_seed(path: Path, columns: tuple[str, ...], more: bool = False) -> list[tuple[int, Row]]:
    """(line number, row) of a seed with these columns, and with more of them where that is fine."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SeedError(
            f"{path}: no such file. Restore it from git, or start it with this header line:\n"
            f"{','.join(columns)}"
        ) from None
    except UnicodeDecodeError as error:
        raise SeedError(f"{path}: not UTF-8 ({error.reason}). Save it as UTF-8 text.") from None
    except OSError as error:
        raise SeedError(f"{path}: cannot be read: {error.strerror}.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header[: len(columns)] if more else header) != columns:
            raise SeedError(
                f"{path} line 1: the columns are {','.join(header) or '(none)'}; they must be\n"
                f"{','.join(columns)}"
            )
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise SeedError(
                    f"{path} line {reader.line_num}: {len(cells)} cells instead of {len(header)}."
                    " Write one cell per column, an empty one for a missing price."
                )
            rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise SeedError(
            f"{path} line {reader.line_num}: not CSV ({error}). Mend the quotes on that line."
        ) from None
    return rows


def fault_of(column: str, value: str) -> str | None:
    """What is wrong with a cell of the price seed and what to write instead, or None."""
    if value != value.strip():
        return "has blanks around it; remove them"
    if column in PRICE_KEYS:
        if not re.fullmatch(rf"([0-9]{{1,12}}(\.[0-9]{{1,{MAX_DECIMALS}}})?)?", value):
            return (
                f"is not a plain amount of at most {MAX_DECIMALS} decimals; write USD per 1M tokens"
                " such as 0.075, or leave the cell empty where there is no such price"
            )
    elif value == "":
        return "is empty; fill it in"
    elif column == "min_input_tokens" and not re.fullmatch(r"[0-9]{1,18}", value):
        return "is not a whole number; write 0 for the base price, 200001 for above 200000 tokens"
    elif column == "effective_from":
        try:
            if date.fromisoformat(value).isoformat() != value:
                raise ValueError
        except ValueError:
            return "is not a date; write YYYY-MM-DD, or 1970-01-01 for always"
    return None


def read_prices(path: Path) -> dict[bool, dict[Key, Row]]:
    """The price seed's rows by key: False holds people's, True this script's."""
    rows: dict[bool, dict[Key, Row]] = {False: {}, True: {}}
    lines: dict[tuple[bool, Key], int] = {}
    for line, row in read_seed(path, COLUMNS):
        for column in COLUMNS:
            if fault := fault_of(column, row[column]):
                raise SeedError(f"{path} line {line}, column {column}: {row[column]!r} {fault}.")
        key, ours = row_key(row), row["source"] == SOURCE
        if first := lines.get((ours, key)):
            raise SeedError(
                f"{path} line {line}: same {', '.join(KEY_COLUMNS)} as line {first}"
                f" ({', '.join(map(str, key))}). Remove one of the two."
            )
        lines[ours, key] = line
        rows[ours][key] = row
    return rows


def read_aliases(path: Path) -> dict[str, str]:
    rows = read_seed(path, ("alias", "model_name"), more=True)
    return {row["alias"]: row["model_name"] for _, row in rows}


def as_csv(rows: Iterable[Row]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def replace_file(path: Path, content: bytes) -> None:
    """Write the whole file or leave the old one."""
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}.") from None


def write_prices(path: Path, rows: Iterable[Row], dry_run: bool) -> None:
    content = as_csv(sorted(rows, key=sort_key))
    if content != path.read_bytes() and not dry_run:
        replace_file(path, content)


# --- the command


def changes(old: Row, new: Row) -> str:
    return ", ".join(
        f"{column} {old[column] or 'none'} -> {new[column] or 'none'}"
        for column in ("provider", *PRICE_KEYS)
        if old[column] != new[column]
    )


def show(title: str, items: list[str]) -> None:
    if items:
        more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
        click.echo(f"  {title}: {', '.join(items[:SHOWN])}{more}")


def adopt_findings(
    path: Path, seed: dict[bool, dict[Key, Row]], target: str | None, dry_run: bool
) -> None:
    """Add the prices that the loaded bills prove, and say which and what keeps others out."""
    try:
        with open_warehouse(target) as warehouse:
            found, unproven = found_rows(warehouse, COLUMNS)
    except (UnusableInput, WarehouseFailed) as error:
        failure = click.ClickException(str(error))
        failure.exit_code = error.exit_code
        raise failure from None
    kept, listed = seed[False], seed[True]
    adopted = adopt(found, kept, listed, PRICE_KEYS)
    if adopted.written:
        rows = {key: row for key, row in listed.items() if key not in kept}
        write_prices(path, [*kept.values(), *rows.values()], dry_run)
    count = len(adopted.written)
    click.echo(
        f"{'Would add' if dry_run else 'Added'} {count} row{'s' * (count != 1)} to {path} from the"
        f" bill: {len(adopted.known)} already there, {len(adopted.refused)} held by a row by hand."
        if found
        else "Nothing to add: no bill proves another price than the list's."
    )
    for row in adopted.written.values():
        click.echo(f"  {as_csv([row]).decode().splitlines()[1]}")
    if adopted.refused:
        held = [" ".join(map(str, key)) for key in adopted.refused]
        show("a row by hand stays; remove it to take the bill's", held)
    if unproven:
        click.echo(f"  {unproven} findings propose no row: price_findings.why_not says why")
    if adopted.written and not dry_run:
        click.echo("Run `dbt build` to compare log and bill with these prices.")


@click.command()
@click.option(
    "--seeds",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(os.path.relpath(Path(__file__).resolve().parent.parent / "seeds")),
    help="Folder of ai_model_pricing.csv and model_aliases.csv; by default the project's seeds.",
)
@click.option(
    "--from-findings",
    is_flag=True,
    help="Instead, add the prices that the loaded bills prove (mart price_findings), dated.",
)
@click.option(
    "--target",
    help="With --from-findings: the warehouse to read, a target of the dbt profile.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
def main(folder: Path, from_findings: bool, target: str | None, dry_run: bool) -> None:
    """Fill the price list from the installed version of genai-prices.

    Prices change upstream: upgrade the package, run this, and read the diff of the seed. To keep a
    row of your own, give it any other source than genai-prices.
    """
    path = folder / "ai_model_pricing.csv"
    seed = read_prices(path)
    if from_findings:
        adopt_findings(path, seed, target, dry_run)
        return
    if target:
        raise click.UsageError("--target says which warehouse --from-findings reads; add that.")
    listed = price_list(bundled_providers, read_aliases(folder / "model_aliases.csv"))

    kept, before = seed[False], seed[True]
    after = {key: row for key, row in listed.rows.items() if key not in kept}
    added = [key for key in after if key not in before]
    changed = [key for key in after if key in before and before[key] != after[key]]
    removed = [key for key in before if key not in after]

    write_prices(path, [*kept.values(), *after.values()], dry_run)

    click.echo(
        f"{'Would write' if dry_run else 'Wrote'} {len(kept) + len(after)} rows to {path} from"
        f" genai-prices {genai_prices.__version__}: {len(kept)} by hand kept,"
        f" {len(after) - len(added) - len(changed)} unchanged, {len(added)} added,"
        f" {len(changed)} changed, {len(removed)} removed."
    )
    show("changed", [f"{' '.join(map(str, k))} ({changes(before[k], after[k])})" for k in changed])
    show("removed", [" ".join(map(str, key)) for key in removed if key not in kept])
    show("a row by hand wins", [" ".join(map(str, key)) for key in listed.rows if key in kept])
    for reason, names in listed.left_out.items():
        if names:
            click.echo(f"  left out, {reason}: {', '.join(names)}")


if __name__ == "__main__":
    main()
