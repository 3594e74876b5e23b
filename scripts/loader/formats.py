"""The file formats, read from formats.toml, and which of them a header fits."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from loader.errors import UnusableInput


@dataclass(frozen=True)
class Column:
    """One target column: its type, and the header names that may hold it, best first."""

    type: str
    names: tuple[str, ...]
    plus: tuple[str, ...] = ()
    scale: int = 1
    json: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    count_rounded: bool = False


@dataclass(frozen=True)
class Format:
    """A declared file format. A requirement is a tuple of alternatives, each a tuple of columns."""

    name: str
    table: str
    grain: str
    issuer: str
    time: str
    required_columns: tuple[tuple[tuple[str, ...], ...], ...]
    required_values: tuple[tuple[tuple[str, ...], ...], ...]
    columns: dict[str, Column]
    bucket: tuple[str, ...] = ()
    """the columns of the first and last moment, where a line is a period"""
    private: bool = False
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def knows(self, name: str) -> bool:
        """Whether a header name is one that some column asks for."""
        return normalise(name) in _known_names(self)


@dataclass(frozen=True)
class Layout:
    """A format laid over one header: which positions of a line hold which column."""

    format: Format
    header: tuple[str, ...]
    positions: dict[str, tuple[int, ...]]
    """target column -> position of the header name that won, then those of amounts to add"""
    usage_kind: str | None = None

    def name_of(self, target: str) -> str:
        """The header name of a target column."""
        return self.header[self.positions[target][0]]

    def ignored(self) -> tuple[str, ...]:
        """The header names that no column of the format uses."""
        used = {place for places in self.positions.values() for place in places}
        return tuple(name for place, name in enumerate(self.header) if place not in used)


def normalise(name: str) -> str:
    """The letters and digits of a header name, in lower case: `Cost (USD)` is `cost_usd`."""
    return "".join(char for char in name.lower() if char.isalnum())


@cache
def all_formats() -> dict[str, Format]:
    """Every declared format by name, in the order in which headers are tried."""
    declared = tomllib.loads(Path(__file__).with_name("formats.toml").read_text("utf-8"))
    return {name: _format(name, entry) for name, entry in declared.items()}


def lay_out(header: tuple[str, ...], as_format: str | None, where: str) -> Layout:
    """The layout of a header: of the format asked for, else of the first format that it fits.

    Raises UnusableInput when no format fits, naming the columns the nearest one misses.
    """
    formats = all_formats()
    candidates = [formats[as_format]] if as_format else list(formats.values())
    names = {normalise(name) for name in header}
    for candidate in candidates:
        if not _missing(candidate, names):
            return fit(candidate, header, where)
    # the fewest columns missing; a tie goes to the format that knows more of the header
    nearest = min(
        candidates,
        key=lambda known: (len(_missing(known, names)), -len(names & _known_names(known))),
    )
    missing = "; ".join(_missing(nearest, names))
    shown = ", ".join(header[:30])[:500]
    if as_format:
        raise UnusableInput(
            f"{where}: the header does not fit {as_format}, which also needs: {missing}. "
            f"The header reads: {shown}. Rename the columns, or leave --as away."
        )
    raise UnusableInput(
        f"{where}: the header fits no known format. The nearest is {nearest.name}, "
        f"which also needs: {missing}. The header reads: {shown}. "
        f"Rename the columns, or say --as FORMAT (one of {', '.join(formats)})."
    )


def _format(name: str, entry: dict) -> Format:
    columns = {
        target: Column(
            **{key: tuple(val) if isinstance(val, list) else val for key, val in spec.items()}
        )
        for target, spec in entry["columns"].items()
    }
    return Format(
        name=name,
        table=entry["table"],
        grain=entry["grain"],
        issuer=entry["issuer"],
        time=entry["time"],
        required_columns=tuple(_requirement(text) for text in entry["required_columns"]),
        required_values=tuple(_requirement(text) for text in entry["required_values"]),
        columns=columns,
        bucket=tuple(entry.get("bucket", ())),
        private=entry.get("private", False),
        kinds={kind: tuple(names) for kind, names in entry.get("kinds", {}).items()},
    )


def _requirement(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(column.strip() for column in alternative.split("+"))
        for alternative in text.split("|")
    )


def _known_names(known: Format) -> set[str]:
    return {
        normalise(name) for column in known.columns.values() for name in column.names + column.plus
    }


def _missing(known: Format, names: set[str]) -> list[str]:
    """The requirements a header does not meet, in words."""

    def has(target: str) -> bool:
        return any(normalise(name) in names for name in known.columns[target].names)

    def words(target: str) -> str:
        return "/".join(known.columns[target].names)

    return [
        ", or ".join(" and ".join(words(target) for target in alt) for alt in requirement)
        for requirement in known.required_columns
        if not any(all(has(target) for target in alt) for alt in requirement)
    ]


def fit(known: Format, header: tuple[str, ...], where: str) -> Layout:
    """The layout of a format over a header, whatever the header lacks.

    Raises UnusableInput when a column that the format asks for stands twice.
    """
    by_name: dict[str, int] = {}
    wanted = _known_names(known)
    for position, raw in enumerate(header):
        name = normalise(raw)
        if name in by_name and name in wanted:
            raise UnusableInput(
                f"{where}: column {raw!r} stands twice in the header (positions "
                f"{by_name[name] + 1} and {position + 1}), so its value is ambiguous. "
                "Remove or rename one of them."
            )
        by_name.setdefault(name, position)

    positions = {}
    for target, column in known.columns.items():
        own = [by_name[name] for name in map(normalise, column.names) if name in by_name][:1]
        added = [by_name[name] for name in map(normalise, column.plus) if name in by_name]
        if own or added:
            positions[target] = (*own, *added)
    return Layout(known, header, positions)
