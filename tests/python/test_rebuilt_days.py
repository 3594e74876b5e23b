"""A build after each load rebuilds days, not everything: what it leaves is what a full one makes.

Worlds of files are loaded in many orders and splits, each followed by a build, and at the end every
mart is compared, row by row and column by column, with that of `dbt build --full-refresh`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import export_worlds
import loading
import pytest
import test_random_months as months
from conftest import query
from oracle import Call, Line, Reference
from test_random_months import DBT, run

MARTS = (
    *("reconciled_requests", "token_usage_reconciled", "discrepancies", "loaded_files"),
    *("reconciliation_summary", "reconciliation_health", "monthly_close", "variance_waterfall"),
    *("daily_reconciliation", "daily_tokens", "drift_findings", "price_findings", "model_prices"),
)
DAY = timedelta(days=1)
FIRST_DAY = datetime(2025, 5, 20)
DAYS = 90


@dataclass
class Loadable:
    """A file that was written, with when it counts as loaded."""

    path: Path
    issuer: str | None
    loaded_at: datetime


# files --------------------------------------------------------------------------------------------


class Season:
    """Ninety days of calls, told by logs and bills of a few days each: late, again, elsewhere."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.serial = 0
        self.logs = [[] for _ in range(8)]
        self.bills = [[] for _ in range(7)]
        self.routers = [[] for _ in range(2)]
        for day in range(DAYS):
            for _ in range(self.rng.choice([0, 0, 1, 3, 6])):
                self.call(FIRST_DAY + day * DAY)

    def name(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def moment(self, day: datetime) -> datetime:
        """Any time, or close to midnight, where the nearest may be of another day."""
        if self.rng.random() < 0.4:
            return day + timedelta(seconds=self.rng.choice([-50, -20, -1, 0, 1, 20, 50]))
        return day + timedelta(seconds=self.rng.randrange(86_400))

    def place(self, files: list[list], day: datetime) -> list:
        """The file that tells of the day, or by chance any other."""
        if self.rng.random() < 0.01:
            return self.rng.choice(files)
        number = (day - FIRST_DAY).days * len(files) // DAYS
        return files[max(0, min(number, len(files) - 1))]

    def call(self, day: datetime) -> None:
        rng = self.rng
        at = self.moment(day)
        model = rng.choice(["gpt-4o", "gpt-4o", "o3", "unheard-of"])
        tokens = {"input_tokens": rng.choice([100, 5_000]), "output_tokens": rng.choice([10, 40])}
        request_id = self.name("r") if rng.random() < 0.7 else None
        usd = Decimal(rng.choice(["0.01", "0.02", "1"]))
        call = Call(
            line_number=0,
            id=self.name("u"),
            created_at=at,
            model_used=model,
            action_type=rng.choice([None, "chat", "admin_grant"]),
            calculated_cost_cents=rng.choice([usd * 100, usd * 90, None]),
            openai_request_id=request_id,
            **tokens,
        )
        line = Line(
            line_number=0,
            request_id=request_id if rng.random() < 0.9 else None,
            billed_at=at + timedelta(seconds=rng.choice([0, 1, 30, 59])),
            model=model,
            cost_usd=rng.choice([usd, usd, None]),
            **tokens,
        )
        if rng.random() < 0.9:
            self.place(self.logs, at).append(call)
            if rng.random() < 0.03:  # a later log says otherwise
                moved = replace(call, created_at=at + rng.choice([0, 1, 9]) * DAY)
                rng.choice(self.logs).append(replace(moved, calculated_cost_cents=Decimal(7)))
            if request_id and rng.random() < 0.04:  # and one logs it twice
                again = replace(call, id=self.name("u"), created_at=at + rng.choice([1, 8]) * DAY)
                self.place(self.logs, again.created_at).append(again)
        if rng.random() < 0.85:
            files = self.routers if rng.random() < 0.2 else self.bills
            late = rng.choice([0, 0, 0, 0, 1, 12]) * DAY
            line = replace(line, billed_at=line.billed_at + late)
            if rng.random() < 0.05:
                line = replace(line, billed_at=None)
            self.place(files, at + late).append(line)
            if line.request_id and rng.random() < 0.06:  # restated, or given back
                cost = rng.choice([Decimal("0.5"), -usd])
                later = replace(line, cost_usd=cost)
                if line.billed_at and rng.random() < 0.5:
                    later = replace(later, billed_at=line.billed_at + rng.choice([1, 15]) * DAY)
                rng.choice(files).append(later)

    def drafts(self) -> list[export_worlds.Draft]:
        """The files, in an order of their own."""
        result = []
        for kind, files in (
            ("log", self.logs),
            ("openai", self.bills),
            ("openrouter", self.routers),
        ):
            for number, rows in enumerate(files):
                if rows:
                    result.append(export_worlds.Draft(f"{kind}_{number}", kind, rows))
        self.rng.shuffle(result)
        for position, draft in enumerate(result):
            draft.loaded_at = datetime(2025, 8, 20) + position * timedelta(hours=12)
            draft.number(self.rng)
        return result


def season(seed: int, folder: Path, reference: Reference) -> list[Loadable]:
    world = Season(seed)
    return [
        Loadable(
            export_worlds.write(draft, folder, world.rng),
            None,
            draft.loaded_at,
        )
        for draft in world.drafts()
    ]


def exports(seed: int, folder: Path, reference: Reference) -> list[Loadable]:
    """The provider's exports beside bills, in any order, the log in parts."""
    world = export_worlds.World(seed, reference)
    drafts = [draft for draft in world.files if draft.kind != "log"]
    for draft in world.files:
        if draft.kind == "log":
            parts: list[list] = [[], [], []]
            for row in draft.rows:
                parts[row.created_at.toordinal() % 3].append(row)
            drafts += [
                replace(draft, name=f"{draft.name}_{number}", rows=rows)
                for number, rows in enumerate(parts)
                if rows
            ]
    world.rng.shuffle(drafts)
    return [
        Loadable(export_worlds.write(draft, folder, world.rng), None, draft.loaded_at)
        for draft in drafts
    ]


def requests(seed: int, folder: Path, reference: Reference) -> list[Loadable]:
    """Every nasty case of a request-level bill."""
    world = months.World(seed)
    months.written(world, folder)
    return [
        Loadable(
            folder / f"{draft.name}.csv",
            draft.issuer if draft.issuer not in (None, "openai", "openrouter") else None,
            draft.loaded_at,
        )
        for draft in world.files
    ]


WORLDS = {"season": season, "exports": exports, "requests": requests}


def steps(files: list[Loadable], rng: random.Random, count: int) -> Iterator[list[Loadable]]:
    """The files in at most so many loads of one or more."""
    cuts = sorted(rng.sample(range(1, len(files)), min(count, len(files)) - 1))
    for start, end in zip([0, *cuts], [*cuts, len(files)], strict=True):
        yield files[start:end]


def load(env: dict[str, str], files: list[Loadable]) -> None:
    for file in files:
        option = ["--issuer", file.issuer] if file.issuer else []
        done = loading.run(env, file.path, *option, "--target", env["DBT_TARGET"])
        assert done.exit_code == 0, done.output
        query(
            env,
            f"update raw.loaded_files set loaded_at = timestamp '{file.loaded_at}' "
            "where load_number = (select max(load_number) from raw.loaded_files)",
        )


# builds -------------------------------------------------------------------------------------------


def dbt_folders(folder: Path) -> dict[str, str]:
    return {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}


def build(env: dict[str, str], folder: Path, *options: str, is_tested: bool = False) -> None:
    """Seeds and models; without data tests where the comparison is the test."""
    left_out = ["unit_test"] if is_tested else ["unit_test", "test"]
    kinds = [word for kind in left_out for word in ("--exclude-resource-type", kind)]
    run(
        [str(DBT), "build", *kinds, "--target", env["DBT_TARGET"], *options],
        env | dbt_folders(folder),
    )


def rows(env: dict[str, str]) -> dict[str, list[tuple]]:
    """Every row of every mart, ordered."""
    return {
        mart: sorted(query(env, f"select * from reconciliation.{mart}"), key=repr) for mart in MARTS
    }


def assert_as_rebuilt(env: dict[str, str], folder: Path, *options: str) -> None:
    """What is there is what a full refresh leaves there."""
    kept = rows(env)
    build(env, folder, "--full-refresh", *options)
    for mart, full in rows(env).items():
        lacking = [row for row in full if row not in kept[mart]]
        beyond = [row for row in kept[mart] if row not in full]
        assert (beyond[:3], lacking[:3]) == ([], []), mart
        assert len(kept[mart]) == len(full), mart


def rebuilt_days(env: dict[str, str]) -> set[date]:
    """The days that the last build made anew, of those that have a row."""
    found = query(
        env,
        "select usage_date from reconciliation_staging.int_days_to_rebuild where usage_date in "
        "(select usage_date from reconciliation_staging.int_days_fingerprinted)",
    )
    return {day for (day,) in found}


def known_days(env: dict[str, str]) -> set[date]:
    days = "select distinct usage_date from reconciliation_staging.int_days_fingerprinted"
    return {day for (day,) in query(env, days)}


@pytest.mark.parametrize(
    ("kind", "seed", "engine"),
    [
        ("season", 1, "duckdb_file"),
        ("season", 2, "postgres"),
        ("exports", 1, "duckdb_file"),
        ("exports", 4, "postgres"),
        ("requests", 2, "duckdb_file"),
    ],
)
def test_files_in_any_order_leave_what_a_full_refresh_leaves(
    kind, seed, engine, request, tmp_path, target_path, reference
):
    env = request.getfixturevalue(engine)
    files = WORLDS[kind](seed, tmp_path, reference)
    for loads in steps(files, random.Random(seed), 5):
        load(env, loads)
        build(env, target_path, is_tested=loads[-1] is files[-1])
    assert_as_rebuilt(env, target_path)


def test_a_late_call_rebuilds_its_day_and_the_neighbours(
    warehouse, tmp_path, target_path, reference
):
    load(warehouse, season(3, tmp_path, reference))
    build(warehouse, target_path)
    assert rebuilt_days(warehouse) == known_days(warehouse)

    build(warehouse, target_path)
    assert rebuilt_days(warehouse) == set()

    day = FIRST_DAY + 45 * DAY
    call = Call(line_number=2, id="late", created_at=day + DAY / 2, model_used="o3")
    draft = export_worlds.Draft("late", "log", [call])
    path = export_worlds.write(draft, tmp_path, random.Random(3))
    load(warehouse, [Loadable(path, None, datetime(2025, 10, 1))])
    build(warehouse, target_path, is_tested=True)
    near = {(day + distance * DAY).date() for distance in (-1, 0, 1)}
    assert rebuilt_days(warehouse) == near & known_days(warehouse)
    assert_as_rebuilt(warehouse, target_path)


def test_a_build_that_ended_early_is_taken_up_again(duckdb_file, tmp_path, target_path, reference):
    """Even where the file that it began with is gone by then."""
    files = season(4, tmp_path, reference)
    load(duckdb_file, files[:-1])
    build(duckdb_file, target_path)
    [(kept,)] = query(duckdb_file, "select max(load_number) from raw.loaded_files")
    load(duckdb_file, files[-1:])
    build(duckdb_file, target_path, "--select", "+reconciled_requests")
    [(gone,)] = query(
        duckdb_file, f"select file_id from raw.loaded_files where load_number > {kept}"
    )
    for table in ("billed_requests", "token_usage", "loaded_files"):
        query(duckdb_file, f"delete from raw.{table} where file_id = '{gone}'")
    build(duckdb_file, target_path)
    assert_as_rebuilt(duckdb_file, target_path)


def test_a_file_that_is_taken_out_leaves_nothing_behind(
    duckdb_file, tmp_path, target_path, reference
):
    load(duckdb_file, season(5, tmp_path, reference))
    build(duckdb_file, target_path)
    [(gone,)] = query(
        duckdb_file,
        "select file_id from raw.loaded_files where grain = 'request' order by load_number limit 1",
    )
    for table in ("billed_requests", "loaded_files"):
        query(duckdb_file, f"delete from raw.{table} where file_id = '{gone}'")
    build(duckdb_file, target_path)
    assert_as_rebuilt(duckdb_file, target_path)


def test_another_tolerance_or_price_or_a_lost_table_rebuilds_every_day(
    duckdb_file, tmp_path, target_path, reference
):
    load(duckdb_file, season(6, tmp_path, reference))
    build(duckdb_file, target_path)

    build(duckdb_file, target_path, "--vars", "{tolerance_usd: 0.001}")
    assert rebuilt_days(duckdb_file) == known_days(duckdb_file)
    query(
        duckdb_file,
        "update reconciliation_staging.ai_model_pricing set input_price_per_1m = 77 "
        "where model_name = 'gpt-4o'",
    )
    own = ("--exclude-resource-type", "seed", "--vars", "{tolerance_usd: 0.001}")
    build(duckdb_file, target_path, *own)
    assert rebuilt_days(duckdb_file) == known_days(duckdb_file)
    query(duckdb_file, "drop table reconciliation.token_usage_reconciled")
    build(duckdb_file, target_path, *own)
    assert rebuilt_days(duckdb_file) == known_days(duckdb_file)
    assert_as_rebuilt(duckdb_file, target_path, *own)


def test_changes_in_the_application_s_own_table_are_seen(
    warehouse, tmp_path, target_path, reference
):
    """A cost that is filled in later, a call that moves to another day, one that is gone."""
    files = season(7, tmp_path, reference)
    load(warehouse, files)
    query(warehouse, "create table app_calls as select * from raw.token_usage")
    query(warehouse, "alter table app_calls drop column file_id")
    query(warehouse, "alter table app_calls drop column line_number")
    query(warehouse, "drop table raw.token_usage")
    schema = "main" if warehouse["DBT_TARGET"] == "duckdb" else "public"
    done = loading.run(
        warehouse, "--usage-table", f"{schema}.app_calls", "--target", warehouse["DBT_TARGET"]
    )
    assert done.exit_code == 0, done.output
    build(warehouse, target_path)

    ids = [
        row
        for (row,) in query(
            warehouse,
            "select id from app_calls where openai_request_id is not null order by created_at",
        )
    ]
    early, middle, late = ids[3], ids[len(ids) // 2], ids[-3]
    query(warehouse, f"update app_calls set calculated_cost_cents = 9 where id = '{early}'")
    query(
        warehouse,
        "update app_calls set created_at = created_at - interval '40' day, success = false "
        f"where id = '{middle}'",
    )
    query(warehouse, f"delete from app_calls where id = '{late}'")
    build(warehouse, target_path)
    assert 0 < len(rebuilt_days(warehouse)) < len(known_days(warehouse))
    assert_as_rebuilt(warehouse, target_path)


@pytest.mark.parametrize("kind", WORLDS)
def test_many_passes_leave_what_one_leaves(kind, duckdb_file, tmp_path, target_path, reference):
    """Of pairs on both sides of a border, of weeks apart, without a time."""
    load(duckdb_file, WORLDS[kind](9, tmp_path, reference))
    pairs = query(
        duckdb_file,
        "select min(calls.id) from raw.token_usage as calls "
        "inner join raw.billed_requests as bills on calls.openai_request_id = bills.request_id "
        "group by calls.created_at order by calls.created_at limit 3",
    )
    for (id_,) in pairs:
        query(duckdb_file, f"update raw.token_usage set created_at = null where id = '{id_}'")
    build(duckdb_file, target_path)
    assert len(passes(target_path)) == 1

    days = query(
        duckdb_file,
        "select count(distinct usage_date) from (select usage_date from "
        "reconciliation_staging.int_calls_counted union all select billed_date from "
        "reconciliation_staging.int_bill_lines_counted)",
    )
    assert_as_rebuilt(duckdb_file, target_path, "--vars", "{rows_per_pass: 1}")
    assert len(passes(target_path)) == days[0][0] > 1
    assert_as_rebuilt(duckdb_file, target_path, "--vars", "{rows_per_pass: 30}")
    assert 1 < len(passes(target_path)) < days[0][0]


def passes(folder: Path) -> list[str]:
    """The inserts by which the last build filled reconciled_requests."""
    [made] = folder.glob("target/run/**/reconciled_requests.sql")
    return re.findall(r"insert into .*", made.read_text())


def test_what_lies_near_the_days_of_a_table_is_told_by_month(
    warehouse, tmp_path, target_path, reference
):
    """From the first to the last day of a month, midnights and rows without a time included."""
    load(warehouse, season(8, tmp_path, reference)[:1])
    build(warehouse, target_path)

    def near(days: list[str], moments: list[str]) -> list[str]:
        table = "reconciliation_staging.int_days_to_read"
        query(warehouse, f"delete from {table}")
        values = ", ".join(f"(date '{day}')" for day in days)
        query(warehouse, f"insert into {table} values {values}")
        inline = "select {{ within_days('moment', 'int_days_to_read') }}"
        words = ["--quiet", "compile", "--inline", inline, "--target", warehouse["DBT_TARGET"]]
        compiled = run([str(DBT), *words], warehouse | dbt_folders(target_path))
        condition = compiled.strip().removeprefix("select")
        given = ", ".join(f"(cast({text} as timestamp))" for text in moments)
        found = query(
            warehouse,
            f"select cast(moment as varchar) from (values {given}) as given (moment) "
            f"where {condition} order by 1 nulls first",
        )
        return [text for (text,) in found]

    assert near(
        ["0001-01-01", "2025-02-27", "2025-03-02", "2025-03-30"],
        [
            "null",
            "'2025-02-26 23:59:59'",
            "'2025-02-27 00:00:00'",
            "'2025-02-28 00:00:00'",
            "'2025-03-15 12:00:00'",
            "'2025-03-30 23:59:59'",
            "'2025-03-31 00:00:00'",
        ],
    ) == [None, "2025-02-27 00:00:00", "2025-03-15 12:00:00", "2025-03-30 23:59:59"]
    # of more than two years, what lies between
    months_apart = [f"{2000 + number // 12}-{number % 12 + 1:02}-10" for number in range(30)]
    assert near(
        [*months_apart, "9999-12-31"],
        ["'2000-01-09 23:59:59'", "'2000-01-11 00:00:00'", "'9999-12-31 23:59:59'"],
    ) == ["2000-01-11 00:00:00", "9999-12-31 23:59:59"]
    assert near(months_apart[:1], ["'2000-01-11 00:00:00'"]) == []
