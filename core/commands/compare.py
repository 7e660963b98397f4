"""The command that puts models side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.commands import Add, Command
from core.commands.options import add_data, data_settings, shown_progress


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    text = "Measure models on the same images and put them side by side."
    compare = add("compare", text)
    compare.add_argument("others", nargs="+", metavar="MODEL", help="models to hold against it")
    add_data(compare, "whose split is evaluated", required=True, images=None)
    compare.add_argument("--split", default="val", help="train, val or test (val)")
    compare.add_argument("--shown", type=int, default=50, help="images to list, worst first (50)")
    compare.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _compare(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.measure import compare_files
    from core.tune.compare import compared_text

    settings = data_settings(options, split=options.split)
    assert settings is not None  # --data is required
    paths = (options.model, *options.others)
    result = compare_files(paths, settings, shown=options.shown, progress=shown_progress(options))
    return result, compared_text(result)


COMMANDS: Mapping[str, Command] = {"compare": _compare}
