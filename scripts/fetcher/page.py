"""One page of an answer: its bytes as they came, and the little that fetching must know of them."""

from __future__ import annotations

import json
from dataclasses import dataclass


class NotAPage(Exception):
    """Bytes that are no whole page; the text says why."""


@dataclass(frozen=True)
class Page:
    """A whole page. Amounts are in `body` only, untouched."""

    body: bytes
    has_more: bool
    next_page: str | None
    bucket_starts: frozenset[int]
    """epoch seconds"""
    result_count: int


def read_page(body: bytes) -> Page:
    """Raises NotAPage for what is cut off, is not JSON, or is not a list of buckets."""
    try:
        # as text, for no number of a bill is ever a float
        content = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        raise NotAPage("it is cut off, or is not JSON") from None
    if not isinstance(content, dict):
        raise NotAPage("it is not an object")
    buckets, has_more, next_page = map(content.get, ("data", "has_more", "next_page"))
    if not isinstance(has_more, bool):
        raise NotAPage("it does not say whether it has_more")
    if next_page is not None and not isinstance(next_page, str):
        raise NotAPage("its next_page is not text")
    try:
        return Page(
            body=body,
            has_more=has_more,
            next_page=next_page or None,
            bucket_starts=frozenset(int(bucket["start_time"]) for bucket in buckets),
            result_count=sum(len(bucket["results"]) for bucket in buckets),
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        raise NotAPage("its data is not a list of buckets with start_time and results") from None
