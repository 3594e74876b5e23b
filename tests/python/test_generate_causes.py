"""The truth of the causes must be true: a second opinion prices the files again."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from cause_opinion import (
    NOISE,
    Asked,
    Counts,
    explain,
    price_name,
    price_rows,
    seed_rows,
)
from cause_readings import (
    DIGIT,
    NEW_PRICES,
    asked_of,
    billed_lines,
    flag,
    implied,
    logged_lines,
    said_tier,
)
from planted_causes import is_as_planted
from test_generate_exports import bucket_day
from test_generate_sample import amount, read, run, run_apart, short

from sampler.cause_prices import PRICE_LIST
from sampler.vocabulary import UNLISTED

BILLS = ("bill.csv", "openrouter_activity.csv")
COSTS = "cost_2026-09-01_2026-09-30.csv"
USAGE = "completions_usage_2026-09-01_2026-09-30.csv"
NAMES = {*BILLS, COSTS, USAGE, "token_usage.csv", "truth.csv", "truth_daily.csv"}
FOLDERS = ("causes", "exact", "noisy")
OPEN = {"several", "ambiguous", "unexplained"}
NOT_EXPORTED = date(2026, 9, 24)
SEPTEMBER = date(2026, 9, 1)
# causes that a day can show
OF_DAYS = {
    "cache_ignored",
    "cache_counted_twice",
    "cache_priced_zero",
    "cache_write_as_input",
    "reasoning_counted_twice",
    "reasoning_only",
    "batch",
    "flex",
    "priority",
    "free_tier_grant",
    "long_context",
    "regional_uplift",
    "stale_price",
    "price_change",
    "priced_as_other_model",
    "cents_rounding",
    "unit_error",
    "double_count",
    "day_boundary",
    "late_data",
    "not_logged",
    "not_loggable",
    "missing_from_bill",
    "awaiting_bill",
    "duplicate_log",
    "no_price",
    "logging_gap",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A function from a seed to the folder of its scenarios, written once."""

    @cache
    def write(number: int = 1) -> Path:
        out = tmp_path_factory.mktemp("causes")
        result = run(out, "--requests", 200, "--seed", number, "--causes", "--correct")
        assert result.exit_code == 0, result.stderr
        return out

    return write


# --- the second opinion -----------------------------------------------------------------------


def truth(folder: Path, name: str = "truth.csv") -> list[dict[str, str | None]]:
    """The rows of a file of the truth; nothing is None."""
    return [{key: value or None for key, value in row.items()} for row in read(folder / name)]


def stands(row: dict, side: str, found: tuple[str | None, list[str]]) -> bool:
    """Whether the second opinion bears the planted cause of a side out."""
    cause, candidates = found
    proof = row[f"is_{side}_cause_provable"]
    return is_as_planted(cause, ", ".join(candidates), row[f"{side}_cause"], proof)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_second_opinion_finds_the_causes_of_calls(sample, number):
    """Each side that both have is the planted cause, and no other cause gives its amount."""
    folder = sample(number) / "causes"
    bills, logs = billed_lines(folder), logged_lines(folder)
    wrong, count = [], 0
    for row in truth(folder):
        log = logs.get(row["reconciliation_key"])
        bill = log and bills.get(log["request_id"])
        is_repeated = "duplicate_log" in (row["log_cause"], row["bill_cause"])
        is_bucket = row["is_allocated"] == "true"
        if not log or not (bill or is_bucket) or log["usd"] is None or is_repeated:
            continue
        if row["expected_usd"] is None:
            assert short(log["model"]) == UNLISTED
            continue
        if bill and abs(bill["usd"] - log["usd"]) <= NOISE:
            assert (row["log_cause"], row["bill_cause"]) == (None, None)
            continue
        for side in ("log", "bill") if bill else ("log",):
            count += 1
            found = explain(asked_of(side, log, bill))
            if not stands(row, side, found):
                wrong.append((row["situation"], side, row[f"{side}_cause"], found))
    assert wrong == []
    assert count > 3_000


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_second_opinion_finds_the_causes_of_days(sample, number):
    """What the exports bill for a day beside the list price of its usage."""
    folder = sample(number) / "causes"
    billed, usage, tiers = defaultdict(Decimal), defaultdict(Counter), defaultdict(set)
    for row in read(folder / COSTS):
        if row["quantity_unit"] == "tokens":
            key = bucket_day(row), short(row["line_item"].rsplit(", ", 1)[0])
            billed[key] += amount(row["amount_value"])
    for row in read(folder / USAGE):
        key = bucket_day(row), short(row["model"])
        for name in ("input", "input_cached", "input_cache_write", "output"):
            usage[key][name] += int(row[f"{name}_tokens"])
        tiers[key].add(said_tier(row["service_tier"], flag(row["batch"])))
    long = {
        (log["at"].date(), short(log["model"]))
        for log in logged_lines(folder).values()
        if log["counts"].input > 272_000
    }
    wrong = []
    for row in truth(folder, "truth_daily.csv"):
        day, model = date.fromisoformat(row["usage_date"]), row["model"]
        # what is there of one side only, and what two days or tiers show together
        of_position = {"day_boundary", "late_data", "duplicate_log", "logging_gap"}
        one_sided = {row["log_cause"], row["bill_cause"]} & of_position
        is_priced = (day, model) in usage and (day, model) in billed and model != UNLISTED
        # a sum of calls does not say which of them were long
        if not is_priced or one_sided or (day, model) in long:
            continue
        if len(tiers[day, model]) > 1:
            continue
        [tier] = tiers[day, model]
        at = datetime(day.year, day.month, day.day)
        asked = Asked(
            "bill",
            billed[day, model],
            Counts(*usage[day, model].values()),
            model,
            at,
            tier=tier,
            is_tier_said=bool(tier),
            implied=implied(model, day),
        )
        found = explain(asked)
        if not stands(row, "bill", found):
            wrong.append((row["situation"], row["bill_cause"], found))
    assert wrong == []


# --- the tests of the files --------------------------------------------------------------------


def test_every_cause_is_planted_on_the_sides_it_can_be_on(sample):
    folder = sample() / "causes"
    planted = defaultdict(set)
    for row in truth(folder) + truth(folder, "truth_daily.csv"):
        for side in ("log", "bill"):
            planted[row[f"{side}_cause"]].add(side)
    for row in seed_rows("variance_causes"):
        sides = {"either": {"log", "bill"}}.get(row["side"], {row["side"]})
        if row["cause"] not in OPEN:
            assert planted[row["cause"]] >= sides, row["cause"]
    known = {row["cause"] for row in seed_rows("variance_causes")}
    assert set(planted) - {None} <= known


def test_days_show_every_cause_that_a_day_can_show(sample):
    rows = truth(sample() / "causes", "truth_daily.csv")
    causes = {row[f"{side}_cause"] for row in rows for side in ("log", "bill")}
    assert causes >= OF_DAYS
    ordinary = [row for row in rows if row["situation"] == "ordinary"]
    assert len(ordinary) > len(rows) * 0.6


def test_some_causes_are_known_from_elsewhere_only(sample):
    """Of the ambiguous ones the truth knows more than the row proves."""
    open_causes = {
        row[f"{side}_cause"]
        for row in truth(sample() / "causes")
        for side in ("log", "bill")
        if row[f"is_{side}_cause_provable"] == "false"
    }
    assert open_causes >= {"batch", "flex", "priority", "double_count", "no_price", "unexplained"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_truth_holds_every_row_and_dollar_of_the_files(sample, folder):
    out = sample() / folder
    rows, logs, bills = truth(out), logged_lines(out), billed_lines(out)
    keys = [row["reconciliation_key"] for row in rows]
    assert len(set(keys)) == len(keys)
    assert {key for key in keys if key.startswith("usage:")} == logs.keys()
    for row in rows:
        if row["reconciliation_key"] in logs:
            usd = logs[row["reconciliation_key"]]["usd"]
            assert (None if usd is None else usd.normalize()) == plain(row["logged_usd"]), row
    requests = [row for row in rows if row["usage_date"] < "2026-09"]
    by_request = sum(amount(row["billed_usd"] or "0") for row in requests)
    assert by_request == sum(line["usd"] for line in bills.values())
    days = truth(out, "truth_daily.csv")
    charges = [row for row in rows if row["reconciliation_key"].startswith("line:")]
    by_day = sum(amount(row["billed_usd"] or "0") for row in days + charges)
    costs = sum(amount(row["amount_value"]) for row in read(out / COSTS))
    assert abs(by_day - costs) < (NOISE if folder == "noisy" else DIGIT)


def plain(text: str | None) -> Decimal | None:
    """An amount that compares whatever its zeros."""
    return None if text is None else Decimal(text).normalize()


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_the_sides_add_is_the_difference(sample, folder):
    out = sample() / folder
    for row in truth(out) + truth(out, "truth_daily.csv"):
        amounts = [row[name] for name in ("log_error_usd", "bill_error_usd", "difference_usd")]
        if None not in amounts:
            assert Decimal(amounts[0]) + Decimal(amounts[1]) == Decimal(amounts[2]), row
    errors = defaultdict(Decimal)
    for row in truth(out):
        if row["usage_date"] >= "2026-09" and row["log_error_usd"]:
            errors[row["usage_date"], row["model"]] += Decimal(row["log_error_usd"])
    for row in truth(out, "truth_daily.csv"):
        if row["log_error_usd"] is not None:
            assert Decimal(row["log_error_usd"]) == errors[row["usage_date"], row["model"]], row


def test_the_stated_prices_are_those_of_the_list():
    for model, rows in PRICE_LIST.items():
        if model == UNLISTED:
            assert price_name(model) is None
            continue
        stated = {
            (day.isoformat(), least, tuple(Decimal(units) / 10**12 for units in price))
            for day, least, price in rows
        }
        found = {
            (since.date().isoformat(), least, price) for since, least, price in price_rows()[model]
        }
        assert stated == found, model


def test_a_price_change_has_thirty_requests_a_day(sample):
    counts = Counter()
    for row in truth(sample() / "causes"):
        if row["bill_cause"] == "price_change" and row["model"] in NEW_PRICES:
            counts[row["usage_date"], row["model"]] += 1
    for model, (since, _) in NEW_PRICES.items():
        last = (since.replace(day=1) + timedelta(31)).replace(day=1)
        days = [since + timedelta(day) for day in range((last - since).days)]
        found = [counts[str(day), model] for day in days if day != NOT_EXPORTED]
        assert min(found) >= 30
        assert len(found) == len([key for key in counts if key[1] == model])


def test_an_exact_sample_is_exact(sample):
    out = sample() / "exact"
    rows = truth(out) + truth(out, "truth_daily.csv")
    for row in rows:
        assert (row["log_cause"], row["bill_cause"], row["situation"]) == (None, None, "ordinary")
        assert (row["log_error_usd"], row["difference_usd"] or "0") == ("0", "0")
    assert len(rows) > 6_000


def test_a_noisy_sample_is_correct_but_for_noise(sample):
    out = sample() / "noisy"
    rows = truth(out) + truth(out, "truth_daily.csv")
    differing = 0
    for row in rows:
        assert (row["log_cause"], row["bill_cause"], row["situation"]) == (None, None, "ordinary")
        difference = Decimal(row["difference_usd"] or 0)
        assert abs(difference) < NOISE / 1_000
        differing += difference != 0
    assert differing > 2_000
    bill, log = read(out / "bill.csv"), read(out / "token_usage.csv")
    for lines, name, time in ((bill, "request_id", "timestamp"), (log, "openai_request_id", "id")):
        assert any(row[name] != row[name].strip() for row in lines)
        assert [row[time] for row in lines] != sorted(row[time] for row in lines)
    assert sum(not row["openai_request_id"] for row in log) > 50
    bills = billed_lines(out)
    apart = {
        bills[row["request_id"]]["at"] - row["at"].replace(microsecond=0)
        for row in logged_lines(out).values()
        if row["request_id"] in bills
    }
    assert min(apart) < timedelta(0) < max(apart) < timedelta(seconds=30)


def test_long_prompts_are_there_where_nothing_is_wrong(sample):
    """A price that depends on the context is no other price."""
    for folder in ("exact", "noisy"):
        out = sample() / folder
        long = [row["at"] for row in logged_lines(out).values() if row["counts"].input > 272_000]
        assert {at.date() >= SEPTEMBER for at in long} == {True, False}


def test_files_have_their_names_and_the_others_stay_as_they_are(sample, tmp_path):
    for folder in FOLDERS:
        assert {path.name for path in (sample() / folder).iterdir()} == NAMES
    assert run(tmp_path, "--requests", 200).exit_code == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == 4
    for name in names:
        assert (tmp_path / name).read_bytes() == (sample() / name).read_bytes()


def test_same_arguments_same_bytes(tmp_path):
    """Bytes must depend neither on hash order nor on an earlier run; another seed differs."""
    written = []
    for number, (seed, hash_seed) in enumerate(((7, "1"), (7, "2"), (8, "1"))):
        out = tmp_path / str(number)
        options = ("--requests", 200, "--seed", seed, "--causes", "--correct")
        run_apart("", out, *options, PYTHONHASHSEED=hash_seed)
        paths = (path for folder in FOLDERS for path in (out / folder).iterdir())
        written.append({(path.parent.name, path.name): path.read_bytes() for path in paths})
    assert len(written[0]) == len(NAMES) * 3
    assert written[0] == written[1]
    assert all(written[0][name] != written[2][name] for name in written[0])
