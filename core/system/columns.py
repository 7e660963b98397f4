"""Rows of text laid out in columns, for terminals."""

from __future__ import annotations

from collections.abc import Sequence


def laid_out(rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Lay out rows; columns whose letter in ``right`` is ``r`` are flushed right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right[n : n + 1] == "r" else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
