"""Pages of the Costs and Usage API as files: they mean what the CSV export of their days means."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime
from decimal import Decimal

import pytest
from conftest import query
from hypothesis import given
from hypothesis import strategies as st
from loading import FORMATS, Loaded, raw_counts, run, stage, stage_file
from test_loader_exports import COUNTS, KINDS
from test_loader_properties import BLANKS, quick

from loader.errors import UnusableInput

DAYS = (1759276800, 1759363200, 1759449600)
DAY_1, DAY_2, DAY_3 = (datetime(2025, 10, day) for day in (1, 2, 3))
OBJECTS = {"web_search_calls": "web_searches", "file_search_calls": "file_searches"}


def cost(value: str = "0.5", **more: object) -> str:
    """A result; its amount stands there as it is written here."""
    rest = "".join(f", {json.dumps(key)}: {json.dumps(cell)}" for key, cell in more.items())
    amount = f'{{"value": {value}, "currency": "usd"}}'
    return f'{{"object": "organization.costs.result", "amount": {amount}{rest}}}'


def usage(kind: str, **more: object) -> str:
    return json.dumps({"object": f"organization.usage.{OBJECTS.get(kind, kind)}.result"} | more)


def bucket(*results: str, day: int = 0) -> str:
    times = f'"start_time": {DAYS[day]}, "end_time": {DAYS[day + 1]}'
    return f'{{"object": "bucket", {times}, "results": [{", ".join(results)}]}}'


def page(*buckets: str, has_more: bool = False, next_page: str | None = None) -> str:
    more = f'"has_more": {json.dumps(has_more)}, "next_page": {json.dumps(next_page)}'
    return f'{{"object": "page", "data": [{", ".join(buckets)}], {more}}}'


FIRST = page(bucket(cost("0.25")), has_more=True, next_page="page_2")
SECOND = page(bucket(cost("0.5"), day=1))


@pytest.mark.parametrize("name", ["openai_costs", "openai_usage"])
def test_a_fixture_means_what_the_csv_one_means(name):
    pages, export = (stage_file(FORMATS / f"{name}.{ending}") for ending in ("json", "csv"))

    assert pages.rows == export.rows
    assert pages.reasons == export.reasons
    assert pages.staged.rounded_amount_count == export.staged.rounded_amount_count
    assert pages.staged.usage_kind == export.staged.usage_kind
    assert not pages.staged.is_cut_short


@pytest.mark.parametrize(
    "text",
    [
        f"[{FIRST}, {SECOND}]",
        f"{FIRST}\n{SECOND}\n",
        f"{FIRST}{SECOND}",
        f"\ufeff\n  [{FIRST},\n{SECOND}]\n",
        f"[{FIRST}]\n[{SECOND}]",
        page(bucket(cost("0.25")), bucket(cost("0.5"), day=1)),
    ],
)
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_pages_in_a_file(text, pack):
    loaded = stage(pack(text), name="export")

    assert loaded.rows == [
        {
            "line_number": 2,
            "bucket_start": DAY_1,
            "bucket_end": DAY_2,
            "amount_usd": Decimal("0.25"),
        },
        {
            "line_number": 3,
            "bucket_start": DAY_2,
            "bucket_end": DAY_3,
            "amount_usd": Decimal("0.5"),
        },
    ]
    assert not loaded.staged.is_cut_short


def test_pages_in_utf_16():
    assert stage(f"[{FIRST}, {SECOND}]".encode("utf-16")).staged.accepted_usd == Decimal("0.75")


def test_keys_in_any_order():
    """As a tool writes them that sorts keys: the times of a bucket behind its results."""
    pages = [json.loads(text) for text in (FIRST, SECOND)]

    assert stage(json.dumps(pages, sort_keys=True)).rows == stage(f"[{FIRST}, {SECOND}]").rows


@pytest.mark.parametrize(
    ("written", "usd"),
    [
        ("0.1", "0.1"),
        ("0.123456789012345678", "0.123456789012345678"),
        ("123456789.123456789012345678", "123456789.123456789012345678"),
        ("1e-7", "0.0000001"),
        ("1.5E+2", "150"),
        ("0E-6176", "0"),
        ('"0E-6176"', "0"),
        ('"0.06"', "0.06"),
        ("0.123456789012345678499999999999999999999", "0.123456789012345678"),
        ("-0.0", "0"),
        ("7", "7"),
        ("1234567890123456789012345e-20", "12345.67890123456789012345"[:24]),
    ],
)
def test_an_amount_is_exact(written, usd):
    [row] = stage(page(bucket(cost(written)))).rows

    assert row["amount_usd"] == Decimal(usd)


@pytest.mark.parametrize("written", ["1e999999999999999999999", '"free"', "1" * 5000, "null"])
def test_an_amount_that_is_none(written):
    """It costs its line, or the file; it is never guessed and never a traceback."""
    text = page(bucket(cost(written, line_item="x"), cost("1")))
    try:
        loaded = stage(text)
    except UnusableInput as error:
        assert "cannot be read as JSON to its end" in str(error)
    else:
        assert [line[0] for line in loaded.rejected] == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_usage(kind):
    names, cells = KINDS[kind]
    values = {
        name: int(float(cell)) if cell.replace(".", "").isdigit() else cell
        for name, cell in zip(names.split(","), cells.split(","), strict=True)
    }
    loaded = stage(page(bucket(usage(kind, **values)), bucket(day=1)))

    shared = {"bucket_start": DAY_1, "bucket_end": DAY_2, "usage_kind": kind}
    assert loaded.rows[0] == {"line_number": 2} | shared | COUNTS[kind]
    covers = {"bucket_start": DAY_2, "bucket_end": DAY_3, "usage_kind": kind}
    assert loaded.rows[1] == {"line_number": 3} | covers | dict.fromkeys(COUNTS[kind])


def test_batch_is_a_boolean():
    results = [usage("completions", num_model_requests=1, batch=batch) for batch in (True, False)]
    loaded = stage(page(bucket(*results, usage("completions", num_model_requests=1, batch=None))))

    assert [row["is_batch"] for row in loaded.rows] == [True, False, None]


def test_a_page_twice_is_one_page(duckdb_file, tmp_path):
    """Whatever the cursor and the blanks of the second copy."""
    path = tmp_path / "costs.json"
    again = page(bucket(cost("0.25")), has_more=True, next_page="another").replace(", ", ",\n ")
    path.write_text("\n".join([FIRST, SECOND, again, FIRST]))
    result = run(duckdb_file, path)

    assert "2 lines: 2 accepted, 0 rejected; $0.75, covers 2025-10-01 to 2025-10-02" in (
        result.output
    )
    assert "pages that are there again, and count once: 2" in result.output
    assert "cut short" not in result.output  # the last page is the second one


@pytest.mark.parametrize(
    "other",
    [
        page(bucket(cost("0.250"))).replace("0.250", "0.26"),
        page(bucket(cost("0.25"), day=1)),
        page(bucket(cost("0.25", line_item="x"))),
        page(bucket(cost("0.25", api_source="agents_api"))),
        page(bucket(cost("0.25"), cost("0.25"))),
        page(bucket(cost("0.25")), bucket(day=1)),
    ],
)
def test_pages_that_differ_are_two(other):
    loaded = stage(f"{FIRST}\n{other}")

    assert loaded.staged.repeated_page_count == 0
    assert loaded.staged.accepted_usd > Decimal("0.25")
    assert stage(f"{other}\n{FIRST}").staged.accepted_usd == loaded.staged.accepted_usd


def test_equal_results_of_one_page_add_up():
    assert stage(page(bucket(cost("0.5"), cost("0.5")))).staged.accepted_usd == 1


def test_an_export_that_is_cut_short(duckdb_file, tmp_path):
    path = tmp_path / "costs.json"
    path.write_text(FIRST)
    result = run(duckdb_file, path)

    assert result.exit_code == 0
    assert "the export is cut short: its last page says that more follow" in result.output
    assert raw_counts(duckdb_file)["cost_buckets"] == 1


@pytest.mark.parametrize("kept", range(1, 12))
def test_pages_that_end_in_the_middle(duckdb_file, tmp_path, kept):
    """Whole or not at all, wherever it ends."""
    text = f"[{FIRST}, {SECOND}]"
    path = tmp_path / "costs.json"
    path.write_text(text[: len(text) * kept // 12])
    result = run(duckdb_file, path)

    assert result.exit_code == 2
    assert f"{path}: cannot be read as JSON to its end (" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "warehouse.duckdb").exists()


@pytest.mark.parametrize(
    "text",
    [f"{FIRST} and", f"{FIRST}]", '{"data": NaN}', '{"a": "\xff"}'.encode("latin-1"), f"{FIRST},"],
)
def test_what_is_no_json(text):
    with pytest.raises(UnusableInput, match="cannot be read as JSON to its end"):
        stage(text, name="costs.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"error": {"message": "Incorrect API key"}}', "a page has no `data`"),
        ("{}", "a page has no `data`"),
        ("[{}, 7]", "a page has no `data`"),
        (f"[{FIRST}, 7]", "not every value in it is a page"),
        (f"{FIRST} null", "not every value in it is a page"),
        ('{"data": {}}', "a page has no `data`"),
        ('{"data": [7]}', "`data` holds something that is no bucket"),
        ('{"data": [{"start_time": 1}]}', "a bucket has no `results`"),
        ('{"data": [{"results": [7]}]}', "`results` holds something that is no result"),
        ('{"data": [{"results": [{}]}]}', "a result has no `object`"),
        (FIRST.replace('{"value": 0.25, "currency": "usd"}', "0.25"), "an `amount` is not an obj"),
    ],
)
def test_json_that_is_no_page(text, said):
    with pytest.raises(UnusableInput, match="no pages of the Costs or Usage API: " + said):
        stage(text, name="costs.json")


@pytest.mark.parametrize(
    "others",
    [
        [usage("completions", num_model_requests=1)],
        [usage("completions", num_model_requests=1), usage("images", images=1)],
    ],
)
def test_kinds_that_are_mixed(others):
    pages = [page(bucket(result)) for result in [*others, cost()]]

    with pytest.raises(UnusableInput, match=r"one file holds one kind\. Split it"):
        stage("\n".join(pages))


def test_a_kind_that_nobody_knows():
    with pytest.raises(UnusableInput, match=r"results are of 'organization\.usage\.dreams"):
        stage(page(bucket(usage("dreams", num_model_requests=1))))


EMPTY = page(bucket(), bucket(day=1))


@pytest.mark.parametrize(
    ("name", "as_format", "kind"),
    [
        ("costs.json", None, None),
        ("images_usage_2025-10.json.gz", None, "images"),
        ("export", "openai_costs", None),
        ("costs.json", "openai_usage:vector_stores", "vector_stores"),
    ],
)
@pytest.mark.parametrize("text", [EMPTY, page()], ids=["no results", "no buckets"])
def test_pages_without_results(text, name, as_format, kind):
    loaded = stage(text, name=name, as_format=as_format)

    assert loaded.staged.usage_kind == kind
    assert loaded.staged.format.name == ("openai_usage" if kind else "openai_costs")
    shared = {"usage_kind": kind} if kind else {}
    rows = [{"bucket_start": DAY_1, "bucket_end": DAY_2}, {"bucket_start": DAY_2}]
    rows[1]["bucket_end"] = DAY_3
    wanted = [{"line_number": number} | row | shared for number, row in enumerate(rows, 2)]
    assert loaded.rows == (wanted if text == EMPTY else [])


@pytest.mark.parametrize("as_format", [None, "openai_usage"])
def test_pages_without_results_that_nothing_tells(as_format):
    with pytest.raises(UnusableInput, match=r"pages without any result, so they do not say"):
        stage(EMPTY, name="export.json", as_format=as_format)


def test_as_a_kind_that_the_results_contradict():
    text = page(bucket(usage("images", images=1)))

    for as_format in ("openai_usage:completions", "openai_costs"):
        with pytest.raises(UnusableInput, match=f"--as {as_format} contradicts its results"):
            stage(text, as_format=as_format)
    for as_format in ("openai_usage:images", "openai_usage"):
        assert stage(text, as_format=as_format, name="costs.json").staged.usage_kind == "images"


def test_as_another_format():
    with pytest.raises(UnusableInput, match="--as requests_csv cannot be, as it is JSON"):
        stage(FIRST, as_format="requests_csv")


def test_a_header_in_brackets_is_no_json():
    loaded = stage("[request_id],[model],[cost]\nid1,m,0.5\n")

    assert loaded.staged.format.name == "requests_csv"


def test_keys_that_are_not_used_are_named():
    loaded = stage(page(bucket(cost(user_email="jo@x.org", api_source=None, tags={"a@x": 1}))))

    assert loaded.staged.ignored_columns == ("user_email", "api_source", "tags")


def test_texts_of_any_kind(warehouse, tmp_path):
    """What would break a line of CSV does not break the lines beside it."""
    texts = ['a,"b"\nc', "\r", "é🙂", "'; --", ' "x" ', "\\N", "\u2028", "tab\tbar|semi;"]
    path = tmp_path / "costs.json"
    results = [cost(line_item=text) for text in texts]
    path.write_text(page(bucket(*results, cost(line_item="\0"), cost(line_item="x" * 3_000_000))))
    assert run(warehouse, path).exit_code == 0

    found = query(warehouse, "select line_item from raw.cost_buckets order by line_number")
    assert [text for (text,) in found] == [text.strip(BLANKS) or None for text in texts]
    reasons = query(warehouse, "select line_number, reason from raw.rejected_lines order by 1")
    assert reasons == [(10, "nul_byte"), (11, "line_too_long")]


def test_the_same_pages_again_change_nothing(warehouse):
    path = FORMATS / "openai_costs.json"
    run(warehouse, path)
    before = raw_counts(warehouse)

    assert "already loaded (the same bytes; nothing changed)" in run(warehouse, path).output
    assert raw_counts(warehouse) == before
    assert before["cost_buckets"] == 5


numbers = st.one_of(
    st.decimals(-(10**8), 10**8, allow_nan=False).map(str),
    st.builds("{}.{}".format, st.integers(-9, 99), st.text("0123456789", min_size=1, max_size=42)),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-30, 3)),
    st.integers(-9, 10**6).map(str),
)
texts = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8), st.just("gpt-4o"))
results = st.fixed_dictionaries(
    {
        "amount_value": numbers,
        "amount_currency": st.sampled_from(["usd", "USD", "usd", "eur"]),
        "line_item": texts,
        "quantity": st.one_of(st.none(), numbers),
        "project_id": texts,
    }
)
days = st.lists(st.lists(results, max_size=4), min_size=1, max_size=2)


def as_result(cells: dict) -> str:
    amount = f'{{"value": {cells["amount_value"]}, "currency": "{cells["amount_currency"]}"}}'
    return (
        f'{{"object": "organization.costs.result", "amount": {amount}, '
        f'"quantity": {cells["quantity"] or "null"}, "line_item": {json.dumps(cells["line_item"])},'
        f'"project_id": {json.dumps(cells["project_id"])}}}'
    )


def as_csv(written: list[list[dict]]) -> str:
    table = io.StringIO()
    names = ["start_time", "end_time", "amount_value", "amount_currency", "line_item"]
    names += ["quantity", "project_id"]
    lines = csv.DictWriter(table, names, lineterminator="\r\n")
    lines.writeheader()
    for place, found in enumerate(written):
        times = {"start_time": DAYS[place], "end_time": DAYS[place + 1]}
        lines.writerows(times | cells for cells in found or [{}])
    return table.getvalue()


def values(loaded: Loaded) -> list[dict]:
    return [{name: cell for name, cell in row.items() if cell is not None} for row in loaded.rows]


@quick
@given(written=days, in_one_page=st.booleans())
def test_pages_mean_what_the_export_means(written, in_one_page):
    witness = [{**dict.fromkeys(["line_item", "quantity", "project_id"]), "amount_value": "1"}]
    witness[0]["amount_currency"] = "usd"
    written = [written[0] + witness, *written[1:]]
    buckets = [bucket(*map(as_result, found), day=day) for day, found in enumerate(written)]
    pages = page(*buckets) if in_one_page else "\n".join(map(page, buckets))
    from_json, from_csv = stage(pages), stage(as_csv(written))

    assert values(from_json) == values(from_csv)
    # the number is written in another way, and means the same
    assert from_json.reasons == from_csv.reasons
    assert from_json.staged.accepted_usd == from_csv.staged.accepted_usd
    assert from_json.staged.rounded_amount_count == from_csv.staged.rounded_amount_count
