"""Which of the provider's exports a file is, where its columns alone do not say.

An export without any amount has only the columns of its period, and some kinds of usage have the
same columns. Then the name of the file tells, as the provider gives it, or `--as`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from loader.errors import UnusableInput
from loader.formats import Format, Layout, all_formats, fit, lay_out, normalise

COSTS = "openai_costs"
USAGE = "openai_usage"
OTHER_NAMES = {"web_searches": "web_search_calls", "file_searches": "file_search_calls"}
"""kinds that the results of the API call otherwise than its paths and exports do"""
WITHOUT_MODEL = ("vector_stores", "code_interpreter_sessions", "file_search_calls")


@dataclass(frozen=True)
class Told:
    """What is said of a file: its format and, of usage, its kind; either may be unsaid."""

    format: str | None = None
    usage_kind: str | None = None

    def __str__(self) -> str:
        return ":".join(filter(None, (self.format, self.usage_kind)))


def format_choices() -> list[str]:
    """What `--as` takes: every format, and usage with its kind."""
    known = all_formats()
    return [*known, *(f"{USAGE}:{kind}" for kind in known[USAGE].kinds)]


def asked(as_format: str | None) -> Told:
    """What `--as` says."""
    name, _, kind = (as_format or "").partition(":")
    return Told(name or None, kind or None)


def named(file_name: str) -> Told:
    """What a file name such as `cost_<from>_<to>.csv.gz` or `images_usage_….csv` says."""
    name = Path(file_name).name.lower()
    if re.match(r"costs?(?![a-z0-9])", name):
        return Told(COSTS)
    if found := re.match(r"([a-z_]+)_usage(?![a-z0-9])", name):
        return _usage(found[1]) or Told()
    return Told()


def of_result(name: str) -> Told | None:
    """What the `object` of a result of the API says; None where it is no kind that we know."""
    if name == "organization.costs.result":
        return Told(COSTS)
    found = re.fullmatch(r"organization\.usage\.([a-z_]+)\.result", name)
    return _usage(found[1]) if found else None


def lay_out_export(header: tuple[str, ...], as_format: str | None, where: str) -> Layout:
    """The layout of a header: of any format, and of a usage export with its kind.

    Raises UnusableInput where nothing tells the format or the kind, or `--as` contradicts them.
    """
    wanted = asked(as_format)
    if not _is_period_only(header):
        return _with_kind(lay_out(header, wanted.format, where), wanted, where)
    told = wanted if wanted.format else named(where)
    if told.format is None:
        raise UnusableInput(
            f"{where}: an export without any amount, which has only the columns of its period, so "
            f"it does not say what it is. {_remedy()}"
        )
    known = all_formats()[told.format]
    if not known.bucket:
        return lay_out(header, told.format, where)  # which says what it misses
    return _with_kind(fit(known, header, where), told, where)


def told_of_pages(result: str | None, as_format: str | None, where: str) -> Told:
    """What pages of the API are, whose first result is of this `object`, if they have any.

    Raises UnusableInput as `lay_out_export` does.
    """
    wanted = asked(as_format)
    if wanted.format and not all_formats()[wanted.format].bucket:
        raise UnusableInput(
            f"{where}: --as {as_format} cannot be, as it is JSON, which only {COSTS} and {USAGE} "
            "may be. Leave --as away."
        )
    if result is None:
        told = wanted if wanted.format else named(where)
        if told.format is None or (told.format == USAGE and not told.usage_kind):
            raise UnusableInput(
                f"{where}: pages without any result, so they do not say what they are. {_remedy()}"
            )
        return told
    told = of_result(result)
    if told is None:
        raise UnusableInput(
            f"{where}: its results are of {result!r}, which is none that is known: costs, or usage "
            f"of {', '.join(all_formats()[USAGE].kinds)}. Leave this file out."
        )
    if wanted.format and wanted not in (told, Told(told.format)):
        raise UnusableInput(
            f"{where}: --as {wanted} contradicts its results, which are {told}. Leave --as away."
        )
    return told


def _usage(kind: str) -> Told | None:
    kind = OTHER_NAMES.get(kind, kind)
    return Told(USAGE, kind) if kind in all_formats()[USAGE].kinds else None


def _is_period_only(header: tuple[str, ...]) -> bool:
    known = all_formats()[COSTS]
    period = {normalise(name) for column in known.bucket for name in known.columns[column].names}
    return {normalise(name) for name in header} <= period


def _with_kind(layout: Layout, told: Told, where: str) -> Layout:
    if not layout.format.kinds:
        return layout
    return replace(layout, usage_kind=_kind(layout, told.usage_kind, where))


def _kind(layout: Layout, wanted: str | None, where: str) -> str:
    """The kind of usage: the only one that fits the header, else the one asked for or named."""
    signs = _signs(layout.format, layout.header)
    fitting = [kind for kind, names in layout.format.kinds.items() if signs <= set(names)]
    shown = ", ".join(sorted(signs))
    if not fitting:
        raise UnusableInput(
            f"{where}: its header has columns of several kinds of usage ({shown}). Give each kind "
            "a file of its own."
        )
    if wanted and wanted not in fitting:
        raise UnusableInput(
            f"{where}: {USAGE}:{wanted} contradicts its header, which has {shown}: that is "
            f"{' or '.join(fitting)}. Leave the kind away, or say another."
        )
    if wanted:
        return wanted
    if len(fitting) == 1:
        return fitting[0]
    if (told := named(where).usage_kind) in fitting:
        return told
    raise UnusableInput(
        f"{where}: its header fits several kinds of usage ({', '.join(fitting)}), and the name of "
        f"the file names none of them. {_remedy()}"
    )


def _signs(known: Format, header: tuple[str, ...]) -> set[str]:
    """The header names that not every kind has, as the format spells them."""
    there = {normalise(name) for name in header}
    return {name for names in known.kinds.values() for name in names if normalise(name) in there}


def _remedy() -> str:
    return (
        "Give it the name that the provider gives it (cost_<from>_<to>.csv, "
        f"completions_usage_<from>_<to>.csv, …), or say --as {COSTS} or --as {USAGE}:KIND (one of "
        f"{', '.join(all_formats()[USAGE].kinds)})."
    )
