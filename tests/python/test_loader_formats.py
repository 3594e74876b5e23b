"""Each format from its fixture into both warehouses, value by value; and which header is which."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from conftest import query
from loading import FORMATS, GOOD, HEADER, run, stage, stage_file

from loader.errors import UnusableInput
from loader.formats import all_formats

USAGE_COLUMNS = (
    "id, user_id, action_type, model_used, tokens_used, input_tokens, output_tokens, "
    "cached_input_tokens, cache_write_tokens, reasoning_tokens, audio_seconds, success, "
    "error_message, created_at, calculated_cost_cents, openai_request_id, openai_created, "
    "system_fingerprint, service_tier, is_batch, is_cache_hit, region, project_id, api_key_id, "
    "line_number"
)
BILL_COLUMNS = (
    "line_number, request_id, billed_at, model, input_tokens, cached_input_tokens, "
    "cache_write_tokens, output_tokens, reasoning_tokens, total_tokens, cost_usd, fee_usd, "
    "endpoint, request_status, service_tier, is_batch, region"
)
KEY = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


def rows_of(env: dict[str, str], columns: str, table: str) -> list[tuple]:
    return query(env, f"select {columns} from raw.{table} order by line_number")


def file_of(env: dict[str, str]) -> tuple:
    columns = (
        "load_number, file_name, format, grain, issuer, byte_count, line_count, "
        "accepted_line_count, rejected_line_count, accepted_usd, first_at, last_at"
    )
    [row] = query(env, f"select {columns} from raw.loaded_files")
    return row


def rejected_of(env: dict[str, str]) -> list[tuple]:
    columns = "line_number, reason, column_name, raw_line"
    return query(env, f"select {columns} from raw.rejected_lines order by line_number")


def test_every_format_has_a_fixture():
    assert {path.stem for path in FORMATS.iterdir()} == set(all_formats())


@pytest.mark.parametrize("name", all_formats())
def test_a_fixture_is_detected_as_its_format(name):
    loaded = stage_file(FORMATS / f"{name}.csv")

    assert loaded.staged.format.name == name


def test_requests_csv(warehouse):
    path = FORMATS / "requests_csv.csv"

    assert run(warehouse, path).exit_code == 0
    # fmt: off
    assert rows_of(warehouse, BILL_COLUMNS, "billed_requests") == [
        (2, "chatcmpl-A1", datetime(2024, 12, 1, 10, 30, 45), "gpt-4o-mini", 150, 0, None, 75,
         None, 225, Decimal("0.0012"), None, "/v1/chat/completions", "success", "default", False,
         None),
        (3, "chatcmpl-A2", datetime(2024, 12, 1, 10, 30, 45), "gpt-4o-2024-08-06", 2000, 1024,
         None, 10, None, 2010, Decimal("0.00382"), None, "/v1/chat/completions", "success", "flex",
         True, None),
        (4, None, datetime(2024, 12, 1, 10, 30, 45), "gpt-4o-mini", 10, None, None, 5, None, 15,
         Decimal("0.01"), None, None, None, None, None, None),
        (5, "chatcmpl-A1", datetime(2024, 12, 2), "gpt-4o-mini", None, None, None, None, None,
         None, Decimal("-0.0012"), None, None, "refund", None, None, None),
    ]
    # fmt: on
    assert rejected_of(warehouse) == [
        (6, "invalid_tokens", "completion_tokens", path.read_text().splitlines()[5])
    ]
    assert file_of(warehouse) == (
        *(1, "requests_csv.csv", "requests_csv", "request", "openai", path.stat().st_size),
        *(5, 4, 1, Decimal("0.0012") + Decimal("0.00382") + Decimal("0.01") - Decimal("0.0012")),
        *(datetime(2024, 12, 1, 10, 30, 45), datetime(2024, 12, 2)),
    )


def test_openrouter_activity(warehouse):
    path = FORMATS / "openrouter_activity.csv"

    assert run(warehouse, path).exit_code == 0
    # fmt: off
    assert rows_of(warehouse, BILL_COLUMNS, "billed_requests") == [
        (2, "gen-1733048445-aB3", datetime(2024, 12, 1, 10, 30, 45, 123000),
         "openai/gpt-4o-2024-08-06", 1200, 512, None, 300, 120, None, Decimal("0.0123"),
         Decimal("0.004") + Decimal("0.002"), None, "stop", None, None, None),
        (3, "gen-1733048446-xY9", datetime(2024, 12, 1, 10, 30, 46),
         "anthropic/claude-3.5-sonnet", 10, 0, None, 0, 0, None, Decimal(0), None, None, None, None,
         None, None),
    ]
    # fmt: on
    assert rejected_of(warehouse) == [
        (4, "invalid_amount", "cost_web_search", path.read_text().splitlines()[3])
    ]
    assert file_of(warehouse)[2:5] == ("openrouter_activity", "request", "openrouter")


def test_token_usage(warehouse):
    path = FORMATS / "token_usage.csv"
    lines = path.read_text().splitlines()

    assert run(warehouse, path).exit_code == 0
    at = datetime(2024, 12, 1, 10, 30, 45)
    # fmt: off
    assert rows_of(warehouse, USAGE_COLUMNS, "token_usage") == [
        ("0191a6e0-0000-7000-8000-000000000002", "u_2", "chat", "gpt-4o", 2010, 2000, 10, 1024, 0,
         0, None, False, 'timeout, after "30 s"\nand a retry',
         datetime(2024, 12, 1, 10, 30, 44, 999999), Decimal("0.38199999999999995"), "chatcmpl-A2",
         datetime(2024, 12, 1, 10, 30, 45, 123000), "fp_1", "flex", True, None, "eu", "proj_1",
         "key_1", 3),
        ("0191a6e0-0000-7000-8000-000000000003", "u_2", "transcription", "whisper-1", 0, None,
         None, None, None, None, Decimal("12.345679"), True, None, datetime(2024, 12, 1, 10, 31),
         Decimal("0.0000001"), None, None, None, None, None, None, None, None, None, 4),
        ("0191a6e0-0000-7000-8000-000000000001", "u_1", "chat", "gpt-4o-mini", 226, 150, 76, 0, 0,
         0, None, True, None, datetime(2024, 12, 1, 10, 30, 44, 500000), Decimal("0.1206"),
         "chatcmpl-A1", at, "fp_1", "default", False, False, "eu", "proj_1", "key_1", 5),
    ]
    # fmt: on
    assert rejected_of(warehouse) == [
        (2, "duplicate_id", "id", lines[1]),
        (6, "invalid_boolean", "success", lines[6]),
    ]
    # 0.0038199999999999995 USD is rounded at the 18th digit
    usd = Decimal("0.00382") + Decimal("1e-9") + Decimal("0.001206")
    assert file_of(warehouse) == (
        *(1, "token_usage.csv", "token_usage", "usage_log", None, path.stat().st_size, 5, 3, 2),
        *(usd, datetime(2024, 12, 1, 10, 30, 44, 500000)),
        datetime(2024, 12, 1, 10, 31),
    )


def test_litellm_spend_logs(warehouse):
    path = FORMATS / "litellm_spend_logs.csv"

    assert run(warehouse, path).exit_code == 0
    # fmt: off
    assert rows_of(warehouse, USAGE_COLUMNS, "token_usage") == [
        ("chatcmpl-B1", "u_1", "acompletion", "openai/gpt-4o-mini", 225, 150, 75, 128, None, 64,
         None, True, None, datetime(2024, 12, 1, 10, 30, 44, 123000),
         # 1.2345678901234567e-05 USD to the 18th digit, in cents
         Decimal("0.0012345678901235"), "chatcmpl-B1", None, None, None, None, False, None, None,
         KEY, 2),
        ("chatcmpl-B2", None, "acompletion", "gpt-4o", 0, 0, 0, None, 7, None, None, False, None,
         datetime(2024, 12, 1, 10, 31), Decimal(0), "chatcmpl-B2", None, None, None, None, None,
         None, None, KEY, 3),
    ]
    # fmt: on
    assert rejected_of(warehouse) == [
        (4, "invalid_tokens", "metadata", path.read_text().splitlines()[3])
    ]


def test_an_unknown_header_names_what_the_nearest_format_misses():
    with pytest.raises(UnusableInput) as error:
        stage("request_id,timestamp,tokens,cost\nid1,2024-12-01,5,1\n")

    assert "fits no known format" in str(error.value)
    assert "nearest is requests_csv" in str(error.value)
    assert "which also needs: model/model_name." in str(error.value)
    assert "The header reads: request_id, timestamp, tokens, cost." in str(error.value)


def test_a_file_without_header_is_unknown():
    with pytest.raises(UnusableInput, match="The header reads: id1, 2024-12-01 10:30:45, gpt-4o"):
        stage(f"{GOOD}\n{GOOD}\n")


def test_a_needed_column_twice_is_refused_with_both_positions():
    with pytest.raises(UnusableInput, match=r"'Cost' stands twice .*positions 6 and 7"):
        stage(f"{HEADER},Cost\n{GOOD},0.5\n")


def test_an_unneeded_column_twice_does_no_harm():
    loaded = stage(f"{HEADER},note,note\n{GOOD},a,b\n")

    assert loaded.ids == ["id1"]
    assert loaded.staged.ignored_columns == ("note", "note")


def test_header_names_are_known_by_any_spelling():
    loaded = stage(
        "OpenAI Request-ID,Created At,MODEL NAME,Input Tokens,output-tokens,Amount\n"
        "id1,2024-12-01 10:30:45,gpt-4o,150,75,0.25\n"
    )

    assert loaded.rows == stage(f"{HEADER}\n{GOOD}\n").rows


def test_of_two_names_for_one_column_the_first_listed_wins():
    loaded = stage("price,id,cost,request_id,timestamp,model\n9,other,0.25,id1,2024-12-01,gpt-4o\n")

    assert loaded.ids == ["id1"]
    assert loaded.rows[0]["cost_usd"] == Decimal("0.25")
    assert loaded.staged.ignored_columns == ("price", "id")


def test_as_format_reads_what_would_be_taken_for_another():
    text = "id,created_at,model_used,model,cost\nid1,2024-12-01,gpt-4o,gpt-4o-mini,0.25\n"

    assert stage(text).staged.format.name == "token_usage"
    assert stage(text, as_format="requests_csv").rows == [
        {
            "line_number": 2,
            "request_id": "id1",
            "billed_at": datetime(2024, 12, 1),
            "model": "gpt-4o-mini",
            "cost_usd": Decimal("0.25"),
        }
    ]


def test_as_format_names_what_its_header_misses():
    with pytest.raises(
        UnusableInput, match="does not fit token_usage, which also needs: created_at; model"
    ):
        stage("id,model\n1,gpt-4o\n", as_format="token_usage")


def test_issuer_says_who_sent_the_bill(duckdb_file):
    paths = [FORMATS / "requests_csv.csv", FORMATS / "token_usage.csv"]
    result = run(duckdb_file, *paths, "--issuer", "reseller.eu-1")

    assert result.exit_code == 0
    issuers = query(duckdb_file, "select issuer from raw.loaded_files order by load_number")
    assert issuers == [("reseller.eu-1",), (None,)]  # nobody sends us our log


@pytest.mark.parametrize("issuer", ["", "Open AI", "a:b", "a'b", "-a", "ä", "a\n"])
def test_an_issuer_that_would_cut_a_key(duckdb_file, issuer):
    result = run(duckdb_file, FORMATS / "requests_csv.csv", f"--issuer={issuer}")

    assert result.exit_code == 2
    assert "use lower-case letters, digits, '.', '_' and '-'" in result.stderr


def test_unused_columns_are_named_in_the_output(duckdb_file):
    result = run(duckdb_file, FORMATS / "requests_csv.csv")

    assert "columns not used: user_id" in result.output


def test_a_file_with_further_amounts_only_keeps_them():
    loaded = stage(
        "generation_id,created_at,cost_total,cost_file_processing,model_permaslug\n"
        "gen-1,2024-12-01,0.5,0.125,openai/gpt-4o\n"
    )

    assert loaded.rows[0]["fee_usd"] == Decimal("0.125")


def test_sql_in_a_header_or_a_value_is_only_text(warehouse, tmp_path):
    attack = "'); drop table raw.loaded_files; --"
    path = tmp_path / "bill.csv"
    path.write_text(f'{HEADER},"{attack}"\n"{attack}",2024-12-01,"x""; --",1,1,0.5,{attack}\n')

    assert run(warehouse, path).exit_code == 0
    assert query(warehouse, "select request_id, model from raw.billed_requests") == [
        (attack, 'x"; --')
    ]
    assert rejected_of(warehouse) == []
