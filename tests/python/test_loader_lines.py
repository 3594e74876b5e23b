"""What is a line, and what becomes of one that is none: its number, reason and text, and no more.

A broken line must cost itself. If it swallowed the good lines after it, dollars would go missing
that the provider did bill.
"""

from __future__ import annotations

import duckdb
import pytest
from loading import GOOD, HEADER, stage

from loader import parse
from loader.errors import UnusableInput
from loader.source import open_source

TAIL = "2024-12-01 10:30:45,gpt-4o,150,75,0.25"


def good(identity: str) -> str:
    return f"{identity},{TAIL}"


def table(*lines: str, end: str = "\n") -> str:
    return end.join([HEADER, *lines]) + end


def test_too_few_and_too_many_fields():
    few, many = "id2,2024-12-01,gpt-4o,150,75", good("id4") + ",extra"
    loaded = stage(table(good("id1"), few, good("id3"), many, good("id5")))

    assert loaded.ids == ["id1", "id3", "id5"]
    assert loaded.rejected == [
        (3, "too_few_columns", None, few),
        (5, "too_many_columns", None, many),
    ]


def test_an_open_quote_does_not_swallow_the_lines_after_it():
    bad = 'id2,2024-12-01,"gpt-4o,150,75,0.25'
    loaded = stage(table(good("id1"), bad, good("id3"), good("id4")))

    assert loaded.ids == ["id1", "id3", "id4"]
    assert loaded.rejected == [(3, "malformed_quotes", None, bad)]


def test_two_open_quotes_do_not_make_one_record_of_what_is_between():
    first, last = 'id2,"2024-12-01', 'id4,"'
    loaded = stage(table(good("id1"), first, good("id3"), last, good("id5")))

    assert loaded.ids == ["id1", "id3", "id5"]
    assert loaded.rejected == [
        (3, "malformed_quotes", None, first),
        (5, "malformed_quotes", None, last),
    ]


def test_an_open_quote_that_is_never_closed_in_a_long_file():
    lines = [good(f"id{number}") for number in range(5_000)]
    lines[7] = '"' + lines[7]
    loaded = stage(table(*lines))

    assert loaded.staged.accepted_line_count == 4_999
    assert loaded.rejected == [(9, "malformed_quotes", None, lines[7])]


@pytest.mark.parametrize(
    "bad",
    [
        '"id"2,' + TAIL,
        '"id2"x,' + TAIL,
        '"id" "2",' + TAIL,
        '"id"   "2",' + TAIL,
        '"id\\"2",' + TAIL,
        good("id2") + '"x"y,"',
    ],
)
def test_a_quote_where_none_may_stand(bad):
    loaded = stage(table(good("id1"), bad, good("id3")))

    assert loaded.ids == ["id1", "id3"]
    assert loaded.rejected == [(3, "malformed_quotes", None, bad)]


@pytest.mark.parametrize("beside", [good("id"), "short"], ids=["clean", "among_broken_lines"])
@pytest.mark.parametrize("breaks", ["", "\n", "\r\n", "\r", "\n\n"], ids=ascii)
def test_what_a_cell_may_hold(breaks, beside):
    """The same cell means the same in a clean file and in one that is read with care."""
    cells = {
        f'"a,{breaks}b"': f"a,{breaks}b",
        '5" disk': '5" disk',
        'a"b"c': 'a"b"c',
        ' "a"  ': "a",
        '  "a"': '"a"',
        f'"a ""b{breaks}"""': f'a "b{breaks}"',
        f' "a,{breaks}" ': f"a,{breaks}".rstrip(),
        '""': None,
    }
    loaded = stage(table(*[f"{cell},{TAIL}" for cell in cells], beside, good("id")))

    assert [value for value in loaded.ids if value != "id"] == list(cells.values())
    assert loaded.staged.line_count == len(cells) + 2


CUT = 8_000_000
"""bytes after which DuckDB begins another part of a file, to be read beside the first"""


def padded_to(size: int) -> str:
    """A header and good lines with long notes, of this many characters."""
    text = f"{HEADER},note\n"
    while len(text) < size:
        room = min(99_000, size - len(text))
        note = "x" * (room - len(GOOD) - 2)
        text += f"{GOOD},{note}\n"
    return text


@pytest.mark.parametrize("place", [CUT - 1, CUT, CUT + 5, CUT + 40])
def test_lines_inside_a_cell_are_no_lines_where_a_part_of_the_file_begins(place):
    """A log holds texts of strangers: what looks like lines in one must not become lines."""
    forged = "forged,2024-12-01,gpt-4o,1,1,999,x"
    cell = '"' + "\n".join(["begin", *[forged] * 10, "end"]) + '"'
    text = f"{padded_to(place)}{cell},{TAIL},\n{GOOD},\n"
    loaded = stage(text)

    assert loaded.ids[-2:] == [cell.strip('"'), "id1"]
    assert "forged" not in loaded.ids
    assert not loaded.rejected


def test_nor_among_broken_lines():
    forged = "7,forged,2024-12-01,gpt-4o,1,1,999,x"
    cell = '"' + "\n".join([forged] * 10) + '"'
    lines = [f"{cell},{TAIL},"] * 1_000
    loaded = stage("\n".join([padded_to(CUT - 200_000) + "short", *lines]))

    assert loaded.ids[-1_000:] == [cell.strip('"')] * 1_000
    assert [line.raw_line for line in loaded.rejected] == ["short"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends(end):
    loaded = stage(table(good("id1"), '"id,2",' + TAIL, "short", good("id4"), end=end))

    assert loaded.ids == ["id1", "id,2", "id4"]
    assert loaded.rejected == [(4, "too_few_columns", None, "short")]


def test_mixed_line_ends():
    text = f"{HEADER}\r\n{good('id1')}\n{good('id2')}\r{good('id3')}\r\r\n{good('id4')}"
    loaded = stage(text)

    assert loaded.ids == ["id1", "id2", "id3", "id4"]
    assert not loaded.rejected


def test_the_last_line_needs_no_end():
    assert stage(f"{HEADER}\n{GOOD}").ids == ["id1"]


@pytest.mark.parametrize("blank", ["", "  ", "\t", " \t "], ids=repr)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_blank_lines_are_no_lines(blank, end):
    lines = [blank, HEADER, blank, good("id1"), blank, blank, "short", good("id3"), blank]
    loaded = stage(end.join(lines) + end)

    assert loaded.ids == ["id1", "id3"]
    assert loaded.rejected == [(3, "too_few_columns", None, "short")]


@pytest.mark.parametrize("blank", ["", "  "], ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_one_blank_line_anywhere(place, blank):
    lines = [HEADER, good("id1"), good("id2")]
    lines.insert(place, blank)

    loaded = stage("\n".join(lines) + "\n")

    assert loaded.ids == ["id1", "id2"]
    assert not loaded.rejected


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert stage("\ufeff" + table(good("id1"))).ids == ["id1"]
    assert stage("\ufeff" + table(good("id1"), "short")).ids == ["id1"]
    assert stage("\ufeff\n" + table(good("id1"))).ids == ["id1"]


def test_bytes_of_another_encoding_cost_their_line():
    bad = "id2,2024-12-01,mod\xe8le,150,75,0.25"
    content = table(good("id1"), "@", good("ïd3")).encode().replace(b"@", bad.encode("latin-1"))
    loaded = stage(content)

    assert loaded.ids == ["id1", "ïd3"]
    shown = bad.replace("\xe8", "\\xe8")
    assert loaded.rejected == [(3, "invalid_encoding", None, shown)]


def test_a_nul_byte_costs_its_line():
    loaded = stage(table(good("id1"), good("id\0002"), good("id3")))

    assert loaded.ids == ["id1", "id3"]
    assert loaded.rejected == [(3, "nul_byte", None, good("id\\x002"))]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"
    text = mark + table(good("ïd 🙂"), '"a,\nb",' + TAIL, "short", end="\r\n")
    loaded = stage(text.encode(encoding))

    assert loaded.ids == ["ïd 🙂", "a,\nb"]
    assert loaded.rejected == [(4, "too_few_columns", None, "short")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_other_wide_encodings_are_refused(encoding):
    with pytest.raises(UnusableInput, match="first line is not text"):
        stage(table(good("id1")).encode(encoding))


def test_half_a_utf_16_character_at_the_end_is_damage():
    with pytest.raises(UnusableInput, match="cannot be read to its end"):
        stage(table(good("id1")).encode("utf-16")[:-1])


def test_a_line_of_5_mb_costs_itself():
    long = good("x" * 5_000_000)
    loaded = stage(table(good("id1"), long, good("id3"), '"' + long, good("id5")))

    assert loaded.ids == ["id1", "id3", "id5"]
    assert loaded.rejected == [
        (3, "line_too_long", None, long[:10_000]),
        (5, "line_too_long", None, '"' + long[:9_999]),
    ]


def test_a_line_of_3_mb_costs_itself():
    """Longer than DuckDB reads, shorter than what is cut."""
    long = good("x" * 3_000_000)
    loaded = stage(table(good("id1"), long, good("id3")))

    assert loaded.ids == ["id1", "id3"]
    assert loaded.rejected == [(3, "line_too_long", None, long)]


def test_a_cell_with_a_line_of_5_mb_is_not_read_in_part():
    long = "x" * 5_000_000
    lines = ['id2,2024-12-01,"gpt', long, '4o",150,75,0.25']
    loaded = stage(table(good("id1"), *lines, good("id3")))

    assert loaded.ids == ["id1", "id3"]
    assert loaded.rejected == [
        (3, "malformed_quotes", None, lines[0]),
        (4, "line_too_long", None, long[:10_000]),
        (5, "too_few_columns", None, lines[2]),
    ]


def test_a_cell_of_more_lines_than_are_held(monkeypatch):
    monkeypatch.setattr("loader.records.MAX_HELD", 200)
    lines = ['id2,2024-12-01,"gpt', *["x" * 20] * 20, '4o",150,75,0.25']
    loaded = stage(table(good("id1"), *lines, good("id3"), f'"a\nb",{TAIL}'))

    assert loaded.ids == ["id1", "id3", "a\nb"]
    assert [line.raw_line for line in loaded.rejected] == lines


def test_a_header_of_5_mb_is_none():
    with pytest.raises(UnusableInput, match="first line is longer than"):
        stage("x" * 5_000_000)


def test_an_open_quote_in_the_header():
    with pytest.raises(
        UnusableInput, match=r"line 1: the header cannot be split.*unbalanced quote"
    ):
        stage(f'{HEADER},"note\n{GOOD},x\n')


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"], ids=["tab", "semicolon", "bar"])
def test_other_delimiters(delimiter):
    lines = [HEADER, good("id1"), '"id,2",' + TAIL.replace("gpt-4o", "a b")]
    text = "\n".join(lines).replace(",", delimiter)
    loaded = stage(text + f"\n{delimiter * 5}\nshort\n")

    assert loaded.ids == ["id1", f"id{delimiter}2"]
    assert [row["model"] for row in loaded.rows] == ["gpt-4o", "a b"]
    assert loaded.rejected == [
        (4, "missing_value", "request_id", delimiter * 5),
        (5, "too_few_columns", None, "short"),
    ]


def test_a_semicolon_file_with_decimal_commas_is_not_guessed():
    lines = [HEADER, GOOD.replace("0.25", "0#25"), GOOD]
    loaded = stage("\n".join(lines).replace(",", ";").replace("#", ","))

    assert loaded.reasons == [(2, "invalid_amount")]


def test_the_last_line_of_an_id_is_the_call():
    header = "id,created_at,model_used,tokens_used"
    lines = ["a,2024-12-01,m,1", "b,2024-12-01,m,2", " a ,2024-12-01,m,3", "a,2024-12-01,m,x"]
    loaded = stage("\n".join([header, *lines]))

    assert [(row["id"], row["tokens_used"]) for row in loaded.rows] == [("b", 2), ("a", 3)]
    assert loaded.rejected == [
        (2, "duplicate_id", "id", lines[0]),
        (5, "invalid_tokens", "tokens_used", lines[3]),
    ]


def test_the_lines_of_a_bill_may_share_an_id():
    assert stage(table(good("id1"), good("id1"))).ids == ["id1", "id1"]


def test_lines_of_a_large_file_keep_their_numbers(tmp_path):
    """Two threads that write one table do not keep the order of what they read."""
    path = tmp_path / "log.csv"
    with duckdb.connect() as writer:
        writer.execute(
            f"""
            copy (
                select 'r' || (range + 2) as id, md5(range::varchar) as user_id,
                    'gpt-4o' as model_used, range % 1000 as input_tokens, 50 as output_tokens,
                    timestamp '2025-05-01' + to_seconds(range) as created_at,
                    '0.0' || range % 1000 as calculated_cost_cents,
                    'chatcmpl-' || md5((range + 7)::varchar) as openai_request_id,
                    'default' as service_tier, false as is_batch
                from range(500000)
            ) to '{path}' (header)
            """
        )
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        connection = parse.connect(folder)
        staged = parse.stage(connection, open_source(str(path), folder), folder, "file")
        wrong = connection.execute(
            f"select count(*) from ({staged.select}) where id <> 'r' || line_number"
        ).fetchall()
        assert (staged.accepted_line_count, wrong) == (500_000, [(0,)])
