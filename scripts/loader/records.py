"""From a text file to its header and its CSV records, numbered, one at a time.

DuckDB reads a clean file by itself. This is for the others: it says where each record begins and
ends the way DuckDB does, but a line that is no record costs itself only, and not those after it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loader.errors import UnusableInput
from loader.source import Source

MAX_LINE = 2_000_000
"""bytes; a longer record is rejected"""
MAX_HELD = 2 * MAX_LINE
"""characters that are held of one record, more than DuckDB reads of one"""
SHOWN_OF_LONG_LINE = 10_000
DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Header:
    """The first line: its names, and what stands between them."""

    names: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True)
class Record:
    """One CSV record: its position (the header is 1), its text, and what is wrong with it."""

    line_number: int
    text: str | None
    problem: str | None = None


def read_header(source: Source) -> Header:
    """The header; of comma, tab, semicolon and bar the commonest is the delimiter.

    Raises UnusableInput when the first line cannot be a header.
    """
    text = next((line for line in _Lines(source.path) if line.strip()), "")
    if isinstance(text, _Cut):
        raise UnusableInput(
            f"{source.name}: its first line is longer than {MAX_HELD:,} characters, so it is no "
            "header. Is this a CSV file?"
        )
    if "\0" in text or not text.strip():
        raise UnusableInput(
            f"{source.name}: its first line is not text, so it is no CSV file. Give a CSV, TSV or "
            "Parquet file, plain or packed with gzip or zstd."
        )
    text = _storable(text.rstrip("\r\n"))
    delimiter = max(DELIMITERS, key=text.count)
    try:
        [names] = csv.reader([text], delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise UnusableInput(
            f"{source.name}, line 1: the header cannot be split into columns ({error}). "
            "Look for an unbalanced quote."
        ) from None
    return Header(tuple(names), delimiter)


def records(source: Source, header: Header) -> Iterator[Record]:
    """Every record below the header, in order, without its line end; blank lines are none."""
    lines = _Lines(source.path)
    shape = _Shape(header)
    blanks = " \r\n" if header.delimiter == "\t" else " \t\r\n"
    next(line for line in lines if line.strip())
    number = 1
    for line in lines:
        if not line.strip(blanks):
            continue
        number += 1
        if isinstance(line, _Cut):
            yield Record(number, _storable(line), "line_too_long")
            continue
        text = line.rstrip("\r\n")
        is_sound = True
        if '"' in text:
            text, is_sound = _whole_record(line, lines, shape)
        if not is_sound:
            yield Record(number, _storable(text), "malformed_quotes")
        elif "\0" in text:
            yield Record(number, _storable(text), "nul_byte")
        elif not text.isascii() and (storable := _storable(text)) != text:
            yield Record(number, storable, "invalid_encoding")
        else:
            yield Record(number, text)


class _Cut(str):
    """The beginning of a line that is too long to hold."""


class _Lines:
    """The lines of a file with their ends (LF, CR LF or CR); some can be given back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = self._lines()
        self._waiting: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return self._waiting.pop() if self._waiting else next(self._read)

    def give_back(self, lines: list[str]) -> None:
        """Have these lines come next again, in this order."""
        self._waiting.extend(reversed(lines))

    def _lines(self) -> Iterator[str]:
        # bytes that are not UTF-8 become surrogates, so that they cost their own line only
        with self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            while line := text.readline(MAX_HELD):
                if len(line) < MAX_HELD or line.endswith(("\n", "\r")):
                    yield line
                    continue
                start = _Cut(line[:SHOWN_OF_LONG_LINE])
                while line and not line.endswith(("\n", "\r")):
                    line = text.readline(MAX_HELD)
                yield start


class _Shape:
    """Which texts are one record, as DuckDB sees it.

    A quoted cell may have one space before it and several behind it; elsewhere a quote is text.
    Nothing here can match in two ways, so it is fast without possessive quantifiers, which the
    first versions of Python 3.11 get wrong.
    """

    def __init__(self, header: Header) -> None:
        between = re.escape(header.delimiter)
        opened = ' ?"[^"]*(?:""[^"]*)*'
        cell = rf'(?:{opened}" *(?={between}|\Z)|(?! ?")[^{between}\r\n]*)'
        self._record = re.compile(rf"{cell}(?:{between}{cell})*\Z")
        self._open = re.compile(rf"(?:{cell}{between})*{opened}\Z")
        self._full = re.compile(rf"{cell}(?:{between}{cell}){{{len(header.names) - 1}}}\Z")

    def is_record(self, text: str) -> bool:
        """Whether every quote is closed, and stands where a quote may stand."""
        return self._record.match(text) is not None

    def is_open(self, text: str) -> bool:
        """Whether the last cell is a quoted one that goes on in the next line."""
        return self._open.match(text) is not None

    def is_full_record(self, text: str) -> bool:
        """Whether it is a record with as many cells as the header."""
        return self._full.match(text) is not None


def _whole_record(line: str, lines: _Lines, shape: _Shape) -> tuple[str, bool]:
    """The text of the record that a line begins, and whether it is sound.

    Lines are joined only to a record as wide as the header, so that two quotes which were never
    closed do not make one record of all that stands between them.
    """
    text = line.rstrip("\r\n")
    if shape.is_record(text):
        return text, True
    if not shape.is_open(line):
        return text, False
    taken: list[str] = []
    held = len(line)
    for more in lines:
        taken.append(more)
        held += len(more)
        if isinstance(more, _Cut) or held > MAX_HELD:
            break
        # what comes before is inside a quote, whatever it is
        if '"' not in more or shape.is_open('"' + more):
            continue
        joined = "".join([line, *taken]).rstrip("\r\n")
        if shape.is_full_record(joined):
            return joined, True
        break
    lines.give_back(taken)
    return text, False


def _storable(text: str) -> str:
    """Text that any warehouse can store; NUL and what is not UTF-8 show as \\xNN."""
    return (
        text.encode("utf-8", "surrogateescape")
        .decode("utf-8", "backslashreplace")
        .replace("\0", "\\x00")
    )
