"""The command that puts models side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.commands import Add, Command
from core.commands.options import add_data, data_settings, shown_progress

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.graph.table import ChannelTable


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
    from core.graph.analyse import analyse_model
    from core.pipeline import load
    from core.tune.compare import compare, compared_text

    show = shown_progress(options)
    models: list[tuple[Loaded, ChannelTable]] = []
    for path in (options.model, *options.others):
        show(0.0, f"Opening {path}")
        loaded = load(path)
        # A tuned file may name another image size: costs are counted at one size for all.
        size = models[0][0].facts.image_size if models else loaded.facts.image_size
        models.append((loaded, analyse_model(loaded.model, size)))
    settings = data_settings(options, split=options.split)
    assert settings is not None  # --data is required
    result = compare(models, settings, shown=options.shown, progress=show)
    return result, compared_text(result)


COMMANDS: Mapping[str, Command] = {"compare": _compare}
