"""The command that checks a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_same_classes, shown_progress

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck

_DETAILS = 5


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    data = add("data", "Check a dataset: images, labels, classes, splits.", model=None)
    data.add_argument("data", metavar="DATA", help="a dataset YAML, or a folder")
    data.add_argument(
        "--model", metavar="MODEL", help="compare the classes with those of this model"
    )
    add_same_classes(data)
    data.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _data(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.check import check_data, keypoints_of
    from core.pipeline import load

    loaded = load(options.model) if options.model else None
    report = check_data(
        options.data,
        task=None if loaded is None else loaded.facts.task,
        classes=None if loaded is None else loaded.facts.classes,
        keypoints=None if loaded is None else keypoints_of(loaded.model),
        same_classes=options.same_classes,
        progress=shown_progress(options),
    )
    return dict(report), check_text(report)


def check_text(report: DatasetCheck) -> str:
    """Return what a check found, for people."""
    word = "can be used" if report["usable"] else "cannot be used"
    lines = [f"{report['path']} {word} ({report['task']}, {len(report['classes'])} classes)"]
    for name, split in report["splits"].items():
        lines.append(
            f"{name}: {split['images']} images, {split['labelled']} with labels,"
            f" {split['objects']} objects of {len(split['classes'])} classes"
        )
    for problem in report["problems"]:
        lines.append(f"{problem['severity']}: {problem['message']} {problem['hint']}".rstrip())
        details = problem["details"][:_DETAILS]
        lines += [f"  {detail['image']}: {detail['text']}" for detail in details]
        more = len(problem["details"]) - len(details)
        lines += [f"  and {more} more; see --json"] if more else []
    return "\n".join(lines)


COMMANDS: Mapping[str, Command] = {"data": _data}
