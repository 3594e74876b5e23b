"""What the text of one cell becomes: a value, or a rejected line. Never a guess.

A cell that is read wrongly is a wrong dollar that no later check can see.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import pytest
from loading import stage

from loader.errors import UnusableInput

HEADER = "request_id,timestamp,model,prompt_tokens,completion_tokens,cost,batch,currency"
GOOD = {
    "request_id": "id1",
    "timestamp": "2024-12-01 10:30:45",
    "model": "gpt-4o",
    "prompt_tokens": "150",
    "completion_tokens": "75",
    "cost": "0.25",
    "batch": "false",
    "currency": "USD",
}
WITNESS = ",".join(GOOD.values())
"""a line that is always good, so that the file is"""
TARGETS = {
    "request_id": "request_id",
    "timestamp": "billed_at",
    "prompt_tokens": "input_tokens",
    "cost": "cost_usd",
    "batch": "is_batch",
    "currency": "currency",
}


def read(column: str, cells: Iterable[str]) -> dict[str, object]:
    """What each of these cells becomes in a line that is good otherwise: its value, or its reason.

    A reason is said only of a line whose column and text are reported right.
    """
    lines = {cell: ",".join({**GOOD, column: cell}.values()) for cell in cells}
    loaded = stage("\n".join([HEADER, *lines.values(), WITNESS]))
    rows = {row["line_number"]: row.get(TARGETS[column]) for row in loaded.rows}
    rejected = {line.line_number: line for line in loaded.rejected}
    found = {}
    for number, (cell, line) in enumerate(lines.items(), 2):
        if number in rows:
            found[cell] = rows[number]
        else:
            reason = rejected[number].reason
            assert rejected[number] == (number, reason, column, line)
            found[cell] = reason
    return found


def test_whole_numbers_of_tokens():
    values = {
        "0": 0,
        "150.0": 150,
        "150.": 150,
        "007": 7,
        " 42\t": 42,
        "999999999999999999": 999_999_999_999_999_999,
        "0000000000000000000000000000012": 12,
        "": None,
        "   ": None,
    }

    assert read("prompt_tokens", values) == values


def test_anything_else_is_no_number_of_tokens():
    # fmt: off
    cells = ["-1", "-0", "+5", "1.5", "150.01", "1e3", "1_000", '"1,000"', "1 000", "0x10", "١٢",
             "１２", "1000000000000000000", "9223372036854775808", "NaN", "null", "12 tokens",
             "--1", ".0", "."]
    # fmt: on
    assert read("prompt_tokens", cells) == dict.fromkeys(cells, "invalid_tokens")


def test_amounts():
    values = {
        "$0.01": "0.01",
        "$ 0.01": "0.01",
        "-$0.01": "-0.01",
        "$-0.01": "-0.01",
        ".5": "0.5",
        "+0.5": "0.5",
        "5.": "5",
        "-3": "-3",
        " 0.5 ": "0.5",
        "\u00a00.5\u00a0": "0.5",
        "1e-7": "0.0000001",
        "1.5E+3": "1500",
        "0E-6176": "0",
        "999999999.999999999999999999": "999999999.999999999999999999",
        # 39 decimals; the 19th decides, half away from zero
        "0.123456789012345678499999999999999999999": "0.123456789012345678",
        "0.123456789012345678500000000000000000000": "0.123456789012345679",
        "-0.000000000000000000500000000000000000000": "-0.000000000000000001",
        "5e-19": "0.000000000000000001",
        "4.9e-19": "0",
        "1e-400": "0",
    }

    assert read("cost", values) == {cell: Decimal(value) for cell, value in values.items()}


def test_anything_else_is_no_amount():
    # fmt: off
    cells = ['"1,234.50"', '"0,5"', "1.234.5", "NaN", "inf", "-inf", "Infinity", "abc", "1_000",
             "0x10", "１２", "1 0", "$", "-", ".", "1e", "e5", "1e5.5", "--1", "1-", "$$1", "1$",
             "0.5 USD", "€1", "1000000000", "-1000000000", "1e9", "1e38", "1e999999999", "9" * 40,
             "12345678901234567890e-10"]
    # fmt: on
    assert read("cost", cells) == dict.fromkeys(cells, "invalid_amount")


def test_a_line_without_amount_but_with_tokens_is_a_line():
    assert read("cost", ["", " "]) == {"": None, " ": None}


def test_times_are_utc():
    values = {
        "2024-12-01 10:30:45": "2024-12-01 10:30:45",
        "2024-12-01T10:30:45": "2024-12-01 10:30:45",
        "2024-12-01 10:30:45.123": "2024-12-01 10:30:45.123",
        "2024-12-01 10:30:45.1200": "2024-12-01 10:30:45.12",
        "2024-12-01T10:30:45.123456789Z": "2024-12-01 10:30:45.123456",
        "2024-12-01T10:30": "2024-12-01 10:30",
        "2024-12-01": "2024-12-01",
        "2024-12-01T10:30:45Z": "2024-12-01 10:30:45",
        "2024-12-01 10:30:45 UTC": "2024-12-01 10:30:45",
        "2024-12-01T10:30:45+02:00": "2024-12-01 08:30:45",
        "2024-12-01 10:30:45 +0530": "2024-12-01 05:00:45",
        "2024-12-01 10:30:45.5-08": "2024-12-01 18:30:45.5",
        "2024-12-31T23:30-01:00": "2025-01-01 00:30",
        "2024-02-29": "2024-02-29",
        "1733049045": "2024-12-01 10:30:45",
        "1733049045.5": "2024-12-01 10:30:45.5",
        "1733049045123": "2024-12-01 10:30:45.123",
        "1733049045123.0": "2024-12-01 10:30:45.123",
        "1733049045123.25": "2024-12-01 10:30:45.123250",
        "1733049045.0000005": "2024-12-01 10:30:45.000001",
        "946684800000": "2000-01-01",
        "999999999999": "2001-09-09 01:46:39.999",
        "946684800": "2000-01-01",
        "4102444799": "2099-12-31 23:59:59",
        " 2024-12-01 10:30:45 ": "2024-12-01 10:30:45",
    }

    expected = {cell: datetime.fromisoformat(value) for cell, value in values.items()}
    assert read("timestamp", values) == expected


def test_anything_else_is_no_time():
    # fmt: off
    cells = ["12/01/2024", "01.12.2024", "12/01/2024 10:30", "20241201", "2024-1-1",
             "2024-12-01 10", "2024-13-01", "2024-02-30", "2023-02-29", "2024-12-01 25:00:00",
             "2024-12-01 10:60:00", "2024-12-01 10:30:61", "2024-12-01 10:30: 5",
             "2024-12-01 10:30:45 PM", "Dec 1 2024", "2024-12-01 10:30:45 EST",
             "2024-12-01 10:30:45 America/New_York", "2024-12-01 10:30:45+5",
             "2024-12-01 10:30:45+15:00", "2024-12-01 10:30:45+99:99", "2024-12-01 10:30:45+00:60",
             "2024-12-01 (BC)", "infinity", "epoch", "now", "today", "0", "1733", "99999999",
             "17330490451", "1733049045123456", "1.733e9", "-1733049045", "1999-12-31",
             "2100-01-01", "0024-12-01 10:30:45", "4102444800", "４１０2444799"]
    # fmt: on
    assert read("timestamp", cells) == dict.fromkeys(cells, "invalid_timestamp")


def test_true():
    cells = ["true", "TRUE", "True", "t", "yes", "Y", "1", " true "]
    assert read("batch", cells) == dict.fromkeys(cells, True)


def test_false():
    cells = ["false", "FALSE", "f", "no", "N", "0"]
    assert read("batch", cells) == dict.fromkeys(cells, False)


def test_anything_else_is_neither_true_nor_false():
    cells = ["2", "on", "maybe", "truefalse", "0.0", "-1"]
    assert read("batch", cells) == dict.fromkeys(cells, "invalid_boolean")


def test_dollars():
    cells = ["USD", "usd", " Usd ", ""]
    assert read("currency", cells) == dict.fromkeys(cells)


def test_another_currency_is_rejected_whatever_the_amount():
    cells = ["EUR", "US", "$", "USDT", "U S D"]
    assert read("currency", cells) == dict.fromkeys(cells, "currency_not_usd")


def test_ids_are_text_as_they_stand():
    # fmt: off
    ids = ["two words", "it's", 'say "hi"', "🙂 emoji", "a,b", "line\nbreak", "tab\there", "Ä" * 50,
           "x" * 10_240, "null", "NaN", "\\N", "1e5", "{a}", "%s", "\u2028", "\u200b", "-", "#1"]
    # fmt: on
    table = io.StringIO()
    writer = csv.DictWriter(table, GOOD)
    writer.writeheader()
    writer.writerows({**GOOD, "request_id": identity} for identity in ids)

    assert stage(table.getvalue()).ids == ids


def test_blanks_around_an_id_are_dropped():
    blanks = (" ", "\t", "\x0b", "\u00a0", "\ufeff", " \t \u00a0")
    cells = [cell for blank in blanks for cell in (f"{blank}id1{blank}", f"id1{blank}")]
    assert read("request_id", cells) == dict.fromkeys(cells, "id1")


def test_a_blank_id_is_none():
    cells = ["", " ", "\u00a0", '""', '" "']
    assert read("request_id", cells) == dict.fromkeys(cells)


def test_a_line_needs_an_identity_a_model_and_an_amount():
    lines = {
        ",,gpt-4o,1,1,0.5,,": ("missing_value", "request_id"),
        "id1,2024-12-01,,1,1,0.5,,": ("missing_value", "model"),
        "id1,2024-12-01,gpt-4o,1,,,,": ("missing_value", "cost"),
        ",,,,,,,": ("missing_value", "request_id"),
        # the first thing wrong is named
        "id1,never,gpt-4o,x,1,y,,EUR": ("invalid_timestamp", "timestamp"),
    }

    assert stage("\n".join([HEADER, WITNESS, *lines])).rejected == [
        (number, *why, line) for number, (line, why) in enumerate(lines.items(), 3)
    ]


def test_a_refund_counts_as_it_stands():
    loaded = stage(f"{HEADER}\n{WITNESS}\n{WITNESS.replace('0.25', '-1.5')}\n")

    assert loaded.staged.accepted_usd == Decimal("0.25") - Decimal("1.5")


def test_cents_are_rounded_as_dollars_line_by_line():
    """As the staging model does it, or the control total would be off."""
    loaded = stage(
        "id,created_at,model_used,calculated_cost_cents\n"
        "a,2024-12-01,m,0.00000000000000005\nb,2024-12-01,m,0.00000000000000005\n"
    )

    assert loaded.staged.accepted_usd == Decimal("2e-18")


def test_a_spend_is_dollars_a_billion_of_them_is_not():
    header = "request_id,startTime,model,spend\n"
    loaded = stage(
        f"{header}a,2024-12-01,m,999999999.99\nb,2024-12-01,m,1000000000\nc,2024-12-01,m,-2\n"
    )

    assert [row["calculated_cost_cents"] for row in loaded.rows] == [
        Decimal("99999999999"),
        Decimal(-200),
    ]
    assert loaded.reasons == [(3, "invalid_amount")]


def test_seconds_of_audio_are_a_number():
    cells = ["1.5", "0.0000005", "-1", "abc", "1e12", "NaN"]
    lines = [f"{cell},2024-12-01,whisper-1,{cell}" for cell in cells]
    loaded = stage("\n".join(["id,created_at,model_used,audio_seconds", *lines]))

    assert [row["audio_seconds"] for row in loaded.rows] == [Decimal("1.5"), Decimal("0.000001")]
    assert loaded.rejected == [
        (number, "invalid_number", "audio_seconds", lines[number - 2]) for number in (4, 5, 6, 7)
    ]


def test_a_file_whose_sum_fits_no_amount_is_refused():
    line = "id{},2024-12-01,gpt-4o,1,1,999999999,,\n"
    text = f"{HEADER}\n" + "".join(line.format(number) for number in range(101))
    with pytest.raises(UnusableInput, match=r"add up to 100,999,999,899\.00 USD, which no bill"):
        stage(text)
