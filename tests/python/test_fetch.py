"""Fetching, against a provider on loopback that misbehaves as the real one does.

What is lost, fetched twice or rounded here is wrong in every sum after it, and the key opens the
whole organisation.
"""

import email.utils
import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from inspect import signature
from pathlib import Path

import openai
import provider as loopback
import pytest
from click.testing import CliRunner, Result
from conftest import ROOT, query
from openai.resources.admin.organization.usage import Usage
from provider import LoopbackProvider

import fetch
from fetcher import provider as asking
from fetcher.resources import COSTS, USAGE
from loader.errors import UnusableInput

KEY = "sk-admin-Zq83-never-shown"
CERTIFICATES = ssl.create_default_context()
"""read once: reading them takes longer than most tests"""
OCTOBER = ("--from", "2026-10-01", "--to", "2026-11-01")
FIRST, END = 1_790_812_800, 1_793_491_200
"""2026-10-01 and 2026-11-01, 00:00 UTC"""
PAGES = [None, f"page_{FIRST + 10 * 86_400}", f"page_{FIRST + 20 * 86_400}", f"page_{END - 86_400}"]
"""the cursors of October at ten days per page"""


@pytest.fixture
def server() -> Iterator[LoopbackProvider]:
    with loopback.running() as provider:
        yield provider


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    client = partial(openai.DefaultHttpxClient, verify=CERTIFICATES)
    monkeypatch.setattr(openai, "DefaultHttpxClient", client)
    monkeypatch.setattr(asking, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(asking, "TIMEOUT", 20)


def run(server: LoopbackProvider, folder: Path, *arguments: str, key: str = KEY) -> Result:
    """`fetch.py --no-load` in this process; it never ends in a traceback, and never shows a key."""
    return run_plain("--base-url", server.url, "--folder", str(folder), "--no-load", *arguments,
                     key=key)  # fmt: skip


def run_plain(*arguments: str, key: str = KEY, env: dict[str, str] | None = None) -> Result:
    days = () if "--from" in arguments else OCTOBER
    env = {"OPENAI_ADMIN_KEY": key, **(env or {})}
    result = CliRunner().invoke(fetch.main, [*days, *arguments], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert KEY not in result.output
    return result


def start(
    server: LoopbackProvider, folder: Path, *arguments: str, before: str = ""
) -> subprocess.Popen:
    """The same in a process of its own; `before` is Python that it runs first."""
    program = (
        "import sys; sys.path.insert(0, 'scripts'); import fetch, os\n"
        f"fetch.Provider.__init__.__globals__['FIRST_WAIT'] = 0.001\n{before}\nfetch.main()"
    )
    command = [sys.executable, "-c", program, *OCTOBER, "--no-load", *arguments]
    return subprocess.Popen(
        [*command, "--base-url", server.url, "--folder", str(folder)],
        env={**os.environ, "OPENAI_ADMIN_KEY": KEY, "OPENAI_LOG": "debug"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(folder: Path) -> list[Path]:
    return sorted(folder.glob("*_fetched_*"))


def bodies(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.json"))]


def pages_in(file: bytes) -> list[dict]:
    """The pages of a file, one after the other."""
    text, pages = file.decode().strip(), []
    while text:
        page, end = json.JSONDecoder().raw_decode(text)
        pages.append(page)
        text = text[end:].lstrip()
    return pages


def days_in(folder: Path) -> list[int]:
    """The first second of every bucket, in the order of the files."""
    return [
        bucket["start_time"]
        for body in bodies(folder)
        for page in pages_in(body)
        for bucket in page["data"]
    ]


def nothing_shows_the_key(folder: Path) -> bool:
    """Neither a name nor a file of the folder holds the key, or a part of it."""
    return not any(
        "Zq83" in str(path) or (path.is_file() and b"Zq83" in path.read_bytes())
        for path in folder.rglob("*")
    )


OCTOBER_DAYS = list(range(FIRST, END, 86_400))


# what is asked


def test_asks_for_whole_days_at_the_largest_page_with_the_key(server, tmp_path):
    result = run(server, tmp_path)
    assert result.exit_code == 0, result.output
    asked = {each.resource: each for each in server.asked}
    assert list(asked) == [each.method for each in COSTS + USAGE]
    groups = {}
    for name, each in asked.items():
        assert each.headers["authorization"] == f"Bearer {KEY}"
        groups[name] = each.query.pop("group_by[]")
        assert each.query == {
            "start_time": [str(FIRST)],
            "end_time": [str(END)],
            "bucket_width": ["1d"],
            "limit": ["180" if name == "costs" else "31"],
        }
    assert groups["costs"] == ["project_id", "line_item"]
    assert groups["completions"] == ["project_id", "model", "batch", "service_tier"]
    assert groups["embeddings"] == ["project_id", "model"]
    assert groups["vector_stores"] == ["project_id"]
    assert len(server.asked) == len(asked)


def test_asks_for_every_kind_that_the_sdk_knows_and_groups_as_it_allows():
    methods = {name for name in vars(Usage) if not name.startswith(("_", "with_"))}
    assert {each.method for each in COSTS + USAGE} == methods
    for each in COSTS + USAGE:
        allowed = str(signature(getattr(Usage, each.method)).parameters["group_by"].annotation)
        wanted = {"project_id", "line_item", "model", "batch", "service_tier"}
        assert set(each.group_by) == wanted & set(re.findall(r"\w+", allowed))


@pytest.mark.parametrize(
    ("option", "resources"),
    [("--costs", COSTS), ("--usage", USAGE)],
)
def test_asks_only_for_what_is_wanted(server, tmp_path, option, resources):
    assert run(server, tmp_path, option).exit_code == 0
    assert [each.resource for each in server.asked] == [each.method for each in resources]


def test_takes_nothing_but_the_key_from_the_environment(server, tmp_path):
    result = run_plain(
        "--base-url", server.url, "--folder", str(tmp_path), "--no-load", "--costs",
        env={
            "OPENAI_API_KEY": "sk-another",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "OPENAI_ORG_ID": "org-another",
            "OPENAI_PROJECT_ID": "proj_another",
            "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-third\nX-Another: sk-fourth",
        },
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert not [value for value in asked.headers.values() if "another" in value or "sk-t" in value]
    assert not {"openai-organization", "openai-project", "x-another"} & set(asked.headers)


# the files


def test_keeps_the_bytes_as_they_came(server, tmp_path):
    result = run(server, tmp_path, "--costs")
    (folder,) = finished(tmp_path)
    name = "costs_2026-10-01_2026-11-01.json"
    assert sorted(path.name for path in folder.iterdir()) == [name, "fetch.meta"]
    assert bodies(folder) == [server.body("costs", each.query) for each in server.asked]
    assert loopback.AMOUNT.encode() in bodies(folder)[0]
    assert days_in(folder) == OCTOBER_DAYS
    line = f"costs: 1 page, 31 buckets for 31 days, 31 results: {folder / name}"
    assert result.output.splitlines() == [line]


def test_follows_the_pages_to_the_last(server, tmp_path):
    server.days_per_page = 10
    result = run(server, tmp_path, "--costs")
    (folder,) = finished(tmp_path)
    assert server.pages_asked("costs") == PAGES
    sent = [server.body("costs", each.query) for each in server.asked]
    assert bodies(folder) == [b"\n".join(sent)]
    assert days_in(folder) == OCTOBER_DAYS
    assert "costs: 4 pages, 31 buckets for 31 days" in result.output
    assert not list(tmp_path.rglob("*.page"))


def test_names_of_usage_files_say_their_kind(server, tmp_path):
    assert run(server, tmp_path, "--usage").exit_code == 0
    (folder,) = finished(tmp_path)
    assert sorted(path.name for path in folder.glob("*.json")) == sorted(
        f"{each.method}_usage_2026-10-01_2026-11-01.json" for each in USAGE
    )


def test_a_finished_fetch_asks_anew_and_keeps_the_old_one(server, tmp_path):
    assert run(server, tmp_path, "--costs").exit_code == 0
    before = bodies(*finished(tmp_path))
    server.restated = "1"
    assert run(server, tmp_path, "--costs").exit_code == 0
    assert server.pages_asked("costs") == [None, None]
    old, new = finished(tmp_path)
    assert bodies(old) == before != bodies(new)
    assert days_in(new) == OCTOBER_DAYS


# faults that pass


PASSING = {
    "429": loopback.status(429, {"error": {"message": "slow down"}}),
    "500": loopback.status(500),
    "503": loopback.status(503, b"<html>upstream</html>"),
    "408": loopback.status(408),
    "cut off": loopback.cut_off,
    "reset": loopback.reset,
    "half": loopback.body_of(lambda body: body[:-20]),
    "empty": loopback.body_of(lambda body: b""),
    "html": loopback.body_of(lambda body: b"<html></html>"),
    "error": loopback.body_of(lambda body: b'{"error": {"message": "try later"}}'),
    "no has_more": loopback.body_of(lambda body: body.replace(b'"has_more"', b'"had_more"')),
    "deep": loopback.body_of(lambda body: b"[" * 100_000),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_tries_again(server, tmp_path, fault):
    server.days_per_page = 10
    server.faults["costs"] = [None, fault, fault]
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 0, result.output
    assert server.pages_asked("costs") == [PAGES[0], PAGES[1], PAGES[1], *PAGES[1:]]
    assert days_in(*finished(tmp_path)) == OCTOBER_DAYS


def test_waits_as_long_as_the_provider_asks(server, tmp_path):
    server.faults["costs"] = [loopback.status(429, retry_after="1")]
    assert run(server, tmp_path, "--costs").exit_code == 0
    first, second = server.asked
    assert 1 <= second.at - first.at < 3


def test_each_wait_is_longer(server, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(asking, "FIRST_WAIT", 2.0)
    monkeypatch.setattr(asking.time, "sleep", waits.append)
    server.always["costs"] = loopback.status(429)
    assert run(server, tmp_path, "--costs").exit_code == 1
    assert len(waits) == asking.TRIES - 1
    assert all(later > earlier for earlier, later in itertools.pairwise(waits))
    assert 60 < sum(waits) < 90


def test_reads_retry_after_as_seconds_or_date():
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert asking._asked_wait({"retry-after": "7"}) == 7
    assert asking._asked_wait({"retry-after": "7", "retry-after-ms": "250"}) == 0.25
    assert 28 < asking._asked_wait({"retry-after": soon}) <= 30
    for nothing in ("", "soon", "0", "-5", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert asking._asked_wait({"retry-after": nothing}) is None


# faults that do not


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (loopback.status(429, {"error": {"message": "slow down"}}), "it answers 429: slow down"),
        (loopback.status(502), "it answers 502"),
        (loopback.reset, "the connection fails"),
        (loopback.body_of(lambda body: body[:-1]), "cut off, or is not JSON"),
    ],
    ids=["429", "502", "reset", "half"],
)
def test_gives_up_after_a_number_of_tries(server, tmp_path, fault, said):
    server.always["costs"] = fault
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 1
    assert len(server.asked) == asking.TRIES
    assert f"{server.url}, costs: " in result.output
    assert said in result.output
    assert f"tried {asking.TRIES} times. Run the same command again" in result.output
    assert not list(tmp_path.rglob("*.page"))


def test_does_not_wait_for_an_answer_for_ever(server, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "TIMEOUT", 0.3)
    monkeypatch.setattr(asking, "TRIES", 2)
    server.faults["costs"] = [loopback.stall(1)]
    assert run(server, tmp_path, "--costs").exit_code == 0
    server.always["costs"] = loopback.stall(1)
    result = run(server, tmp_path, "--costs")
    assert (result.exit_code, len(server.asked)) == (1, 4)
    assert "costs: it does not answer in time; tried 2 times." in result.output


def test_gives_up_when_nobody_listens(tmp_path):
    result = run_plain(
        "--base-url", "http://127.0.0.1:9/v1", "--folder", str(tmp_path), "--no-load"
    )
    assert result.exit_code == 1
    assert "refused" in result.output


def test_does_not_wait_for_hours(server, tmp_path):
    server.always["costs"] = loopback.status(429, retry_after="7200")
    result = run(server, tmp_path, "--costs")
    assert (result.exit_code, len(server.asked)) == (1, 1)
    assert "asks to come again in 7,200 seconds" in result.output


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_is_unusable_input(server, tmp_path, code):
    message = f"Incorrect API key provided: {KEY}, or sk-admi*******Zq83."
    server.always["completions"] = loopback.status(code, {"error": {"message": message}})
    result = run(server, tmp_path)
    assert (result.exit_code, len(server.asked)) == (2, 2)
    assert f"refuses the key ({code}: Incorrect API key provided: " in result.output
    assert "admin key of the organisation" in result.output
    assert "Zq83" not in result.output


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        (400, {}),
        (302, {"location": "/v1/organization/costs?again"}),
        (500, {"x_should_retry": "false"}),
    ],
)
def test_what_no_other_try_would_mend_fails_at_once(server, tmp_path, code, headers):
    body = {"error": {"message": f"no [such] page {KEY}"}}
    server.always["costs"] = loopback.status(code, body, **headers)
    result = run(server, tmp_path, "--costs")
    assert (result.exit_code, len(server.asked)) == (1, 1)
    assert f"refuses the request ({code}: no [such] page …)" in result.output


def test_a_page_that_comes_again_is_an_error(server, tmp_path):
    server.days_per_page = 10
    server.faults["costs"] = [None, None, None]
    first = b'"page_%d"' % (FIRST + 10 * 86_400)
    third = b'"page_%d"' % (END - 86_400)
    server.faults["costs"][2] = loopback.body_of(lambda body: body.replace(third, first))
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 1
    assert "costs, page 3: its next_page is that of an earlier page" in result.output
    assert server.pages_asked("costs") == PAGES[:3]


def test_more_pages_without_a_cursor_is_an_error(server, tmp_path):
    change = loopback.body_of(lambda body: body.replace(b'"has_more":false', b'"has_more":true'))
    server.always["costs"] = change
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 1
    assert "costs, page 1: it says that there are more pages, but not where" in result.output
    assert not finished(tmp_path)


# interrupted


def test_goes_on_after_the_last_whole_page(server, tmp_path):
    server.days_per_page = 10
    server.faults["embeddings"] = [None, None]
    server.always["embeddings"] = loopback.status(500)
    assert run(server, tmp_path).exit_code == 1
    assert not finished(tmp_path)
    before = len(server.asked)
    server.always.clear()
    result = run(server, tmp_path)
    assert result.exit_code == 0, result.output
    asked = [each.resource for each in server.asked[before:]]
    assert set(asked).isdisjoint({"costs", "completions", "decisions"})
    assert server.pages_asked("embeddings")[-2:] == PAGES[2:]
    assert "embeddings usage: 4 pages (2 kept from before), 31 buckets" in result.output
    costs, usage = finished(tmp_path)
    assert days_in(costs) == OCTOBER_DAYS
    assert days_in(usage) == OCTOBER_DAYS * len(USAGE)


@pytest.mark.parametrize("moment", ["asking", "writing", "finishing"])
def test_killed_at_any_moment(server, tmp_path, moment):
    server.days_per_page = 10
    die = "os.kill(os.getpid(), 9)"
    before = {
        "asking": "",
        # the second page is written, but not yet whole; before it come twice fetch.meta and its
        # folder, the first page and its folder
        "writing": "done = []; real = os.fsync\n"
        f"os.fsync = lambda handle: (done.append(1), {die} if len(done) == 7 else real(handle))",
        "finishing": f"import pathlib; pathlib.Path.rename = lambda *_: {die}",
    }[moment]
    process = None
    if moment == "asking":
        server.answered = lambda asked: asked.page == PAGES[2] and process.kill()
    process = start(server, tmp_path, "--costs", before=before)
    said, _ = process.communicate(timeout=30)
    assert "Zq83" not in said
    assert process.returncode == -signal.SIGKILL
    assert not finished(tmp_path)
    pages = sorted(tmp_path.rglob("*.page"))
    for path in pages:
        json.loads(path.read_bytes())
    left = {"asking": 2, "writing": 1, "finishing": 4}[moment]
    assert len(pages) == left
    assert len(list(tmp_path.rglob("*.part"))) == (1 if moment == "writing" else 0)
    server.answered = lambda asked: None
    server.asked.clear()
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 0, result.output
    assert server.pages_asked("costs") == PAGES[left:]
    assert days_in(*finished(tmp_path)) == OCTOBER_DAYS
    assert not list(tmp_path.rglob("*.part"))


def test_two_at_once_do_not_mix(server, tmp_path):
    server.days_per_page = 10
    server.answered = lambda asked: time.sleep(0.05)
    before = "import fcntl, pathlib, time\n" + (
        f"here = pathlib.Path({str(tmp_path)!r}) / f'ready{{os.getpid()}}'; here.touch()\n"
        "while len(list(here.parent.glob('ready*'))) < 2: time.sleep(0.01)"
    )
    processes = [start(server, tmp_path, "--costs", before=before) for _ in range(2)]
    said = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert "Zq83" not in "".join(said)
    assert sum("Waiting for another fetch.py" in each for each in said) == 1
    assert server.pages_asked("costs") == PAGES * 2
    for folder in finished(tmp_path):
        assert days_in(folder) == OCTOBER_DAYS
    assert len(finished(tmp_path)) == 2


@pytest.fixture
def interrupted(server, tmp_path) -> Path:
    """The folder of a fetch of costs that has two of its four pages."""
    server.days_per_page = 10
    server.faults["costs"] = [None, None]
    server.always["costs"] = loopback.status(500)
    assert run(server, tmp_path, "--costs").exit_code == 1
    server.always.clear()
    server.asked.clear()
    return tmp_path / "costs_2026-10-01_2026-11-01.unfinished"


def test_another_period_asks_for_itself(server, tmp_path, interrupted):
    result = run(server, tmp_path, "--costs", "--from", "2026-10-02", "--to", "2026-11-01")
    assert result.exit_code == 0
    assert server.pages_asked("costs")[0] is None
    assert len(list(interrupted.glob("*.page"))) == 2


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"began_at": "2026-10-30T00:00:00+00:00"}, "older than a day"),
        ({"base_url": "https://elsewhere.example/v1"}, "from another --base-url"),
        ({"began_at": "yesterday"}, "cannot be told"),
        (None, "cannot be told"),
    ],
)
def test_throws_old_and_foreign_pages_away(server, tmp_path, interrupted, changed, why):
    meta = interrupted / "fetch.meta"
    if changed:
        meta.write_text(json.dumps(json.loads(meta.read_text()) | changed))
    else:
        meta.unlink()
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 0, result.output
    assert why in result.output
    assert server.pages_asked("costs") == PAGES
    assert days_in(*finished(tmp_path)) == OCTOBER_DAYS


def test_pages_of_two_organisations_do_not_mix(server, tmp_path, interrupted):
    server.organization = "org-two"
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 2
    assert "pages are of the organisation org-one, and the key is of org-two" in result.output
    assert len(list(interrupted.glob("*.page"))) == 2


@pytest.mark.parametrize("damage", ["first_lost", "second_cut"])
def test_asks_again_for_what_is_damaged(server, tmp_path, interrupted, damage):
    first, second = sorted(interrupted.glob("*.page"))
    if damage == "first_lost":
        first.unlink()
    else:
        second.write_bytes(second.read_bytes()[:-30])
    server.restated = "1"
    result = run(server, tmp_path, "--costs")
    assert result.exit_code == 0, result.output
    assert server.pages_asked("costs") == PAGES[0 if damage == "first_lost" else 1 :]
    assert days_in(*finished(tmp_path)) == OCTOBER_DAYS


# the key


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "OPENAI_ADMIN_KEY is not set"),
        ("  ", "OPENAI_ADMIN_KEY is not set"),
        ("sk-Zq83 and more", "holds a blank, a line break or a letter"),
        ("sk-Zq83\r\nX-More: 1", "holds a blank, a line break or a letter"),
        ("sk-Zq83-é", "holds a blank, a line break or a letter"),
    ],
)
def test_without_a_usable_key_nothing_is_asked(server, tmp_path, key, said):
    result = run(server, tmp_path, key=key)
    assert (result.exit_code, server.asked) == (2, [])
    assert said in result.output
    assert "Zq83" not in result.output


def test_blanks_around_the_key_do_no_harm(server, tmp_path):
    assert run(server, tmp_path, "--costs", key=f" {KEY}\n").exit_code == 0
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_is_nowhere(server, tmp_path, caplog):
    caplog.set_level(1)  # the logs of the SDK and of what it stands on, at their chattiest
    echo = {"error": {"message": f"Bearer {KEY}", "code": KEY}}
    server.days_per_page = 10
    server.faults["costs"] = [None, loopback.status(500, echo), loopback.cut_off, loopback.reset]
    for fault, exit_code in ((loopback.status(500, echo), 1), (loopback.status(403, echo), 2)):
        server.always["completions"] = fault
        assert "Zq83" not in run(server, tmp_path).output
        assert run(server, tmp_path).exit_code == exit_code
        assert nothing_shows_the_key(tmp_path)
    server.always.clear()
    assert run(server, tmp_path).exit_code == 0
    assert len(finished(tmp_path)) == 2
    assert nothing_shows_the_key(tmp_path)
    assert caplog.records
    assert "Zq83" not in caplog.text


# what is not there


def test_a_usage_kind_that_is_not_offered_is_skipped(server, tmp_path):
    server.always["vector_stores"] = loopback.status(404)
    result = run(server, tmp_path)
    assert result.exit_code == 0
    assert "vector stores usage: not offered to this organisation (404); skipped" in result.output
    assert len(list(finished(tmp_path)[1].glob("*.json"))) == len(USAGE) - 1


def test_costs_are_never_skipped(server, tmp_path):
    server.always["costs"] = loopback.status(404)
    result = run(server, tmp_path)
    assert (result.exit_code, len(server.asked)) == (1, 1)
    assert "costs: there is no such resource (404). Check --base-url." in result.output


def test_a_kind_that_ends_in_the_middle_is_not_skipped(server, tmp_path):
    server.days_per_page = 10
    server.faults["images"] = [None, loopback.status(404)]
    assert run(server, tmp_path, "--usage").exit_code == 1


def test_no_usage_at_all_is_an_error(server, tmp_path):
    server.always |= {each.method: loopback.status(404) for each in USAGE}
    result = run(server, tmp_path, "--usage")
    assert result.exit_code == 1
    assert "no usage resource is there (404)" in result.output


def test_says_when_there_is_nothing(server, tmp_path):
    server.empty = {"images"}
    server.bucketless = {"moderations"}
    result = run(server, tmp_path)
    assert result.exit_code == 0
    assert "images usage: 1 page, 31 buckets for 31 days, nothing in them: " in result.output
    assert "moderations usage: 1 page, 0 buckets for 31 days, nothing in them: " in result.output


# arguments


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-11-01", "--to", "2026-11-01"), "--from must be before --to"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), "--from must be before --to"),
        (("--from", "2090-01-01", "--to", "2090-02-01"), "--from is in the future"),
        (("--from", "1/10/2026", "--to", "2026-11-01"), "does not match the format"),
        (("--base-url", "http://example.com/v1"), "over plain http"),
        (("--base-url", "ftp://example.com/v1"), "give it as https://HOST/v1"),
        (("--base-url", "example.com"), "give it as https://HOST/v1"),
        (("--base-url", "https://a:b@example.com/v1"), "a user or a password"),
        (("--base-url", "https://exa mple.com/v1"), "give it as https://HOST/v1"),
        (("--base-url", "https://[::1/v1"), "give it as https://HOST/v1"),
    ],
)
def test_refuses_unusable_arguments(server, tmp_path, arguments, said):
    result = run(server, tmp_path, *arguments)
    assert (result.exit_code, server.asked) == (2, [])
    assert said in " ".join(result.output.replace("│", "").split())


def test_refuses_a_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "file").touch()
    result = run(server, tmp_path / "file" / "below")
    assert (result.exit_code, server.asked) == (2, [])
    assert "it cannot be used (Not a directory)" in result.output


def test_says_which_days_are_provisional(server, tmp_path):
    today = datetime.now(UTC).date()

    def said(first: date, end: date) -> str:
        result = run(server, tmp_path, "--costs", "--from", str(first), "--to", str(end))
        assert result.exit_code == 0, result.output
        return result.output

    def day(days: int) -> date:
        return today + timedelta(days=days)

    later = said(day(-20), day(10))
    assert f"Days from {day(-2)} on are provisional" in later
    assert f"Fetch them again from {day(12)} on." in later
    assert f"Days from {day(-1)} on are provisional" in said(day(-1), today)
    assert "provisional" not in said(day(-20), day(-2))
    assert server.asked[0].query["end_time"] == [str(asking._epoch(day(10)))]


# loading


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """What would be loaded: the files, and the target."""
    loads = []

    def load_files(names: list[str], *, target: str, console: object) -> list[dict]:
        loads.append((names, target))
        return []

    monkeypatch.setattr(fetch, "load_files", load_files)
    return loads


def load(server: LoopbackProvider, folder: Path, env: dict[str, str], *arguments: str) -> Result:
    return run_plain("--base-url", server.url, "--folder", str(folder), *arguments, env=env)


def test_loads_the_pages_with_buckets_costs_first(server, tmp_path, duckdb_file, loads):
    server.days_per_page = 20
    server.bucketless = {"moderations"}
    server.empty = {"images"}
    server.always["vector_stores"] = loopback.status(404)
    assert load(server, tmp_path / "here", duckdb_file).exit_code == 0
    ((names, target),) = loads
    assert target == "duckdb"
    kinds = [Path(name).name.removesuffix("_2026-10-01_2026-11-01.json") for name in names]
    unloaded = {"moderations", "vector_stores", "decisions"}
    assert kinds == [each.kind for each in COSTS + USAGE if each.method not in unloaded]
    assert all(Path(name).is_file() for name in names)


def test_loads_nothing_where_there_is_nothing(server, tmp_path, duckdb_file, loads):
    server.bucketless = {"costs"}
    result = load(server, tmp_path / "here", duckdb_file, "--costs")
    assert (result.exit_code, loads) == (0, [])
    assert "nothing to load" in result.output


def test_asks_nothing_when_it_could_not_load(server, tmp_path, duckdb_file, loads):
    result = load(server, tmp_path / "here", duckdb_file, "--target", "nowhere")
    assert (result.exit_code, server.asked, loads) == (2, [], [])


def test_says_how_to_load_what_is_fetched(server, tmp_path, duckdb_file, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise UnusableInput("costs.json: it cannot be read.")

    monkeypatch.setattr(fetch, "load_files", fails)
    result = load(server, tmp_path / "a folder", duckdb_file, "--costs")
    (folder,) = finished(tmp_path / "a folder")
    name = "costs_2026-10-01_2026-11-01.json"
    assert result.exit_code == 2
    assert "costs.json: it cannot be read." in result.output
    assert f"python scripts/load.py '{folder}/{name}' --target duckdb" in result.output


def test_what_is_fetched_is_loaded_once(server, tmp_path, warehouse):
    server.days_per_page = 10
    server.empty = {each.method for each in USAGE} - {"completions", "embeddings"}
    first = load(server, tmp_path / "here", warehouse)
    assert first.exit_code == 0, first.output
    held = {
        "select count(*), sum(amount_usd) from raw.cost_buckets": [(31, 31 * Decimal("0.12"))],
        "select usage_kind, count(*), sum(input_tokens) from raw.usage_buckets"
        " where input_tokens is not null group by 1 order by 1": [
            ("completions", 31, 279),
            ("embeddings", 31, 279),
        ],
        "select sum(rejected_line_count) from raw.loaded_files": [(0,)],
    }
    assert {sql: query(warehouse, sql) for sql in held} == held
    assert "cut short" not in first.output
    again = load(server, tmp_path / "here", warehouse)
    assert again.exit_code == 0, again.output
    assert "already loaded" in again.output
    assert {sql: query(warehouse, sql) for sql in held} == held
