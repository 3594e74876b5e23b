"""Fetch costs and usage from OpenAI and load them: `python scripts/fetch.py --from D --to D`."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from fetcher.errors import ProviderFailed
from fetcher.folder import Unfinished, locked
from fetcher.page import Page
from fetcher.paging import Fetched, fetch_pages
from fetcher.provider import BASE_URL, Provider, admin_key, checked_url
from fetcher.resources import COSTS, USAGE, Resource
from load import exit_with, load_files, print_summary, stop_on_signals
from loader.errors import UnusableInput, WarehouseFailed
from loader.profile import PROJECT, profile_target

SETTLE = timedelta(hours=48)
DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", type=DAY, required=True, metavar="YYYY-MM-DD", help="First day.")
@click.option(
    "--to", "end", type=DAY, required=True, metavar="YYYY-MM-DD", help="Day after the last one."
)
@click.option("--costs", is_flag=True, help="Fetch costs only.")
@click.option("--usage", is_flag=True, help="Fetch usage only.")
@click.option("--base-url", default=BASE_URL, show_default=True, help="Ask there instead.")
@click.option("--target", help="Target of the dbt profile; by default the profile's own.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / "fetched",
    help="Where the answers are kept; one for each organisation. Default: fetched/ of the project.",
)
@click.option("--no-load", is_flag=True, help="Only fetch; load nothing.")
def main(first, end, costs, usage, base_url, target, folder, no_load) -> None:
    """Fetch what OpenAI charged and counted, per UTC day, and load it.

    The key is read from the environment variable OPENAI_ADMIN_KEY. Without --costs and --usage
    both are fetched. An interrupted fetch goes on where it was; a finished one asks anew.
    """
    stop_on_signals()
    now = datetime.now(UTC)
    first_day, end_day = first.date(), end.date()
    if first_day >= end_day:
        raise click.UsageError("--from must be before --to, which is the day after the last one.")
    if first_day > now.date():
        raise click.UsageError("--from is in the future: there is nothing to fetch yet.")
    resources = (COSTS if costs or not usage else ()) + (USAGE if usage or not costs else ())
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    try:
        key = admin_key()
        base_url = checked_url(base_url)
        if not no_load:
            target, _ = profile_target(target)  # else its lack would be seen after the fetch
        with _one_at_a_time(folder, console):
            groups = _groups(resources, folder, first_day, end_day, base_url, console)
            fetched = _fetch(resources, groups, first_day, end_day, key, base_url, console)
        for each in fetched:
            line = _line(each, groups[each.resource.group], (end_day - first_day).days)
            console.print(line, markup=False)
        if said := _provisional(first_day, end_day, now):
            console.print(said)
        if not no_load:
            _load(fetched, groups, target, console)
    except (UnusableInput, ProviderFailed, WarehouseFailed) as error:
        exit_with(error)


def _one_at_a_time(folder: Path, console: Console) -> AbstractContextManager[None]:
    waiting = f"Waiting for another fetch.py to leave {_shown(folder)} …"
    return locked(folder, lambda: console.print(waiting, markup=False))


def _groups(
    resources: tuple[Resource, ...],
    folder: Path,
    first_day: date,
    end_day: date,
    base_url: str,
    console: Console,
) -> dict[str, Unfinished]:
    """The folder of each group of resources, with what an interrupted fetch left."""
    groups = {}
    for group in dict.fromkeys(resource.group for resource in resources):
        groups[group] = Unfinished(folder, group, first_day, end_day, base_url)
        if why := groups[group].why_anew:
            thrown = f"{_shown(groups[group].path)}: its pages are thrown away ({why})."
            console.print(thrown, markup=False)
    return groups


def _fetch(
    resources: tuple[Resource, ...],
    groups: dict[str, Unfinished],
    first_day: date,
    end_day: date,
    key: str,
    base_url: str,
    console: Console,
) -> list[Fetched]:
    """Every resource to its last page, then set apart as finished.

    Raises ProviderFailed and UnusableInput; whole pages stay for the next run.
    """
    fetched = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} days {task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=(end_day - first_day).days, note="")

        def waits(why: str) -> None:
            progress.update(bar, note=escape(f"({why})"))

        def has_now(pages: list[Page]) -> None:
            progress.update(bar, completed=_day_count(pages), note="")

        with Provider(key, base_url, waits) as provider:
            for resource in resources:
                progress.update(bar, description=f"Fetching {resource.label}")
                unfinished = groups[resource.group]
                fetched.append(
                    fetch_pages(provider, unfinished, resource, first_day, end_day, has_now)
                )
    if all(each.pages is None for each in fetched):
        raise ProviderFailed(f"{base_url}: no usage resource is there (404). Check --base-url.")
    # only now: an interrupted run would ask anew for a group that it had finished
    for group, unfinished in groups.items():
        unfinished.finish(
            each.resource
            for each in fetched
            if each.resource.group == group and each.pages is not None
        )
    return fetched


def _line(fetched: Fetched, group: Unfinished, days: int) -> str:
    """What became of a resource: pages, buckets, results, and where they are."""
    label, pages = fetched.resource.label, fetched.pages
    if pages is None:
        return f"{label}: not offered to this organisation (404); skipped"
    results = sum(page.result_count for page in pages)
    kept = f" ({fetched.kept_count:,} kept from before)" if fetched.kept_count else ""
    unloaded = "" if fetched.resource.is_loadable else " (kept only: the loader does not know it)"
    return (
        f"{label}: {_count(len(pages), 'page')}{kept}, "
        f"{_count(_day_count(pages), 'bucket')} for {_count(days, 'day')}, "
        f"{_count(results, 'result') if results else 'nothing in them'}: "
        f"{_shown(group.file_path(fetched.resource))}{unloaded}"
    )


def _provisional(first_day: date, end_day: date, now: datetime) -> str | None:
    """Which days the provider may still count on, when some are."""
    since = max(first_day, (now - SETTLE).date())
    if end_day <= since:
        return None
    return (
        f"[bold yellow]Days from {since} on are provisional[/]: they are not over, or not long "
        f"enough. Fetch them again from {end_day + SETTLE} on."
    )


def _load(
    fetched: list[Fetched], groups: dict[str, Unfinished], target: str, console: Console
) -> None:
    """Load every file that has buckets, costs first.

    Raises UnusableInput and WarehouseFailed, with how to load the files without a new fetch.
    """
    files = [
        _shown(groups[each.resource.group].file_path(each.resource))
        for each in fetched
        if each.resource.is_loadable and _day_count(each.pages or [])
    ]
    if not files:
        console.print("There is nothing to load: no answer has a bucket.")
        return
    try:
        for summary in load_files(files, target=target, console=console):
            print_summary(console, summary)
    except (UnusableInput, WarehouseFailed) as error:
        again = " ".join(map(shlex.quote, files))
        raise type(error)(
            f"{error}\nAll is fetched. To load it without asking again: "
            f"python scripts/load.py {again} --target {target}"
        ) from None


def _day_count(pages: list[Page]) -> int:
    return len(frozenset().union(*(page.bucket_starts for page in pages)))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shown(path: Path) -> str:
    """A path as short as it can be from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    main()
