"""Random exports, logs and bills: every row of the marts against the rules in bucket_oracle.py.

A world (export_worlds.py) holds every nasty case at once, so that a few builds try hundreds of
buckets. Amounts must be equal to the last digit; only a call's share of a bucket may be off by
1e-12, as far as engines divide differently, and the shares must still sum to the bill.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import loading
from bucket_oracle import Buckets, Export, Options
from conftest import query
from export_worlds import Draft, Months, World, write
from oracle import Reference
from test_random_months import DBT, run

KEYS = {
    "reconciled_requests": ("reconciliation_key",),
    "daily_reconciliation": ("usage_date", "project_id", "model"),
    "daily_tokens": ("usage_date", "project_id", "model", "token_class", "quantity_unit"),
    "monthly_close": ("usage_month",),
    "loaded_files": ("file_id",),
}
COLUMNS = {  # of rows that have more than this grain is about; of the others, all
    "reconciled_requests": (
        *("reconciliation_key", "usage_date", "model", "issuer", "billed_usd", "logged_usd"),
        *("difference_usd", "match_method", "billed_cost_basis", "reconciliation_status"),
        *("status_reason", "request_count"),
    ),
}
OTHER_KEYS = {
    "token_usage_reconciled": ("id",),
    "discrepancies": ("reconciliation_key",),
    "reconciliation_summary": ("usage_month", "model", "reconciliation_status"),
    "reconciliation_health": ("usage_month",),
}
CLOCK = ("load_number", "loaded_at", "reconciled_at", "first_seen_at", "file_id")
SHARE_DIGIT = Decimal("1e-12")
BY_PROJECT = Options(is_by_project=True, billed_projects=("proj_a", "proj_b"))


# files in -----------------------------------------------------------------------------------------


def load(drafts: list[Draft], folder: Path, env: dict[str, str]) -> list:
    """Load the files in this order, at the times of the world, and say what is loaded."""
    paths = {draft.name: folder / f"{draft.name}.csv" for draft in drafts}
    done = loading.run(env, *paths.values(), "--target", env["DBT_TARGET"])
    assert done.exit_code == 0, done.output
    ids = {
        draft.name: hashlib.sha256(paths[draft.name].read_bytes()).hexdigest() for draft in drafts
    }
    query(
        env,
        ";".join(
            f"update raw.loaded_files set loaded_at = timestamp '{draft.loaded_at}' "
            f"where file_id = '{ids[draft.name]}'"
            for draft in drafts
        ),
    )
    found = query(
        env,
        "select file_id, load_number, accepted_line_count, rejected_line_count "
        "from raw.loaded_files order by load_number",
    )
    assert found == [
        (ids[draft.name], number, len(draft.rows), 0) for number, draft in enumerate(drafts, 1)
    ]
    return [draft.loaded(ids[draft.name], number) for number, draft in enumerate(drafts, 1)]


def build(
    env: dict[str, str], folder: Path, options: Options | None = None, *, is_tested: bool = False
) -> None:
    """Build every model, with its data tests or, to save time, without."""
    own = {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    left_out = ["unit_test"] if is_tested else ["unit_test", "test"]
    excluded = [word for kind in left_out for word in ("--exclude-resource-type", kind)]
    values = {}
    if options:
        values = {
            "reconcile_by_project": options.is_by_project,
            "billed_projects": list(options.billed_projects),
        }
    command = [str(DBT), "build", *excluded, "--target", env["DBT_TARGET"]]
    run([*command, "--vars", json.dumps(values)], env | own)


def expected(loaded: list, reference: Reference, options: Options | None = None) -> Buckets:
    exports = [file for file in loaded if isinstance(file, Export)]
    files = [file for file in loaded if not isinstance(file, Export)]
    return Buckets(files, exports, reference, options)


# marts out ----------------------------------------------------------------------------------------


def mart(
    env: dict[str, str], name: str, key: tuple[str, ...], without: tuple[str, ...] = ()
) -> dict[tuple, dict]:
    """Every row of a mart: key -> row by column name."""
    columns = [
        column
        for (column,) in query(
            env,
            "select column_name from information_schema.columns where table_schema = "
            f"'reconciliation' and table_name = '{name}' order by ordinal_position",
        )
        if column in key or column not in without
    ]
    rows = [
        dict(zip(columns, row, strict=True))
        for row in query(env, f"select {', '.join(columns)} from reconciliation.{name}")
    ]
    return keyed(name, rows, key)


def keyed(name: str, rows: list[dict], key: tuple[str, ...]) -> dict[tuple, dict]:
    result = {tuple(row[column] for column in key): row for row in rows}
    assert len(result) == len(rows), f"{name}: a key is in more than one row"
    return result


def is_same(name: str, column: str, wanted: dict, found: dict) -> bool:
    """Equal; a share and a ratio, which is for display, but for their last digit. A sum of a
    month may be null where there is nothing to sum."""
    one, other = wanted[column], found[column]
    if name == "monthly_close" and column.endswith("_usd"):
        return (one or 0) == (other or 0)
    if None in (one, other) or one == other:
        return one == other
    if column.endswith(("_pct", "_rate")):
        return abs(one - other) <= max(Decimal("1e-6"), abs(one) * Decimal("2e-12"))
    is_share = wanted.get("match_method") == "bucket" and column in ("billed_usd", "difference_usd")
    return is_share and abs(one - other) <= SHARE_DIGIT


def assert_equal(name: str, wanted: dict[tuple, dict], found: dict[tuple, dict]) -> None:
    unequal = [f"only wanted: {wanted[key]}" for key in wanted.keys() - found.keys()]
    unequal += [f"only found: {found[key]}" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        columns = [
            column for column in wanted[key] if not is_same(name, column, wanted[key], found[key])
        ]
        if columns:
            shown = ", ".join(
                f"{c}: wanted {wanted[key][c]}, found {found[key][c]}" for c in columns
            )
            unequal.append(f"{key}: {shown}\n    wanted {wanted[key]}\n    found {found[key]}")
    assert not unequal, f"{name}: {len(unequal)} rows differ\n" + "\n".join(sorted(unequal)[:10])


def assert_as_the_rules_say(env: dict[str, str], rules: Buckets) -> None:
    rows = {
        "reconciled_requests": rules.reconciled_requests,
        "daily_reconciliation": list(rules.daily.values()),
        "daily_tokens": rules.daily_tokens,
        "monthly_close": rules.monthly_close,
        "loaded_files": rules.loaded_files,
    }
    found = {name: mart(env, name, key) for name, key in KEYS.items()}
    # bills and logs are the matter of test_random_months.py
    exports = {(row["file_id"],) for row in rules.loaded_files}
    found["loaded_files"] = {
        key: row for key, row in found["loaded_files"].items() if key in exports
    }
    failures = []
    for name, key in KEYS.items():
        columns = COLUMNS.get(name)
        wanted = [
            {column: row[column] for column in columns} if columns else row for row in rows[name]
        ]
        try:
            assert_equal(name, keyed(name, wanted, key), found[name])
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)

    assert sums(rules.reconciled_requests, "issuer") == sums(
        found["reconciled_requests"].values(), "issuer"
    )
    assert_shares_sum_to_the_bill(rules, found["reconciled_requests"])


def sums(rows, column: str) -> dict[str | None, Decimal]:
    """Billed dollars by the value of a column."""
    result: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in rows:
        result[row[column]] += row["billed_usd"] or 0
    return result


def assert_shares_sum_to_the_bill(rules: Buckets, found: dict[tuple, dict]) -> None:
    """Exactly, though each may be off in its last digits."""
    for (issuer, bucket), remainder in rules.remainders.items():
        keys = [(bucket.key(issuer),), *((f"usage:{c.id}",) for c in rules.pool(issuer, bucket))]
        assert sum(found[key]["billed_usd"] for key in keys if key in found) == remainder, bucket


# tests --------------------------------------------------------------------------------------------


def written(world: World, folder: Path) -> list[Draft]:
    for draft in world.files:
        write(draft, folder, world.rng)
    return world.files


def test_every_row_is_what_the_rules_say_on_both_engines(
    duckdb_file, postgres, tmp_path, target_path, reference
):
    drafts = written(World(1, reference), tmp_path)
    for env in (duckdb_file, postgres):
        loaded = load(drafts, tmp_path, env)
        build(env, target_path, is_tested=env is duckdb_file)
        assert_as_the_rules_say(env, expected(loaded, reference))


def test_every_row_is_what_the_rules_say_of_another_world(
    postgres, tmp_path, target_path, reference
):
    loaded = load(written(World(2, reference), tmp_path), tmp_path, postgres)
    build(postgres, target_path, is_tested=True)
    assert_as_the_rules_say(postgres, expected(loaded, reference))


def test_project_by_project_and_without_the_projects_of_others(
    duckdb_file, tmp_path, target_path, reference
):
    loaded = load(written(World(3, reference), tmp_path), tmp_path, duckdb_file)
    build(duckdb_file, target_path, BY_PROJECT, is_tested=True)
    assert_as_the_rules_say(duckdb_file, expected(loaded, reference, BY_PROJECT))


def test_months_of_other_sources_load_in_any_order(duckdb_file, tmp_path, target_path, reference):
    """A month of costs, one with usage, one with a request-level bill over both, all restated
    twice: whatever comes first, as long as a restatement comes after what it restates."""
    world = Months(4, reference)
    written(world, tmp_path)
    built = []
    for position, order in enumerate(world.orders()):
        env = duckdb_file | {"RECONCILIATION_DUCKDB": str(tmp_path / f"{position}.duckdb")}
        loaded = load(order, tmp_path, env)
        build(env, target_path)
        assert_as_the_rules_say(env, expected(loaded, reference))
        built.append(env)
    for name, key in (KEYS | OTHER_KEYS).items():
        # whole rows, also of what the rules leave open
        assert_equal(name, *(mart(env, name, key, CLOCK) for env in built))
