"""Rejected lines without what may name a person: cells that no column of the format asks for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace

from loader.formats import Layout
from loader.records import Record


def without_text(found: Iterable[Record]) -> Iterator[Record]:
    """Broken records without their text: which of their cells are which cannot be told."""
    return (replace(record, text=None) for record in found)


def without_unknown_cells(
    found: Iterable[Record], layout: Layout, delimiter: str
) -> Iterator[Record]:
    """Records of as many cells as the header, with the unknown ones blanked out."""
    is_known = [layout.format.knows(name) for name in layout.header]
    return (replace(record, text=_kept(record.text, is_known, delimiter)) for record in found)


def _kept(text: str, is_known: list[bool], delimiter: str) -> str | None:
    try:
        [cells] = csv.reader([text], delimiter=delimiter, strict=True)
        kept = [cell if known else "" for cell, known in zip(cells, is_known, strict=True)]
    except (csv.Error, ValueError):
        return None
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(kept)
    return line.getvalue().removesuffix("\r\n")
