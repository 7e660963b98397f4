"""The command that reports on a project."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.commands import Add, Command
from core.commands.options import shown_progress


def add_parsers(add: Add) -> None:
    """Add the parser."""
    report = add("report", "Write a report of a project: .html, .md or .json.", model=None)
    report.add_argument("project", metavar="PROJECT", help="a .secateur file")
    report.add_argument("-o", "--output", required=True, metavar="OUT")


def _report(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.report import write_report

    path = write_report(options.project, options.output, shown_progress(options))
    return {"output": str(path)}, f"saved as {path}"


COMMANDS: Mapping[str, Command] = {"report": _report}
