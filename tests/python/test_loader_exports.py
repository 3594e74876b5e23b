"""The provider's own exports as CSV: their values, their traps, and how a file says what it is.

A trap that is missed is a day counted twice, an amount of a float, or a name in the warehouse.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

import pyarrow
import pytest
from conftest import query
from hypothesis import example, given
from hypothesis import strategies as st
from loading import FORMATS, TABLES, Loaded, raw_counts, run, stage, stage_file
from pyarrow import parquet
from test_loader_properties import quick

import load
from loader.errors import UnusableInput
from loader.formats import all_formats

PERIOD = "start_time,end_time,start_time_iso,end_time_iso"
COSTS_2025 = (
    f"{PERIOD},amount_value,amount_currency,line_item,project_id,organization_id,organization_name"
)
COSTS = (
    f"{PERIOD},amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,"
    "project_id,organization_id,project_name,organization_name,user_email,api_source"
)
DAY = (1759276800, 1759363200)
DAY_1 = datetime(2025, 10, 1)
DAY_2 = datetime(2025, 10, 2)
DAY_3 = datetime(2025, 10, 3)
DAY_4 = datetime(2025, 10, 4)
COST_COLUMNS = (
    "line_number, bucket_start, bucket_end, amount_usd, line_item, quantity, quantity_unit, "
    "project_id, api_key_id, user_id, organization_id"
)
USAGE_COLUMNS = (
    "line_number, bucket_start, bucket_end, usage_kind, model, project_id, api_key_id, user_id, "
    "organization_id, is_batch, service_tier, request_count, input_tokens, cached_input_tokens, "
    "cache_write_tokens, output_tokens, input_audio_tokens, output_audio_tokens, "
    "input_image_tokens, output_image_tokens, seconds, characters, images, sessions, bytes"
)
PEOPLE = ["jane.roe@example.org", "Skunk works", "Example Ltd"]
EXACT = Context(prec=8000, Emax=10**9, Emin=-(10**9))

# fmt: off
COST_ROWS = [
    (2, DAY_1, DAY_2, Decimal("0.01184"), "gpt-4o-mini-2024-07-18, input", Decimal(59200),
     "tokens", "proj_1", "key_1", "user-1", "org-1"),
    (3, DAY_1, DAY_2, Decimal(0), "gpt-4o-2024-08-06, input", Decimal(1200), "tokens", "proj_1",
     "key_1", "user-1", "org-1"),
    (4, DAY_1, DAY_2, Decimal("0.123456789012345679"), "web search tool calls", None, None,
     "proj_1", None, None, "org-1"),
    (5, DAY_2, DAY_3, None, None, None, None, None, None, None, None),
    (6, DAY_3, DAY_4, Decimal("-0.25"), None, None, None, "proj_2", None, None, "org-1"),
]
USAGE_ROWS = [
    (2, DAY_1, DAY_2, "completions", "gpt-4o-mini-2024-07-18", "proj_1", "key_1", "user-1", None,
     False, "default", 12, 59200, 1024, 0, 7400, 0, 0, 0, 0, None, None, None, None, None),
    (3, DAY_1, DAY_2, "completions", "gpt-audio", "proj_1", "key_1", "user-1", None,
     True, "flex", 3, 100, 30, 10, 20, 20, 15, 4, 6, None, None, None, None, None),
    (4, DAY_2, DAY_3, "completions", *[None] * 21),
]
# fmt: on


def day(*cells: object) -> str:
    return ",".join(map(str, [*DAY, "", "", *cells]))


def costs(*amounts: str) -> Loaded:
    """What becomes of amounts, each on a line of its own."""
    lines = [f'{DAY[0]},{DAY[1]},"{amount}",usd,item' for amount in amounts]
    return stage("\n".join(["start_time,end_time,amount_value,amount_currency,line_item", *lines]))


def bucket(start: object, end: object) -> Loaded:
    """What becomes of a period, beside one that is good."""
    lines = [f"{start},{end},1", f"{DAY[0]},{DAY[1]},2"]
    return stage("\n".join(["start_time,end_time,amount_value", *lines]))


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_openai_costs(warehouse, ending):
    path = FORMATS / f"openai_costs.{ending}"

    assert run(warehouse, path).exit_code == 0
    sql = f"select {COST_COLUMNS} from raw.cost_buckets order by line_number"
    assert query(warehouse, sql) == COST_ROWS
    assert query(warehouse, "select line_number, reason, column_name from raw.rejected_lines") == [
        (7, "currency_not_usd", "amount_currency")
    ]
    columns = (
        "load_number, format, grain, issuer, byte_count, line_count, accepted_line_count, "
        "rejected_line_count, accepted_usd, first_at, last_at"
    )
    assert query(warehouse, f"select {columns} from raw.loaded_files") == [
        (
            *(1, "openai_costs", "cost_bucket", "openai", path.stat().st_size, 6, 5, 1),
            *(Decimal("-0.114703210987654321"), DAY_1, DAY_3),
        )
    ]


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_openai_usage(warehouse, ending):
    path = FORMATS / f"openai_usage.{ending}"

    assert run(warehouse, path).exit_code == 0
    sql = f"select {USAGE_COLUMNS} from raw.usage_buckets order by line_number"
    assert query(warehouse, sql) == USAGE_ROWS
    assert query(warehouse, "select line_number, reason, column_name from raw.rejected_lines") == [
        (5, "invalid_tokens", "input_tokens")
    ]
    columns = "format, grain, issuer, line_count, accepted_usd, first_at, last_at"
    assert query(warehouse, f"select {columns} from raw.loaded_files") == [
        ("openai_usage", "usage_bucket", "openai", 4, Decimal(0), DAY_1, DAY_2)
    ]


def test_the_first_header_of_costs():
    loaded = stage(
        f"{COSTS_2025}\n{day('0.5', 'usd', 'gpt-4o; input', 'proj_1', 'org-1', 'Example Ltd')}\n"
    )

    assert loaded.rows == [
        {
            "line_number": 2,
            "bucket_start": DAY_1,
            "bucket_end": DAY_2,
            "amount_usd": Decimal("0.5"),
            "line_item": "gpt-4o; input",
            "project_id": "proj_1",
            "organization_id": "org-1",
        }
    ]
    assert loaded.staged.format.name == "openai_costs"


KINDS = {
    "completions": ("num_model_requests,model,input_tokens,output_tokens", "3,m,150,75"),
    "embeddings": ("num_model_requests,model,input_tokens", "3,m,150"),
    "moderations": ("num_model_requests,model,input_tokens", "3,m,150"),
    "images": ("num_model_requests,model,images,size,source", "3,m,4,1024x1024,image.generation"),
    "audio_speeches": ("num_model_requests,model,characters", "3,m,59200.0"),
    "audio_transcriptions": ("num_model_requests,model,seconds", "3,m,61"),
    "vector_stores": ("usage_bytes", "1048576"),
    "code_interpreter_sessions": ("num_sessions", "9"),
    "web_search_calls": ("num_requests,num_model_requests,model", "3,8,m"),
    "file_search_calls": ("num_requests", "3"),
}
COUNTS = {
    "completions": {"request_count": 3, "model": "m", "input_tokens": 150, "output_tokens": 75},
    "embeddings": {"request_count": 3, "model": "m", "input_tokens": 150},
    "moderations": {"request_count": 3, "model": "m", "input_tokens": 150},
    "images": {"request_count": 3, "model": "m", "images": 4},
    "audio_speeches": {"request_count": 3, "model": "m", "characters": 59200},
    "audio_transcriptions": {"request_count": 3, "model": "m", "seconds": 61},
    "vector_stores": {"bytes": 1048576},
    "code_interpreter_sessions": {"sessions": 9},
    "web_search_calls": {"request_count": 3, "model": "m"},
    "file_search_calls": {"request_count": 3},
}
AMBIGUOUS = ("embeddings", "moderations", "web_search_calls", "file_search_calls")


def usage(kind: str) -> str:
    columns, cells = KINDS[kind]
    return f"{PERIOD},{columns}\n{day(cells)}\n"


def test_every_kind_is_tested():
    assert set(KINDS) == set(COUNTS) == set(all_formats()["openai_usage"].kinds)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_usage(kind):
    """The header tells the kind where it can; else the file name, or --as."""
    row = {"line_number": 2, "bucket_start": DAY_1, "bucket_end": DAY_2, "usage_kind": kind}

    name = f"{kind}_usage_2025-10-01_2025-10-31.csv"
    assert stage(usage(kind), name=name).rows == [row | COUNTS[kind]]
    assert stage(usage(kind), as_format=f"openai_usage:{kind}").rows == [row | COUNTS[kind]]
    if kind not in AMBIGUOUS:
        # a name that says something else is only a name
        assert stage(usage(kind), name="moderations_usage.csv").rows == [row | COUNTS[kind]]
        assert stage(usage(kind), as_format="openai_usage").rows == [row | COUNTS[kind]]


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_a_kind_that_nothing_tells(kind):
    with pytest.raises(UnusableInput, match=r"fits several kinds of usage \(.*say --as openai_cos"):
        stage(usage(kind), name="export.csv")
    with pytest.raises(UnusableInput, match="fits several kinds of usage"):
        stage(usage(kind), name="images_usage.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_asked_for_that_the_header_contradicts(kind):
    other = "audio_speeches" if kind != "audio_speeches" else "images"

    with pytest.raises(UnusableInput, match=f"openai_usage:{other} contradicts its header, which"):
        stage(usage(kind), as_format=f"openai_usage:{other}", name=f"{kind}_usage.csv")


def test_the_columns_of_two_kinds():
    with pytest.raises(UnusableInput, match=r"several kinds of usage \(images, output_tokens\)"):
        stage(f"{PERIOD},output_tokens,images\n{day(1, 2)}\n")


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("sessions", "code_interpreter_sessions"),
        ("num_requests,context_level", "web_search_calls"),
        ("num_requests,vector_store_id", "file_search_calls"),
    ],
)
def test_other_columns_that_tell_the_kind(header, kind):
    cells = ["7"] + ["x"] * header.count(",")
    loaded = stage(f"{PERIOD},{header}\n{day(*cells)}\n")

    assert loaded.staged.usage_kind == kind
    assert 7 in loaded.rows[0].values()


@pytest.mark.parametrize(
    ("name", "format_name", "kind"),
    [
        ("cost_2025-10-01_2025-10-31.csv", "openai_costs", None),
        ("costs.csv", "openai_costs", None),
        ("Cost (1).csv", "openai_costs", None),
        ("cost_2025-10-01_2025-10-31", "openai_costs", None),
        ("completions_usage_2025-10-01_2025-10-31.csv", "openai_usage", "completions"),
        ("embeddings_usage_2025-10-01.csv.gz", "openai_usage", "embeddings"),
        ("web_searches_usage.csv", "openai_usage", "web_search_calls"),
    ],
)
def test_an_export_without_amounts_is_told_by_its_name(name, format_name, kind):
    text = f"{PERIOD}\n{day().removesuffix(',')},\n".encode()
    loaded = stage(gzip.compress(text) if name.endswith(".gz") else text, name=name)

    assert (loaded.staged.format.name, loaded.staged.usage_kind) == (format_name, kind)
    row = {"line_number": 2, "bucket_start": DAY_1, "bucket_end": DAY_2}
    assert loaded.rows == [row | ({"usage_kind": kind} if kind else {})]


@pytest.mark.parametrize("name", ["export.csv", "costly.csv", "my_usage.csv", "-", "my_cost.csv"])
def test_an_export_without_amounts_that_nothing_tells(name):
    text = f"{PERIOD}\n{DAY[0]},{DAY[1]},,\n"

    with pytest.raises(UnusableInput, match=r"has only the columns of its period.*or say --as"):
        stage(text, name=name)
    assert stage(text, name=name, as_format="openai_costs").staged.format.name == "openai_costs"
    asked = stage(text, name=name, as_format="openai_usage:images").staged
    assert (asked.format.name, asked.usage_kind) == ("openai_usage", "images")
    with pytest.raises(UnusableInput, match="fits several kinds of usage"):
        stage(text, name=name, as_format="openai_usage")


def test_as_goes_before_the_name():
    text = f"{PERIOD}\n{DAY[0]},{DAY[1]},,\n"

    assert stage(text, name="cost.csv", as_format="openai_usage:images").staged.usage_kind == (
        "images"
    )
    with pytest.raises(UnusableInput, match="does not fit requests_csv"):
        stage(text, name="cost.csv", as_format="requests_csv")


def test_a_file_of_costs_is_none_of_usage():
    with pytest.raises(UnusableInput, match="does not fit openai_usage"):
        stage(f"{COSTS_2025}\n{day(1, 'usd', 'x', '', '', '')}\n", as_format="openai_usage:images")


def test_as_takes_a_kind_on_the_command_line(duckdb_file, tmp_path):
    path = tmp_path / "export.csv"
    path.write_text(usage("embeddings"))

    assert run(duckdb_file, path).exit_code == 2
    result = run(duckdb_file, path, "--as", "openai_usage:embeddings")
    assert result.exit_code == 0
    assert "loaded as openai_usage (embeddings), 1 lines: 1 accepted, 0 rejected; covers" in (
        result.output
    )
    assert "is not one of" in run(duckdb_file, path, "--as", "openai_usage:chat").stderr


def test_amounts_of_any_spelling():
    texts = {"0.06": "0.06", "0E-6176": "0", "1.5E-7": "0.00000015", "-12": "-12"}
    # 39 decimals, of which 21 go
    texts["0.000000000000000000499999999999999999999"] = "0"
    texts["0.123456789012345678500000000000000000000"] = "0.123456789012345679"
    loaded = costs(*texts)

    assert [row["amount_usd"] for row in loaded.rows] == [Decimal(usd) for usd in texts.values()]
    assert loaded.staged.rounded_amount_count == 2


amounts = st.one_of(
    st.decimals(-(10**6), 10**6, allow_nan=False).map(str),
    st.builds("{}E{}".format, st.integers(-999, 999), st.integers(-40, 3)),
    st.builds("{}.{}".format, st.integers(0, 99), st.text("0123456789", min_size=1, max_size=45)),
    st.builds("{}.{}".format, st.integers(0, 9), st.text("05", min_size=17, max_size=40)),
    st.sampled_from(["0E-6176", "-0.0", "1E-6176", "0." + "0" * 6000 + "1", "5E-19", "-5E-19"]),
)


@quick
@given(texts=st.lists(amounts, min_size=1, max_size=40))
@example(texts=["0.0000000000000000010", "0.10000000000000000000"])
def test_amounts_are_what_decimal_says(texts):
    loaded = costs(*texts)
    exact = [EXACT.create_decimal(text) for text in texts]
    wanted = [value.quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT) for value in exact]

    assert [row["amount_usd"] for row in loaded.rows] == wanted
    assert loaded.staged.accepted_usd == sum(wanted)
    rounded = sum(value != kept for value, kept in zip(exact, wanted, strict=True))
    assert loaded.staged.rounded_amount_count == rounded


def test_what_is_rounded_is_said(duckdb_file, tmp_path):
    path = tmp_path / "cost.csv"
    path.write_text(
        f"{PERIOD},amount_value\n" + "".join(f"{day(f'0.{digits}')}\n" for digits in ["1" * 39] * 2)
    )
    summaries = load.load_files([str(path)], dry_run=True, console=load.Console(quiet=True))

    assert summaries[0]["rounded_amount_count"] == 2
    said = run(duckdb_file, path).output
    assert "amounts rounded, as they have digits beyond the 18th decimal: 2" in said
    assert "rounded" not in run(duckdb_file, FORMATS / "requests_csv.csv").output


def test_counts_and_booleans_of_any_spelling():
    header = f"{PERIOD},num_model_requests,batch,input_tokens,output_tokens"
    loaded = stage("\n".join([header, day("59200.0", "TRUE", "1.0", 0), day(1, "FALSE", 2, 3)]))

    found = [(row["request_count"], row["is_batch"], row["input_tokens"]) for row in loaded.rows]
    assert found == [(59200, True, 1), (1, False, 2)]


def test_counts_that_are_none():
    header = f"{PERIOD},num_model_requests,images"
    loaded = stage("\n".join([header, day("1.5", 1), day(1, -1), day(1, "1e3"), day(1, 1)]))

    assert [line[:3] for line in loaded.rejected] == [
        (2, "invalid_number", "num_model_requests"),
        (3, "invalid_number", "images"),
        (4, "invalid_number", "images"),
    ]


def test_the_epoch_decides_over_a_time_without_zone():
    cells = f"{DAY[0]},{DAY[1]},2025-10-01T02:00:00,2025-10-02T02:00:00,0.5"
    [row] = stage(f"{PERIOD},amount_value\n{cells}\n").rows
    assert (row["bucket_start"], row["bucket_end"]) == (DAY_1, DAY_2)

    text = "start_time_iso,end_time_iso,amount_value\n2025-10-01T00:00:00,2025-10-02T02:00+02:00,1"
    [row] = stage(text).rows
    assert (row["bucket_start"], row["bucket_end"]) == (DAY_1, DAY_2)


def test_equal_lines_add_up():
    loaded = stage(
        "\n".join([f"{PERIOD},amount_value,line_item", day("0.5", "x"), day("0.5", "x")])
    )

    assert len(loaded.rows) == 2
    assert loaded.staged.accepted_usd == 1


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("", DAY[1], "missing_value"),
        (DAY[0], "", "missing_value"),
        (DAY[0], DAY[0], "bucket_end_not_after_start"),
        (DAY[1], DAY[0], "bucket_end_not_after_start"),
        (DAY[0], DAY[1] + 1, "bucket_not_in_one_utc_day"),
        (DAY[0] - 1, DAY[0] + 1, "bucket_not_in_one_utc_day"),
        (DAY[0] + 3600, DAY[1] + 3600, "bucket_not_in_one_utc_day"),
        (DAY[0], DAY[1] + 86400, "bucket_not_in_one_utc_day"),
        ("soon", DAY[1], "invalid_timestamp"),
    ],
)
def test_a_period_that_is_none(start, end, reason):
    assert bucket(start, end).reasons == [(2, reason)]


@pytest.mark.parametrize(
    ("start", "end"),
    [DAY, (DAY[1] - 60, DAY[1]), (DAY[0], DAY[0] + 3600), (DAY[0] + 7, DAY[0] + 8)],
)
def test_a_period_within_a_day(start, end):
    assert not bucket(start, end).rejected


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"line_item": "gpt-4o"}, "missing_value"),
        ({"quantity": "0"}, "missing_value"),
        ({"project_id": "proj_1", "amount_currency": "usd"}, None),
        ({"amount_value": "1", "quantity": "many"}, "invalid_number"),
        ({"amount_value": "1,5"}, "invalid_amount"),
        ({"amount_value": "1", "amount_currency": "EUR"}, "currency_not_usd"),
        ({"amount_value": "0"}, None),
    ],
)
def test_a_line_of_costs_without_an_amount(cells, reason):
    columns = COSTS.split(",")
    line = [f'"{cells.get(column, "")}"' for column in columns]
    line[:2] = map(str, DAY)
    loaded = stage("\n".join([COSTS, ",".join(line), day(*["1"] + [""] * 12)]))

    assert [found for _, found in loaded.reasons] == ([reason] if reason else [])


def test_a_line_of_usage_with_a_model_and_no_count():
    header = f"{PERIOD},model,num_model_requests,images"
    loaded = stage("\n".join([header, day("m", "", ""), day("m", "", 0), day("", "", "")]))

    assert [line[:3] for line in loaded.rejected] == [(2, "missing_value", "num_model_requests")]


@pytest.mark.parametrize("packing", ["plain", "tsv", "parquet"])
def test_other_containers(tmp_path, packing):
    text = (FORMATS / "openai_costs.csv").read_text()
    path = tmp_path / "export"
    if packing == "parquet":
        lines = [line.split(",") for line in text.replace(", ", "; ").splitlines()]
        columns = {
            name: [line[place].strip('"').replace("; ", ", ") or None for line in lines[1:]]
            for place, name in enumerate(lines[0])
        }
        parquet.write_table(pyarrow.table(columns), path)
    else:
        table = text.replace(", ", "; ").replace(",", "\t").replace("; ", ", ")
        path.write_text("\ufeff" + (table if packing == "tsv" else text))
    loaded = stage_file(path)

    assert loaded.rows == stage_file(FORMATS / "openai_costs.csv").rows
    assert loaded.reasons == [(7, "currency_not_usd")]
    assert not any(words in str(loaded.rejected) for words in PEOPLE)


@pytest.mark.parametrize("name", ["cost_2025-10.csv", "images_usage_2025-10.csv"])
@pytest.mark.parametrize("header", ["whole", "period"])
def test_no_line_at_all(warehouse, tmp_path, name, header):
    path = tmp_path / name
    columns = "amount_value" if name.startswith("cost") else "images"
    path.write_text(f"{PERIOD},{columns}\n" if header == "whole" else f"{PERIOD}\n")
    result = run(warehouse, path)

    assert result.exit_code == 0
    assert "0 lines: 0 accepted, 0 rejected;" in result.output
    assert "covers nothing" in result.output
    assert "states an amount" not in result.output
    columns = "line_count, accepted_line_count, accepted_usd, first_at, last_at"
    assert query(warehouse, f"select {columns} from raw.loaded_files") == [(0, 0, 0, None, None)]
    assert "already loaded (the same bytes; nothing changed)" in run(warehouse, path).output
    assert raw_counts(warehouse) == dict.fromkeys(TABLES, 0) | {"loaded_files": 1}


def test_lines_of_which_none_is_usable():
    with pytest.raises(UnusableInput, match="not one of its 1 lines is usable"):
        stage(f"{PERIOD},amount_value\n{day('free')}\n")


def everything(env: dict[str, str]) -> str:
    """All that any table holds, as text."""
    return "\n".join(str(query(env, f"select * from raw.{table}")) for table in TABLES)


# fmt: off
BROKEN = [
    "1,2,3,jane.roe@example.org,Skunk works",
    '1,2,"Example Ltd',
    day(*["Skunk works"] * 20),
    day("free", "usd", 1, "", "x", "u", "k", "p", "o", "Skunk works", "Example Ltd",
        "jane.roe@example.org", ""),
    day("free", "usd", 1, "", "x", "u", "k", "p", "o", "Skunk works",
        ' "Example Ltd, or so"', "jane.roe@example.org", ""),
    day("free", "usd", 1, "", "x", "u", "k", "p", "o", '"Skunk works\n, a"',
        '"Example Ltd, ""or so"""', "jane.roe@example.org", ""),
    "jane.roe@example.org\0",
]
# fmt: on


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_no_name_and_no_mail_reaches_any_table(warehouse, tmp_path, delimiter):
    """Not by a good line, not by a rejected one, and not by one of which no cell can be told."""
    paths = [FORMATS / f"openai_costs.{ending}" for ending in ("csv", "json")]
    text = "\n".join([COSTS, *BROKEN, day("1", *[""] * 12)])
    text = text.replace(",", delimiter)
    (tmp_path / "cost.csv").write_text(text)
    assert any(words in text for words in PEOPLE)
    assert run(warehouse, *paths, tmp_path / "cost.csv").exit_code == 0

    stored = everything(warehouse)
    assert "gpt-4o-mini-2024-07-18, input" in stored
    assert "invalid_amount" in stored
    for words in [*PEOPLE, "Skunk", "Example", "or so"]:
        assert words not in stored


def test_of_a_rejected_line_the_known_cells_stay():
    loaded = stage("\n".join([COSTS, BROKEN[3], "short", day("1", *[""] * 12)]))

    assert loaded.rejected == [
        (2, "invalid_amount", "amount_value", f"{DAY[0]},{DAY[1]},,,free,usd,1,,x,u,k,p,o,,,,"),
        (3, "too_few_columns", None, None),
    ]


def test_a_rejected_line_of_several_stays_one_record():
    header = "start_time,end_time,amount_value,line_item,user_email"
    loaded = stage(f'{header}\n1,2,free,"a\r\nb",{PEOPLE[0]}\n{DAY[0]},{DAY[1]},1,,\n')

    assert [line.raw_line for line in loaded.rejected] == ['1,2,free,"a\r\nb",']


def test_cells_that_another_reader_would_count_otherwise():
    """What stands under a known name there may be a name here."""
    header = "start_time,end_time,amount_value,user_email,line_item"
    loaded = stage(f'{header}\n1,2,3, "Skunk,works"\n{DAY[0]},{DAY[1]},1,,\n')

    assert loaded.rejected == [(2, "too_few_columns", None, None)]


def test_of_a_rejected_parquet_row_the_known_cells_stay(tmp_path):
    columns = {"start_time": [DAY[0]] * 2, "end_time": [DAY[1]] * 2, "amount_value": ["x", "1"]}
    path = tmp_path / "cost.parquet"
    parquet.write_table(pyarrow.table(columns | {"user_email": PEOPLE[:1] * 2}), path)
    [line] = stage_file(path).rejected

    assert json.loads(line.raw_line) == {
        "start_time": DAY[0],
        "end_time": DAY[1],
        "amount_value": "x",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{PERIOD},amount_value,line_item\n{day(1, '')}\n", "no line has a line_item: an export"),
        (f"{PERIOD},amount_value,line_item\n{day(1, 'x')}\n", None),
        (f"{PERIOD},amount_value,line_item\n{day('', '')}\n", None),
        (f"{PERIOD},images\n{day(1)}\n", "no line has a model: an export grouped by model proves"),
        (f"{PERIOD},images,model\n{day(1, 'm')}\n", None),
        (f"{PERIOD},usage_bytes\n{day(1)}\n", None),
    ],
)
def test_the_hint_to_group(duckdb_file, tmp_path, text, said):
    path = tmp_path / "export.csv"
    path.write_text(text)
    output = run(duckdb_file, path).output

    assert (said or "loaded as") in output
    assert ("grouped by" in output) == bool(said)
    assert "covers 2025-10-01 to 2025-10-01 UTC" in output
    assert "no line states an amount" not in output


def test_a_bill_by_request_with_such_times_stays_one():
    """The export's columns are no reason to take a bill by request for it."""
    header = "request_id,start_time,end_time,model,input_tokens,output_tokens,amount_value,cost"
    loaded = stage(f"{header}\nid1,{DAY[0]},{DAY[1]},m,1,2,3,4\n")

    assert loaded.staged.format.name == "requests_csv"


def test_a_name_is_only_the_last_part_of_a_path(tmp_path):
    folder = tmp_path / "cost_2025"
    folder.mkdir()
    path = Path(folder / "export.csv")
    path.write_text(f"{PERIOD}\n")

    with pytest.raises(UnusableInput, match="only the columns of its period"):
        stage_file(path)
