"""From what a user names to a plain UTF-8, JSON or Parquet file, hashed, under a path safe to read.

A file is read where it lies, through a link whose name holds nothing that DuckDB would expand or
unpack. It is copied when it is compressed, comes through a pipe or is UTF-16. On the way its bytes
are looked at once, for what a CSV reader would misread. Nothing here holds more than a chunk.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow

from loader.errors import UnusableInput

CHUNK = 1 << 22
PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
PARQUET = b"PAR1"
JSON = re.compile(rb"\s*(\{\s*[\"}]|\[\s*[{\]])")
"""how a file of JSON objects begins, and no header does"""

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
    is_json: bool
    needs_care: bool
    """holds something that a CSV reader would misread and not say"""
    line_count: int
    """line feeds, and the line after the last one: of a clean file, its records"""


def open_source(name: str, folder: Path, progress: Progress = lambda _: None) -> Source:
    """Hash a file and make it readable; copies go into `folder`, which the caller removes.

    Raises UnusableInput for a file that is missing, not a file, unreadable, empty or damaged.
    """
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    try:
        given = _given(name, shown, folder)
        scan = _Scan()
        with given.open("rb") as stream, ThreadPoolExecutor() as aside:
            digest = aside.submit(hashlib.file_digest, stream, "sha256")
            for chunk in _chunks(given):
                scan.feed(chunk)
                progress(len(chunk))
        path = _readable(given, folder)
        start = _first_bytes(path)
        if not start:
            raise UnusableInput(f"{shown}: the file is empty. Export it again.")
        if path != given:
            scan = _scanned(path)
        return Source(
            name=shown,
            file_id=digest.result().hexdigest(),
            byte_count=given.stat().st_size,
            path=path,
            is_parquet=start.startswith(PARQUET),
            is_json=JSON.match(start.removeprefix(codecs.BOM_UTF8)) is not None,
            needs_care=scan.needs_care,
            line_count=scan.line_count(),
        )
    except FileNotFoundError:
        raise UnusableInput(f"{shown}: there is no such file. Check the path.") from None
    except PermissionError:
        raise UnusableInput(f"{shown}: no permission to read it. Check its mode.") from None
    except (OSError, EOFError, UnicodeError) as error:
        raise UnusableInput(
            f"{shown}: cannot be read to its end ({error}). It may be cut off or damaged: "
            "fetch it again."
        ) from None


def moved(source: Source, path: Path) -> Source:
    """The same file, made into plain UTF-8 text at another path."""
    scan = _scanned(path)
    return replace(
        source, path=path, is_json=False, needs_care=scan.needs_care, line_count=scan.line_count()
    )


def _given(name: str, shown: str, folder: Path) -> Path:
    """A file of the bytes that the user named."""
    path = folder / "given"
    if name == "-":
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK)
    elif Path(name).is_dir():
        raise UnusableInput(
            f"{shown}: this is a folder. Name the files, for example {shown}/*.csv."
        )
    elif Path(name).is_file() or not Path(name).exists():
        path.symlink_to(Path(name).resolve())
    else:  # a pipe, such as <(…)
        with Path(name).open("rb") as pipe, path.open("wb") as copy:
            shutil.copyfileobj(pipe, copy, CHUNK)
    return path


def _readable(given: Path, folder: Path) -> Path:
    """The given file, or a copy of it unpacked and in UTF-8."""
    path = given
    start = _first_bytes(path)
    if packing := next((PACKINGS[magic] for magic in PACKINGS if start.startswith(magic)), None):
        path = folder / "unpacked"
        with (
            pyarrow.input_stream(str(given), compression=packing) as packed,
            path.open("wb") as copy,
        ):
            shutil.copyfileobj(packed, copy, CHUNK)
    if _first_bytes(path)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        with (
            path.open("r", encoding="utf-16", newline="") as text,
            (folder / "utf8").open("w", encoding="utf-8", newline="") as copy,
        ):
            shutil.copyfileobj(text, copy, CHUNK)
        path = folder / "utf8"
    return path


def _scanned(path: Path) -> _Scan:
    scan = _Scan()
    for chunk in _chunks(path):
        scan.feed(chunk)
    return scan


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4096)


class _Scan:
    """Looks at chunks for what a CSV reader would misread and not say, as cheaply as it can."""

    NEITHER = bytes(set(range(256)) - set(b'"\n'))
    REOPENED = re.compile(rb'" +"')  # `"a" "b"`, which DuckDB would take for `a b`

    def __init__(self) -> None:
        self.needs_care = False
        self._is_first = True
        self._line_ends = 0
        self._ends_open = False
        self._ends_in_return = False
        self._odd_quote = b""  # of the line that the last chunk ended in, if it has one

    def feed(self, chunk: bytes) -> None:
        """Look at the next chunk of the file."""
        self.needs_care = bool(
            self.needs_care
            or b"\0" in chunk
            or self._has_bare_return(chunk)
            or ((self._odd_quote or b'"' in chunk) and self._has_odd_quotes(chunk))
            or (self._is_first and self._starts_blank(chunk))
        )
        self._is_first = False
        self._ends_in_return = chunk.endswith(b"\r")
        self._line_ends += chunk.count(b"\n")
        self._ends_open = not chunk.endswith(b"\n")

    def line_count(self) -> int:
        """How many lines there were; the last one may lack its end."""
        return self._line_ends + self._ends_open

    def _has_bare_return(self, chunk: bytes) -> bool:
        """Whether a line ends in CR alone, which DuckDB would take for a part of a cell."""
        if self._ends_in_return and not chunk.startswith(b"\n"):
            return True
        return b"\r" in chunk and chunk.count(b"\r") > chunk.count(b"\r\n") + chunk.endswith(b"\r")

    def _has_odd_quotes(self, chunk: bytes) -> bool:
        """Whether a line has an odd number of quotes, as one has whose record goes on below it."""
        if b'" ' in chunk and self.REOPENED.search(chunk):
            return True
        whole, _, self._odd_quote = (
            (self._odd_quote + chunk.translate(None, self.NEITHER))
            .replace(b'""', b"")
            .rpartition(b"\n")
        )
        return b'"' in whole

    @staticmethod
    def _starts_blank(chunk: bytes) -> bool:
        return not chunk.removeprefix(codecs.BOM_UTF8).partition(b"\n")[0].strip()
