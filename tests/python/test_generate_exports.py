"""The truth of the provider's exports must be true: a slow second opinion reads the files."""

import csv
import re
from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from test_generate_sample import (
    KINDS,
    NON_API_ACTIONS,
    amount,
    moment,
    plain,
    price_list,
    read,
    run,
    run_apart,
    short,
)

HEADERS = {
    "cost": "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,"
    "quantity,quantity_unit,line_item,user_id,api_key_id,project_id,organization_id,project_name,"
    "organization_name,user_email,api_source",
    "completions_usage": "start_time,end_time,start_time_iso,end_time_iso,project_id,"
    "num_model_requests,user_id,api_key_id,model,batch,service_tier,input_tokens,output_tokens,"
    "input_cached_tokens,input_uncached_tokens,input_text_tokens,output_text_tokens,"
    "input_cached_text_tokens,input_audio_tokens,input_cached_audio_tokens,output_audio_tokens,"
    "input_image_tokens,input_cached_image_tokens,output_image_tokens",
    "embeddings_usage": "start_time,end_time,start_time_iso,end_time_iso,project_id,"
    "num_model_requests,user_id,api_key_id,model,input_tokens",
}
SITUATIONS = {
    "ordinary",
    "drift_under_tolerance",
    "three_percent_more",
    "five_percent_more",
    "a_fifth_more_of_little",
    "five_cents_more",
    "five_cents_more_and_a_unit",
    "priority_at_double_price",
    "batch_at_half_price",
    "free_tier",
    "unmapped_class",
    "lost_calls",
    "evals",
    "logged_twice",
    "lost_calls_and_double_price",
    "lost_calls_hidden_by_half_price",
    "logged_at_price_of_gpt_4_1",
    "logged_without_cost",
    "billed_not_logged",
    "reported_only",
    "missing_from_usage_and_bill",
    "missing_from_bill",
    "missing_day",
    "unlisted_model_without_cost",
    "unlisted_model",
    "restated_to_the_right_amount",
    "restated_outside",
    "late_on_the_bill",
    "restated_3_percent_more",
    "withdrawn_by_restatement",
    "tool_calls",
    "few_tool_calls",
    "storage",
    "unmapped_line_item",
    "null_line_item",
}
OUTCOMES = {
    ("matched", "exact"),
    ("matched", "within_percent"),
    ("matched", "within_amount"),
    ("discrepancy", "outside_tolerance"),
    ("not_found", "not_logged"),
    ("not_found", "not_loggable"),
    ("pending", "missing_from_bill"),
    ("pending", "awaiting_bill"),
    ("pending", "no_price"),
}
NOT_LOGGABLE = {"web search tool calls", "assistants api | file search"}
NO_MODELS = NOT_LOGGABLE | {"scale commitment", "(unmapped)"}
NON_USAGE = {"credit grant", "refund", "tax"}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A function from options to the folder of those exports, written once."""

    @cache
    def write(*options) -> Path:
        out = tmp_path_factory.mktemp("exports")
        result = run(out, "--requests", 200, "--exports", *options)
        assert result.exit_code == 0, result.stderr
        return out / "exports"

    return write


# --- the second opinion -----------------------------------------------------------------------


def bucket_day(line: dict[str, str]) -> date:
    """The UTC day that a line of an export is about."""
    start, end = (datetime.fromtimestamp(int(line[f"{at}_time"]), UTC) for at in ("start", "end"))
    assert end - start == timedelta(1)
    assert line["start_time_iso"] == start.isoformat()
    assert line["end_time_iso"] == end.isoformat()
    return start.date()


def list_price(model: str, at: datetime, put: int, cached: int, out: int) -> Decimal | None:
    """What the seed says that tokens cost; a class without tokens needs no price."""
    for name in (model, short(model)):
        for price in price_list().get(name, ()):
            if moment(price["effective_from"]) <= at:
                tokens = dict(zip(KINDS, (put - cached, cached, out), strict=True))
                parts = (
                    tokens[kind] * Decimal(price[f"{kind}_price_per_1m"])
                    for kind in tokens
                    if tokens[kind]
                )
                return sum(parts, Decimal(0)) / 1_000_000
    return None


@dataclass
class Side:
    """Requests and amounts of one side of a bucket; None among the amounts is unknown."""

    requests: int = 0
    amounts: list[Decimal | None] = field(default_factory=list)
    listed: list[Decimal | None] = field(default_factory=list)


def strict_sum(amounts: list[Decimal | None]) -> Decimal | None:
    """The sum, unknown where a part is."""
    return None if None in amounts else sum(amounts, Decimal(0))


def costs(folder: Path) -> dict[date, list[dict[str, str]]]:
    """Lines of the costs by day; a later file takes the place of an earlier one's days."""
    lines = {}
    for path in sorted(folder.glob("cost_*.csv")):
        own = defaultdict(list)
        for line in read(path):
            own[bucket_day(line)].append(line)
        lines |= own
    return lines


def model_of(line_item: str) -> tuple[str, bool]:
    """The model of a line item, and whether the line item is unmapped."""
    if line_item in NOT_LOGGABLE:
        return line_item, False
    if not line_item:
        return "(unmapped)", True
    known = re.fullmatch(r"(?:evals \| )?(.+), (?:input|cached input|output)", line_item)
    return short(known[1] if known else line_item.rpartition(",")[0] or line_item), not known


def billed_sides(folder: Path) -> dict[tuple[date, str], Side]:
    """What is billed, by day and model."""
    sides = defaultdict(Side)
    for day, lines in costs(folder).items():
        for line in lines:
            usd = amount(line["amount_value"])
            if line["line_item"] in NON_USAGE or (usd is None and not line["quantity"]):
                continue
            sides[day, model_of(line["line_item"])[0]].amounts.append(usd)
    return sides


def reported_sides(folder: Path) -> tuple[dict[tuple[date, str], Side], set[date]]:
    """What is reported, by day and model, and the days that all usage covers."""
    sides, covered = defaultdict(Side), []
    for kind in ("completions", "embeddings"):
        (path,) = folder.glob(f"{kind}_usage_*.csv")
        covered.append(set())
        for line in read(path):
            day = bucket_day(line)
            covered[-1].add(day)
            if line["model"]:
                side = sides[day, short(line["model"])]
                side.requests += int(line["num_model_requests"])
                tokens = [
                    int(line.get(name, 0))
                    for name in ("input_tokens", "input_cached_tokens", "output_tokens")
                ]
                at = datetime(day.year, day.month, day.day)
                side.listed.append(list_price(line["model"], at, *tokens))
    return sides, covered[0] & covered[1]


def logged_sides(folder: Path) -> dict[tuple[date, str], Side]:
    """What is logged, by day and model."""
    sides = defaultdict(Side)
    for line in read(folder / "token_usage.csv"):
        if line["action_type"] in NON_API_ACTIONS:
            continue
        at, model = moment(line["created_at"]), line["model_used"]
        names = ("input_tokens", "cached_input_tokens", "output_tokens")
        listed = list_price(model, at, *(int(line[name]) for name in names))
        cents = amount(line["calculated_cost_cents"])
        side = sides[at.date(), short(model)]
        side.requests += 1
        side.listed.append(listed)
        side.amounts.append(listed if cents is None else cents / 100)
    return sides


def is_outside(difference: Decimal | None, base: Decimal | None) -> bool:
    """Whether a difference is beyond both tolerances."""
    if difference is None or base is None:
        return False
    return abs(difference) > max(Decimal("0.05") * abs(base), Decimal("0.05"))


def judge(model: str, logged: Side, is_billed: bool, links: list[Decimal | None]) -> tuple:
    """Status and reason; links are logged, expected, reported and billed."""
    if links[3] is None:
        return "pending", "awaiting_bill"
    if model in NOT_LOGGABLE:
        return "not_found", "not_loggable"
    if not logged.requests:
        return "not_found", "not_logged"
    if links[0] is None:
        return "pending", "no_price"
    if not is_billed:
        return "pending", "missing_from_bill"
    difference = abs(links[3] - links[0])
    if not difference:
        return "matched", "exact"
    if difference <= Decimal("0.05") * links[0]:
        return "matched", "within_percent"
    if difference <= Decimal("0.05"):
        return "matched", "within_amount"
    return "discrepancy", "outside_tolerance"


def reconcile(folder: Path) -> dict[tuple[date, str], tuple]:
    """(day, model): requests, amounts, differences, status, reason and broken pair."""
    billed, logged = billed_sides(folder), logged_sides(folder)
    (reported, reported_days), billed_days = reported_sides(folder), costs(folder).keys()
    rows = {}
    for day, model in {*billed, *reported, *logged}:
        ours = logged.get((day, model), Side())
        theirs = reported.get((day, model), Side())
        own = [usd for usd in ours.amounts if usd is not None]
        # what is charged for no model is in no usage export
        is_reported = day in reported_days and model not in NO_MODELS
        is_billed = (day, model) in billed
        links = [
            sum(own, Decimal(0)) if own or not ours.requests else None,
            strict_sum(ours.listed),
            strict_sum(theirs.listed) if is_reported else None,
            sum(billed.get((day, model), Side()).amounts, Decimal(0))
            if day in billed_days
            else None,
        ]
        steps = [None] * 4
        if links[0] is not None and links[3] is not None:
            known, steps = links[0], [links[3] - links[0]]
            for link in links[1:]:
                steps.append(Decimal(0) if link is None else link - known)
                known = known if link is None else link
        pairs = (is_outside(steps[2], links[1]), is_outside(steps[3], links[2]))
        rows[day, model] = (
            ours.requests,
            theirs.requests if is_reported else None,
            *map(plain, (*links, *steps)),
            *judge(model, ours, is_billed, links),
            ("", "usage_bill", "log_usage", "both")[2 * pairs[0] + pairs[1]],
        )
    return rows


def truth(folder: Path) -> dict[tuple[date, str], tuple]:
    """What the generator expects, in the form of reconcile()."""
    rows = {}
    for row in read(folder / "truth_daily.csv"):
        day, project_id, model, ours, theirs, *rest = list(row.values())[:16]
        *amounts, status, reason, broken = rest
        key = (date.fromisoformat(day), model)
        assert key not in rows and project_id == "(all)"
        requests = (int(ours), int(theirs) if theirs else None)
        rows[key] = (*requests, *(plain(amount(text)) for text in amounts), status, reason, broken)
    return rows


# --- the tests --------------------------------------------------------------------------------

PLACES = [
    (),
    ("--seed", 2, "--start", "2025-06-01", "--months", 1),
    ("--seed", 3, "--start", "2025-02-01", "--months", 1),
    ("--seed", 4, "--start", "2024-12-31", "--months", 3),
]


@pytest.mark.parametrize("options", PLACES, ids=lambda options: " ".join(map(str, options)))
def test_truth_of_days_is_what_a_second_opinion_finds(exports, options):
    """A truth that is wrong would fail a right mart, or pass a wrong one."""
    folder = exports(*options)
    expected, found = truth(folder), reconcile(folder)
    assert expected.keys() == found.keys()
    assert {key: (expected[key], found[key]) for key in found if expected[key] != found[key]} == {}


@pytest.mark.parametrize("options", PLACES, ids=lambda options: " ".join(map(str, options)))
def test_truth_of_months_is_what_the_files_add_up_to(exports, options):
    """Control totals, of the files and not of the days."""
    folder = exports(*options)
    sums = defaultdict(lambda: [Decimal(0)] * 4 + [0, 0])
    for (day, _), side in logged_sides(folder).items():
        sums[day.replace(day=1)][1] += sum(usd or 0 for usd in side.amounts)
    for day, lines in costs(folder).items():
        month = sums[day.replace(day=1)]
        month[5] += 1
        for line in lines:
            usd, item = amount(line["amount_value"]), line["line_item"]
            month[0] += usd or 0
            if item in NON_USAGE:
                month[2] += usd
            elif usd is not None and model_of(item)[1]:
                month[3] += usd
                month[4] += 1
    for first, month in sums.items():
        month.append(monthrange(first.year, first.month)[1] - month[5])
    rows = {}
    for row in read(folder / "truth_months.csv"):
        first, *values = row.values()
        rows[date.fromisoformat(first)] = [*map(Decimal, values[:4]), *map(int, values[4:])]
    assert rows == sums


@pytest.mark.parametrize("options", PLACES[:2], ids=["two months", "one month"])
def test_everything_is_planted(exports, options):
    folder = exports(*options)
    rows = read(folder / "truth_daily.csv")
    assert {row["situation"] for row in rows} == SITUATIONS
    assert {(row["reconciliation_status"], row["status_reason"]) for row in rows} == OUTCOMES
    assert {row["broken_pair"] for row in rows} == {"", "log_usage", "usage_bill", "both"}
    ordinary = [row for row in rows if row["situation"] == "ordinary"]
    assert len(ordinary) > len(rows) * 0.6
    assert {row["status_reason"] for row in ordinary} == {"exact"}


def test_lines_are_planted(exports):
    """What no row of the truth shows: lines that are hard to read, and charges without usage."""
    lines = [line for day in costs(exports()).values() for line in day]
    items = {line["line_item"] for line in lines}
    assert items >= NON_USAGE | NOT_LOGGABLE | {"", "evals | gpt-4o-2024-08-06, cached input"}
    assert {"o3-2025-04-16, input", "text-embedding-3-large, input"} <= items
    free = [line for line in lines if line["amount_value"] == "0E-6176"]
    assert free and all(Decimal(line["quantity"]) > 0 for line in free)
    assert len({line["project_id"] for line in lines if line["project_id"]}) == 2
    (path,) = exports().glob("completions_usage_*.csv")
    usage = read(path)
    assert {line["service_tier"] for line in usage} == {
        "",
        "default",
        "priority",
        "incentivized-tier",
    }
    assert {line["batch"] for line in usage} == {"", "FALSE", "TRUE"}
    for line in usage:
        if line["model"]:
            put, cached, uncached = (
                int(line[f"input_{kind}tokens"]) for kind in ("", "cached_", "uncached_")
            )
            assert put == cached + uncached and cached < put


def test_files_are_named_and_headed_as_the_provider_does(exports):
    names = {path.name for path in exports().iterdir()}
    assert names == {
        "cost_2025-05-01_2025-05-31.csv",
        "cost_2025-06-01_2025-06-30.csv",
        "cost_2025-06-21_2025-06-23.csv",
        "completions_usage_2025-05-01_2025-06-30.csv",
        "embeddings_usage_2025-05-01_2025-06-30.csv",
        "token_usage.csv",
        "truth_daily.csv",
        "truth_months.csv",
    }
    for kind, header in HEADERS.items():
        for path in exports().glob(f"{kind}_*.csv"):
            with path.open(newline="", encoding="utf-8") as file:
                first, *lines = csv.reader(file)
            assert ",".join(first) == header
            assert {len(line) for line in lines} == {len(first)}


def test_names_and_mails_are_there_to_be_dropped(exports):
    for lines in costs(exports()).values():
        for line in lines:
            if line["amount_value"]:
                assert line["user_email"] == "someone@example.com"
                assert line["organization_name"] == "Example Ltd"
                assert bool(line["project_name"]) == bool(line["project_id"])


def test_one_day_is_empty_and_one_is_missing(exports):
    empty, missing = date(2025, 6, 6), date(2025, 5, 14)
    for path in exports().glob("*_2025-0*.csv"):
        cells = {
            bucket_day(line): set(list(line.values())[4:])
            for line in read(path)
            if bucket_day(line) in (empty, missing)
        }
        assert cells == ({} if "2025-05-31" in path.name or "06-2" in path.name else {empty: {""}})
    days = {day for day, _ in truth(exports())}
    assert (missing in days, empty in days) == (True, False)
    assert not any(day == empty for day, _ in logged_sides(exports()))


def test_restated_days_are_billed_anew(exports):
    """The later file repeats whole days, of which some lines are new, changed or gone."""

    def lines_of(name: str) -> dict[tuple[date, str], str]:
        lines = read(exports() / name)
        return {(bucket_day(line), line["line_item"]): line["amount_value"] for line in lines}

    later = lines_of("cost_2025-06-21_2025-06-23.csv")
    days = {day for day, _ in later}
    earlier = lines_of("cost_2025-06-01_2025-06-30.csv")
    earlier = {key: earlier[key] for key in earlier if key[0] in days}
    assert days == {date(2025, 6, 21), date(2025, 6, 22), date(2025, 6, 23)}
    same = {key for key in earlier.keys() & later.keys() if earlier[key] == later[key]}
    assert len(same) > 20
    assert {item.split("-2025")[0] for _, item in later.keys() - earlier.keys()} == {"o3"}
    assert {item.split("-2024")[0] for _, item in earlier.keys() - later.keys()} == {"gpt-4o"}
    assert len(earlier.keys() & later.keys() - same) >= 6


def test_drift_hides_under_the_tolerance_of_its_days(exports):
    rows = [
        row for key, row in truth(exports()).items() if key[1] == "gpt-4.1" and key[0].month == 6
    ]
    assert len(rows) == 29  # one day is empty
    assert {row[11] for row in rows} == {"within_percent"}
    assert all(row[6] == row[2] * Decimal("0.04") for row in rows)
    may = [
        row for key, row in truth(exports()).items() if key[1] == "gpt-4.1" and key[0].month == 5
    ]
    assert sum(row[6] or 0 for row in may) == 0


def test_log_holds_a_few_thousand_calls(exports):
    """As many as a demo can bear, and a few rows that are no calls."""
    actions = [line["action_type"] for line in read(exports() / "token_usage.csv")]
    assert 3_000 < len(actions) < 5_000
    assert {action for action in actions if action in NON_API_ACTIONS} == set(NON_API_ACTIONS)


def test_calls_at_the_ends_of_a_day_are_of_that_day(exports):
    times = {line["created_at"] for line in read(exports() / "token_usage.csv")}
    assert {"2025-06-09T23:59:59.999Z", "2025-06-10T00:00:00.000Z"} <= times
    rows = truth(exports())
    assert rows[date(2025, 6, 9), "o3"][10:12] == rows[date(2025, 6, 10), "o3"][10:12]


def test_no_call_reaches_a_price_of_long_contexts(exports):
    seed = read(Path(__file__).resolve().parents[2] / "seeds" / "ai_model_pricing.csv")
    tiers = {price["model_name"] for price in seed if price["min_input_tokens"] != "0"}
    assert not tiers & {model for _, model in truth(exports())}


def test_the_four_files_are_the_same_with_and_without_exports(exports, tmp_path):
    assert run(tmp_path, "--requests", 200).exit_code == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == 4
    for name in names:
        assert (tmp_path / name).read_bytes() == (exports().parent / name).read_bytes()


def test_same_arguments_same_bytes(tmp_path):
    """Bytes must depend neither on hash order nor on an earlier run; another seed differs."""
    digests = []
    for number, (seed, hash_seed) in enumerate(((7, "1"), (7, "2"), (8, "1"))):
        out = tmp_path / str(number)
        options = ("--requests", 200, "--seed", seed, "--exports")
        run_apart("", out, *options, PYTHONHASHSEED=hash_seed)
        digests.append({path.name: path.read_bytes() for path in (out / "exports").iterdir()})
    assert len(digests[0]) == 8
    assert digests[0] == digests[1]
    assert all(digests[0][name] != digests[2][name] for name in digests[0])


def test_failure_leaves_no_half_files(tmp_path):
    (tmp_path / "exports" / "truth_daily.csv.part").mkdir(parents=True)
    result = run(tmp_path, "--requests", 200, "--exports")
    assert result.exit_code == 1
    assert "truth_daily.csv.part: cannot be written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["exports"]
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["truth_daily.csv.part"]
