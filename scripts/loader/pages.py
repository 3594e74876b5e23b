"""From JSON pages of the Costs or Usage API to a CSV file with the header names of the export.

One page, an array of pages, a page a line, or pages one after the other. The file is read as a
stream, and a number comes from its text: no float ever holds an amount. Of a page no more is held
than one result, or one bucket where its times stand behind its results.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import ijson

from loader.errors import UnusableInput
from loader.exports import Told, of_result, told_of_pages
from loader.formats import Format, Layout, all_formats, fit
from loader.source import Source, moved

Event = tuple[str, str, Any]

BUCKET = "data.item"
RESULT = "results.item"


@dataclass(frozen=True)
class Pages:
    """A JSON file as the CSV file that it was made into, and what is to be said about it."""

    source: Source
    layout: Layout
    ignored_keys: tuple[str, ...]
    repeated_page_count: int
    is_cut_short: bool
    """whether more pages follow the last one"""


def read_pages(source: Source, folder: Path, as_format: str | None) -> Pages:
    """Make a CSV file of the pages.

    Raises UnusableInput where they are no pages, not whole, of several kinds or of none.
    """
    path = folder / "pages.csv"
    try:
        told = told_of_pages(_first_object(source), as_format, source.name)
        known = all_formats()[told.format]
        # what is no Unicode becomes bytes that are no UTF-8, which cost their own line
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as copy:
            writer = _Writer(copy, known, told, source.name)
            with closing(_events(source)) as events:
                writer.write_pages(events)
    except _NoPages as error:
        raise UnusableInput(
            f"{source.name}: JSON, but no pages of the Costs or Usage API: {error}. Save the "
            "answers of /v1/organization/costs or /v1/organization/usage/… as they come, or give "
            "the CSV export."
        ) from None
    except (ijson.JSONError, ArithmeticError, ValueError) as error:
        said = str(error.args[0] if error.args else error).strip().splitlines()
        raise UnusableInput(
            f"{source.name}: cannot be read as JSON to its end ({said[0] if said else 'damaged'}). "
            "It may be cut off or damaged: fetch it again."
        ) from None
    layout = fit(known, tuple(writer.header), source.name)
    return Pages(
        source=moved(source, path),
        layout=replace(layout, usage_kind=told.usage_kind),
        ignored_keys=tuple(writer.ignored_keys),
        repeated_page_count=writer.repeated_page_count,
        is_cut_short=writer.is_cut_short,
    )


class _NoPages(Exception):
    """JSON that is something else; its argument says what."""


class _Writer:
    """Writes buckets as lines of CSV: one for each result, or an empty one where there is none."""

    def __init__(self, copy: TextIO, known: Format, told: Told, where: str) -> None:
        self._copy = copy
        self._where = where
        self._known = known
        self._told = told
        self._csv = csv.writer(copy, lineterminator="\r\n")  # so that it quotes either
        self._pages: set[bytes] = set()
        self.header = [column.names[0] for column in known.columns.values()]
        self.ignored_keys: dict[str, None] = {}
        self.repeated_page_count = 0
        self.is_cut_short = False

    def write_pages(self, events: Iterator[Event]) -> None:
        """Write the header and every page, each but once."""
        self._csv.writerow(self.header)
        for prefix, event, _ in events:
            if event == "start_map" and prefix in ("", "item"):
                self._write_page(prefix, events)
            elif prefix or event not in ("start_array", "end_array"):
                raise _NoPages("not every value in it is a page")

    def _write_page(self, page: str, events: Iterator[Event]) -> None:
        at = f"{page}." if page else ""
        mark = self._copy.tell()
        seen = hashlib.sha256()
        has_data = has_more = False
        for prefix, event, value in events:
            if (prefix, event) == (page, "end_map"):
                break
            if prefix == f"{at}has_more":
                has_more = value is True
            elif (prefix, event) == (f"{at}data", "start_array"):
                has_data = True
            elif (prefix, event) == (at + BUCKET, "start_map"):
                self._write_bucket(at + BUCKET, events, seen)
            elif prefix == at + BUCKET:
                raise _NoPages("`data` holds something that is no bucket")
        if not has_data:
            raise _NoPages("a page has no `data`")
        if self._copy.tell() > mark and seen.digest() in self._pages:
            self.repeated_page_count += 1
            self._copy.seek(mark)
            self._copy.truncate()
            return
        self._pages.add(seen.digest())
        self.is_cut_short = has_more

    def _write_bucket(self, bucket: str, events: Iterator[Event], seen: hashlib._Hash) -> None:
        times: dict[str, Any] = {}
        waiting = []
        has_results = is_empty = False
        for prefix, event, value in events:
            if (prefix, event) == (bucket, "end_map"):
                break
            key = prefix.removeprefix(f"{bucket}.")
            if key in ("start_time", "end_time"):
                times[key] = value
            elif (key, event) == ("results", "start_array"):
                has_results = is_empty = True
            elif (key, event) == (RESULT, "start_map"):
                is_empty = False
                result = _built(prefix, events)
                seen.update(repr(result).encode())
                waiting.append(self._cells(result))
                if len(times) == 2:
                    self._write(times, waiting)
            elif key == RESULT:
                raise _NoPages("`results` holds something that is no result")
        if not has_results:
            raise _NoPages("a bucket has no `results`")
        seen.update(repr(sorted(times.items())).encode())
        self._write(times, [{}] if is_empty else waiting)

    def _write(self, times: dict[str, Any], waiting: list[dict[str, str]]) -> None:
        shared = {key: _text(value) for key, value in times.items()}
        for cells in waiting:
            self._csv.writerow([(shared | cells).get(name, "") for name in self.header])
        waiting.clear()

    def _cells(self, result: dict[str, Any]) -> dict[str, str]:
        """The cells of a result by header name."""
        self._check_kind(result)
        amount = result.pop("amount", None)
        if not (amount is None or isinstance(amount, dict)):
            raise _NoPages("an `amount` is not an object of a value and a currency")
        result |= {f"amount_{key}": value for key, value in (amount or {}).items()}
        plain = {k: v for k, v in result.items() if not isinstance(v, dict | list)}
        cells = {}
        for column in self._known.columns.values():
            known = (plain[name] for name in column.names if plain.get(name) is not None)
            cells[column.names[0]] = _text(next(known, None))
        for key in result:
            if not self._known.knows(key) and key != "object":
                self.ignored_keys[key] = None
        return {name: text for name, text in cells.items() if text}

    def _check_kind(self, result: dict[str, Any]) -> None:
        told = of_result(str(result.get("object")))
        if "object" not in result:
            raise _NoPages("a result has no `object`")
        if told != self._told:
            raise UnusableInput(
                f"{self._where}: it holds results of {result['object']} beside those of "
                f"{self._told}, and one file holds one kind. Split it."
            )


def _events(source: Source) -> Iterator[Event]:
    with source.path.open("rb") as stream, _whole_numbers_of_any_length():
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        yield from ijson.parse(stream, multiple_values=True)


@contextmanager
def _whole_numbers_of_any_length() -> Iterator[None]:
    """Python refuses one of more than 4300 digits, and the parser dies of the refusal."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def _first_object(source: Source) -> str | None:
    """What the first result says it is."""
    wanted = f"{BUCKET}.{RESULT}.object"
    with closing(_events(source)) as events:
        for prefix, _, value in events:
            if prefix in (wanted, f"item.{wanted}"):
                return str(value)
    return None


def _built(prefix: str, events: Iterator[Event]) -> dict[str, Any]:
    """The object whose beginning was the last event."""
    builder = ijson.ObjectBuilder()
    builder.event("start_map", None)
    for at, event, value in events:
        builder.event(event, value)
        if (at, event) == (prefix, "end_map"):
            break
    return builder.value


def _text(value: Any) -> str:
    """A value as the export writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
