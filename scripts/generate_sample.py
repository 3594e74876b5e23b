"""Write a sample: a bill, a restatement of it, the log of our application, and the right answer.

Most calls are ordinary: logged and billed alike. Among them are the situations of
`sampler/situations.py`, whose outcome is known because they were planted. `truth.csv` holds one row
for every row that `reconciled_requests` must have once the files are loaded in this order:
openai_bill.csv, openai_bill_restated.csv, token_usage.csv. The same arguments give the same bytes.

`--exports` adds a scenario of its own in the folder `exports`: the provider's own exports of the
same months, which hold costs and usage by day and model but no request, a log, and the right
answer. `sampler/exports.py` says what its files are, and in what order to load them.

`--causes` adds a scenario in the folder `causes`, in which every cause of a difference is planted
on either side and at both grains, and `--correct` two in the folders `exact` and `noisy`, in which
there is nothing to find. `sampler/causes.py` says what their files are.
"""

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from sampler.causes import CAUSES, EXACT, NOISY, Causes
from sampler.exports import Exports
from sampler.period import Period, months_later
from sampler.writer import Sample

SETTLED_DAYS = 3  # a call younger than this may still be waiting for its bill


def check_options(requests: int, start: date, months: int) -> Period:
    """The period asked for; raises click.BadParameter where its outcome would be uncertain."""
    latest = datetime.now(UTC).date() - timedelta(days=SETTLED_DAYS)
    if start > latest or months_later(start, months) > latest:
        raise click.BadParameter(
            f"months from {start}: {months}, which ends after {latest}. Calls younger than "
            f"{SETTLED_DAYS} days may still be waiting for their bill. Start earlier.",
            param_hint="--start",
        )
    period = Period(start, months)
    least = period.planted_calls(requests)
    if least > requests:
        raise click.BadParameter(
            f"{requests} is too few: every situation is planted at least once, and that takes "
            f"{least} calls. Ask for {least} or more.",
            param_hint="--requests",
        )
    return period


@click.command()
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Rows of the log that are API calls, exactly; a call logged twice is two.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another one, other calls.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the four files; files of the same names are replaced.",
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-05-01",
    show_default=True,
    help="First day. The stale price needs 2025-06-10, when o3 became cheaper, in the period.",
)
@click.option("--months", type=click.IntRange(1, 120), default=2, show_default=True)
@click.option(
    "--exports",
    "has_exports",
    is_flag=True,
    help="Also write the provider's own exports of these months, a log and the result to expect "
    "of them, into the folder exports. Their number of calls does not depend on --requests.",
)
@click.option(
    "--causes",
    "has_causes",
    is_flag=True,
    help="Also write a bill, exports and a log in which every cause of a difference is planted, "
    "into the folder causes. They are of August and September 2026, whatever the period.",
)
@click.option(
    "--correct",
    "has_correct",
    is_flag=True,
    help="Also write the same months without any mistake: into the folder exact to the last "
    "digit, into the folder noisy with the noise of doubles, clocks and blanks.",
)
def main(
    requests: int,
    seed: int,
    out: Path,
    start: datetime,
    months: int,
    has_exports: bool,
    has_causes: bool,
    has_correct: bool,
) -> None:
    """Write a sample bill, its restatement, a log, and the result to expect of them.

    The log fills the months. The bill leaves out their first and last day, on which little is
    logged. From 2025-06-10 on and to the end of that month o3 is logged at its former price.
    """
    period = check_options(requests, start.date(), months)
    console = Console(stderr=True)
    variants = (CAUSES,) * has_causes + (EXACT, NOISY) * has_correct
    folders = [*(variant.folder for variant in variants), *("exports",) * has_exports]
    try:
        for folder in ("", *folders):
            (out / folder).mkdir(parents=True, exist_ok=True)
        with (
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
            ExitStack() as stack,
        ):
            bar = progress.add_task("writing the sample", total=requests)
            sample = Sample(out, period, seed, stack)
            sample.write(requests, lambda calls: progress.advance(bar, calls))
            files = sample.files
            if has_exports:
                exports = Exports(out / "exports", start.date(), months, seed, stack)
                exports.write()
                files = files + exports.files
            for variant in variants:
                causes = Causes(out / variant.folder, variant, seed, stack)
                causes.write()
                files = files + causes.files
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or out}: cannot be written: {error.strerror}. "
            "Give --out a folder that can be written, on a disk with room."
        ) from None
    for file in files:
        click.echo(f"{file.path}: {file.line_count - 1:,} lines")


if __name__ == "__main__":
    main()
