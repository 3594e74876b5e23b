"""Random worlds of wrong amounts: every cause against the rules in causes_oracle.py.

A world (cause_worlds.py) tries each hypothesis some ten times on each side, and the clauses of the
rules at their edges, so that a few builds try thousands of amounts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cause_worlds import OWN_ROWS, World
from causes_oracle import Rules, expect_causes, waterfall
from conftest import ROOT, query
from oracle import Reference, expect
from test_random_months import DBT, assert_equal, load, run, write

OTHERS = {
    *("not_logged", "missing_from_bill", "awaiting_bill", "duplicate_log", "not_applicable"),
    *("no_price", "several", "ambiguous", "unexplained", None),
}
COLUMNS = (
    *("reconciliation_key", "status_reason", "expected_usd", "difference_usd"),
    *("log_error_usd", "log_cause", "bill_error_usd", "bill_cause", "cause", "cause_candidates"),
)
STEP = ("usage_month", "model", "side", "cause", "row_count", "difference_usd")


def rows_of(env: dict[str, str], name: str, columns: tuple[str, ...], key: int) -> dict:
    """The rows of a mart by their first columns, as many as the key has."""
    found = query(env, f"select {', '.join(columns)} from reconciliation.{name}")
    by_key = {row[:key]: dict(zip(columns, row, strict=True)) for row in found}
    assert len(by_key) == len(found), f"{name}: a key is in more than one row"
    return by_key


def built(env: dict[str, str], target: Path, project: Path, is_tested: bool) -> None:
    """Seeds and models, as far as the causes of requests need them."""
    own = {"DBT_TARGET_PATH": str(target / "target"), "DBT_LOG_PATH": str(target / "logs")}
    options = [
        *("--target", env["DBT_TARGET"], "--project-dir", str(project)),
        *("--select", "+reconciled_requests", "+variance_waterfall"),
        *("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"),
    ]
    if not is_tested:
        options += ["--exclude-resource-type", "test"]
    run([str(DBT), "build", *options], env | own)


def named_by(rules: Rules) -> set[str]:
    """The causes that a hypothesis can prove of a request."""
    elsewhere = {"duplicate_log"}  # what is logged twice is a fact of requests, guessed of days
    return {way.cause for way in rules.hypotheses} - elsewhere


def assert_causes(env: dict[str, str], files: list, reference: Reference, rules: Rules) -> None:
    """Every row's errors and causes, and every step of the waterfall, are what the rules say."""
    expected = expect(files, reference)
    causes = expect_causes(expected.pairs, reference, rules)
    rows = {
        (why["reconciliation_key"],): {
            name: why[name] if name in why else row[name] for name in COLUMNS
        }
        for (row, _, _), why in zip(expected.pairs, causes, strict=True)
    }
    steps = {
        tuple(step[name] for name in STEP[:4]): step
        for step in waterfall(expected.reconciled_requests, causes)
    }
    proven = query(env, "select count(*) from reconciliation_staging.int_price_days_implied")
    assert proven == [(0,)], "the oracle knows no price findings: draw a world without any"
    named = {why[side] for why in causes for side in ("log_cause", "bill_cause", "cause")}
    wanted = named_by(rules) | OTHERS
    assert named >= wanted, f"the world never meets {wanted - named}"
    assert_equal("reconciled_requests", rows, rows_of(env, "reconciled_requests", COLUMNS, 1))
    assert_equal("variance_waterfall", steps, rows_of(env, "variance_waterfall", STEP, 4))


def check(env: dict[str, str], world: World, folder: Path, target: Path, project: Path) -> None:
    """Load and build a world; what follows from the seeds of the project."""
    for draft in world.files:
        write(draft, folder, world.rng)
    files = load(world.files, folder, env)
    built(env, target, project, is_tested=project is ROOT)
    assert_causes(env, files, world.reference, world.rules)


def test_every_difference_has_the_cause_that_the_rules_say(duckdb_file, tmp_path, target_path):
    world = World(3, Reference.read(ROOT / "seeds"), Rules.read(ROOT / "seeds"))
    check(duckdb_file, world, tmp_path, target_path, ROOT)


@pytest.mark.parametrize("engine", ["duckdb_file", "postgres"])
def test_a_new_row_of_a_seed_is_a_new_rule(engine, request, tmp_path, target_path):
    """Own prices, tiers and hypotheses beside those that are there, and no new SQL."""
    project = tmp_path / "project"
    for folder in ("macros", "models", "seeds", "tests/generic"):
        shutil.copytree(ROOT / folder, project / folder)
    shutil.copy(ROOT / "dbt_project.yml", project)
    for name, rows in OWN_ROWS.items():
        with (project / "seeds" / name).open("a", encoding="utf-8") as file:
            file.write(rows)
    world = World(2, Reference.read(project / "seeds"), Rules.read(project / "seeds"))
    check(request.getfixturevalue(engine), world, tmp_path, target_path / "own", project)
