"""From what a user names to a plain UTF-8 or Parquet file, hashed, under a path safe to read.

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
from dataclasses import dataclass
from pathlib import Path

import pyarrow

from loader.errors import UnusableInput

CHUNK = 1 << 22
PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
PARQUET = b"PAR1"

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
    """holds something that a CSV reader would misread; else each of its lines is a record"""
    line_count: int
    """lines of the file, whatever is in them"""


def open_source(name: str, folder: Path, progress: Progress = lambda _: None) -> Source:
    """Hash a file and make it readable; copies go into `folder`, which the caller removes.

    Raises UnusableInput for a file that is missing, not a file, unreadable, empty or damaged.
    """
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    try:
        given = _given(name, shown, folder)
        digest = hashlib.sha256()
        scan = _Scan()
        for chunk in _chunks(given):
            digest.update(chunk)
            scan.feed(chunk)
            progress(len(chunk))
        path = _readable(given, folder)
        start = _first_bytes(path)
        if not start:
            raise UnusableInput(f"{shown}: the file is empty. Export it again.")
        if path != given:
            scan = _Scan()
            for chunk in _chunks(path):
                scan.feed(chunk)
        return Source(
            name=shown,
            file_id=digest.hexdigest(),
            byte_count=given.stat().st_size,
            path=path,
            is_parquet=start == PARQUET,
            needs_care=scan.needs_care(),
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


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(PARQUET))


class _Scan:
    """Looks at chunks for what only a careful reading gets right, as cheaply as it can."""

    NEITHER = bytes(set(range(256)) - set(b'"\n'))
    REOPENED = re.compile(rb'" +"')  # `"a" "b"`, which DuckDB would take for `a b`

    def __init__(self) -> None:
        self._is_odd = False
        self._is_first = True
        self._line_ends = 0
        self._open_line = b""  # the odd quote, if any, of the line that the last chunk ended in
        self._tail = b"\n"  # so that a blank line before the header shows too

    def feed(self, chunk: bytes) -> None:
        """Look at the next chunk of the file."""
        joined = self._tail + chunk[:3]
        self._is_odd = bool(
            self._is_odd
            or b"\0" in chunk
            or b"\n\n" in chunk
            or b"\n\n" in joined
            or (b"\r" in chunk and (self._has_odd_returns(chunk) or b"\n\r" in joined))
            or ((self._open_line or b'"' in chunk) and self._has_odd_quotes(chunk))
            or (self._is_first and self._starts_blank(chunk))
        )
        self._is_first = False
        self._line_ends += chunk.count(b"\n")
        self._tail = chunk[-3:]

    def needs_care(self) -> bool:
        """Whether anything was found that a CSV reader would misread."""
        return self._is_odd or bool(self._open_line)

    def line_count(self) -> int:
        """How many lines there were; the last one may lack its end."""
        return self._line_ends + (not self._tail.endswith(b"\n"))

    def _has_odd_quotes(self, chunk: bytes) -> bool:
        """Whether a line has an odd number of quotes, as one has whose record goes on below it."""
        if b'" ' in chunk and self.REOPENED.search(chunk):
            return True
        whole, _, self._open_line = (
            (self._open_line + chunk.translate(None, self.NEITHER))
            .replace(b'""', b"")
            .rpartition(b"\n")
        )
        return b'"' in whole

    @staticmethod
    def _has_odd_returns(chunk: bytes) -> bool:
        """Blank lines, or line ends of more than one kind; a chunk's cut may split one CR LF."""
        pairs = chunk.count(b"\r\n")
        returns = chunk.count(b"\r") - chunk.endswith(b"\r")
        feeds = chunk.count(b"\n") - chunk.startswith(b"\n")
        return returns > pairs or feeds > pairs or b"\n\r" in chunk

    @staticmethod
    def _starts_blank(chunk: bytes) -> bool:
        return not chunk.removeprefix(codecs.BOM_UTF8).partition(b"\n")[0].strip()
