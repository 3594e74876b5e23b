"""The rows and days that must come out of the causes, as they were planted.

Amounts are whole units of 1e-18 USD.
"""

from datetime import date

from sampler.cause_files import Errors
from sampler.export_files import csv_line
from sampler.writer import BillFile, CsvFile, decimal_text


class Truth:
    """Both files of the truth: rows of reconciled_requests, and days of the exports."""

    def __init__(self, rows: CsvFile, days: CsvFile):
        self.rows, self.days = rows, days
        self.of_lines: dict[str, str] = {}  # the rest of a row by the line of the costs it is of

    def expect(
        self,
        key: str,
        day: date,
        model: str,
        logged: int | None,
        expected: int | None,
        billed: int | None,
        errors: Errors,
        situation: str,
    ) -> None:
        """A row. Amounts are None where there is none, or nobody knows it."""
        is_unknown = errors.log is None and None in (logged, billed)
        difference = None if is_unknown else (billed or 0) - (logged or 0)
        amounts = map(decimal_text, (logged, expected, billed, difference))
        row = (key, day, model, "false", *amounts, *errors.cells, situation)
        self.rows.lines.append(csv_line(*row))

    def expect_share(
        self,
        key: str,
        day: date,
        model: str,
        logged: int | None,
        expected: int | None,
        errors: Errors,
        situation: str,
    ) -> None:
        """A call that shares the bill of its day; what its share is stays open."""
        amounts = (decimal_text(logged), decimal_text(expected), "", "")
        row = (key, day, model, "true", *amounts, *errors.cells, situation)
        self.rows.lines.append(csv_line(*row))

    def expect_line(
        self, line: str, day: date, amount: int, errors: Errors, situation: str
    ) -> None:
        """A charge that is for no usage; its key is known once its file is whole."""
        amounts = ("", "", decimal_text(amount), decimal_text(amount))
        self.of_lines[line] = csv_line(day, "", "false", *amounts, *errors.cells, situation)

    def name_lines(self, costs: BillFile, lines: list[str]) -> None:
        """Write the rows that waited for the hash of their file and their place in it."""
        for number, line in enumerate(lines, start=2):
            if line in self.of_lines:
                rest = self.of_lines[line]
                self.rows.lines.append(f"line:{costs.digest.hexdigest()}:{number},{rest}")

    def expect_day(
        self,
        day: date,
        model: str,
        logged: int | None,
        billed: int | None,
        errors: Errors,
        situation: str,
    ) -> None:
        """A day of a model of the exports; without bill where none covers the day."""
        difference = None if None in (logged, billed) else billed - logged
        amounts = map(decimal_text, (logged, billed, difference))
        row = (day, "(all)", model, *amounts, *errors.cells, situation)
        self.days.lines.append(csv_line(*row))
