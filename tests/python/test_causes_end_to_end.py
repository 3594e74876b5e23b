"""Causes planted on either side and at both grains, and what the marts make of them.

No wrong cause may be named, every cause that its row proves must be, and where there is no mistake
nothing may be found. On both engines.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import query
from planted_causes import wrong_sides
from test_end_to_end import DBT, GENERATE, LOAD, money, profile_environment, read, run

from sampler.vocabulary import UNLISTED

TARGETS = ("duckdb", "postgres")
SCENARIOS = ("causes", "exact", "noisy")
CORRECT = ("exact", "noisy")
NOISE = Decimal("1e-9")
# the morning after the last day of the exports, when its data is not complete yet
LOADED_AT = "2026-10-01 06:00:00"
# model, first day, classes of tokens with their new price per 1M; no list has them
PRICE_CHANGES = {
    ("gpt-5-mini", "2026-08-17"): {"input": "0.3", "cached_input": "0.03", "output": "2.2"},
    ("gpt-5.4-mini", "2026-09-17"): {"input": "0.825", "cached_input": "0.0825", "output": "4.8"},
}
ROWS = (
    "select reconciliation_key, cast(usage_date as text) as usage_date, model, logged_usd, "
    "billed_usd, difference_usd, log_error_usd, log_cause, bill_error_usd, bill_cause, cause, "
    "cause_candidates, status_reason from reconciliation.reconciled_requests"
)
DAYS = (
    "select cast(usage_date as text) as usage_date, model, logged_usd, billed_usd, "
    "difference_usd, log_error_usd, log_cause, bill_error_usd, bill_cause, cause, "
    "cause_candidates from reconciliation.daily_reconciliation"
)
Row = dict[str, object]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """A folder with the scenarios, each in a folder of its own with its truth."""
    folder = tmp_path_factory.mktemp("sample")
    arguments = ["--requests", "200", "--seed", "5", "--causes", "--correct"]
    subprocess.run([*GENERATE, *arguments, "--out", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def built(sample, tmp_path_factory, postgres_server, profiles) -> dict[tuple[str, str], dict]:
    """Both engines with each scenario loaded and built: scenario and target -> environment."""
    environments = {}
    for scenario in SCENARIOS:
        patterns = ("bill.csv", "openrouter_activity.csv", "cost_*", "*_usage_*", "token_usage.csv")
        files = [str(path) for name in patterns for path in (sample / scenario).glob(name)]
        assert len(files) == 5
        for target in TARGETS:
            env = profile_environment(profiles, postgres_server, target, tmp_path_factory)
            run([*LOAD, *files, "--target", target], env)
            query(env, f"update raw.loaded_files set loaded_at = timestamp '{LOADED_AT}'")
            excluded = ["unit_test"] if scenario == "causes" else ["unit_test", "test"]
            run([str(DBT), "build", "--target", target, "--exclude-resource-types", *excluded], env)
            environments[scenario, target] = env
    return environments


def rows_of(env: dict[str, str], sql: str) -> list[Row]:
    """What a query finds, by the names of its columns."""
    names = [name.split(" as ")[-1].strip() for name in columns_of(sql)]
    return [dict(zip(names, row, strict=True)) for row in query(env, sql)]


def columns_of(sql: str) -> list[str]:
    """The columns that a query selects."""
    return sql.removeprefix("select ").split(" from ")[0].replace("(usage_date as", "(").split(",")


def united_cause(row: Row) -> object:
    """The cause of a row by those of its sides."""
    causes = {row["log_cause"], row["bill_cause"]} - {None}
    return "several" if len(causes) > 1 else next(iter(causes), None)


def truth_rows(sample: Path, scenario: str) -> dict[str, dict[str, str | None]]:
    """The planted rows by their key."""
    return {row["reconciliation_key"]: row for row in read(sample / scenario / "truth.csv")}


def found_rows(env: dict[str, str]) -> dict[str, Row]:
    """The rows of the mart by their key."""
    return {row["reconciliation_key"]: row for row in rows_of(env, ROWS)}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_row_has_the_amounts_and_errors_that_were_planted(built, sample, scenario, target):
    found, planted = found_rows(built[scenario, target]), truth_rows(sample, scenario)
    assert found.keys() == planted.keys()
    wrong = []
    for key, row in planted.items():
        columns = ["logged_usd", "log_error_usd"]
        # what a call's share of its day's bill is, is not for the sample to say
        if row["is_allocated"] == "false":
            columns += ["billed_usd", "difference_usd", "bill_error_usd"]
        for column in columns:
            if found[key][column] != money(row[column]):
                wrong.append((row["situation"], key, column, found[key][column], row[column]))
    assert wrong == []


@pytest.mark.parametrize("target", TARGETS)
def test_no_wrong_cause_is_named_and_every_provable_one_is(built, sample, target):
    found = found_rows(built["causes", target])
    assert list(wrong_sides(found, truth_rows(sample, "causes").items())) == []


@pytest.mark.parametrize("target", TARGETS)
def test_the_cause_of_a_row_is_that_of_its_sides(built, target):
    for row in rows_of(built["causes", target], ROWS):
        assert row["cause"] == united_cause(row), row
        is_ambiguous = "ambiguous" in (row["log_cause"], row["bill_cause"])
        assert is_ambiguous == (row["cause_candidates"] is not None), row
        if is_ambiguous:
            candidates = row["cause_candidates"].split(", ")
            assert candidates == sorted(set(candidates)) and len(candidates) > 1, row


@pytest.mark.parametrize("target", TARGETS)
def test_the_errors_of_both_sides_are_the_difference(built, target):
    for row in rows_of(built["causes", target], ROWS):
        if row["log_error_usd"] is None:
            assert row["cause"] in (None, "no_price"), row
            assert row["bill_error_usd"] is None, row
        else:
            assert row["difference_usd"] == row["log_error_usd"] + row["bill_error_usd"], row


@pytest.mark.parametrize("target", TARGETS)
def test_days_of_the_exports_have_the_planted_causes(built, sample, target):
    planted = {
        (row["usage_date"], row["model"]): row
        for row in read(sample / "causes" / "truth_daily.csv")
    }
    days = rows_of(built["causes", target], DAYS)
    found = {
        (row["usage_date"], row["model"]): row for row in days if row["usage_date"] > "2026-09"
    }
    assert found.keys() == planted.keys()
    assert list(wrong_sides(found, planted.items())) == []
    amounts = ("logged_usd", "billed_usd", "difference_usd", "log_error_usd", "bill_error_usd")
    # the errors of a model that no list has are nobody's
    wrong = {
        (row["situation"], key, column): (found[key][column], row[column])
        for key, row in planted.items()
        for column in amounts
        if found[key][column] != money(row[column]) and row["model"] != UNLISTED
    }
    assert wrong == {}


@pytest.mark.parametrize("target", TARGETS)
def test_a_day_has_the_errors_and_the_common_cause_of_its_rows(built, target):
    sums = defaultdict(lambda: {"log": Decimal(0), "bill": Decimal(0), "causes": set()})
    for row in rows_of(built["causes", target], ROWS):
        if row["status_reason"] in ("not_an_api_call", "non_usage_charge"):
            continue  # no day's usage
        own = sums[row["usage_date"], row["model"]]
        for side in ("log", "bill"):
            own[side] += row[f"{side}_error_usd"] or 0
            own["causes"].add((side, row[f"{side}_cause"], row["cause_candidates"]))
    for row in rows_of(built["causes", target], DAYS):
        own = sums[row["usage_date"], row["model"]]
        # no bill covers the day, or no price its model
        is_open = row["difference_usd"] is None or row["model"] == UNLISTED
        for side in ("log", "bill"):
            assert is_open or (row[f"{side}_error_usd"] or 0) == own[side], row
            causes = {
                (cause, candidates if cause == "ambiguous" else None)
                for at, cause, candidates in own["causes"]
                if at == side and cause
            }
            common = next(iter(causes), (None,))[0] if len(causes) < 2 else "several"
            assert row[f"{side}_cause"] == common, (row, causes)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_waterfall_closes_and_is_the_sum_of_the_rows(built, scenario, target):
    expected, totals = defaultdict(Decimal), defaultdict(Decimal)
    for row in rows_of(built[scenario, target], ROWS):
        month = row["usage_date"][:7]
        difference = (row["billed_usd"] or 0) - (row["logged_usd"] or 0)
        totals[month] += difference
        if row["log_error_usd"] is None:
            expected[month, "log", row["log_cause"]] += difference
            continue
        for side in ("log", "bill"):
            cause, error = row[f"{side}_cause"], row[f"{side}_error_usd"]
            expected[month, side, cause] += error
    found, sums = {}, defaultdict(Decimal)
    for month, side, cause, difference in query(
        built[scenario, target],
        "select substring(cast(usage_month as varchar), 1, 7), side, cause, sum(difference_usd) "
        "from reconciliation.variance_waterfall group by 1, 2, 3",
    ):
        found[month, side, cause] = difference
        sums[month] += difference
    assert {month: usd for month, usd in sums.items() if usd} == {
        month: usd for month, usd in totals.items() if usd
    }
    named = {key: usd for key, usd in expected.items() if key[2]}
    assert {key: usd for key, usd in found.items() if key[2]} == named


@pytest.mark.parametrize("target", TARGETS)
def test_a_price_that_no_list_has_is_found_with_its_day(built, target):
    found = query(
        built["causes", target],
        "select model, cast(first_date as varchar), token_class, implied_price_per_1m "
        "from reconciliation.price_findings where is_exact",
    )
    for (model, first_date), prices in PRICE_CHANGES.items():
        own = {
            token_class: price
            for found_model, found_date, token_class, price in found
            if (found_model, found_date) == (model, first_date)
        }
        assert own == {token_class: Decimal(price) for token_class, price in prices.items()}


@pytest.mark.parametrize("target", TARGETS)
def test_days_of_a_small_price_change_drift(built, target):
    """A fifth more of a few cents passes row by row; by the day it does not."""
    drifting = query(
        built["causes", target],
        "select model, cast(usage_date as varchar), main_cause "
        "from reconciliation.drift_findings where model in ('gpt-5-mini', 'gpt-5.4-mini')",
    )
    august = {("gpt-5-mini", f"2026-08-{day}", "price_change") for day in range(17, 32)}
    assert {row for row in drifting if row[0] == "gpt-5-mini"} == august


@pytest.mark.parametrize("scenario", CORRECT)
@pytest.mark.parametrize("target", TARGETS)
def test_where_nothing_is_wrong_nothing_is_found(built, scenario, target):
    env = built[scenario, target]
    for row in rows_of(env, ROWS) + rows_of(env, DAYS):
        assert (row["log_cause"], row["bill_cause"], row["cause"]) == (None, None, None), row
        assert row["cause_candidates"] is None, row
        assert abs(row["difference_usd"]) <= NOISE, row
    assert query(env, "select * from reconciliation.discrepancies") == []
    waterfall = "select * from reconciliation.variance_waterfall where cause is not null"
    assert query(env, waterfall) == []
    assert query(env, "select * from reconciliation.drift_findings") == []
    assert query(env, "select * from reconciliation.price_findings") == []
    verdicts = query(env, "select distinct verdict from reconciliation.reconciliation_health")
    assert verdicts == [("healthy",)]
