"""The task that makes a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task, data_of
from core.progress import Progress


def make_report(_models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Write the report of a project that is open, saved or not.

    ``project`` is the project as its file has it, ``place`` where that file is or would be;
    ``stores`` are files of measurements, the first to be written to.
    """
    from core.data.stream import ALL
    from core.project import parse_project
    from core.report import OpenProject, ReportSettings, write_report
    from core.report.wanted import Measuring

    opened = OpenProject(parse_project(args["project"]), Path(str(args["place"])))
    measuring = Measuring(
        tuple(args.get("measure") or ()),
        data_of(args, split="val", images=ALL),
        args.get("threads"),
        str(args.get("device") or ""),
        tuple(map(Path, args.get("against") or ())),
    )
    stores, jobs = args.get("stores"), args.get("jobs")
    settings = ReportSettings(
        measuring,
        stores=None if stores is None else tuple(map(Path, stores)),
        jobs=None if jobs is None else tuple(map(Path, jobs)),
    )
    done = write_report(opened, str(args["output"]), settings, progress)
    notes = [{"message": message, "hint": hint} for message, hint in done.notes]
    return {"output": str(done.path), "notes": notes}


TASKS: Mapping[str, Task] = {"report": make_report}
