"""Prices that a bill implies: planted in bills of every model, found by the models, adopted.

What must be found is worked out here from what was planted, in fractions: which price each class
of each model had on the bill and on the list on each day. Nothing is shared with the models.
"""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
from conftest import ROOT, query

DBT = Path(sys.executable).with_name("dbt")
LOAD = [sys.executable, str(ROOT / "scripts" / "load.py")]
UPDATE = [sys.executable, str(ROOT / "scripts" / "update_prices.py")]
DAYS = [date(2025, 6, 4) + timedelta(days=n) for n in range(10)]
CHANGE, BACK = DAYS[4], DAYS[8]  # the list price of o3 falls on 10 June, between them
REQUESTS = 30
CLASSES = ("input", "cached_input", "cache_write", "output")
PRICES = tuple(f"{name}_price_per_1m" for name in CLASSES)
COLUMNS = (
    *("model", "token_class", "service_tier", "listed_price_per_1m", "implied_price_per_1m"),
    *("first_date", "last_date", "request_count", "token_quantity", "billed_usd", "is_exact"),
    *("suggested_row", "why_not"),
)
BILL_HEADER = (
    *("request_id", "timestamp", "model", "input_tokens", "cached_tokens", "cache_write_tokens"),
    *("output_tokens", "cost_usd", "fee_usd", "service_tier", "batch", "region"),
)
COST_HEADER = (
    *("start_time", "end_time", "amount_value", "amount_currency", "quantity", "quantity_unit"),
    *("line_item", "project_id"),
)

DAYS_TABLE = "reconciliation_staging.int_price_days_implied"
WHY_NOT = {
    *("too few rows", "too few tokens", "collinear tokens", "amounts are rounded"),
    *("free tokens inside", "several prices in one day", "no price fits every row"),
    "another tier or region",
}

Rates = tuple[Fraction | None, ...]
"""USD per 1M tokens of each class; None where the list has no price"""


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def write(path: Path, header: tuple[str, ...], rows: list[dict]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def text(amount: Fraction) -> str:
    """All digits of an amount that has no more than eighteen decimals."""
    scaled = amount * 10**18
    assert scaled.denominator == 1
    return f"{Decimal(scaled.numerator).scaleb(-18):f}"


def rounded(amount: Fraction, decimals: int) -> Fraction:
    return Fraction(round(amount * 10**decimals), 10**decimals)


# --- the price list, read from the seed


class PriceList:
    def __init__(self, path: Path) -> None:
        self.by_model: dict[str, list[dict[str, str]]] = {}
        for row in read(path):
            self.by_model.setdefault(row["model_name"], []).append(row)

    def row(self, model: str, day: date, tier: int) -> dict[str, str]:
        rows = [
            row
            for row in self.by_model[model]
            if int(row["min_input_tokens"]) == tier and row["effective_from"] <= day.isoformat()
        ]
        return max(rows, key=lambda row: row["effective_from"])

    def tiers(self, model: str, day: date) -> list[int]:
        known = [row for row in self.by_model[model] if row["effective_from"] <= day.isoformat()]
        return sorted({int(row["min_input_tokens"]) for row in known})

    @cache  # noqa: B019 (there is one list, and it stays)
    def rates(self, model: str, day: date, tier: int) -> Rates:
        row = self.row(model, day, tier)
        given = [Fraction(row[price]) if row[price] else None for price in PRICES]
        return given[0], given[1] or given[0], given[2] or given[0], given[3]


LIST = PriceList(ROOT / "seeds" / "ai_model_pricing.csv")


# --- what is planted


@dataclass
class Group:
    """The requests of a model, day, tier and context tier, and what must be found of them."""

    model: str
    day: date
    tier: int
    listed: Rates
    billed: Rates | None
    """None: nothing can be solved, for the reason `why_not`"""
    why_not: str | None = None
    service_tier: str = "default"
    is_regional: bool = False
    requests: list[tuple[tuple[int, ...], Fraction]] = field(default_factory=list)
    classes: tuple[str, ...] = CLASSES
    is_bucket: bool = False


class World:
    """Bills and cost exports with the truth about their prices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[dict] = []
        self.costs: list[dict] = []
        self.groups: list[Group] = []

    def tokens(self, rates: Rates, tier: int, least: int = 0) -> tuple[int, int, int, int]:
        """Uncached, cached, written and output tokens of a request."""
        draw = self.random.randint
        whole = tier + draw(200 + least, 6000)
        cached = draw(0, whole // 2)
        written = draw(0, whole // 4)
        output = 0 if rates[3] is None else draw(1, 900)
        return whole - cached - written, cached, written, output

    def line(self, model: str, day: date, tokens: tuple[int, ...], usd: Fraction, **more) -> None:
        uncached, cached, written, output = tokens
        at = datetime(day.year, day.month, day.day) + timedelta(
            seconds=self.random.randrange(86_400)
        )
        number = len(self.lines)
        self.lines.append(
            {
                "request_id": f"r{number}",
                "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
                "model": model,
                "input_tokens": uncached + cached + written,
                "cached_tokens": cached,
                "cache_write_tokens": written,
                "output_tokens": output,
                "cost_usd": text(usd),
            }
            | more
        )

    def day(
        self,
        model: str,
        day: date,
        billed: Rates,
        *,
        tier: int = 0,
        count: int = REQUESTS,
        listed: Rates | None = None,
        stated: str = "",
        why_not: str | None = None,
        tokens=None,
        charge=None,
        **more,
    ) -> Group:
        """A day of requests at these rates, or charged as `charge(number, tokens, usd)` says."""
        listed = listed or LIST.rates(model, day, tier)
        group = Group(
            *(model, day, tier, listed, None if why_not else billed, why_not),
            is_regional="region" in more,
        )
        for number in range(count):
            parts = tokens(number) if tokens else self.tokens(listed, tier)
            usd = cost(parts, billed)
            if charge:
                usd = charge(number, parts, usd)
            if usd > 0:
                group.requests.append((parts, usd))
            self.line(model, day, parts, usd, service_tier=stated, **more)
        self.groups.append(group)
        return group

    def item(
        self,
        model: str,
        day: date,
        name: str,
        rate: Fraction,
        *,
        quantities: tuple[int, ...] | None = None,
        why_not: str | None = None,
        charge=None,
    ) -> None:
        """The lines of an item of a cost export, a project each."""
        quantities = quantities or tuple(self.random.randint(10_000, 999_999) for _ in range(2))
        place = CLASSES.index(name)
        group = Group(
            *(model, day, 0, LIST.rates(model, day, 0)),
            None if why_not else tuple(rate if n == place else None for n in range(4)),
            why_not,
            classes=(name,),
            is_bucket=True,
        )
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        for number, quantity in enumerate(quantities):
            usd = quantity * rate / 1_000_000
            if charge:
                usd = charge(number, quantity, usd)
            parts = tuple(quantity if n == place else 0 for n in range(4))
            if usd > 0:
                group.requests.append((parts, usd))
            self.costs.append(
                {
                    "start_time": start,
                    "end_time": start + 86_400,
                    "amount_value": text(usd),
                    "amount_currency": "usd",
                    "quantity": quantity,
                    "quantity_unit": "tokens",
                    "line_item": f"{model}, {name.replace('_', ' ')}".replace("write", "writes"),
                    "project_id": f"proj_{number}",
                }
            )
        self.groups.append(group)


def cost(tokens: tuple[int, ...], rates: Rates) -> Fraction:
    pairs = zip(tokens, rates, strict=True)
    return sum((Fraction(count) * rate / 1_000_000 for count, rate in pairs if count), Fraction(0))


def times(rates: Rates, factor: Fraction | str, only: tuple[int, ...] = (0, 1, 2, 3)) -> Rates:
    """Some of the rates at a multiple, to the sixth decimal."""
    factor = Fraction(factor)
    return tuple(
        rounded(rate * factor, 6) if rate is not None and n in only else rate
        for n, rate in enumerate(rates)
    )


def usable(model: str) -> bool:
    rows = LIST.by_model[model]
    return (
        all(row["input_price_per_1m"] for row in rows)
        and min(row["effective_from"] for row in rows) <= min(DAYS).isoformat()
    )


MODELS = [model for model in LIST.by_model if usable(model)]


def plant(seed: int, models: list[str]) -> World:
    """These models in a bill of ten days, and some with a situation of their own."""
    world = World(seed)
    plant_tiers(world)
    plant_what_cannot_be_solved(world)
    plant_what_stays_out(world)
    plant_gaps(world)
    plant_items(world)
    special = {group.model for group in world.groups}
    for number, model in enumerate(model for model in models if model not in special):
        for day in DAYS:
            for tier in LIST.tiers(model, day):
                listed = LIST.rates(model, day, tier)
                world.day(model, day, changed(number, tier, day, listed), tier=tier)
    return world


def changed(number: int, tier: int, day: date, listed: Rates) -> Rates:
    """What a model's price becomes: four kinds of change."""
    if number % 4 == 0:  # everything, for good
        return times(listed, "4/5") if day >= CHANGE else listed
    if number % 4 == 1:  # one class of the lowest context tier, for a while
        return times(listed, "5/4", (number % 3,)) if CHANGE <= day < BACK and not tier else listed
    if number % 4 == 2:  # twice, and from the start
        return times(listed, "9/10" if day < BACK else "7/10")
    return listed


def plant_tiers(world: World) -> None:
    flagged = {"batch": "true"}
    for day in DAYS:
        listed = LIST.rates("gpt-4o", day, 0)
        world.day("gpt-4o", day, listed, stated="standard")
        half = times(listed, "1/2")
        world.day("gpt-4o", day, half, listed=half, **flagged).service_tier = "batch"

        listed = LIST.rates("gpt-4o-mini", day, 0)
        billed = times(listed, "4/5") if day >= CHANGE else listed
        world.day("gpt-4o-mini", day, billed)
        half = times(listed, "1/2")
        group = world.day("gpt-4o-mini", day, times(billed, "1/2"), listed=half, **flagged)
        group.service_tier = "batch"

        dear = times(LIST.rates("gpt-4.1", day, 0), "7/4")
        group = world.day("gpt-4.1", day, dear, listed=dear, stated="Priority")
        group.service_tier = "priority"
        cheap = times(LIST.rates("gpt-4.1", day, 0), "9/10")
        world.day("gpt-4.1", day, cheap, stated="Scale").service_tier = "scale"

        uplifted = times(LIST.rates("gpt-4.1-mini", day, 0), "11/10")
        world.day("gpt-4.1-mini", day, uplifted, listed=uplifted, region="eu")
        listed = times(LIST.rates("gpt-4.1-nano", day, 0), "11/10")
        billed = times(LIST.rates("gpt-4.1-nano", day, 0), "6/5")
        world.day("gpt-4.1-nano", day, billed, listed=listed, region="eu")


def plant_what_cannot_be_solved(world: World) -> None:
    def noon(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return usd if number % 2 else cost(tokens, LIST.rates("o4-mini", CHANGE, 0))

    def parallel(number: int) -> tuple[int, ...]:
        count = world.random.randint(100, 5000)
        return count, 0, 0, 2 * count

    def noise(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return usd * Fraction(world.random.choice((970_001, 989_999, 1_010_007)), 1_000_000)

    def to_six(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return rounded(usd, 6)

    def cut_to_eight(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return Fraction(int(usd * 10**8), 10**8)

    def granted(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return Fraction(0) if number < 5 else usd / 2 if number == 5 else usd

    for day in DAYS:
        new = "4/5" if day >= CHANGE else 1
        world.day(
            *("o4-mini", day, times(LIST.rates("o4-mini", day, 0), new)),
            charge=noon if day == CHANGE else None,
            why_not="several prices in one day" if day == CHANGE else None,
        )
        for model, charge, factor, why_not in (
            ("claude-opus-4-1", to_six, "4/5", "amounts are rounded"),
            ("gpt-5-nano", to_six, 1, None),
            ("claude-3-7-sonnet-latest", cut_to_eight, 1, None),
            ("gemini-2.5-flash", noise, 1, "no price fits every row"),
            ("o3-mini", granted, 1, "free tokens inside"),
        ):
            rates = times(LIST.rates(model, day, 0), factor)
            world.day(model, day, rates, charge=charge, why_not=why_not)
        few = times(LIST.rates("gpt-5", day, 0), "4/5")
        world.day("gpt-5", day, few, count=4, why_not="too few rows")
        rates = times(LIST.rates("gpt-5-mini", day, 0), "4/5")
        world.day("gpt-5-mini", day, rates, tokens=parallel, why_not="collinear tokens")


def plant_what_stays_out(world: World) -> None:
    def granted(number: int, tokens: tuple[int, ...], usd: Fraction) -> Fraction:
        return Fraction(0) if number < 5 else usd

    for day in DAYS:
        world.day("o1", day, times(LIST.rates("o1", day, 0), "9/10"), charge=granted)
        group = world.day("gpt-5.1", day, LIST.rates("gpt-5.1", day, 0))
        tokens, usd = group.requests[0]
        for more in (
            {"fee_usd": "0.01"},
            {"input_tokens": ""},
            {"cached_tokens": sum(tokens[:3]) + 1},
            {"cost_usd": text(-usd)},
        ):
            world.line("gpt-5.1", day, tokens, usd + Fraction(1, 100), **more)
        world.line("gpt-5.1", day, tokens, usd, cost_usd="")
        world.lines.append(world.lines[-10])


def plant_gaps(world: World) -> None:
    def without_cache(number: int) -> tuple[int, ...]:
        return world.random.randint(200, 6000), 0, 0, world.random.randint(1, 900)

    for number, day in enumerate(DAYS):
        # days without a request do not end a period
        if number in (0, 1, 5, 6, 8):
            world.day("gpt-4-turbo", day, times(LIST.rates("gpt-4-turbo", day, 0), "4/5"))
        # nor do days on which the class has no tokens
        listed = LIST.rates("gpt-5.2", day, 0)
        billed = times(listed, "4/5") if CHANGE <= day < BACK else listed
        none = day in (CHANGE + timedelta(days=1), BACK)
        world.day("gpt-5.2", day, billed, tokens=without_cache if none else None)
        # an open day does
        listed = LIST.rates("gpt-5.2-pro", day, 0)
        few = number == 6
        world.day(
            *("gpt-5.2-pro", day, times(listed, "4/5")),
            count=3 if few else REQUESTS,
            why_not="too few rows" if few else None,
        )
        # a price of the list ends a period, and its own day has the bill's price
        world.day("o3", day, times(LIST.rates("o3", day, 0), "9/10"))
        # a class that the list has no price for
        listed = (*LIST.rates("embed-v4.0", day, 0)[:3], Fraction(0))
        tokens = lambda _: world.tokens((Fraction(1),) * 4, 0)  # noqa: E731
        world.day("embed-v4.0", day, (*listed[:3], Fraction(1, 2)), listed=listed, tokens=tokens)
        # cached tokens stay at the price that the list gives them for want of another
        listed = LIST.rates("gpt-4", day, 0)
        world.day("gpt-4", day, times(listed, "4/5", (0,)) if day >= CHANGE else listed)


def plant_items(world: World) -> None:
    def part_granted(number: int, quantity: int, usd: Fraction) -> Fraction:
        return usd * (quantity - 20_011) / quantity

    def one_dearer(number: int, quantity: int, usd: Fraction) -> Fraction:
        return usd * Fraction(11, 10) if number else usd

    for day in DAYS:
        for name, rate in zip(CLASSES, LIST.rates("o1-mini", day, 0), strict=True):
            billed = rate * Fraction(4, 5) if day >= CHANGE else rate
            world.item("o1-mini", day, name, billed)
            # a bill by request of the same model and day says more
            world.item("gpt-3.5-turbo", day, name, LIST.rates("gpt-3.5-turbo", day, 0)[0] * 3)
            world.groups.pop()
        world.day("gpt-3.5-turbo", day, LIST.rates("gpt-3.5-turbo", day, 0))
        rate = LIST.rates("gpt-5-pro", day, 0)[0]
        why_not = "free tokens inside"
        world.item(
            *("gpt-5-pro", day, "input", rate),
            quantities=(123_457, 765_431),
            charge=part_granted,
            why_not=why_not,
        )
        rate = LIST.rates("gpt-4o-2024-05-13", day, 0)[3]
        why_not = "several prices in one day"
        world.item("gpt-4o-2024-05-13", day, "output", rate, charge=one_dearer, why_not=why_not)
        rate = LIST.rates("o3-pro", day, 0)[3] * Fraction(4, 5)
        world.item(
            *("o3-pro", day, "output", rate), quantities=(499, 500), why_not="too few tokens"
        )


# --- what must be found of it


def expected(world: World) -> list[tuple]:
    """Every row of price_findings."""
    series: dict[tuple, list[Group]] = {}
    for group in world.groups:
        key = (group.is_bucket, group.model, group.service_tier, group.is_regional, group.tier)
        series.setdefault((*key, group.classes if group.is_bucket else None), []).append(group)
    rows = []
    for days in series.values():
        days.sort(key=lambda group: group.day)
        for name in (*days[0].classes, "all"):
            rows += periods(days, name, days if not days[0].is_bucket else of_model(world, days[0]))
    return rows


def of_model(world: World, like: Group) -> list[Group]:
    return [g for g in world.groups if g.model == like.model and g.is_bucket]


def quantity(group: Group, name: str) -> int:
    places = range(4) if name == "all" else (CLASSES.index(name),)
    return sum(tokens[place] for tokens, _ in group.requests for place in places)


def state(group: Group, name: str) -> tuple:
    """Of a class's day what must be equal in a period: why open, or price of list and bill."""
    if group.why_not:
        return "open", group.why_not
    if name == "all":
        return ("listed",)
    listed, billed = (rates[CLASSES.index(name)] for rates in (group.listed, group.billed))
    return ("implied", listed, billed) if listed != billed else ("listed", listed)


def periods(days: list[Group], name: str, all_days: list[Group]) -> list[tuple]:
    rows = []
    with_tokens = [group for group in days if quantity(group, name)]
    for (kind, *facts), run in groupby(with_tokens, key=lambda group: state(group, name)):
        groups = list(run)
        first = groups[0]
        tokens = sum(quantity(group, name) for group in groups)
        count = None if first.is_bucket else sum(len(group.requests) for group in groups)
        dates = (first.day, groups[-1].day)
        key = (first.model, name, first.service_tier)
        if kind == "open" and (name == "all") != first.is_bucket:
            usd = sum(usd for group in groups for _, usd in group.requests)
            listed = None if name == "all" else first.listed[CLASSES.index(name)]
            rows.append((*key, listed, None, *dates, count, tokens, usd, False, None, facts[0]))
        if kind == "implied":
            standard = first.service_tier == "default" and not first.is_regional
            row = price_row(all_days, first.day) if standard else None
            why_not = None if standard else "another tier or region"
            usd = tokens * facts[1] / 1_000_000
            rows.append((*key, *facts, *dates, count, tokens, usd, True, row, why_not))
    return rows


def price_row(days: list[Group], day: date) -> str:
    """The line of the price list for the day: each class as it was last seen."""
    model, tier = days[0].model, days[0].tier
    row = LIST.row(model, day, tier)
    prices = []
    for name, column in zip(CLASSES, PRICES, strict=True):
        seen = [
            state(group, name)
            for group in sorted(days, key=lambda group: group.day)
            if group.day <= day
            and quantity(group, name)
            and not group.why_not
            and name in group.classes
        ]
        kind, *facts = seen[-1] if seen else ("listed", None)
        price = Fraction(row[column]) if row[column] else None
        if kind == "implied":
            price = facts[1]
        elif seen and price is None:
            price = facts[0]
        prices.append("" if price is None else f"{Decimal(text(price)).normalize():f}")
    return ",".join([row["provider"], model, f"{day}", f"{tier}", *prices, f"bill {day}"])


def comparable(row: tuple) -> tuple:
    return tuple(Fraction(cell) if isinstance(cell, Decimal) else cell for cell in row)


def by_text(rows: list[tuple]) -> list[tuple]:
    return sorted(rows, key=lambda row: tuple(str(cell) for cell in row))


# --- the product


def run(command: list[str], env: dict[str, str], folder: Path = ROOT) -> str:
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(env: dict[str, str], folder: Path) -> None:
    """Seeds and models up to the findings, of a copy of the project, whose seeds may change."""
    models = ("+price_findings", "+int_price_days_implied")
    only = ("--exclude-resource-type", "test", "unit_test")
    command = [str(DBT), "build", "--quiet", *only, "--target", env["DBT_TARGET"]]
    run([*command, "--select", *models], env, folder)


def findings(env: dict[str, str]) -> list[tuple]:
    rows = query(env, f"select {', '.join(COLUMNS)} from reconciliation.price_findings")
    return by_text([comparable(row) for row in rows])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, so that its price list may change."""
    folder = tmp_path / "project"
    for name in ("models", "macros", "seeds", "tests/generic"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    return folder


@pytest.fixture
def apart(warehouse: dict[str, str], project: Path) -> dict[str, str]:
    return warehouse | {
        "DBT_TARGET_PATH": str(project / "target"),
        "DBT_LOG_PATH": str(project / "logs"),
    }


def load(env: dict[str, str], world: World, folder: Path) -> None:
    files = []
    if world.lines:
        files.append(write(folder / "bill.csv", BILL_HEADER, world.lines))
    if world.costs:
        files.append(write(folder / "cost.csv", COST_HEADER, world.costs))
    run([*LOAD, *map(str, files), "--target", env["DBT_TARGET"]], env)


def adopt(env: dict[str, str], project: Path, *options: str) -> str:
    """`update_prices.py --from-findings` on the price list of a copy of the project."""
    seeds = ["--seeds", str(project / "seeds"), "--target", env["DBT_TARGET"]]
    return run([*UPDATE, "--from-findings", *seeds, *options], env)


def test_planted_prices_are_found_adopted_and_gone(apart, project, tmp_path):
    # a third of the models on one engine, a few of them on the other: all take minutes
    world = plant(1, MODELS[:: 3 if apart["DBT_TARGET"] == "duckdb" else 16])
    load(apart, world, tmp_path)
    build(apart, project)
    found, planted = findings(apart), by_text(expected(world))
    assert not set(found) - set(planted), by_text(list(set(found) - set(planted)))[:3]
    assert not set(planted) - set(found), by_text(list(set(planted) - set(found)))[:3]
    assert len(found) == len(planted) > 100
    assert {row[-1] for row in found} == {None, *WHY_NOT}
    check_prices_by_day(apart, world)

    prices = project / "seeds" / "ai_model_pricing.csv"
    before = prices.read_bytes()
    said = adopt(apart, project, "--dry-run")
    assert prices.read_bytes() == before and said.startswith("Would add ")
    said = adopt(apart, project)
    after = prices.read_bytes()
    assert after != before and said.startswith("Added ")
    added = set(after.decode().splitlines()) - set(before.decode().splitlines())
    # the bill has another price on the very day of a row of the package
    gone = set(before.decode().splitlines()) - set(after.decode().splitlines())
    assert gone == {"openai,o3,2025-06-10,0,2,0.5,,8,genai-prices"}
    assert {row[-2] for row in found if row[-2]} - added == repeated(found)
    again = adopt(apart, project)
    assert prices.read_bytes() == after and again.startswith("Added 0 rows")

    build(apart, project)
    # what the new prices explain is gone: the batch tier's half of them, a day of few rows
    explained = {("gpt-4o-mini", "batch"), ("gpt-5.2-pro", "default")}
    rest = [row for row in planted if not row[-2] and row[:3:2] not in explained]
    assert [row[:3] + row[5:] for row in findings(apart)] == [row[:3] + row[5:] for row in rest]
    assert query(apart, f"select * from {DAYS_TABLE}") == []


def repeated(found: list[tuple]) -> set[str]:
    """Rows that an open day parts from others of the same prices: the list needs the first."""
    rows = [row[-2] for row in found if row[0] == "gpt-5.2-pro" and row[-2]]
    return {row for row in rows if not row.endswith(f"bill {DAYS[0]}")}


def check_prices_by_day(env: dict[str, str], world: World) -> None:
    """int_price_days_implied: the prices of each day that has others than the list's."""
    planted = {}
    for group in world.groups:
        standard = group.service_tier == "default" and not group.is_regional
        if not standard or group.why_not:
            continue
        for name, listed, billed in zip(CLASSES, group.listed, group.billed, strict=True):
            if name in group.classes and quantity(group, name) and billed != listed:
                key = (group.model, group.day, group.tier)
                rates = planted.setdefault(key, list(group.listed))
                rates[CLASSES.index(name)] = billed
    rows = query(
        env,
        "select model_name, usage_date, min_input_tokens, usd_per_input_token, "
        "usd_per_cached_input_token, usd_per_cache_write_token, usd_per_output_token "
        f"from {DAYS_TABLE}",
    )
    found = {row[:3]: [None if r is None else Fraction(r) * 10**6 for r in row[3:]] for row in rows}
    assert found == planted
    assert len(rows) == len(found) > 50


def test_nothing_is_found_where_nothing_is_planted(apart, project, tmp_path):
    """Nor in amounts that a bill rounds, and in a log that is wrong."""
    world = World(2)
    for number, model in enumerate(MODELS[::12]):
        for day in DAYS[:2]:
            rates = LIST.rates(model, day, 0)
            decimals = (None, 10, 8, 6)[number % 4]
            world.day(
                *(model, day, rates),
                count=10,
                charge=decimals and (lambda _, __, usd, places=decimals: rounded(usd, places)),
            )
            for name, rate in zip(CLASSES, rates, strict=True):
                if number % 4 == 0 and rate is not None:
                    world.item(model, day, name, rate)
    load(apart, world, tmp_path)
    build(apart, project)
    assert findings(apart) == []
    prices = (project / "seeds" / "ai_model_pricing.csv").read_bytes()
    assert adopt(apart, project).startswith("Nothing to add: ")
    assert (project / "seeds" / "ai_model_pricing.csv").read_bytes() == prices


# --- adopting, without a build


def fill(env: dict[str, str], suggested: list[str], back: tuple[str, ...] = ()) -> None:
    """The two tables that the script reads, with these rows of the price list."""
    query(env, "create schema reconciliation")
    query(env, "create schema reconciliation_staging")
    query(
        env,
        "create table reconciliation.price_findings "
        "(is_exact boolean, suggested_row varchar(200), why_not varchar(50))",
    )
    query(
        env,
        "create table reconciliation_staging.int_price_rows_suggested (price_row varchar(200))",
    )
    for row in suggested:
        query(env, f"insert into reconciliation.price_findings values (true, '{row}', null)")
    query(env, "insert into reconciliation.price_findings values (false, null, 'too few rows')")
    for row in (*suggested, *back):
        query(env, f"insert into reconciliation_staging.int_price_rows_suggested values ('{row}')")


def rows_of(project: Path, model: str) -> list[str]:
    lines = (project / "seeds" / "ai_model_pricing.csv").read_text().splitlines()
    return [line for line in lines if f",{model}," in line]


NEW = "openai,gpt-4o,2025-05-14,0,2,1,,8,bill 2025-05-14"
BACK_AGAIN = "openai,gpt-4o,2025-05-20,0,2.5,1.25,,10,bill 2025-05-20"


def test_a_price_and_its_end_become_dated_rows(warehouse, project):
    fill(warehouse, [NEW, NEW], (BACK_AGAIN,))
    before = rows_of(project, "gpt-4o")
    assert adopt(warehouse, project, "--dry-run") == (
        "Would add 2 rows to PRICES from the bill: 0 already there, 0 held by a row by hand.\n"
        f"  {NEW}\n  {BACK_AGAIN}\n"
        "  1 findings propose no row: price_findings.why_not says why\n"
    ).replace("PRICES", str(project / "seeds" / "ai_model_pricing.csv"))
    assert rows_of(project, "gpt-4o") == before
    assert "Run `dbt build`" in adopt(warehouse, project)
    assert rows_of(project, "gpt-4o") == [*before, NEW, BACK_AGAIN]
    said = adopt(warehouse, project)
    assert said.startswith("Added 0 rows") and "2 already there" in said
    # the package's prices come and go, the bill's stay
    run([*UPDATE, "--seeds", str(project / "seeds")], warehouse)
    assert rows_of(project, "gpt-4o") == [*before, NEW, BACK_AGAIN]


def test_a_row_by_hand_stays_and_a_row_of_the_bill_does_not(duckdb_file, project):
    prices = project / "seeds" / "ai_model_pricing.csv"
    own = "openai,gpt-4o,2025-05-14,0,3,,,9,our contract"
    old = "openai,gpt-4.1,2025-05-14,0,1,0.5,,4,bill 2025-05-14"
    same = "openai,gpt-5,2025-05-14,0,1.10,0.1,,9,our contract"
    with prices.open("a") as lines:
        lines.write(f"{own}\n{old}\n{same}\n")
    new = old.replace(",0,1,", ",0,1.2,")
    fill(duckdb_file, [NEW, new, "openai,gpt-5,2025-05-14,0,1.1,0.1,,9,bill 2025-05-14"])
    said = adopt(duckdb_file, project)
    assert "Added 1 row to " in said and "1 already there, 1 held by a row by hand" in said
    assert "a row by hand stays; remove it to take the bill's: gpt-4o 2025-05-14 0" in said
    assert own in rows_of(project, "gpt-4o") and NEW not in rows_of(project, "gpt-4o")
    assert new in rows_of(project, "gpt-4.1") and old not in rows_of(project, "gpt-4.1")
    assert same in rows_of(project, "gpt-5")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--from-findings"], 2, "no mart price_findings: run `dbt build` first"),
        (["--from-findings", "--target", "nowhere"], 2, "no target 'nowhere'"),
        (["--target", "duckdb"], 2, "--target says which warehouse --from-findings reads"),
    ],
)
def test_what_cannot_be_read_is_said(duckdb_file, project, options, status, said):
    prices = project / "seeds" / "ai_model_pricing.csv"
    before = prices.read_bytes()
    command = [*UPDATE, *options, "--seeds", str(project / "seeds")]
    done = subprocess.run(command, env=duckdb_file, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status and said in done.stderr
    assert "Traceback" not in done.stderr
    assert prices.read_bytes() == before
