"""The command that reports on a project."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_data, add_trust_paths, data_settings, positive, shown_progress
from core.system.size import USUAL_SIZE

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.report import OpenProject

ALL = "all"


def add_parsers(add: Add) -> None:
    """Add the parser."""
    report = add("report", "Write a report of a project: .html, .md or .json.", model=None)
    report.add_argument("project", metavar="PROJECT", help="a .secateur file")
    report.add_argument("-o", "--output", required=True, metavar="OUT")
    report.add_argument(
        "--measure",
        metavar="WHAT",
        default="",
        help="measure first and store the results for later reports: all, or some of "
        "accuracy, latency and alternatives, separated by commas",
    )
    add_data(report, "for accuracy (the dataset of the project)", images=None)
    report.set_defaults(image_size=None)
    report.add_argument("--split", default="val", help="train, val or test (val)")
    report.add_argument(
        "--against",
        metavar="MODEL",
        action="append",
        default=[],
        help="another model to compare with, such as a smaller one trained on the same data",
    )
    report.add_argument("--samples", type=int, default=6, help="number of sample images (6)")
    report.add_argument("--threads", type=positive, help="CPU threads for latency (one per core)")
    report.add_argument(
        "--jobs", metavar="FOLDER", action="append", help="folder of the jobs, if moved"
    )
    add_trust_paths(report)
    report.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _report(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.report import ReportSettings, open_project, write_report
    from core.report.measuring import WHAT
    from core.report.wanted import Measuring
    from core.runs.received import check_project

    opened = open_project(options.project)
    if options.trust_paths:
        check_project(opened.place, opened.project, trust=True)
    words = [word.strip() for word in options.measure.split(",") if word.strip()]
    measuring = Measuring(
        tuple(WHAT if ALL in words else dict.fromkeys(words)),
        _data(options, opened),
        options.threads,
        options.device,
        tuple(map(Path, options.against)),
    )
    jobs = tuple(map(Path, options.jobs)) if options.jobs else None
    settings = ReportSettings(measuring, max(0, options.samples), jobs=jobs)
    done = write_report(opened, options.output, settings, shown_progress(options))
    notes = [f"{message} {hint}".strip() for message, hint in done.notes]
    result = {"output": str(done.path), "notes": notes}
    return result, "\n".join([*notes, f"saved as {done.path}"])


def _data(options: argparse.Namespace, opened: OpenProject) -> DataSettings | None:
    """Return the images named on the command line, or else the project's."""
    from core.report.measuring import project_data

    own = project_data(opened, options.split)
    if options.data is None:
        if own is None:
            return None
        size = options.image_size or own.image_size
        images = options.images or own.images
        return replace(own, image_size=size, images=images, device=options.device or own.device)
    options.image_size = options.image_size or (own.image_size if own is not None else USUAL_SIZE)
    return data_settings(options, split=options.split)


COMMANDS: Mapping[str, Command] = {"report": _report}
