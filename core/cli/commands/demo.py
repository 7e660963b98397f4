"""The command that walks the main job on the demo."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command
from core.cli.options import positive, shown_progress
from core.cli.output import put_progress
from core.progress import Progress, publish
from core.system.visible import visible

FOLDER = "secateur-demo"


def add_parsers(add: Add) -> None:
    """Add the parser."""
    text = "Run the whole workflow on a small demo network: prune, fine-tune, compare, export."
    demo = add("demo", text, model=None)
    demo.add_argument(
        "-o",
        "--output",
        default=FOLDER,
        metavar="FOLDER",
        help=f"folder for the results ({FOLDER})",
    )
    demo.add_argument(
        "--keep", type=float, metavar="SHARE", help="share of the GFLOPs to keep (0.3)"
    )
    demo.add_argument("--epochs", type=positive, help="epochs of fine-tuning (6)")
    demo.add_argument(
        "--scenes", type=positive, help="scenes to train on (240); a third as many to validate on"
    )
    demo.add_argument("--events", action="store_true", help="print progress as JSON lines")


class _Steps:
    """Progress that also prints every step done, for people who read along.

    In a log, where no line of progress is shown, also every step that begins: some take minutes.
    """

    def __init__(self, progress: Progress, loud: bool) -> None:
        self._progress, self._loud = progress, loud
        self._begun = ""

    def __call__(self, fraction: float, text: str) -> None:
        self._progress(fraction, text)
        step, found, _ = text.partition(": ")
        if found and step != self._begun and self._loud and not sys.stderr.isatty():
            print(visible(f"{step}…"), file=sys.stderr, flush=True)
            self._begun = step

    def partial(self, data: dict[str, Any]) -> None:
        publish(self._progress, data)
        if self._loud and "title" in data:
            line = f"{data['title']}: {data['text']} ({data['seconds']:.0f} s)"
            if sys.stderr.isatty():
                put_progress(line, sys.stderr)
            else:
                print(visible(line), file=sys.stderr, flush=True)


def _demo(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.demo import DemoSettings, run_demo, summary_text
    from core.errors import UserError

    chosen: dict[str, Any] = {}
    if options.keep is not None:
        if not 0.1 <= options.keep < 1:
            raise UserError(
                "--keep must be less than 1.", "Use a value from 0.1 to 0.95, such as 0.3."
            )
        chosen["target"] = options.keep
    if options.epochs is not None:
        chosen["epochs"] = options.epochs
    if options.scenes is not None:
        chosen |= {"train": options.scenes, "val": max(1, options.scenes // 3)}
    show = _Steps(shown_progress(options), loud=not (options.json or options.events))
    result = run_demo(options.output, DemoSettings(**chosen), show)
    return result, summary_text(result)


COMMANDS: Mapping[str, Command] = {"demo": _demo}
