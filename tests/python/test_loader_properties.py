"""Random files against an oracle in plain Python, which shares nothing with the loader.

A line is accepted with the oracle's values, or rejected for the oracle's reason with its own text.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loading import Loaded, Rejected, check_totals, stage, staging

from loader import parse
from loader.source import open_source

COLUMNS = ("id", "created", "model", "prompt_tokens", "completion_tokens", "cost", "batch")
WITNESS = ["witness", "2024-12-01", "m", "1", "2", "0.5", "no"]
BLANKS = " \t\n\x0b\x0c\r\u00a0\ufeff"
EXACT = Context(prec=400, Emax=10**17, Emin=-(10**17))

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Invalid(Exception):
    """The text is not of the type; its argument is the reason."""


def tokens(text: str) -> int:
    if not (match := re.fullmatch(r"0*([0-9]{1,18})(\.0*)?", text)):
        raise Invalid("invalid_tokens")
    return int(match[1])


def amount(text: str) -> Decimal:
    number = re.fullmatch(
        r"(?:([+-]?)\$?[ \t\n\f\r]*|\$[ \t\n\f\r]*([+-]))"
        r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?",
        text,
    )
    if not number:
        raise Invalid("invalid_amount")
    sign, other_sign, digits, exponent = (part or "" for part in number.groups())
    value = EXACT.create_decimal(sign + other_sign + digits + exponent)
    if value.adjusted() < -20:
        value = Decimal(0)
    if value and value.adjusted() >= 9:
        raise Invalid("invalid_amount")
    rounded = value.quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT)
    if abs(rounded) >= 10**9:
        raise Invalid("invalid_amount")
    return rounded


def may_be_refused(text: str) -> bool:
    """Exponent notation of more digits than DuckDB casts: rejected, which is never wrong."""
    return bool(re.search(r"[0-9]{19,}(\.[0-9]*)?[eE]", text))


def moment(text: str) -> datetime:
    try:
        found = _iso(text) or _epoch(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or not datetime(2000, 1, 1) <= found < datetime(2100, 1, 1):
        raise Invalid("invalid_timestamp")
    return found


def _iso(text: str) -> datetime | None:
    match = re.fullmatch(
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?"
        r"[ \t\n\f\r]*(Z|z|UTC|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?",
        text,
    )
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[n] or 0) for n in range(1, 7))
    micros = int((match[7] or ".")[1:7].ljust(6, "0"))
    at_midnight = hour == 24 and not (minute or second or micros)
    found = datetime(year, month, day, 0 if at_midnight else hour, minute, second, micros)
    if zone := re.fullmatch(r"([+-])([0-9]{2}):?([0-9]{2})?", match[8] or ""):
        offset = timedelta(hours=int(zone[2]), minutes=int(zone[3] or 0))
        found -= offset if zone[1] == "+" else -offset
    return found + timedelta(days=at_midnight)


def _epoch(text: str) -> datetime | None:
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text):
        micros = Decimal(text).scaleb(6, EXACT)
    elif re.fullmatch(r"[0-9]{12,13}(\.[0-9]+)?", text):
        micros = Decimal(text).scaleb(3, EXACT)
    else:
        return None
    whole = int(micros.quantize(Decimal(1), ROUND_HALF_UP, EXACT))
    return datetime(1970, 1, 1) + timedelta(microseconds=whole)


def boolean(text: str) -> bool:
    if text.lower() in ("true", "t", "yes", "y", "1"):
        return True
    if text.lower() in ("false", "f", "no", "n", "0"):
        return False
    raise Invalid("invalid_boolean")


READERS = {
    "id": ("request_id", str),
    "created": ("billed_at", moment),
    "model": ("model", str),
    "prompt_tokens": ("input_tokens", tokens),
    "completion_tokens": ("output_tokens", tokens),
    "cost": ("cost_usd", amount),
    "batch": ("is_batch", boolean),
}


def judge(cells: list[str]) -> dict | tuple[str, str | None]:
    """The values of a record, or (reason, column)."""
    if any("\0" in cell for cell in cells):
        return "nul_byte", None
    values = {}
    for column, cell in zip(COLUMNS, cells, strict=True):
        target, reader = READERS[column]
        text = cell.strip(BLANKS)
        try:
            values[target] = reader(text) if text else None
        except Invalid as invalid:
            return str(invalid), column
    if values["request_id"] is None and values["billed_at"] is None:
        return "missing_value", "id"
    if values["model"] is None:
        return "missing_value", "model"
    both_tokens = values["input_tokens"] is not None and values["output_tokens"] is not None
    if values["cost_usd"] is None and not both_tokens:
        return "missing_value", "cost"
    return values


def as_line(cells: list[str], **dialect: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n", **dialect).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


digits = st.text("0123456789", max_size=22)
nasty = st.text(st.sampled_from(list("aZ09 .-+$eE:,;|\"'\t\n\r\\_#%éß🙂\u00a0\ufeff\u2028١\0")))
numbers = st.one_of(
    st.integers(-5, 10**19).map(str),
    st.decimals(-(10**10), 10**10, allow_nan=False).map(str),
    st.floats(allow_nan=True).map(repr),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["", "", "-", "+", "$", "-$", "$ -", " "]),
        digits,
        st.sampled_from(["", "."]),
        digits,
        st.one_of(st.just(""), st.integers(-40, 40).map("e{}".format)),
    ),
)
times = st.one_of(
    st.datetimes(datetime(1999, 12, 30), datetime(2100, 1, 2)).flatmap(
        lambda at: st.builds(
            "{}{}{}".format,
            st.sampled_from([at.isoformat(" "), at.isoformat("T"), at.strftime("%Y-%m-%d %H:%M")]),
            st.sampled_from(["", "", " "]),
            st.sampled_from(
                ["", "", "Z", " UTC", "+00", "+0530", "-11:30", "+14:59", "+15", "GMT"]
            ),
        )
    ),
    st.dates().map(str),
    st.integers(0, 10**14).map(str),
    st.integers(10**8, 5 * 10**9).map("{}.5000005".format),
    st.integers(9 * 10**11, 5 * 10**12).map("{}.2505".format),
    st.text("0123456789-: TZ+.", min_size=8, max_size=22),
    st.sampled_from(["2024-12-01 24:00:00", "2024-12-01 24:00:01", "2023-02-29", "1.7e9"]),
)
booleans = st.sampled_from(["true", "FALSE", "1", "0", "y", "No", "on", "2", " t "])
cells_of = {
    "id": st.one_of(nasty, st.just("id1"), st.just("")),
    "created": st.one_of(times, nasty, st.just("")),
    "model": st.one_of(st.just("gpt-4o"), nasty),
    "prompt_tokens": st.one_of(st.integers(0, 10**6).map(str), numbers, nasty, st.just("")),
    "completion_tokens": st.one_of(st.integers(0, 10**6).map(str), numbers, nasty),
    "cost": st.one_of(numbers, nasty, st.just("")),
    "batch": st.one_of(booleans, st.just(""), nasty),
}
# most cells of a line are good, or hardly a line would be accepted
lines = st.one_of(
    st.tuples(*cells_of.values()),
    *[
        cells.map(lambda cell, place=place: (*WITNESS[:place], cell, *WITNESS[place + 1 :]))
        for place, cells in enumerate(cells_of.values())
    ],
).map(list)
dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",,\t;|"),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    }
)


@quick
@given(
    table=st.lists(lines, min_size=15, max_size=60),
    dialect=dialects,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
@example(
    table=[["", "", "m", "", "", "12345678901234567890e-10", ""]], dialect={}, end="\n", mark=""
)
@example(table=[["a", "", "m", "", "", "1_000", ""]], dialect={}, end="\n", mark="")
@example(table=[["a", "", "m", "0x10", "١٢", "1", ""]], dialect={}, end="\n", mark="")
def test_every_line_is_as_the_oracle_says(table, dialect, end, mark):
    texts = [as_line(cells, **dialect) for cells in [list(COLUMNS), *table, WITNESS]]
    loaded = stage(mark + end.join(texts) + end)
    rows = {row.pop("line_number"): row for row in loaded.rows}
    rejected = {line.line_number: line for line in loaded.rejected}

    for number, (cells, text) in enumerate(zip([*table, WITNESS], texts[1:], strict=True), 2):
        verdict = judge(cells)
        if number in rejected and may_be_refused(cells[COLUMNS.index("cost")]):
            assert rejected[number].raw_line == text.replace("\0", "\\x00")
        elif isinstance(verdict, dict):
            assert rows[number] == verdict
        else:
            assert rejected[number] == (number, *verdict, text.replace("\0", "\\x00"))


identities = st.sampled_from(["a", "b", " a", "b ", "c", "A", "é", ""])


@quick
@given(calls=st.lists(st.tuples(identities, st.sampled_from(["1", "2", "x"])), max_size=40))
def test_of_each_call_the_last_sound_line_counts(calls):
    calls = [*calls, ("witness", "1")]
    texts = [f"{identity},2024-12-01,m,{count}" for identity, count in calls]
    loaded = stage("\n".join(["id,created_at,model_used,tokens_used", *texts]))

    sound = [
        (number, identity.strip(), int(count))
        for number, (identity, count) in enumerate(calls, 2)
        if identity.strip() and count != "x"
    ]
    last = {identity: number for number, identity, _ in sound}
    expected = [(number, *rest) for number, *rest in sound if last[rest[0]] == number]
    found = [(row["line_number"], row["id"], row["tokens_used"]) for row in loaded.rows]
    assert found == expected
    repeated = {number for number, *_ in sound} - set(last.values())
    reasons = {line.line_number for line in loaded.rejected if line.reason == "duplicate_id"}
    assert reasons == repeated


pieces = st.sampled_from(
    [
        "a",
        ",",
        ",",
        '"',
        '"',
        '""',
        " ",
        "\n",
        "\n",
        "\r\n",
        "\r",
        '","',
        '" ',
        "id,2024-12-01,m,1\n",
    ]
)


def stage_both_ways(text: str) -> tuple[Loaded, Loaded]:
    """A file as it would be read, and as it would be read with care."""
    found = []
    for care in (False, True):
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "bill.csv").write_bytes(text.encode())
            source = open_source(str(folder / "bill.csv"), folder)
            source = replace(source, needs_care=source.needs_care or care)
            staged = parse.stage(staging(), source, folder, "file")
            rows = parse.first_rows(staging(), staged, 1_000)
            rejects = parse.first_rejects(staging(), staged, 1_000)
        found.append(Loaded(staged, rows, [Rejected(*line) for line in rejects]))
    return found[0], found[1]


@settings(quick, max_examples=60)
@given(st.lists(pieces, max_size=40).map("".join))
@example('"\n"')
@example('a 5" b,2024-12-01,m,1\n"never closed')
@example('"a" "b",2024-12-01,m,1\n')
@example(",,,\ra")
@example('  ","')
@example("   \n\t\n")
def test_random_text_loses_no_line(body):
    good = "id,2024-12-01,m,1"
    plain, careful = stage_both_ways(f"id,date,model,cost\n{good}\n{body}\n{good}\n")

    for loaded in (plain, careful):
        check_totals(loaded)
        assert loaded.rows[0]["request_id"] == "id"
        for line in loaded.rejected:
            assert line.raw_line.strip()
            assert line.raw_line in body + "\n" + good
    assert plain.rows == careful.rows
    assert plain.rejected == careful.rejected
    # all text that is no blank is in a row or among the rejected lines
    shown = "".join(line.raw_line for line in careful.rejected)
    kept = sum(len(str(cell)) for row in careful.rows for cell in row.values())
    assert len(shown) + kept >= len("".join(body.replace('"', "").replace(",", "").split()))
