"""Where pages lie: whole or not at all, kept when a fetch is interrupted, apart when finished.

A folder holds, beside `.lock`:

    costs_2026-10-01_2026-11-01.unfinished/     under way, or interrupted
        fetch.meta                              when it began, and where it asks
        costs_2026-10-01_2026-11-01_0001.page   one answer, its bytes as they came
    costs_2026-10-01_2026-11-01_fetched_20261103T091244Z/   finished; stays as it is
        fetch.meta
        costs_2026-10-01_2026-11-01.json        its pages, one after the other

Pages are no `.json`, so that nobody loads a part for the whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fetcher.page import NotAPage, Page, read_page
from fetcher.resources import Resource
from loader.errors import UnusableInput

KEPT_FOR = timedelta(hours=24)
"""Pages asked for at different times disagree where costs are restated between them."""


@contextmanager
def locked(folder: Path, waits: Callable[[], None]) -> Iterator[None]:
    """One fetch per folder at a time; `waits` is called before waiting for another to end.

    Raises UnusableInput when the folder cannot be made, written or read, by anything inside.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(held, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise UnusableInput(
            f"{error.filename or folder}: it cannot be used ({error.strerror or error}). "
            "Mend that, or name another --folder; whole pages are kept."
        ) from None


class Unfinished:
    """The folder of a fetch of one group (`costs` or `usage`) and one period, until finished."""

    def __init__(
        self, folder: Path, group: str, first_day: date, end_day: date, base_url: str
    ) -> None:
        """Take up what an interrupted fetch of the same left; call it under the lock."""
        self._name = f"{group}_{first_day}_{end_day}"
        self._days = (first_day, end_day)
        self._folder = folder
        self.path = folder / f"{self._name}.unfinished"
        self.why_anew: str | None = None
        """why pages of an interrupted fetch were thrown away, when some were"""
        self._meta = self._take_up(base_url)

    def _take_up(self, base_url: str) -> dict:
        now = datetime.now(UTC)
        if self.path.exists():
            try:
                meta = json.loads((self.path / "fetch.meta").read_bytes())
                age = now - datetime.fromisoformat(meta["began_at"])
                if meta["base_url"] != base_url:
                    self.why_anew = "they are from another --base-url"
                elif age > KEPT_FOR:
                    self.why_anew = "they are older than a day"
                else:
                    return meta
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                self.why_anew = "it cannot be told when and from where they are"
            shutil.rmtree(self.path)
        self.path.mkdir()
        meta = {"began_at": now.isoformat(), "base_url": base_url, "organization": None}
        self._write_meta(meta)
        return meta

    def pages(self, resource: Resource) -> list[Page]:
        """The whole pages of a resource from the first on; what lies behind a gap is removed."""
        paths = sorted(self.path.glob(f"{resource.stem(*self._days)}_*.page"))
        pages: list[Page] = []
        for path in paths:
            try:
                if path != self._page_path(resource, len(pages) + 1):
                    break
                pages.append(read_page(path.read_bytes()))
            except NotAPage:
                break
        for path in paths[len(pages) :]:
            path.unlink()
        return pages

    def add(self, resource: Resource, number: int, page: Page, organization: str | None) -> None:
        """Keep a page, counted from 1.

        Raises UnusableInput when the other pages are of another organisation.
        """
        known = self._meta["organization"]
        if organization and known and organization != known:
            raise UnusableInput(
                f"{self.path}: these pages are of the organisation {known}, and the key is of "
                f"{organization}. Remove this folder, or use a --folder for each organisation."
            )
        if organization and not known:
            self._meta["organization"] = organization
            self._write_meta(self._meta)
        _write_whole(self._page_path(resource, number), page.body)

    def finish(self, resources: Iterable[Resource]) -> None:
        """Set the fetch apart, so that the next one asks anew; `path` is its new folder.

        Its resources have all their pages, and each gets a file of them.
        """
        for resource in resources:
            pages = self.pages(resource)
            _write_whole(self.file_path(resource), b"\n".join(page.body for page in pages))
        name = f"{self._name}_fetched_{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        finished, count = self._folder / name, 1
        while finished.exists():
            count += 1
            finished = self._folder / f"{name}_{count}"
        self.path.rename(finished)
        _sync(self._folder)
        self.path = finished
        for page in finished.glob("*.page"):
            page.unlink()

    def file_path(self, resource: Resource) -> Path:
        """Where the file of a resource is, once the fetch is finished."""
        return self.path / f"{resource.stem(*self._days)}.json"

    def _page_path(self, resource: Resource, number: int) -> Path:
        return self.path / f"{resource.stem(*self._days)}_{number:04d}.page"

    def _write_meta(self, meta: dict) -> None:
        _write_whole(self.path / "fetch.meta", json.dumps(meta, indent=2).encode() + b"\n")


def _write_whole(path: Path, content: bytes) -> None:
    """The file is there with all its bytes, also after a power cut, or is not there.

    What is written when the process is killed is a `.part`, which the next run writes over.
    """
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
