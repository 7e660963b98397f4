"""The command that collects what helps to find a fault."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command


def add_parsers(add: Add) -> None:
    """Add the parser."""
    text = "Collect logs, versions, machine and project for a bug report; no images, no weights."
    report = add("report-problem", text, model=None)
    report.add_argument("-o", "--output", required=True, metavar="FILE.zip")
    report.add_argument("--project", metavar="PROJECT", help="the .secateur file concerned")


def _report_problem(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.report.problem import write_problem_report

    names = write_problem_report(options.output, options.project)
    lines = [f"  {name}" for name in names]
    text = f"{options.output} contains these text files:\n" + "\n".join(lines)
    return {
        "output": options.output,
        "names": names,
    }, f"{text}\nCheck the contents before you share the file."


COMMANDS: Mapping[str, Command] = {"report-problem": _report_problem}
