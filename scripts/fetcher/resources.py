"""What can be asked for: each endpoint, the most it gives per page, and what splits its sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Resource:
    """An endpoint of the Costs or Usage API, asked for in buckets of one UTC day."""

    method: str
    """its name in the SDK, `client.admin.organization.usage`"""
    group_by: tuple[str, ...]
    is_cost: bool = False
    is_loadable: bool = True
    """whether the loader knows it; what it does not know is only kept"""

    @property
    def limit(self) -> int:
        """The most buckets that a page of one-day buckets may have."""
        return 180 if self.is_cost else 31

    @property
    def group(self) -> str:
        """`costs` or `usage`: what is finished together."""
        return "costs" if self.is_cost else "usage"

    @property
    def kind(self) -> str:
        """How its files are named, so that one without results says what it is: `images_usage`."""
        return self.method if self.is_cost else f"{self.method}_usage"

    @property
    def label(self) -> str:
        """Its name for people: `images usage`."""
        return self.kind.replace("_", " ")

    def stem(self, first_day: date, end_day: date) -> str:
        """The name of its file, without what it ends in."""
        return f"{self.kind}_{first_day}_{end_day}"


COSTS = (Resource("costs", ("project_id", "line_item"), is_cost=True),)

_TIERS = ("project_id", "model", "batch", "service_tier")
_MODELS = ("project_id", "model")
_PROJECTS = ("project_id",)  # those know no model

USAGE = (
    Resource("completions", _TIERS),
    Resource("decisions", _TIERS, is_loadable=False),
    Resource("embeddings", _MODELS),
    Resource("moderations", _MODELS),
    Resource("images", _MODELS),
    Resource("audio_speeches", _MODELS),
    Resource("audio_transcriptions", _MODELS),
    Resource("web_search_calls", _MODELS),
    Resource("file_search_calls", _PROJECTS),
    Resource("vector_stores", _PROJECTS),
    Resource("code_interpreter_sessions", _PROJECTS),
)
