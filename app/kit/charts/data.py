"""The figures behind a chart, and how they are written as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from core.system.escape import spreadsheet_cell

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a chart draws, as a table.

    Attributes
    ----------
    columns : tuple of str
        Names, with the unit in brackets where there is one.
    rows : sequence of tuple
        A value for every column, unrounded; None where there is none.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def csv(self) -> str:
        """Return the table as CSV (RFC 4180, with a decimal point); no name is a formula in it."""
        out = io.StringIO()
        writer = csv.writer(out)
        for row in (self.columns, *self.rows):
            writer.writerow([spreadsheet_cell(c) if isinstance(c, str) else c for c in row])
        return out.getvalue()
