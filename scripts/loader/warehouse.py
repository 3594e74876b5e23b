"""Where rows go: the warehouse of a target, with the tables of `raw` in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol

import duckdb

from loader.errors import UnusableInput
from loader.parse import Staged
from loader.profile import profile_target

ENGINES = ("duckdb", "postgres", "spark")


class Warehouse(Protocol):
    """What the commands need of a target."""

    def query(self, sql: str) -> list[tuple]:
        """All rows of a small result."""

    def execute(self, *statements: str) -> None:
        """Run statements, in one transaction where the engine has such."""

    def write(self, staging: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
        """Load a staged file whole or not at all; False if these bytes are loaded already."""

    def reads_own_table(self) -> bool:
        """Whether raw.token_usage is a view over the application's own table."""


@contextmanager
def open_warehouse(target: str | None) -> Iterator[Warehouse]:
    """The warehouse of a target, with the tables of `raw` in place.

    Raises WarehouseFailed, saying which warehouse and what it answered.
    """
    name, settings = profile_target(target)
    engine = settings.get("type")
    if engine not in ENGINES:
        raise UnusableInput(
            f"Target {name!r} is of type {engine!r}; the loader writes to: {', '.join(ENGINES)}."
        )
    # imported only here, as each has a driver of its own that others need not install
    with import_module(f"loader.{engine}_warehouse").opened(settings) as warehouse:
        yield warehouse
