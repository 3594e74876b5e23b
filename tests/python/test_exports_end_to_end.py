"""The provider's exports in, marts out, on both engines: compared with what was planted."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from decimal import Decimal

import pytest
from conftest import query
from planted_causes import wrong_sides
from test_end_to_end import (
    DBT,
    GENERATE,
    LOAD,
    MARTS,
    RECONCILE,
    mart,
    profile_environment,
    read,
    run,
)

TARGETS = ("duckdb", "postgres")
# of the truth, compared on their own
CAUSE_COLUMNS = (
    "log_cause",
    "is_log_cause_provable",
    "bill_cause",
    "is_bill_cause_provable",
    "situation",
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A folder with the generated exports, their log and their truth."""
    folder = tmp_path_factory.mktemp("sample")
    arguments = ["--requests", "1000", "--seed", "3", "--out", str(folder), "--exports"]
    subprocess.run([*GENERATE, *arguments], check=True, capture_output=True)
    return folder / "exports"


@pytest.fixture(scope="module")
def built(exports, tmp_path_factory, postgres_server, profiles) -> dict[str, dict[str, str]]:
    """Both engines with the exports loaded and built: target -> environment."""
    environments = {}
    files = [*sorted(exports.glob("cost_*.csv")), *sorted(exports.glob("*_usage_*.csv"))]
    names = [str(path) for path in (*files, exports / "token_usage.csv")]
    for target in TARGETS:
        env = profile_environment(profiles, postgres_server, target, tmp_path_factory)
        run([*LOAD, *names, "--target", target], env)
        run([str(DBT), "build", "--target", target, "--exclude-resource-type", "unit_test"], env)
        environments[target] = env
    return environments


def shown(value: object) -> str | None:
    """A value as the truth writes it: numbers without trailing zeros."""
    if isinstance(value, Decimal):
        value = f"{value:f}"
        value = value.rstrip("0").rstrip(".") if "." in value else value
        return "0" if value == "-0" else value
    return None if value is None else str(value)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("name", "file"),
    [("daily_reconciliation", "truth_daily.csv"), ("monthly_close", "truth_months.csv")],
)
def test_every_planted_day_and_month_has_its_planted_result(built, exports, target, name, file):
    keys = MARTS[name].split(", ")
    expected = {}
    for row in read(exports / file):
        for column_of_cause in CAUSE_COLUMNS:
            row.pop(column_of_cause, None)
        expected[tuple(row.get(key) for key in keys)] = row
    columns = list(next(iter(expected.values())))
    found = {}
    for row in mart(built[target], name):
        own = {column: shown(row[column]) for column in columns}
        found[tuple(own[key] for key in keys)] = own
    assert found.keys() == expected.keys()
    assert {key: (found[key], row) for key, row in expected.items() if found[key] != row} == {}


@pytest.mark.parametrize("target", TARGETS)
def test_no_day_has_another_cause_than_the_planted_one(built, exports, target):
    planted = {(row["usage_date"], row["model"]): row for row in read(exports / "truth_daily.csv")}
    found = {
        (str(row["usage_date"]), row["model"]): row
        for row in mart(built[target], "daily_reconciliation")
    }
    assert list(wrong_sides(found, planted.items())) == []


@pytest.mark.parametrize("name", MARTS)
def test_both_engines_have_the_same_rows(built, name):
    """To the last digit, also the shares of calls, which are divided."""
    duckdb_rows, postgres_rows = (mart(built[target], name) for target in TARGETS)
    assert len(duckdb_rows) == len(postgres_rows) > 0
    for ours, theirs in zip(duckdb_rows, postgres_rows, strict=True):
        assert ours == theirs


@pytest.mark.parametrize("target", TARGETS)
def test_the_marts_hold_every_dollar_of_the_exports(built, exports, target):
    """Per day and in all, by a reading of the files that shares nothing with the models."""
    charged: dict[str, Decimal] = {}
    for path in sorted(exports.glob("cost_*.csv")):
        own: dict[str, Decimal] = defaultdict(Decimal)
        for row in read(path):
            usd = Decimal(row["amount_value"] or 0).quantize(Decimal("1e-18"), "ROUND_HALF_UP")
            own[row["start_time"]] += usd
        charged |= own  # a later file restates its days
    [(billed,)] = query(built[target], "select sum(billed_usd) from reconciliation.monthly_close")
    assert billed == sum(charged.values())
    [(billed,)] = query(
        built[target], "select sum(billed_usd) from reconciliation.reconciled_requests"
    )
    assert billed == sum(charged.values())
    wrong = query(
        built[target],
        "select usage_date from ("
        "select usage_date, sum(billed_usd) as usd from reconciliation.reconciled_requests "
        "where status_reason <> 'non_usage_charge' group by 1) as calls "
        "join (select usage_date, sum(billed_usd) as usd "
        "from reconciliation.daily_reconciliation group by 1) as days using (usage_date) "
        "where coalesce(calls.usd, 0) <> coalesce(days.usd, 0)",
    )
    assert wrong == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_call_has_the_result_of_its_bucket(built, target):
    """A day that is exact to the last digit reads `exact`, and so does each of its calls."""
    rows = query(
        built[target],
        "select calls.status_reason, days.status_reason, "
        "calls.billed_usd - calls.expected_usd, count(*) "
        "from reconciliation.reconciled_requests as calls "
        "join reconciliation.daily_reconciliation as days using (usage_date, model) "
        "where calls.match_method = 'bucket' and calls.status_reason <> 'no_price' "
        "group by 1, 2, 3",
    )
    assert {(call, day) for call, day, *_ in rows if call != day} == set()
    exact = [(beyond, count) for call, _, beyond, count in rows if call == "exact"]
    assert sum(count for _, count in exact) > 1000
    # most are billed at their list price, to the last digit
    assert max(exact, key=lambda pair: pair[1])[0] == 0


@pytest.mark.parametrize("target", TARGETS)
def test_the_calls_of_a_bucket_are_one_discrepancy(built, target):
    rows = query(
        built[target],
        "select listed.request_count, count(*), listed.difference_usd, sum(calls.difference_usd) "
        "from reconciliation.discrepancies as listed "
        "join reconciliation.reconciled_requests as calls "
        "using (usage_date, model, status_reason, match_method) "
        "where match_method = 'bucket' group by listed.reconciliation_key, 1, 3",
    )
    assert len(rows) > 5
    assert [row for row in rows if row[0] != row[1] or row[2] != row[3]] == []


def test_an_empty_or_missing_day_makes_no_finding(built):
    """An empty day has no row; the calls of a missing one await their bill."""
    empty = query(
        built["duckdb"],
        "select count(*) from reconciliation.daily_reconciliation "
        "where usage_date = date '2025-06-06'",
    )
    missing = query(
        built["duckdb"],
        "select days.status_reason, min(calls.status_reason) "
        "from reconciliation.daily_reconciliation as days "
        "join reconciliation.reconciled_requests as calls using (usage_date, model) "
        "where usage_date = date '2025-05-14' and calls.request_id is not null group by 1",
    )
    assert empty == [(0,)]
    assert missing == [("awaiting_bill", "awaiting_bill")]


def test_the_same_exports_again_change_nothing(built, exports):
    env = built["duckdb"]
    count = (
        "select (select count(*) from raw.cost_buckets), (select count(*) from raw.usage_buckets)"
    )
    before = query(env, count)
    files = [str(path) for kind in ("cost_*", "*_usage_*") for path in sorted(exports.glob(kind))]
    done = run([*LOAD, *files], env)
    assert done.stdout.count("already loaded") == len(files) == 5
    assert query(env, count) == before


def test_a_less_detailed_export_is_said_to_take_the_place_of_a_better_one(duckdb_file, tmp_path):
    header = (
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,"
        "project_id,organization_id,organization_name\n"
    )
    bucket = "1746057600,1746144000,,,"
    (tmp_path / "cost_by_item.csv").write_text(
        f'{header}{bucket}0.25,usd,"gpt-4o, input",,,\n{bucket}0.5,usd,"o3, output",,,\n'
    )
    (tmp_path / "cost_in_all.csv").write_text(f"{header}{bucket}0.80,usd,,,,\n")
    (tmp_path / "log.csv").write_text(
        "id,created_at,model_used,input_tokens,output_tokens,calculated_cost_cents\n"
        "u1,2025-05-01 10:00:00,gpt-4o,100000,0,25\nu2,2025-05-01 10:00:00,o3,0,12500,50\n"
    )
    names = ("cost_by_item.csv", "cost_in_all.csv", "log.csv")
    done = run([*RECONCILE, *(str(tmp_path / name) for name in names)], duckdb_file)
    assert done.stdout.count("an export grouped by line_item proves more") == 1
    assert "Less detailed than before: cost_in_all.csv takes the place" in done.stdout
    assert query(
        duckdb_file,
        "select model, resolution, billed_usd, status_reason, drift_pct, is_drifting "
        "from reconciliation.daily_reconciliation",
    ) == [("(all)", "day", Decimal("0.8"), "within_amount", Decimal("0.066667"), True)]
    assert query(
        duckdb_file,
        "select usage_id, billed_usd from reconciliation.reconciled_requests order by 1",
    ) == [
        # a third and two thirds of the 5 cents that nobody expected
        ("u1", Decimal("0.266666666666650000")),
        ("u2", Decimal("0.533333333333350000")),
    ]
