"""The rules of the bucket grain in bucket_oracle.py against cases worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from bucket_oracle import (
    ALL,
    COSTS,
    Buckets,
    Candidate,
    Chain,
    Cost,
    Export,
    Item,
    LoggedCall,
    Options,
    Usage,
    broken_pair,
    chain,
    shares,
    split_item,
)
from conftest import ROOT
from export_worlds import Months, World
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import File, Line, Reference

FIRST = datetime(2025, 6, 2)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2025, 6, 20)
REFERENCE = Reference.read(ROOT / "seeds")
quick = settings(max_examples=200, deadline=None, derandomize=True)
dollars = st.decimals(min_value=-100, max_value=100, places=18)
positive = st.decimals(min_value=0, max_value=100, places=18)


# small worlds -------------------------------------------------------------------------------------


def cost(amount, item="gpt-4o, input", *, start=FIRST, length=DAY, **values) -> Cost:
    amount = None if amount is None else Decimal(amount)
    return Cost(0, start, start + length, amount_usd=amount, line_item=item, **values)


def empty(start=FIRST, length=DAY) -> Cost:
    return Cost(0, start, start + length)


def usage(requests, tokens, model="gpt-4o", *, start=FIRST, length=DAY, **values) -> Usage:
    values = {"output_tokens": 0} | values
    end = start + length
    return Usage(0, start, end, None, None, model, requests, input_tokens=tokens, **values)


def call(name, cents, tokens=None, model="gpt-4o", *, at=FIRST, **values) -> LoggedCall:
    cents = None if cents is None else Decimal(cents)
    output = None if tokens is None else 0
    values = {"input_tokens": tokens, "output_tokens": output} | values
    return LoggedCall(0, name, at, model, calculated_cost_cents=cents, **values)


def billed(request_id, amount, *, at=FIRST, model="gpt-4o", **values) -> Line:
    return Line(0, request_id, at, model, cost_usd=Decimal(amount), **values)


def world(*parts: tuple, options: Options | None = None) -> Buckets:
    """Files in the order in which they are loaded: (kind, rows…), where a kind may be a `log`, the
    issuer of a bill, `costs` or a kind of usage."""
    files, exports = [], []
    for number, (kind, *rows) in enumerate(parts, 1):
        numbered = [numbered_row(row, place) for place, row in enumerate(rows, 2)]
        place = (f"file{number}", number, NOW + number * HOUR)
        if kind == "log":
            files.append(File(*place, calls=tuple(numbered)))
        elif kind in ("openai", "openrouter"):
            files.append(File(*place, kind, tuple(numbered)))
        else:
            exports.append(Export(*place, kind, tuple(numbered)))
    return Buckets(files, exports, REFERENCE, options)


def numbered_row(row, place: int):
    return type(row)(**{**vars(row), "line_number": place})


def fates(*exports: tuple, options: Options | None = None) -> list[str]:
    """A letter per line, a word per file: `c`ounted, `s`uperseded or `e`xcluded."""
    found = world(*exports, options=options)
    return [
        "".join(found.fates[export.file_id, line.line_number][0] for line in export.lines)
        for export in found.exports
    ]


def the_day(found: Buckets) -> dict:
    [row] = found.daily.values()
    return row


def rows_of(found: Buckets, *columns: str) -> dict[str, tuple]:
    return {
        row["reconciliation_key"]: tuple(row[column] for column in columns)
        for row in found.reconciled_requests
    }


# which lines count --------------------------------------------------------------------------------

A = {"project_id": "a"}
B = {"project_id": "b"}
HOURS = [cost(1, start=FIRST + hour * HOUR, length=HOUR) for hour in range(24)]


@pytest.mark.parametrize(
    ("exports", "expected"),
    [
        # a later file of the whole day replaces, an empty row included; usage is another matter
        ([(COSTS, cost(1)), (COSTS, cost(2))], ["s", "c"]),
        ([(COSTS, cost(1)), (COSTS, empty())], ["s", "c"]),
        ([(COSTS, cost(1)), ("completions", usage(1, 1)), ("images", usage(1, 1))], list("ccc")),
        ([(COSTS, cost(1)), (COSTS, cost(2, start=FIRST + DAY))], ["c", "c"]),
        # of its scope only
        ([(COSTS, cost(1, **A), cost(1, **B), empty()), (COSTS, cost(2, **A))], ["scc", "c"]),
        ([(COSTS, cost(1, **A)), (COSTS, cost(2, **A), cost(2, **B))], ["s", "cc"]),
        # one project over a file without projects: the earlier stands
        ([(COSTS, cost(1)), (COSTS, cost(2, **A), empty())], ["c", "ss"]),
        ([(COSTS, cost(2, **A)), (COSTS, cost(1))], ["s", "c"]),
        # unless a file with projects came between
        (
            [(COSTS, cost(1)), (COSTS, cost(2, **A), cost(3)), (COSTS, cost(4, **A))],
            ["s", "sc", "c"],
        ),
        # organisations
        (
            [(COSTS, cost(1, organization_id="x")), (COSTS, cost(1, organization_id="y"))],
            ["c", "c"],
        ),
        ([(COSTS, cost(1, organization_id="x")), (COSTS, cost(1))], ["s", "c"]),
        ([(COSTS, cost(1)), (COSTS, cost(1, organization_id="x"))], ["s", "c"]),
        # parts of a day
        ([(COSTS, cost(1)), (COSTS, *HOURS[:5])], ["c", "sssss"]),
        ([(COSTS, *HOURS[:5]), (COSTS, cost(1))], ["sssss", "c"]),
        ([(COSTS, cost(1)), (COSTS, *HOURS)], ["s", "c" * 24]),
        ([(COSTS, *HOURS[:3]), (COSTS, *HOURS[2:4])], ["ccs", "cc"]),
    ],
)
def test_which_lines_count(exports, expected):
    assert fates(*exports) == expected


def test_lines_of_projects_that_are_not_ours_are_excluded():
    options = Options(billed_projects=("a",))
    found = world((COSTS, cost(1, **A), cost(2, **B), cost(4)), options=options)
    [row] = found.loaded_files
    assert (row["excluded_line_count"], row["excluded_usd"], row["reconciled_usd"]) == (2, 6, 1)
    assert the_day(found)["billed_usd"] == 1


# line items ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-4o-2024-08-06, input", Item("gpt-4o", "input")),
        (" GPT-4o, Cached Input ", Item("gpt-4o", "cached_input")),
        ("gpt-5.6, cache writes", Item("gpt-5.6", "cache_write")),
        ("ft-gpt-4o-mini-2024-07-18, output", Item("ft:gpt-4o-mini", "output")),
        ("gpt-image-1 image, cached input", Item("gpt-image-1", "cached_input_image")),
        ("gpt-audio-2025-08-28 audio, output", Item("gpt-audio", "output_audio")),
        ("gpt-4o text, input", Item("gpt-4o", "input")),
        ("evals | gpt-4o, input", Item("gpt-4o", "input", is_evals=True)),
        ("gpt-4o-mini", Item("gpt-4o-mini", "all")),
        ("gpt-4o, frobnication", Item("gpt-4o", "unmapped")),
        ("a, b, c", Item("a, b", "unmapped")),
        ("mystery surcharge", Item("mystery surcharge", "unmapped", is_model=False)),
        ("web search tool calls", Item("web search tool calls", "tool_call", is_model=False)),
        (
            "assistants api | file search",
            Item("assistants api | file search", "storage", is_model=False),
        ),
        ("whisper", Item("whisper-1", "all")),
        ("refund", Item("refund", "all", is_model=False, is_usage=False)),
    ],
)
def test_line_items(text, expected):
    assert split_item(text, REFERENCE) == expected


# the chain ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "expected", "pair"),
    [
        (("1", "2", "4", "8"), Chain(1, 2, 4, 7), "both"),
        (("1", None, "4", "4"), Chain(0, 3, 0, 3), "log_usage"),
        (("1", "1", "1", "2"), Chain(0, 0, 1, 1), "usage_bill"),
        (("1", "2", None, "8"), Chain(1, 0, 6, 7), None),
        (("1", None, None, "8"), Chain(0, 0, 7, 7), None),
        # 5 cents apart, and 5 percent
        (
            ("0", "0", "0.05", "0.1"),
            Chain(0, Decimal("0.05"), Decimal("0.05"), Decimal("0.1")),
            None,
        ),
        (("2", "2", "2.1", "2"), Chain(0, Decimal("0.1"), Decimal("-0.1"), 0), None),
        (("2", "2", "2.2", "2"), Chain(0, Decimal("0.2"), Decimal("-0.2"), 0), "both"),
    ],
)
def test_the_chain(sides, expected, pair):
    logged, at_list_price, reported, billed = (side and Decimal(side) for side in sides)
    links = chain(logged, at_list_price, reported, billed)
    assert links == expected
    assert broken_pair(links, logged, at_list_price, reported) == pair


@quick
@given(dollars, st.none() | dollars, st.none() | dollars, dollars)
def test_the_three_differences_add_up(logged, expected, reported, billed):
    links = chain(logged, expected, reported, billed)
    assert links.calculation + links.token + links.rate == links.difference == billed - logged


# shares -------------------------------------------------------------------------------------------


def candidates(*amounts: str | None) -> list[Candidate]:
    return [
        Candidate(f"k{number}", None if text is None else Decimal(text), None)
        for number, text in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    ("bill", "calls", "expected"),
    [
        ("3", candidates("1", "2"), ["1", "2"]),
        ("6", candidates("1", "1", "1"), ["2.000000000002", "1.999999999999", "1.999999999999"]),
        ("4", candidates("1", "1"), ["2", "2"]),
        ("9", candidates("1", "2", None), ["2.999999999998", "6.000000000002", "0"]),
        ("1", candidates("0", "0"), ["0.5", "0.5"]),
        ("1", candidates(None, None), ["0.5", "0.5"]),
        ("-1", candidates("1", "0"), ["-1", "0"]),
        ("2", [Candidate("x", None, Decimal(1)), *candidates("1")], ["0.5", "1.5"]),
    ],
)
def test_shares(bill, calls, expected):
    given_to = shares(Decimal(bill), calls)
    assert [given_to[one.key] for one in calls] == [Decimal(text) for text in expected]


@quick
@given(dollars, st.lists(st.none() | positive, min_size=1, max_size=9))
def test_shares_sum_to_the_bill(bill, amounts):
    calls = candidates(*(None if amount is None else str(amount) for amount in amounts))
    assert sum(shares(bill, calls).values()) == bill


@quick
@given(st.lists(positive, min_size=1, max_size=9))
def test_an_exact_bucket_gives_each_call_its_price(amounts):
    calls = candidates(*map(str, amounts))
    assert list(shares(sum(amounts), calls).values()) == amounts


# days and calls -----------------------------------------------------------------------------------


def test_a_bill_beyond_the_tokens_that_we_logged():
    """2.5 USD per million: 400,000 of 1,000,000 reported tokens are logged."""
    found = world(
        (COSTS, cost("2.6")),
        ("completions", usage(5, 1_000_000)),
        ("log", call("u1", 25, 100_000), call("u2", 75, 300_000)),
    )
    row = the_day(found)
    assert (row["logged_usd"], row["expected_usd"], row["reported_usd"]) == (1, 1, Decimal("2.5"))
    assert row["status_reason"] == "outside_tolerance" and row["broken_pair"] == "log_usage"
    columns = ("billed_usd", "status_reason", "match_method", "request_count")
    assert rows_of(found, *columns) == {
        "bucket:openai:2025-06-02:(all):gpt-4o": (Decimal("1.5"), "not_logged", None, 3),
        "usage:u1": (Decimal("0.275"), "outside_tolerance", "bucket", 1),
        "usage:u2": (Decimal("0.825"), "outside_tolerance", "bucket", 1),
    }


def test_a_request_level_bill_wins_for_the_calls_that_it_bills():
    found = world(
        (COSTS, cost(3), cost("0.5", "o3, output")),
        ("openai", billed("r1", 1), billed("r9", "0.25")),
        ("log", call("u1", 100, openai_request_id="r1"), call("u2", 200, openai_request_id="r2")),
    )
    columns = ("billed_usd", "status_reason", "match_method")
    assert rows_of(found, *columns) == {
        "usage:u1": (1, "exact", "request_id"),
        "bill:openai:r9": (Decimal("0.25"), "not_logged", None),
        "usage:u2": (Decimal("1.75"), "exact", "bucket"),
        "bucket:openai:2025-06-02:(all):o3": (Decimal("0.5"), "not_logged", None),
    }


def test_a_remainder_below_zero_and_none_at_all():
    found = world(
        (COSTS, cost(1), cost(2, "o3, input")),
        ("openai", billed("r1", "1.5"), billed("r2", 2, model="o3")),
        ("log", call("u1", 150, openai_request_id="r1"), call("u3", 5, 10, "o3", at=FIRST + HOUR)),
    )
    assert rows_of(found, "billed_usd", "reconciliation_status", "status_reason") == {
        "usage:u1": (Decimal("1.5"), "matched", "exact"),
        "bucket:openai:2025-06-02:(all):gpt-4o": (Decimal("-0.5"), "not_found", "not_logged"),
        "bill:openai:r2": (2, "not_found", "not_logged"),
        "usage:u3": (None, "not_applicable", "no_request_id"),
    }


def test_calls_that_no_request_level_bill_names_share_a_negative_remainder():
    found = world(
        (COSTS, cost(1, "o3, input")),
        ("openai", billed("r1", "0.01")),
        ("log", call("u1", 1, openai_request_id="r1"), call("u2", 2, openai_request_id="r2")),
    )
    days = {row["model"]: row["status_reason"] for row in found.daily.values()}
    assert days == {"o3": "not_logged", "gpt-4o": "within_amount"}
    assert rows_of(found, "billed_usd", "status_reason") == {
        "usage:u1": (Decimal("0.01"), "exact"),
        "usage:u2": (Decimal("-0.01"), "within_amount"),
        "bucket:openai:2025-06-02:(all):o3": (1, "not_logged"),
    }


def test_a_request_is_of_the_project_of_its_call_however_matched():
    found = world(
        (COSTS, cost(3, **A), cost(5, **B)),
        ("openai", billed(None, 1, input_tokens=7, output_tokens=0)),
        ("log", call("u1", 100, 7, **A), call("u2", 200, 8, **A), call("u3", 500, **B)),
        options=Options(is_by_project=True),
    )
    assert rows_of(found, "billed_usd", "match_method") == {
        "usage:u1": (1, "timestamp_model"),
        "usage:u2": (2, "bucket"),
        "usage:u3": (5, "bucket"),
    }


def test_an_ungrouped_day_is_compared_as_a_whole():
    found = world(
        (COSTS, cost(3, None), cost("-1", "refund", start=FIRST + DAY)),
        ("openrouter", billed("r1", 1, model="openai/o3")),
        ("log", call("u1", 100, model="o3", openai_request_id="r1"), call("u2", 300)),
    )
    row = the_day(found)
    assert (row["model"], row["resolution"], row["issuer"]) == (ALL, "day", "openai, openrouter")
    assert (row["logged_usd"], row["billed_usd"], row["status_reason"]) == (4, 4, "exact")
    assert rows_of(found, "model", "billed_usd", "status_reason") == {
        "usage:u1": ("o3", 1, "exact"),
        "usage:u2": ("gpt-4o", 3, "exact"),
        "line:file1:3": (None, -1, "non_usage_charge"),
    }
    [month] = found.monthly_close
    assert (month["billed_usd"], month["non_usage_usd"], month["open_usd"]) == (3, -1, 0)
    assert (month["covered_day_count"], month["missing_day_count"]) == (2, 17)


def test_what_a_log_cannot_hold_and_what_nobody_billed():
    found = world(
        (COSTS, cost(1, "web search tool calls", quantity=Decimal(9), quantity_unit="calls")),
        ("log", call("u1", 100, openai_request_id="r1"), call("u2", None, 5, "mystery")),
    )
    days = {row["model"]: row["status_reason"] for row in found.daily.values()}
    assert days == {
        "web search tool calls": "not_loggable",
        "gpt-4o": "missing_from_bill",
        "mystery": "no_price",
    }
    assert rows_of(found, "billed_usd", "status_reason")["usage:u1"] == (None, "missing_from_bill")
    [tools] = [row for row in found.daily_tokens if row["token_class"] == "tool_call"]
    assert (tools["billed_quantity"], tools["quantity_unit"]) == (9, "calls")


def test_calls_without_any_amount_share_the_bill_and_wait_for_a_price():
    found = world(
        (COSTS, cost(1, "mystery, input")),
        ("log", *(call(f"u{n}", None, 5, "mystery") for n in "12")),
    )
    half = (Decimal("0.5"), None, "no_price")
    assert rows_of(found, "billed_usd", "difference_usd", "status_reason") == {
        "usage:u1": half,
        "usage:u2": half,
    }


def test_reported_is_nothing_where_the_export_covers_the_day_and_unknown_elsewhere():
    found = world(
        (COSTS, cost(1), cost(1, "text-embedding-3-small, input")),
        ("completions", Usage(0, FIRST, FIRST + DAY)),
        ("embeddings", Usage(0, FIRST, FIRST + HOUR)),
    )
    reported = {row["model"]: row["reported_requests"] for row in found.daily.values()}
    assert reported == {"gpt-4o": 0, "text-embedding-3-small": None}


def test_sound_has_no_price():
    found = world(
        (COSTS, cost(1)), ("completions", usage(1, 100, input_audio_tokens=90), usage(2, 100))
    )
    row = the_day(found)
    assert (row["reported_requests"], row["reported_usd"]) == (3, None)
    quantities = {row["token_class"]: row["reported_quantity"] for row in found.daily_tokens}
    assert quantities == {"input": 110, "input_audio": 90}


def test_a_day_without_a_bill_waits_for_it():
    row = the_day(world(("log", call("u1", 100)), ("completions", usage(1, 400_000))))
    assert (row["billed_usd"], row["token_difference_usd"], row["is_provisional"]) == (
        *(None, None),
        False,
    )
    assert row["status_reason"] == "awaiting_bill"


def test_projects_of_their_own():
    found = world(
        (COSTS, cost(1, **A), cost(2)),
        ("log", call("u1", 100, **A), call("u2", 300)),
        options=Options(is_by_project=True),
    )
    days = {bucket.project: row["difference_usd"] for bucket, row in found.daily.items()}
    assert days == {"a": 0, "(none)": -1}


def test_timing_between_months():
    last = datetime(2025, 5, 31, 23, 59)
    found = world(
        ("openai", billed("r1", 2, at=datetime(2025, 6, 1))),
        ("log", call("u1", 200, at=last, openai_request_id="r1")),
    )
    timing = {row["usage_month"]: row["timing_usd"] for row in found.monthly_close}
    assert timing == {date(2025, 5, 1): -2, date(2025, 6, 1): 2}


# worlds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [World, Months])
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(
    "options", [Options(), Options(is_by_project=True, billed_projects=("proj_a", "proj_b"))]
)
def test_no_dollar_is_lost_in_a_world(kind, seed, options):
    """Per issuer: the rows hold what cost exports charge, and what the request-level bill says of
    days that no export covers; the request-level bill and the remainders are the whole."""
    drafts = kind(seed, REFERENCE).files
    loaded = [draft.loaded(draft.name, place) for place, draft in enumerate(drafts, 1)]
    exports = [file for file in loaded if isinstance(file, Export)]
    found = Buckets([file for file in loaded if file not in exports], exports, REFERENCE, options)
    rows = found.reconciled_requests
    assert len({row["reconciliation_key"] for row in rows}) == len(rows)

    in_rows, charged = defaultdict(Decimal), defaultdict(Decimal)
    for row in rows:
        in_rows[row["issuer"]] += row["billed_usd"] or 0
    for charge in found.charges:
        charged[charge.export.issuer] += charge.line.amount_usd or 0
    for (issuer, bucket), requests in found.requested.items():
        if not found.has_costs(issuer, bucket.day, bucket.project):
            charged[issuer] += sum(request.usd or 0 for request in requests)
    assert {issuer: usd for issuer, usd in in_rows.items() if issuer} == charged
    assert in_rows[None] == 0

    for row in found.daily.values():
        if row["difference_usd"] is not None:
            parts = ("calculation_difference_usd", "token_difference_usd", "rate_difference_usd")
            assert sum(row[part] for part in parts) == row["billed_usd"] - row["logged_usd"]
    for row in found.loaded_files:
        [export] = [export for export in exports if export.file_id == row["file_id"]]
        accepted = sum(getattr(line, "amount_usd", None) or 0 for line in export.lines)
        assert row["reconciled_usd"] + row["superseded_usd"] + row["excluded_usd"] == accepted


def test_worlds_are_nasty():
    """Every status and every way to lose a line is in the worlds that are built."""
    reasons, lost, pairs, whole = set(), set(), set(), set()
    for seed in (1, 2):
        drafts = World(seed, REFERENCE).files
        loaded = [draft.loaded(draft.name, place) for place, draft in enumerate(drafts, 1)]
        exports = [file for file in loaded if isinstance(file, Export)]
        found = Buckets([file for file in loaded if file not in exports], exports, REFERENCE)
        reasons |= {
            (row["status_reason"], row["match_method"]) for row in found.reconciled_requests
        }
        lost |= set(found.fates.values())
        pairs |= {row["broken_pair"] for row in found.daily.values()}
        whole |= found.whole_days
    bucket = {reason for reason, method in reasons if method == "bucket"}
    assert bucket == {"exact", "within_percent", "within_amount", "outside_tolerance", "no_price"}
    alone = {reason for reason, method in reasons if method is None}
    assert alone == {
        *("not_logged", "not_loggable", "non_usage_charge", "no_request_id", "duplicate_log"),
        *("not_an_api_call", "missing_from_bill", "awaiting_bill"),
    }
    assert lost == {"counted", "superseded"}
    assert pairs == {None, "log_usage", "usage_bill", "both"}
    assert whole
