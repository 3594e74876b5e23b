"""Writes the scenario of the causes: two months in which every cause of a difference is planted.

A month has a bill with a line per request, of two providers; the next one has the provider's
exports. The files, in the order in which they are to be loaded:

1. `bill.csv`: requests of the first month;
2. `openrouter_activity.csv`: requests of the first month that went through OpenRouter;
3. `cost_<from>_<to>.csv`: daily costs of the second month by line item and project;
4. `completions_usage_<from>_<to>.csv`: daily usage of the second month;
5. `token_usage.csv`: our log of both months.

`truth.csv` has the rows that reconciled_requests must have of them, with what each side adds to
the difference, its cause, and whether the row proves it; `truth_daily.csv` the days of the second
month. A cause that is not provable may come out as ambiguous, with itself among the candidates, or
as unexplained. The last day of the exports is incomplete: it is late data only for whoever loads
it within two days. The months are the same whatever the sample's; another scenario has the same
calls without a mistake, exact or with the noise of doubles, clocks and blanks. Each scenario wants
a warehouse of its own.
"""

from contextlib import ExitStack
from pathlib import Path
from random import Random

from sampler.cause_exports import ExportMonth
from sampler.cause_files import (
    BILL_HEADER,
    DAILY_HEADER,
    LOG_HEADER,
    OPENROUTER_HEADER,
    TRUTH_HEADER,
    USAGE_HEADER,
)
from sampler.cause_requests import RequestMonth
from sampler.cause_truth import Truth
from sampler.cause_variant import Line, Lines, Variant
from sampler.export_files import COST_HEADER
from sampler.writer import BillFile, CsvFile

CAUSES = Variant("causes", has_causes=True)
EXACT = Variant("exact")
NOISY = Variant("noisy", is_noisy=True)
EXPORTED = "2026-09-01_2026-09-30"


class Causes:
    """The files of a scenario, and what goes into them."""

    def __init__(self, out: Path, variant: Variant, seed: int, stack: ExitStack):
        self.variant, self.seed = variant, seed
        self.rnd = Random(f"{variant.folder} order {seed}")
        self.files: list[CsvFile] = []
        for kind, name, header in (
            (CsvFile, "bill.csv", BILL_HEADER),
            (CsvFile, "openrouter_activity.csv", OPENROUTER_HEADER),
            (BillFile, f"cost_{EXPORTED}.csv", COST_HEADER),
            (CsvFile, f"completions_usage_{EXPORTED}.csv", USAGE_HEADER),
            (CsvFile, "token_usage.csv", LOG_HEADER),
            (CsvFile, "truth.csv", TRUTH_HEADER),
            (CsvFile, "truth_daily.csv", DAILY_HEADER),
        ):
            self.files.append(kind(out / name, header))
            stack.push(self.files[-1].close)

    def write(self) -> None:
        """Write both months."""
        bill, openrouter, costs, usage, log, rows, days = self.files
        lines, truth = Lines(), Truth(rows, days)
        RequestMonth(self.variant, self.seed, lines, truth).write()
        ExportMonth(self.variant, self.seed, lines, truth).write()
        for file, made in (
            (bill, lines.bill),
            (openrouter, lines.openrouter),
            (costs, lines.costs),
            (usage, lines.usage),
            (log, lines.log),
        ):
            file.lines += self.ordered(made)
        written = costs.lines[1:]
        costs.flush()
        truth.name_lines(costs, written)

    def ordered(self, lines: list[Line]) -> list[str]:
        """Lines by time; where there is noise, in no order."""
        if self.variant.is_noisy:
            self.rnd.shuffle(lines)
        else:
            lines.sort(key=lambda line: line[0])
        return [line for _, line in lines]
