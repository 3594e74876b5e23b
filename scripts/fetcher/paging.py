"""From the first page of a resource to its last, none lost and none twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from fetcher.errors import NotOffered, ProviderFailed
from fetcher.folder import Unfinished
from fetcher.page import Page
from fetcher.provider import Provider
from fetcher.resources import Resource


@dataclass(frozen=True)
class Fetched:
    """What became of one resource."""

    resource: Resource
    pages: list[Page] | None
    """null when it is not offered"""
    kept_count: int
    """how many of the pages were there already, from an interrupted fetch"""


def fetch_pages(
    provider: Provider,
    unfinished: Unfinished,
    resource: Resource,
    first_day: date,
    end_day: date,
    has_now: Callable[[list[Page]], None],
) -> Fetched:
    """All pages of a resource; those that are missing are asked for and kept in the folder.

    `has_now` is told the pages so far. Raises ProviderFailed, also when the pages have no end,
    and UnusableInput.
    """
    pages = unfinished.pages(resource)
    kept_count = len(pages)
    has_now(pages)
    while not pages or pages[-1].has_more:
        cursor = pages[-1].next_page if pages else None
        try:
            answer = provider.ask(resource, first_day, end_day, cursor)
        except NotOffered as error:
            if pages or resource.is_cost:
                raise ProviderFailed(f"{error} Check --base-url.") from None
            return Fetched(resource, None, 0)
        _check_end(provider, resource, pages, answer.page)
        unfinished.add(resource, len(pages) + 1, answer.page, answer.organization)
        pages.append(answer.page)
        has_now(pages)
    return Fetched(resource, pages, kept_count)


def _check_end(provider: Provider, resource: Resource, pages: list[Page], page: Page) -> None:
    if not page.has_more:
        return
    where = f"{provider.base_url}, {resource.label}, page {len(pages) + 1}"
    if page.next_page is None:
        raise ProviderFailed(
            f"{where}: it says that there are more pages, but not where (has_more without "
            "next_page), so not all can be fetched. Try later, or ask the provider."
        )
    if page.next_page in {earlier.next_page for earlier in pages}:
        raise ProviderFailed(
            f"{where}: its next_page is that of an earlier page, so the pages would never end. "
            "Try later, or ask the provider."
        )
