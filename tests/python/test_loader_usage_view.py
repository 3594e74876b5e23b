"""`--usage-table`: raw.token_usage as a view over the application's own table, never altered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from conftest import query
from loading import FORMATS, raw_counts, run

from loader.sql import raw_columns

APPLICATION = """
create schema application;
create table application.token_usage (
    id uuid, user_id integer, action_type varchar(20), model_used varchar(50), note text,
    tokens_used integer, input_tokens bigint, success boolean,
    created_at timestamp with time zone, calculated_cost_cents double precision,
    openai_request_id text, openai_created integer
);
insert into application.token_usage values
    ('0191a6e0-0000-7000-8000-000000000001', 7, 'chat', 'gpt-4o', 'x', 225, 150, true,
     '2024-12-01 12:30:45.5+02:00', 0.38199999999999995, 'chatcmpl-A1', 1733049045),
    ('0191a6e0-0000-7000-8000-000000000002', null, null, 'gpt-4o', null, null, null, null,
     '2024-12-31 23:30:00-01:00', 1e-7, null, null),
    ('0191a6e0-0000-7000-8000-000000000003', 7, 'chat', 'gpt-4o', 'x', 0, 0, false,
     '2024-12-01 10:30:45+00:00', 'NaN', null, null)
"""
ROWS = [
    (
        *("0191a6e0-0000-7000-8000-000000000001", "7", "chat", "gpt-4o", 225, 150, True),
        *(datetime(2024, 12, 1, 10, 30, 45, 500000), Decimal("0.38199999999999995")),
        *("chatcmpl-A1", datetime(2024, 12, 1, 10, 30, 45)),
    ),
    (
        *("0191a6e0-0000-7000-8000-000000000002", None, None, "gpt-4o", None, None, None),
        *(datetime(2025, 1, 1, 0, 30), Decimal("0.0000001"), None, None),
    ),
    (
        *("0191a6e0-0000-7000-8000-000000000003", "7", "chat", "gpt-4o", 0, 0, False),
        # what is no number is no amount
        *(datetime(2024, 12, 1, 10, 30, 45), None, None, None),
    ),
]
MAPPED = (
    "id, user_id, action_type, model_used, tokens_used, input_tokens, success, created_at, "
    "calculated_cost_cents, openai_request_id, openai_created"
)
BILL = FORMATS / "requests_csv.csv"
LOG = FORMATS / "token_usage.csv"
OPTIONS = ("--usage-table", "application.token_usage")


def columns_of(env: dict[str, str], schema: str) -> list[tuple]:
    return query(
        env,
        "select column_name, lower(data_type) from information_schema.columns "
        f"where table_schema = '{schema}' and table_name = 'token_usage' order by ordinal_position",
    )


def test_the_view_gives_the_types_and_times_that_raw_promises(warehouse):
    query(warehouse, APPLICATION)
    result = run(warehouse, *OPTIONS)

    assert result.exit_code == 0
    assert "raw.token_usage is now a view over application.token_usage: 11 columns of it used" in (
        result.output
    )
    assert "13 missing ones null (output_tokens, cached_input_tokens," in result.output
    select = f"select {MAPPED} from raw.token_usage order by id"
    for zone in ("UTC", "Asia/Tokyo"):
        assert query(warehouse, f"set timezone = '{zone}'; {select}") == ROWS
    missing = [name for name, _ in raw_columns("token_usage") if name not in MAPPED.split(", ")]
    nulls = query(warehouse, f"select distinct {', '.join(missing)} from raw.token_usage")
    assert nulls == [(None,) * len(missing)]


def test_the_view_takes_blanks_away_as_the_loader_does(warehouse):
    """Else an id would match when it comes by file and not when it comes by view."""
    for blank in ("\t", "\n", "\v", " \r ", "\u00a0", "\ufeff"):
        query(warehouse, "drop schema if exists application cascade")
        query(warehouse, "create schema application")
        query(
            warehouse,
            f"create table application.token_usage as select '{blank}u1' as id, "
            f"timestamp '2024-12-01' as created_at, '{blank}m{blank}' as model_used, "
            f"'r1{blank}' as openai_request_id, '{blank}' as action_type",
        )
        assert run(warehouse, *OPTIONS).exit_code == 0
        [row] = query(
            warehouse, "select id, model_used, openai_request_id, action_type from raw.token_usage"
        )
        assert row == (f"{blank}u1", "m", "r1", None)  # the application's own id stays as it is


def test_a_numeric_that_is_no_number_is_no_amount(postgres):
    query(postgres, "create schema application")
    query(
        postgres,
        "create table application.token_usage (id text, created_at timestamp, model_used text, "
        "calculated_cost_cents numeric, input_tokens numeric); "
        "insert into application.token_usage values ('a', '2024-12-01', 'm', 'NaN', 'NaN'), "
        "('b', '2024-12-01', 'm', '-Infinity', 'Infinity'), ('c', '2024-12-01', 'm', 0.5, 7), "
        "('d', '2024-12-01', 'm', 0.5, 999999999999999999)",
    )
    assert run(postgres, *OPTIONS).exit_code == 0
    rows = query(
        postgres, "select id, calculated_cost_cents, input_tokens from raw.token_usage order by id"
    )
    assert rows == [
        ("a", None, None),
        ("b", None, None),
        ("c", Decimal("0.5"), 7),
        ("d", Decimal("0.5"), 10**18 - 1),
    ]


def test_the_view_has_the_columns_of_the_table_it_replaces(warehouse):
    run(warehouse, BILL)
    of_the_table = columns_of(warehouse, "raw")
    query(warehouse, APPLICATION)
    run(warehouse, *OPTIONS)

    assert columns_of(warehouse, "raw") == of_the_table


def test_the_application_is_left_alone(warehouse):
    query(warehouse, APPLICATION)
    sql = "select * from application.token_usage order by id"
    before = (columns_of(warehouse, "application"), str(query(warehouse, sql)))
    run(warehouse, *OPTIONS)
    run(warehouse, *OPTIONS)

    assert (columns_of(warehouse, "application"), str(query(warehouse, sql))) == before


def test_a_second_time_changes_nothing_and_keeps_what_stands_on_it(warehouse):
    query(warehouse, APPLICATION)
    run(warehouse, *OPTIONS)
    query(warehouse, "create view public_calls as select id from raw.token_usage")
    result = run(warehouse, *OPTIONS)

    assert result.exit_code == 0
    assert len(query(warehouse, "select * from public_calls")) == 3


def test_new_rows_and_bills_join_the_view(warehouse):
    query(warehouse, APPLICATION)
    run(warehouse, *OPTIONS)
    assert run(warehouse, BILL).exit_code == 0
    query(warehouse, "delete from application.token_usage where user_id is null")

    counts = raw_counts(warehouse)
    assert (counts["token_usage"], counts["billed_requests"]) == (2, 4)


def test_a_log_is_refused_beside_the_view(warehouse):
    query(warehouse, APPLICATION)
    run(warehouse, *OPTIONS)
    result = run(warehouse, BILL, LOG)

    assert result.exit_code == 2
    assert f"{LOG}: raw.token_usage is a view over the application's own table" in result.stderr
    assert raw_counts(warehouse)["loaded_files"] == 0


def test_loaded_rows_are_not_hidden(warehouse):
    query(warehouse, APPLICATION)
    run(warehouse, LOG)
    result = run(warehouse, *OPTIONS)

    assert result.exit_code == 2
    assert "raw.token_usage holds rows loaded from files. Drop it first" in result.stderr
    assert raw_counts(warehouse)["token_usage"] == 3


def test_a_table_that_cannot_be_used(warehouse):
    query(warehouse, APPLICATION)
    for table, said in {
        "token_usage": "give the table as SCHEMA.TABLE",
        "a.b.c": "give the table as SCHEMA.TABLE",
        "application.token_usage; drop table x": "give the table as SCHEMA.TABLE",
        "application.'token_usage'": "give the table as SCHEMA.TABLE",
        "application.calls": "there is no such table, or no right to read it",
        "raw.token_usage": "a view cannot be over itself",
        "raw.billed_requests": "it lacks id, created_at, model_used.",
    }.items():
        result = run(warehouse, "--usage-table", table)
        assert result.exit_code == 2
        assert f"--usage-table {table}: {said}" in result.stderr
    assert query(warehouse, "select count(*) from raw.token_usage") == [(0,)]


@pytest.mark.parametrize(
    ("column", "found"),
    [("created_at", "text"), ("tokens_used", "text"), ("success", "integer")],
)
def test_a_column_that_could_be_misread(warehouse, column, found):
    types = {"id": "text", "model_used": "text", "created_at": "timestamp"} | {column: found}
    columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
    query(warehouse, f"create schema application; create table application.token_usage ({columns})")
    result = run(warehouse, *OPTIONS)

    assert result.exit_code == 2
    assert f"column {column} is of type" in result.stderr
    assert "which could be misread" in result.stderr


def test_epochs_names_in_capitals_and_whole_cents(warehouse):
    query(
        warehouse,
        """
        create schema "Our App";
        create schema "App";
        create table "App"."Usage" (
            id bigint, model_used text, created_at bigint, openai_created double precision,
            calculated_cost_cents numeric(12, 4), input_tokens numeric(10, 0)
        );
        insert into "App"."Usage" values (1, 'm', 1733049045123, 1733049045.5, 12.3456, 150);
        insert into "App"."Usage" values (2, 'm', 1733049045, null, -1, null)
        """,
    )
    result = run(warehouse, "--usage-table", "App.Usage")

    assert result.exit_code == 0
    assert query(
        warehouse,
        "select id, created_at, openai_created, calculated_cost_cents, input_tokens "
        "from raw.token_usage order by id",
    ) == [
        (
            *("1", datetime(2024, 12, 1, 10, 30, 45, 123000)),
            *(datetime(2024, 12, 1, 10, 30, 45, 500000), Decimal("12.3456"), 150),
        ),
        ("2", datetime(2024, 12, 1, 10, 30, 45), None, Decimal(-1), None),
    ]


def test_the_option_stands_alone(duckdb_file):
    for other in (BILL, "--dry-run"):
        result = run(duckdb_file, *OPTIONS, other)
        assert result.exit_code == 2
        assert "--usage-table takes no files and no --dry-run." in result.stderr
