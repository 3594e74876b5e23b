"""The price list: its values against genai-prices' own calculation, and what a rerun leaves alone.

The list decides what a call should have cost, so a price read wrongly from the package would turn
right bills into discrepancies. Expected prices come from the package's public `calc_price`, and the
price of a row is looked up here the way the models do it, not by the script under test.
"""

import csv
import importlib.util
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import genai_prices
import pytest
from click.testing import CliRunner, Result
from genai_prices import types
from genai_prices.data import providers

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "update_prices.py"
PRICES = "ai_model_pricing.csv"
HEADER = (
    "provider,model_name,effective_from,min_input_tokens,input_price_per_1m,"
    "cached_input_price_per_1m,cache_write_price_per_1m,output_price_per_1m,source"
)
OWN = "https://example.com/contract"

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update_prices", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()
SEED = read(ROOT / "seeds" / PRICES)
GENERATED = [row for row in SEED if row["source"] == "genai-prices"]
ALIASES = {row["alias"]: row["model_name"] for row in read(ROOT / "seeds" / "model_aliases.csv")}


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A folder with a copy of the project's two seeds."""
    for name in (PRICES, "model_aliases.csv"):
        (tmp_path / name).write_bytes((ROOT / "seeds" / name).read_bytes())
    return tmp_path


def run(seeds: Path, *options: str) -> Result:
    return CliRunner().invoke(script.main, ["--seeds", str(seeds), *options])


def replace(seeds: Path, old: str, new: str) -> None:
    path = seeds / PRICES
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is in the seed {text.count(old)} times"
    path.write_text(text.replace(old, new))


def prices_of(model_name: str, rows: list[Row] = GENERATED) -> list[tuple[str, ...]]:
    """(effective_from, min_input_tokens, input, cached, write, output) of each row of a model."""
    return [tuple(r.values())[2:8] for r in rows if r["model_name"] == model_name]


# --- an independent lookup and calculation


def lookup(name: str) -> str:
    """The model_name whose rows price a call: full name, without vendor/, alias, then model."""
    known = {row["model_name"] for row in SEED}
    bare = name.split("/")[-1]
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", bare)
    tried = [name, bare, ALIASES.get(bare), ALIASES.get(undated, undated)]
    return next((other for other in tried if other in known), f"no price for {name}")


def listed_usd(name: str, at: datetime, usage: dict[str, int], rows: list[Row] = SEED) -> Decimal:
    """List price of a call, by the rules of the seed's description."""
    tier: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: row["effective_from"]):
        starts = datetime.fromisoformat(row["effective_from"]).replace(tzinfo=UTC)
        if row["model_name"] == name and starts <= at:
            tier[int(row["min_input_tokens"])] = row
    row = tier[max(least for least in tier if least <= usage["input_tokens"])]
    price = {
        column: Decimal(row[f"{column}_price_per_1m"] or row["input_price_per_1m"] or 0)
        for column in ("input", "cached_input", "cache_write")
    }
    cached, write = usage["cache_read_tokens"], usage["cache_write_tokens"]
    total = (
        (usage["input_tokens"] - cached - write) * price["input"]
        + cached * price["cached_input"]
        + write * price["cache_write"]
        + usage["output_tokens"] * Decimal(row["output_price_per_1m"] or 0)
    )
    return total / 1_000_000


def package_usd(name: str, at: datetime, usage: dict[str, int], provider: str) -> Decimal:
    return genai_prices.calc_price(
        genai_prices.Usage(**usage), name, provider_id=provider, genai_request_timestamp=at
    ).total_price


def usage_of(input_tokens: int, output_tokens: int = 70) -> dict[str, int]:
    return {
        "input_tokens": input_tokens,
        "cache_read_tokens": input_tokens // 3,
        "cache_write_tokens": input_tokens // 5,
        "output_tokens": output_tokens,
    }


def test_every_generated_row_prices_a_call_as_the_package_does() -> None:
    """At both sides of each date and of each context tier that the model ever has."""
    wrong = []
    for row in GENERATED:
        name, provider = row["model_name"], row["provider"]
        rows = [r for r in SEED if r["model_name"] == name]
        starts = datetime.fromisoformat(row["effective_from"]).replace(tzinfo=UTC)
        moments = {starts, datetime(2027, 6, 1, tzinfo=UTC)}
        if any(r["effective_from"] < row["effective_from"] for r in rows):
            moments.add(starts - timedelta(microseconds=1))
        if any(r["source"] != "genai-prices" for r in rows):
            moments = {at for at in moments if at >= starts}
        least = int(row["min_input_tokens"])
        for at in moments:
            for input_tokens in {max(least - 1, 0), least, least + 1, 900_000}:
                usage = usage_of(input_tokens)
                listed = listed_usd(name, at, usage, rows)
                packaged = package_usd(name, at, usage, provider)
                if listed != packaged:
                    wrong.append((name, at.isoformat(), input_tokens, listed, packaged))
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("openai/gpt-4o-2024-08-06", "openai"),
        ("gpt-4o-2024-05-13", "openai"),
        ("gpt-4.1-nano-2025-04-14", "openai"),
        ("gpt-5-mini", "openai"),
        ("gpt-5.2-pro-2025-12-11", "openai"),
        ("gpt-5-1-2025-11-13", "openai"),
        ("gpt-35-turbo", "openai"),
        ("gpt-4-0613", "openai"),
        ("o1-mini-2024-09-12", "openai"),
        ("o3-2025-04-16", "openai"),
        ("o4-mini", "openai"),
        ("text-embedding-3-small", "openai"),
        ("text-embedding-ada-002-v2", "openai"),
        ("anthropic/claude-3-5-sonnet-20241022", "anthropic"),
        ("claude-opus-4-20250514", "anthropic"),
        ("gemini-2.5-pro", "google"),
        ("mistral-large-2411", "mistral"),
        ("x-ai/grok-4.3", "x-ai"),
    ],
)
@pytest.mark.parametrize("day", ["2025-06-10", "2026-09-30", "2027-01-01"])
def test_names_in_the_wild_cost_what_the_package_says(name: str, provider: str, day: str) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for input_tokens in (1_000, 300_000):
        usage = usage_of(input_tokens)
        expected = package_usd(name.split("/")[-1], at, usage, provider)
        assert listed_usd(lookup(name), at, usage) == expected > 0


# --- the values that people will look at first


def test_a_price_change_is_a_second_row() -> None:
    assert prices_of("o3", SEED) == [
        ("1970-01-01", "0", "10", "2.5", "", "40"),
        ("2025-06-10", "0", "2", "0.5", "", "8"),
    ]


def test_a_dated_name_has_rows_only_where_its_price_differs() -> None:
    assert prices_of("gpt-4o") == [("1970-01-01", "0", "2.5", "1.25", "", "10")]
    assert prices_of("gpt-4o-2024-05-13") == [("1970-01-01", "0", "5", "", "", "15")]
    assert prices_of("gpt-4o-2024-08-06") == []


def test_cached_input_has_its_own_price_and_no_missing_price_is_zero() -> None:
    assert prices_of("gpt-5-mini") == [("1970-01-01", "0", "0.25", "0.025", "", "2")]
    assert prices_of("text-embedding-3-small") == [("1970-01-01", "0", "0.02", "", "", "")]
    assert [r["model_name"] for r in GENERATED if "0" in list(r.values())[4:8]] == []


def test_a_context_tier_starts_one_token_above_the_threshold() -> None:
    assert prices_of("gpt-5.4") == [
        ("1970-01-01", "0", "2.5", "0.25", "", "15"),
        ("1970-01-01", "272001", "5", "0.5", "", "22.5"),
    ]


def test_a_tier_that_a_price_change_drops_is_closed_by_a_row() -> None:
    """Otherwise the old tier's price would stay in force for big prompts for ever."""
    assert prices_of("claude-opus-4-6") == [
        ("1970-01-01", "0", "5", "0.5", "6.25", "25"),
        ("1970-01-01", "200001", "10", "1", "12.5", "37.5"),
        ("2026-03-13", "0", "5", "0.5", "6.25", "25"),
        ("2026-03-13", "200001", "5", "0.5", "6.25", "25"),
    ]


def test_the_seed_is_sorted_unique_and_plainly_written() -> None:
    keys = [(r["model_name"], r["effective_from"], int(r["min_input_tokens"])) for r in SEED]
    assert len(set(keys)) == len(keys)
    order = [(r["provider"], *key) for r, key in zip(SEED, keys, strict=True)]
    assert order == sorted(order)
    owners: dict[str, set[str]] = {}
    for row in SEED:
        owners.setdefault(row["model_name"], set()).add(row["provider"])
    for row in GENERATED:
        for price in list(row.values())[4:8]:
            assert re.fullmatch(r"(\d+(\.\d{0,5}[1-9])?)?", price), row
    assert {name: ids for name, ids in owners.items() if len(ids) > 1} == {}
    assert not owners.keys() & {"deepseek-chat", "whisper-1", "gpt-realtime", "gpt-4o-transcribe"}
    assert all(name == name.lower() for name in owners)


# --- aliases


def test_an_alias_leads_to_a_priced_name_in_one_step() -> None:
    rows = read(ROOT / "seeds" / "model_aliases.csv")
    assert len(ALIASES) == len(rows)
    assert set(ALIASES.values()) <= {row["model_name"] for row in SEED}
    assert not set(ALIASES.values()) & ALIASES.keys()
    assert [a for a in ALIASES if re.search(r"/|-\d{4}-\d{2}-\d{2}$", a) or a != a.lower()] == []


def test_an_alias_is_the_same_entry_of_the_package_as_its_model() -> None:
    """The maker's entry, or the gateway's for names that only the gateway uses."""
    entries = {provider.id: provider for provider in providers}
    owners = {row["model_name"]: row["provider"] for row in SEED}
    wrong = []
    for alias, target in ALIASES.items():
        maker, gateway = entries[owners[target]], entries["openrouter"]
        # where a gateway writes 4.5, Anthropic writes 4-5
        if entry := maker.find_model(alias) or maker.find_model(alias.replace(".", "-")):
            same = entry is maker.find_model(target)
        else:
            names = {target} | {name for name in ALIASES if ALIASES[name] == target}
            entry = gateway.find_model(f"{maker.id}/{alias}")
            same = entry is not None and any(
                gateway.find_model(f"{maker.id}/{name}") is entry
                for name in names
                if maker.find_model(name)
            )
        if not same:
            wrong.append((alias, target))
    assert wrong == []


# --- a rerun


def test_a_rerun_changes_no_byte(seeds: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seeds", str(seeds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 added, 0 changed, 0 removed" in done.stdout
    assert {path.name: path.read_bytes() for path in seeds.iterdir()} == {
        name: (ROOT / "seeds" / name).read_bytes() for name in (PRICES, "model_aliases.csv")
    }


def test_from_anywhere_it_works_on_the_projects_own_seeds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--dry-run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    (path,) = re.findall(r"rows to (\S+) from", done.stdout)
    assert (tmp_path / path).resolve() == ROOT / "seeds" / PRICES


def test_a_list_saved_by_a_spreadsheet_becomes_the_same_file_again(seeds: Path) -> None:
    """With a byte order mark and carriage returns."""
    path = seeds / PRICES
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert run(seeds).exit_code == 0
    assert path.read_bytes() == (ROOT / "seeds" / PRICES).read_bytes()


def test_an_empty_list_is_filled_and_sorted_whatever_was_there(seeds: Path) -> None:
    lines = (seeds / PRICES).read_text().splitlines()[1:]
    by_hand = [line for line in lines if not line.endswith(",genai-prices")]
    (seeds / PRICES).write_text("\n".join([HEADER, *reversed(by_hand)]) + "\n")
    assert run(seeds).exit_code == 0
    assert (seeds / PRICES).read_bytes() == (ROOT / "seeds" / PRICES).read_bytes()


def test_a_row_by_hand_survives_and_wins(seeds: Path) -> None:
    """Also beside the generated row of the same key, and written in a style of its own."""
    own = f"openai,gpt-4o,1970-01-01,0,2.40,,,9.60,{OWN}"
    new = f"openai,gpt-4o,2026-01-01,0,2.2,1.1,,8.8,{OWN}"
    with (seeds / PRICES).open("a") as lines:
        lines.write(f"{new}\n{own}\n")
    result = run(seeds)
    text = (seeds / PRICES).read_text()
    assert f"\n{own}\n{new}\n" in text
    assert prices_of("gpt-4o", read(seeds / PRICES)) == [
        ("1970-01-01", "0", "2.40", "", "", "9.60"),
        ("2026-01-01", "0", "2.2", "1.1", "", "8.8"),
    ]
    assert f"{len(SEED) - len(GENERATED) + 2} by hand kept" in result.output
    assert "a row by hand wins: " in result.output and "gpt-4o 1970-01-01 0" in result.output
    run(seeds)
    assert (seeds / PRICES).read_text() == text


def test_the_summary_names_what_changed(seeds: Path) -> None:
    replace(seeds, "openai,gpt-5,1970-01-01,0,1.25,", "openai,gpt-5,1970-01-01,0,1.3,")
    replace(seeds, "openai,gpt-5-pro,", "openai,gpt-5-retired,")
    old = (seeds / PRICES).read_bytes()
    dry = run(seeds, "--dry-run")
    assert (seeds / PRICES).read_bytes() == old
    assert dry.output.startswith("Would write")
    wet = run(seeds)
    assert (seeds / PRICES).read_bytes() == (ROOT / "seeds" / PRICES).read_bytes()
    for output in (dry.output, wet.output):
        assert "1 added, 1 changed, 1 removed" in output
        assert "changed: gpt-5 1970-01-01 0 (input_price_per_1m 1.3 -> 1.25)" in output
        assert "removed: gpt-5-retired 1970-01-01 0" in output
        assert re.search(r"time of day: .*deepseek-chat", output)


# --- a seed that cannot be used


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",0,2.5,1.25,,10,", ",0,2;5,1.25,,10,", "column input_price_per_1m: '2;5' is not a plain"),
        (",0,2.5,1.25,,10,", ",0,2.5,1.25,,-1,", "column output_price_per_1m: '-1' is not a plain"),
        (",0,2.5,1.25,,10,", ",0,0.0000001,,,10,", "at most 6 decimals"),
        (",0,2.5,1.25,,10,", ",0,1e1,,,10,", "'1e1' is not a plain"),
        (
            ",0,2.5,1.25,,10,",
            ",none,2.5,1.25,,10,",
            "column min_input_tokens: 'none' is not a whole",
        ),
        (",0,2.5,1.25,,10,", ",0,2.5,1.25,10,", "8 cells instead of 9"),
        ("openai,gpt-4o,1970-01-01", "openai,gpt-4o,01/02/2026", "'01/02/2026' is not a date"),
        ("openai,gpt-4o,1970-01-01", "openai,gpt-4o,20260201", "'20260201' is not a date"),
        ("openai,gpt-4o,1970-01-01", "openai,,1970-01-01", "column model_name: '' is empty"),
        ("openai,gpt-4o,1970-01-01", "openai,gpt-4o ,1970-01-01", "'gpt-4o ' has blanks"),
        ("openai,gpt-4o,1970-01-01", 'openai,"gpt"-4o,1970-01-01', "not CSV"),
    ],
)
def test_a_bad_cell_is_named_with_its_line(seeds: Path, old: str, new: str, said: str) -> None:
    line = 1 + next(i for i, row in enumerate(SEED, 1) if row["model_name"] == "gpt-4o")
    row = next(t for t in (seeds / PRICES).read_text().splitlines() if "openai,gpt-4o," in t)
    replace(seeds, row, row.replace(old, new))
    before = (seeds / PRICES).read_bytes()
    result = run(seeds)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit), "a message, not a traceback"
    assert f"{PRICES} line {line}" in result.output and said in result.output
    assert (seeds / PRICES).read_bytes() == before


def test_two_rows_by_hand_with_one_key_are_named_with_both_lines(seeds: Path) -> None:
    with (seeds / PRICES).open("a") as lines:
        lines.write(f"openai,gpt-9,2026-01-01,0,1,,,2,{OWN}\nopenai,gpt-9,2026-01-01,0,1,,,3,own\n")
    first = len(SEED) + 2
    result = run(seeds)
    assert result.exit_code == 2
    assert f"line {first + 1}: same model_name" in result.output
    assert f"as line {first} (gpt-9, 2026-01-01, 0)" in result.output


@pytest.mark.parametrize("name", [PRICES, "model_aliases.csv"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file. Restore it from git"),
        (b"", "the columns are (none)"),
        (b"model,price\n", "the columns are model,price; they must be"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_an_unusable_file_is_named(
    seeds: Path, name: str, content: bytes | None, said: str
) -> None:
    path = seeds / name
    path.unlink() if content is None else path.write_bytes(content)
    result = run(seeds)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit), "a message, not a traceback"
    assert name in result.output and said in result.output


# --- what a later version of the package may bring


def provider(id_: str, *models: types.ModelInfo, match: str | None = None) -> types.Provider:
    return types.Provider(
        id=id_,
        name=id_,
        api_pattern=id_,
        model_match=types.ClauseContains(contains=match) if match else None,
        models=list(models),
    )


def model(id_: str, prices: object, *equals: str) -> types.ModelInfo:
    names = types.ClauseOr(or_=[types.ClauseEquals(equals=name) for name in (id_, *equals)])
    return types.ModelInfo(id=id_, match=names, prices=prices)


def per_token(amount: str, **more: object) -> types.ModelPrice:
    return types.ModelPrice(input_mtok=Decimal(amount), output_mtok=Decimal(amount), **more)


def listed(*providers: types.Provider, aliases: dict[str, str] | None = None):
    """The price list that the script makes of these providers, all other vendors being empty."""
    given = {p.id: p for p in providers}
    all_of_them = [given.get(vendor, provider(vendor)) for vendor in script.VENDORS]
    return script.price_list(all_of_them, aliases or {})


def test_a_name_two_vendors_use_belongs_to_openai() -> None:
    result = listed(
        provider("anthropic", model("twin", per_token("3"))),
        provider("openai", model("twin", per_token("2"))),
    )
    assert [(r["provider"], r["input_price_per_1m"]) for r in result.rows.values()] == [
        ("openai", "2")
    ]
    assert result.left_out == {"name taken by openai": ["twin of anthropic"]}


def test_a_gateways_name_for_another_vendors_model_is_left_out() -> None:
    result = listed(
        provider("google", model("claude-9@vertex", per_token("3")), match="gemini"),
        provider("anthropic", model("claude-9", per_token("2")), match="claude"),
    )
    assert list(result.rows) == [("claude-9", "1970-01-01", 0)]
    assert result.left_out == {"sold by google, made by another vendor": ["claude-9@vertex"]}


def test_tiers_that_come_go_and_move_are_each_written_out() -> None:
    """Rows of one date say together what every size of prompt pays from then on."""

    def tiered(base: str, *above: tuple[int, str]) -> types.ModelPrice:
        tiers = [types.Tier(start, Decimal(price)) for start, price in above]
        prices = types.TieredPrices(base=Decimal(base), tiers=tiers)
        return types.ModelPrice(input_mtok=prices, output_mtok=Decimal(9))

    def from_day(day: int, prices: types.ModelPrice) -> types.ConditionalPrice:
        start = types.StartDateConstraint(date(2026, 1, day))
        return types.ConditionalPrice(start, prices=prices)

    moved = [
        types.ConditionalPrice(prices=per_token("9")),
        from_day(2, tiered("9", (100, "12"), (500, "15"))),
        from_day(3, tiered("9", (100, "12"), (500, "15"))),
        from_day(4, tiered("1", (200, "2"))),
    ]
    rows = listed(provider("openai", model("m", moved))).rows
    assert {key[1:]: row["input_price_per_1m"] for key, row in rows.items()} == {
        ("1970-01-01", 0): "9",
        ("2026-01-02", 0): "9",
        ("2026-01-02", 101): "12",
        ("2026-01-02", 501): "15",
        ("2026-01-04", 0): "1",
        ("2026-01-04", 101): "1",
        ("2026-01-04", 201): "2",
        ("2026-01-04", 501): "2",
    }


def test_a_first_price_with_a_known_start_keeps_it() -> None:
    start = types.StartDateConstraint(date(2026, 5, 1))
    dated = [types.ConditionalPrice(start, prices=per_token("1"))]
    assert list(listed(provider("openai", model("m", dated))).rows) == [("m", "2026-05-01", 0)]


@pytest.mark.parametrize(
    ("prices", "reason"),
    [
        (types.ModelPrice(), "no price per token"),
        (types.ModelPrice(audio_hours=Decimal(1)), "no price per token"),
        (per_token("1", requests_kcount=Decimal(5)), "text is not all"),
        (per_token("1", output_image_mtok=Decimal(30)), "text is not all"),
        (per_token("0.0000001"), "more than 6 decimals"),
    ],
)
def test_a_price_the_columns_cannot_say_is_left_out(prices: types.ModelPrice, reason: str) -> None:
    result = listed(provider("openai", model("m", prices)))
    assert result.rows == {}
    assert [(why[: len(reason)], names) for why, names in result.left_out.items()] == [
        (reason, ["m"])
    ]


def test_fees_beside_the_tokens_leave_the_token_price_standing() -> None:
    prices = per_token("1", web_searches_kcount=Decimal(10), cache_write_1h_mtok=Decimal(2))
    rows = listed(provider("openai", model("m", prices))).rows
    assert [row["cache_write_price_per_1m"] for row in rows.values()] == [""]


def test_a_name_found_anyway_gets_no_rows_unless_its_price_differs() -> None:
    same = model("m", per_token("1"), "m-2026-01-01", "vendor/m", "m-dash", "m-other")
    dearer = model("m-2025-01-01", per_token("2"))
    rows = listed(provider("openai", same, dearer), aliases={"m-dash": "m"}).rows
    assert {key[0] for key in rows} == {"m", "m-other", "m-2025-01-01"}


def test_a_vendor_that_the_package_dropped_stops_the_run() -> None:
    """Its rows would be removed, and old calls would lose their price."""
    with pytest.raises(Exception, match="has no provider anthropic, google"):
        script.price_list([provider("openai", model("m", per_token("1")))], {})
