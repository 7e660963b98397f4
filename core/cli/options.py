"""Options that several commands share, and how they show progress."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from core.cli.output import put_event, put_progress
from core.cluster.place import Place
from core.data.findings import shortened
from core.errors import UserError
from core.progress import Progress, TimeLeft, silent, with_left
from core.system.machine import check_device
from core.system.size import USUAL_SIZE, ImageSize, rounded_note

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.repair import RepairSettings


SIZE_OPTION = "--image-size"
_SURE = 64
"""Pixels that sides of a multiple of need no rounding for any network that Ultralytics ships."""
_NUMBER = re.compile(r"[+-]?\d+")
_NUMBERS = re.compile(r"[+-]?\d+( [+-]?\d+)*")


def positive(text: str) -> int:
    """Read a positive whole number; for ``argparse``."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def image_size(text: str) -> ImageSize:
    """Read an image size; for ``argparse``."""
    try:
        return ImageSize.of(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def device(text: str) -> str:
    """Read the name of a device; for ``argparse``."""
    try:
        return check_device(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place(text: str) -> Place:
    """Read where work runs; for ``argparse``."""
    try:
        return Place.parse(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_place(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--on``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    what : str
        What runs there, as the beginning of a sentence.
    """
    parser.add_argument(
        "--on",
        type=place,
        metavar="PLACE",
        help=f"{what} by Ray: ray for this computer, ray://HOST:PORT for a cluster; or as jobs of "
        "Slurm: slurm, slurm:PARTITION (in this process)",
    )
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add ``--limit``, of jobs that Slurm runs."""
    parser.add_argument(
        "--limit",
        dest="limits",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of Slurm: minutes, memory (GB), cores, gpus, nodes, or an option of sbatch such as "
        "account; can be repeated",
    )


def place_of(options: argparse.Namespace) -> Place | None:
    """Return where work runs, with its limits; None for this process.

    Raises
    ------
    UserError
        For limits that are none, or have nothing to limit.
    """
    from core.cluster.slurm import parse_limits

    on: Place | None = options.on
    if not options.limits:
        return on
    if on is None or on.kind != "slurm":
        raise UserError("--limit is for jobs that Slurm runs.", "Add --on slurm.")
    return replace(on, limits=tuple(parse_limits(options.limits).items()))


def add_image_size(
    parser: argparse.ArgumentParser, default: ImageSize | None = None, whose: str = "the model"
) -> None:
    """Add ``--image-size``, which takes one number or two.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    default : ImageSize, optional
    whose : str
        Whose size is taken where there is no default.
    """
    parser.add_argument(
        SIZE_OPTION,
        type=image_size,
        default=default,
        metavar="SIZE",
        help="image size: one number for a square, or height and width, such as 384 640 or "
        f"384x640 ({default or f'that of {whose}'})",
    )


def with_sizes(arguments: Sequence[str]) -> list[str]:
    """Return arguments with the numbers after ``--image-size`` put together into one.

    ``argparse`` would either take files that follow for numbers, or no second number.
    """
    found: list[str] = []
    for word in arguments:
        size = len(found) > 1 and found[-2] == SIZE_OPTION
        if size and _NUMBERS.fullmatch(found[-1]) and _NUMBER.fullmatch(word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def add_data(
    parser: argparse.ArgumentParser, text: str, *, required: bool = False, images: int | None = 96
) -> None:
    """Add ``--data``, ``--same-classes``, ``--images``, ``--image-size`` and ``--device``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    text : str
        What the data is for.
    required : bool
    images : int, optional
        How many are read unless the user says otherwise; None is all.
    """
    parser.add_argument("--data", required=required, metavar="DATA", help=f"a dataset YAML, {text}")
    add_same_classes(parser)
    parser.add_argument("--images", type=positive, default=images, help="number of images to use")
    add_image_size(parser, USUAL_SIZE)
    parser.add_argument(
        "--device", type=device, default="", help="cpu or cuda (a GPU if there is one)"
    )


def data_settings(
    options: argparse.Namespace, seed: int = 0, split: str = "train"
) -> DataSettings | None:
    """Return the images that ``--data`` names, or None when it was not given."""
    if options.data is None:
        return None
    from core.data.stream import ALL, DataSettings

    return DataSettings(
        Path(options.data),
        images=options.images or ALL,
        seed=seed,
        image_size=options.image_size,
        device=options.device,
        split=split,
        same_classes=options.same_classes,
    )


def add_same_classes(parser: argparse.ArgumentParser) -> None:
    """Add ``--same-classes``."""
    parser.add_argument(
        "--same-classes",
        action="store_true",
        help="take the classes of the data as the model's, by number, whatever their names",
    )


def assumed(options: argparse.Namespace) -> dict[str, str]:
    """Return what ``--same-classes`` assumes: the model's class by that of the data."""
    model = getattr(options, "model", None)
    if model is None or not getattr(options, "same_classes", False) or not options.data:
        return {}
    from core.data.source import read_source
    from core.pipeline import load

    # The result is there already: what cannot be read again must not take it away.
    with contextlib.suppress(UserError):
        classes = load(model).facts.classes
        for split in ("train", "val", "test"):
            with contextlib.suppress(UserError):
                return dict(read_source(options.data, split, classes, same_classes=True).assumed)
    return {}


def assumed_text(found: Mapping[str, str]) -> str:
    """Say what was assumed, for people."""
    pairs = [f"“{mine}” is “{theirs}”" for mine, theirs in found.items()]
    return f"Assumed of the classes: {shortened(pairs)}."


def rounded(options: argparse.Namespace) -> str:
    """Say where a size on the command line is no multiple of the network's stride."""
    asked, model = getattr(options, "image_size", None), getattr(options, "model", None)
    if asked is None or model is None or not any(side % _SURE for side in asked):
        return ""
    from core.graph.drive import real_size
    from core.pipeline import load

    with contextlib.suppress(UserError):  # as for `assumed`
        return rounded_note(asked, real_size(load(model).model, asked))
    return ""


def add_repair(parser: argparse.ArgumentParser) -> None:
    """Add ``--repair``, ``--repair-minutes`` and ``--repair-images``."""
    parser.add_argument(
        "--repair",
        metavar="STEPS",
        help="repair the remaining weights on --data, without labels: auto, or some of fold, "
        "refit, bn and distill, separated by commas",
    )
    parser.add_argument(
        "--repair-minutes",
        type=float,
        default=10.0,
        metavar="MINUTES",
        help="time limit of the repair (10)",
    )
    parser.add_argument(
        "--repair-images",
        type=positive,
        metavar="N",
        help="images for the repair at most (all that the split has, as time allows)",
    )


def repair_settings(options: argparse.Namespace, seed: int = 0) -> RepairSettings | None:
    """Return how to repair, or None when ``--repair`` was not given."""
    if options.repair is None:
        return None
    from core.repair import RepairSettings, parse_steps

    steps = parse_steps(options.repair)
    minutes, images = options.repair_minutes, options.repair_images
    return RepairSettings(steps=steps, minutes=minutes, seed=seed, images=images)


def add_trust_paths(parser: argparse.ArgumentParser) -> None:
    """Add the option that confirms what a received project uses outside its folder."""
    text = "confirm the files outside its folder that a received project or job uses"
    parser.add_argument("--trust-paths", action="store_true", help=text)


def add_history(parser: argparse.ArgumentParser) -> None:
    """Add ``--history``."""
    from core.history.remember import OWN

    parser.add_argument(
        "--history",
        nargs="?",
        const=OWN,
        metavar="DIR",
        help="record the result as a step in the history of the network, or in that of a folder",
    )


class _Events:
    """Progress and partial results as JSON lines."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._left = output, TimeLeft()

    def __call__(self, fraction: float, text: str) -> None:
        self._left.step(fraction)
        event = {"event": "progress", "fraction": round(fraction, 4), "text": text}
        self._print({**event, "seconds_left": self._left.shown})

    def partial(self, data: dict[str, Any]) -> None:
        self._print({"event": "partial", "data": data})

    def _print(self, event: dict[str, Any]) -> None:
        put_event(event, self._output)


class _Line:
    """Progress as one line of a terminal, with the time left."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._left = output, TimeLeft()

    def __call__(self, fraction: float, text: str) -> None:
        self._left.step(fraction)
        over = fraction >= 1
        words = text if over else with_left(text, self._left.words)
        line = f"{fraction:4.0%} {' '.join(words.split())}"
        put_progress(line, self._output, "\n" if over else "")


def shown_progress(options: argparse.Namespace) -> Progress:
    """Show progress as JSON lines, as a line on a terminal, or not at all."""
    output = sys.__stdout__
    if getattr(options, "events", False) and output is not None:
        return _Events(output)
    if sys.stderr.isatty() and not options.json:
        return _Line(sys.stderr)
    return silent
