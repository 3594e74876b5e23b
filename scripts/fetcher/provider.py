"""Asks the provider for one page at a time, as often as it takes, and says why it could not.

Trying again is done here and not by the SDK, which would take a body that is cut off for an answer,
and whose tries would multiply with ours.
"""

from __future__ import annotations

import email.utils
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from urllib.parse import urlsplit

import httpx2
import openai

from fetcher.errors import NotOffered, ProviderFailed
from fetcher.page import NotAPage, Page, read_page
from fetcher.resources import Resource
from loader.errors import UnusableInput

KEY_VARIABLE = "OPENAI_ADMIN_KEY"
BASE_URL = "https://api.openai.com/v1"
TRIES = 6
FIRST_WAIT = 2.0
"""seconds; each wait is twice the one before, so that all together outlast a limit per minute"""
LONGEST_WAIT = 300.0
"""seconds; when the provider asks for more, it is better to come again"""
TIMEOUT = openai.Timeout(60.0, connect=10.0)

HOW_TO_GET_A_KEY = (
    "Costs and usage need an admin key of the organisation (an owner makes one in its settings, "
    f"under Admin keys), set as the environment variable {KEY_VARIABLE}; the key of a project "
    "cannot read them."
)
GO_ON = "Run the same command again later: it goes on after the last whole page."


@dataclass(frozen=True)
class Answer:
    """A page, and the organisation that the provider says it is of (null when it does not say)."""

    page: Page
    organization: str | None


@dataclass(frozen=True)
class _Fault:
    """Why one try failed, in a way that another try may mend."""

    reason: str
    asked_wait: float | None = None


def admin_key() -> str:
    """The key, from the environment and nowhere else. Raises UnusableInput, without its text."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise UnusableInput(f"{KEY_VARIABLE} is not set. {HOW_TO_GET_A_KEY}")
    if not re.fullmatch(r"[!-~]+", key):
        raise UnusableInput(
            f"{KEY_VARIABLE} holds a blank, a line break or a letter that no key has. "
            "Copy the key again, only the key."
        )
    return key


def checked_url(url: str) -> str:
    """A base URL to which a key may be sent. Raises UnusableInput."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    is_odd = parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", url)
    if parts.scheme not in ("http", "https") or not host or is_odd:
        raise UnusableInput("--base-url: give it as https://HOST/v1.")
    if parts.username is not None or parts.password is not None:
        raise UnusableInput("--base-url: it holds a user or a password. Leave them out.")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise UnusableInput(
            f"--base-url: the key would go to {host} over plain http, for anybody to read. "
            "Use https."
        )
    return url.rstrip("/")


class Provider:
    """The provider's Costs and Usage API, reached with one key."""

    def __init__(self, key: str, base_url: str, waits: Callable[[str], None]) -> None:
        """`waits` is told why and how long, before each wait. Raises UnusableInput for the URL."""
        self._key = key
        self.base_url = base_url
        self._waits = waits
        try:
            with _no_ambient_settings():
                self._client = openai.OpenAI(
                    api_key="",
                    admin_api_key=key,
                    base_url=base_url,
                    max_retries=0,
                    timeout=TIMEOUT,
                    http_client=openai.DefaultHttpxClient(follow_redirects=False, timeout=TIMEOUT),
                )
        except httpx2.InvalidURL:
            raise UnusableInput("--base-url: it is no URL. Give it as https://HOST/v1.") from None

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, resource: Resource, first_day: date, end_day: date, cursor: str | None) -> Answer:
        """The page after `cursor`, or the first; `end_day` is not included, days are UTC.

        Raises ProviderFailed after the last try and for what no other try would mend,
        UnusableInput for a key that is refused, NotOffered for a 404.
        """
        asked = getattr(self._client.admin.organization.usage.with_raw_response, resource.method)
        for trial in range(1, TRIES + 1):
            try:
                answer = asked(
                    start_time=_epoch(first_day),
                    end_time=_epoch(end_day),
                    bucket_width="1d",
                    limit=resource.limit,
                    group_by=list(resource.group_by),
                    page=openai.omit if cursor is None else cursor,
                )
                page = read_page(answer.content)
                return Answer(page, answer.headers.get("openai-organization"))
            except NotAPage as error:
                fault = _Fault(f"its answer is no page ({error})")
            except openai.APITimeoutError:
                fault = _Fault("it does not answer in time")
            except openai.APIConnectionError as error:
                fault = _Fault(f"the connection fails ({self._masked(str(error.__cause__))})")
            except openai.APIStatusError as error:
                fault = self._fault(resource, error)
            if trial < TRIES:
                self._wait(resource, fault, trial)
        raise ProviderFailed(
            f"{self.base_url}, {resource.label}: {fault.reason}; tried {TRIES} times. {GO_ON}"
        )

    def _fault(self, resource: Resource, error: openai.APIStatusError) -> _Fault:
        """What another try may mend; raises for the rest."""
        status = error.status_code
        said = self._said(error)
        where = f"{self.base_url}, {resource.label}"
        # `from None`, for the SDK's exceptions hold the request, and that the key
        if status in (401, 403):
            raise UnusableInput(
                f"{where}: the provider refuses the key ({status}{said}). {HOW_TO_GET_A_KEY}"
            ) from None
        if status == 404:
            raise NotOffered(f"{where}: there is no such resource (404{said}).") from None
        may_change = status in (408, 409, 429) or status >= 500
        if not may_change or error.response.headers.get("x-should-retry") == "false":
            raise ProviderFailed(
                f"{where}: the provider refuses the request ({status}{said}). "
                "Check --from, --to and --base-url."
            ) from None
        return _Fault(f"it answers {status}{said}", _asked_wait(error.response.headers))

    def _said(self, error: openai.APIStatusError) -> str:
        """The provider's own words, as `: words`, when it has any."""
        body = error.body if isinstance(error.body, Mapping) else {}
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, Mapping) else None
        return f": {self._masked(message)}" if isinstance(message, str) and message else ""

    def _masked(self, text: str) -> str:
        """Somebody else's text, short, without the key or what looks like a part of one."""
        shown = " ".join(text.replace(self._key, "…").split())
        return re.sub(r"\bsk-[^\s'\"]+", "sk-…", shown)[:300]

    def _wait(self, resource: Resource, fault: _Fault, trial: int) -> None:
        seconds = fault.asked_wait
        if seconds is None:
            seconds = FIRST_WAIT * 2 ** (trial - 1) * random.uniform(1, 1.25)
        elif seconds > LONGEST_WAIT:
            raise ProviderFailed(
                f"{self.base_url}, {resource.label}: {fault.reason}, and asks to come again in "
                f"{seconds:,.0f} seconds. {GO_ON}"
            ) from None
        self._waits(f"{fault.reason}; waiting {seconds:.0f} s, then try {trial + 1} of {TRIES}")
        time.sleep(seconds)


@contextmanager
def _no_ambient_settings() -> Iterator[None]:
    """Hide the variables from which the SDK takes keys, headers, organisation and address."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith("OPENAI_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that Retry-After asks for, as a number or a date; null when it asks nothing."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "")
        try:
            seconds = float(value) / divisor
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if seconds > 0:
            return seconds
    return None


def _epoch(day: date) -> int:
    return int(datetime.combine(day, time_of_day.min, UTC).timestamp())
