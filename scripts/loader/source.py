"""From the bytes a user names to a plain UTF-8 file that DuckDB can read line for line.

Most files are read where they lie. A file is copied first when it is compressed, comes through a
pipe or is UTF-16; it is rewritten record by record (`number_records`) when it holds what a
CSV reader stumbles over: NUL bytes, blank lines, mixed line ends, stray quotes, bytes that are
not UTF-8. Nothing here holds more than one record and one chunk in memory.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow

from loader.errors import UnusableInput

CHUNK = 1 << 22
MAX_RECORD = 2_000_000
"""bytes; the longest line, and the longest record of several lines, that is read"""
MAX_RECORD_LINES = 1_000
SHOWN_OF_LONG_LINE = 10_000
DELIMITERS = ",\t;|"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Source:
    """A file, hashed and ready to read."""

    name: str
    """as the user wrote it; `-` is standard input"""
    file_id: str
    """sha256 of the bytes, hex"""
    byte_count: int
    path: Path
    """plain UTF-8 text, or Parquet"""
    is_parquet: bool
    needs_care: bool
    """holds something that a CSV reader would misread"""


@dataclass(frozen=True)
class Record:
    """One CSV record: its position (the header is 1), its text, and what is wrong with it."""

    line_number: int
    text: str
    problem: str | None = None


def open_source(name: str, folder: Path, progress: Progress = lambda _: None) -> Source:
    """Hash a file and make it readable; copies go into `folder`, which the caller removes.

    Raises UnusableInput for a file that is missing, not a file, unreadable, empty or damaged.
    """
    plain = folder / "plain"
    try:
        if name == "-":
            path = folder / "stdin"
            with path.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK)
        else:
            path = Path(name)
            if path.is_dir():
                raise UnusableInput(
                    f"{name}: this is a folder. Name the files, for example {name}/*.csv."
                )
            if not path.is_file() and path.exists():  # a pipe, such as <(…)
                with path.open("rb") as pipe, (folder / "pipe").open("wb") as copy:
                    shutil.copyfileobj(pipe, copy, CHUNK)
                path = folder / "pipe"
        with path.open("rb") as stream:
            magic = stream.read(4)
        if not magic:
            raise UnusableInput(f"{name}: the file is empty. Export it again.")
        scan = _Scan()
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                scan.feed(chunk)
                progress(len(chunk))
        byte_count = path.stat().st_size
        compression = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(magic[:2])
        if compression:
            with (
                pyarrow.input_stream(str(path), compression=compression) as packed,
                plain.open("wb") as copy,
            ):
                shutil.copyfileobj(packed, copy, CHUNK)
            path, scan, magic = plain, None, _first_bytes(plain)
        if magic[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            path, scan = _to_utf8(path, folder / "utf8"), None
        if scan is None:
            scan = _Scan()
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    scan.feed(chunk)
    except FileNotFoundError:
        raise UnusableInput(f"{name}: there is no such file. Check the path.") from None
    except PermissionError:
        raise UnusableInput(f"{name}: no permission to read it. Check its mode.") from None
    except (OSError, EOFError, UnicodeError) as error:
        raise UnusableInput(
            f"{name}: cannot be read to its end ({error}). It may be cut off or damaged: "
            "fetch it again."
        ) from None
    return Source(
        name=name,
        file_id=digest.hexdigest(),
        byte_count=byte_count,
        path=path,
        is_parquet=magic == b"PAR1",
        needs_care=scan.needs_care(),
    )


class _Scan:
    """Looks at chunks for what only a careful reading gets right, as cheaply as it can."""

    def __init__(self) -> None:
        self._odd = False
        self._quotes = 0
        self._tail = b"\n"  # so that a blank line before the header shows too

    def feed(self, chunk: bytes) -> None:
        joined = self._tail + chunk[:3]
        if b'"' in chunk:
            self._quotes += chunk.count(b'"')
        if b"\r" in chunk:
            self._odd = self._odd or self._has_odd_returns(chunk) or b"\n\r" in joined
        self._odd = self._odd or b"\0" in chunk or b"\n\n" in chunk or b"\n\n" in joined
        self._tail = chunk[-3:]

    @staticmethod
    def _has_odd_returns(chunk: bytes) -> bool:
        """Blank lines, or line ends of more than one kind; a chunk's cut may split one CR LF."""
        pairs = chunk.count(b"\r\n")
        returns = chunk.count(b"\r") - chunk.endswith(b"\r")
        feeds = chunk.count(b"\n") - chunk.startswith(b"\n")
        return returns > pairs or feeds > pairs or b"\n\r" in chunk

    def needs_care(self) -> bool:
        return self._odd or self._quotes % 2 == 1


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4)


def _to_utf8(path: Path, target: Path) -> Path:
    with (
        path.open("r", encoding="utf-16", newline="") as text,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        shutil.copyfileobj(text, copy, CHUNK)
    return target


def read_header(source: Source) -> tuple[tuple[str, ...], str]:
    """The header's names and the delimiter: of comma, tab, semicolon and bar the commonest."""
    lines = _physical_lines(source.path)
    first = next((line for line in lines if line is None or line.strip()), b"")
    if first is None:
        raise UnusableInput(
            f"{source.name}: its first line is longer than {MAX_RECORD:,} bytes, so it is no "
            "header. Is this a CSV file?"
        )
    text = first.decode("utf-8-sig", "replace").strip("\r\n")
    if "\0" in text or not text.strip():
        raise UnusableInput(
            f"{source.name}: its first line is not text, so it is no CSV file. Give a CSV, TSV or "
            "Parquet file, plain or packed with gzip or zstd."
        )
    delimiter = max(DELIMITERS, key=text.count)
    try:
        return tuple(next(csv.reader([text], delimiter=delimiter, strict=True))), delimiter
    except csv.Error as error:
        raise UnusableInput(
            f"{source.name}, line 1: the header cannot be split into columns ({error}). "
            "Look for an unbalanced quote."
        ) from None


def records(source: Source, delimiter: str) -> Iterator[Record]:
    """Every record below the header, whole, in order; blank lines are none.

    A quote that is never closed costs its own line and not those after it: lines are joined
    to one record only if the joined text is a record.
    """
    csv.field_size_limit(MAX_RECORD * 2)
    waiting: deque[bytes | None] = deque()
    lines = _physical_lines(source.path)

    def next_line() -> bytes | None:
        return waiting.popleft() if waiting else next(lines)

    number = 0
    while True:
        try:
            line = next_line()
        except StopIteration:
            return
        if line == b"":
            continue
        number += 1
        if number == 1:
            continue
        if line is None or isinstance(line, _Cut):
            yield Record(number, _show(line), "line_too_long")
            continue
        text, problem = _decode(line)
        if problem is None and '"' in text:
            text, problem = _whole_record(text, delimiter, next_line, waiting)
        yield Record(number, text, problem)


class _Cut(bytes):
    """The beginning of a line that is too long to read."""


def _show(line: bytes | None) -> str:
    return _escape((line or b"")[:SHOWN_OF_LONG_LINE])


def _physical_lines(path: Path) -> Iterator[bytes | None]:
    """Lines without their ends (LF, CR LF or CR); of one over MAX_RECORD bytes its beginning."""
    with path.open("rb") as stream:
        if stream.read(3) != codecs.BOM_UTF8:
            stream.seek(0)
        while line := stream.readline(MAX_RECORD + 2):
            if not line.endswith(b"\n") and len(line) > MAX_RECORD and b"\r" not in line[:-1]:
                start = _Cut(line[:SHOWN_OF_LONG_LINE])
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_RECORD)
                yield start
                continue
            ended = line.rstrip(b"\r\n")
            if b"\r" in ended and b'"' not in ended:
                if len(line) > MAX_RECORD and not line.endswith(b"\n"):
                    # a file of bare CRs: give back the piece after the last one
                    keep = line.rfind(b"\r") + 1
                    stream.seek(keep - len(line), os.SEEK_CUR)
                    ended = line[:keep].rstrip(b"\r")
                yield from ended.split(b"\r")
            else:
                yield ended


def _decode(line: bytes) -> tuple[str, str | None]:
    if b"\0" in line:
        return _escape(line), "nul_byte"
    try:
        return line.decode("utf-8"), None
    except UnicodeDecodeError:
        return _escape(line), "invalid_encoding"


def _escape(line: bytes) -> str:
    """Text that any warehouse can store; what is not UTF-8 shows as \\xNN."""
    return line.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _whole_record(
    text: str, delimiter: str, next_line: Callable, waiting: deque
) -> tuple[str, str | None]:
    taken: list[bytes] = []
    joined = text
    while True:
        problem = _quote_problem(joined, delimiter)
        if problem is None:
            return joined, None
        if problem == "open" and len(taken) < MAX_RECORD_LINES and len(joined) < MAX_RECORD:
            try:
                line = next_line()
            except StopIteration:
                line = None
            if line is not None:
                taken.append(line)
                more, bad = _decode(line)
                if bad is None and not isinstance(line, _Cut):
                    joined = f"{joined}\n{more}"
                    continue
        waiting.extendleft(reversed(taken))
        return text, "malformed_quotes"


def _quote_problem(text: str, delimiter: str) -> str | None:
    """None for a whole record, "open" where a quote is still open, else "stray"."""
    try:
        rows = sum(1 for _ in csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "open" if "unexpected end" in str(error) else "stray"
    return None if rows == 1 else "stray"


def number_records(
    source: Source, delimiter: str, target: Path, reject: Callable[[Record], None]
) -> None:
    """Rewrite the sound records, each with its line number in front; hand the others to reject."""
    with target.open("w", encoding="utf-8", newline="") as copy:
        for record in records(source, delimiter):
            if record.problem:
                reject(record)
            else:
                copy.write(f"{record.line_number}{delimiter}{record.text}\n")
