"""The command that puts models side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cli.commands import Add, Command
from core.cli.options import add_data, add_history, data_settings, shown_progress
from core.errors import UserError, no_dataset


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    text = "Measure models on the same images, side by side."
    compare = add("compare", text)
    compare.add_argument("others", nargs="+", metavar="MODEL", help="models to compare with it")
    add_data(compare, "evaluated on its split; not needed with --layers", images=None)
    compare.add_argument("--split", default="val", help="train, val or test (val)")
    compare.add_argument(
        "--shown", type=int, default=50, help="number of images to list, worst first (50)"
    )
    compare.add_argument(
        "--pictures",
        metavar="DIR",
        help="write those images with the detections of every model to this folder",
    )
    compare.add_argument(
        "--turns", type=int, default=None, help="timing runs per model, in turns (10)"
    )
    compare.add_argument(
        "--layers",
        action="store_true",
        help="list every layer: widths, GFLOPs, channels in common with the original",
    )
    add_history(compare)
    compare.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _compare(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.compare.figures import compared_text
    from core.compare.files import TURNS, compare_files, compare_layer_files
    from core.compare.layers import layers_text
    from core.history.remember import folder_of, remember_compared, with_step

    paths, show = (options.model, *options.others), shown_progress(options)
    settings = data_settings(options, split=options.split)
    if settings is None:
        if not options.layers:
            raise no_dataset(
                "Comparing models",
                "Pass a dataset with --data, or compare only the widths with --layers.",
            )
        widths = compare_layer_files(paths, progress=show)
        return dict(widths), layers_text(widths)
    turns = TURNS if options.turns is None else options.turns
    target = _free(options.pictures)
    result = compare_files(paths, settings, shown=options.shown, turns=turns, progress=show)
    more: dict[str, Any] = {}
    if options.history is not None:
        folder = folder_of(options.history, result["models"][0]["origin"])
        size = options.image_size
        more = with_step({}, lambda: remember_compared(folder, result, options.data, size))
    text = compared_text(result)
    if target is not None:
        from core.compare.pictures import write_pictures

        try:
            written = write_pictures(result, target, show)
            more["pictures"] = [str(path) for path in written]
            text += f"\n{len(written)} images in {target}"
        except UserError as error:  # what was measured is given all the same
            more |= {"pictures": [], "pictures_failed": error.message}
            text += f"\nNo images: {error.message}"
    text += f"\n{layers_text(result)}" if options.layers else ""
    return {**result, **more}, text


def _free(folder: str | None) -> Path | None:
    """Refuse a folder that holds something before anything is measured."""
    from core.compare.pictures import check_free

    return None if folder is None else check_free(Path(folder))


COMMANDS: Mapping[str, Command] = {"compare": _compare}
