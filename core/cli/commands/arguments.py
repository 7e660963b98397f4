"""The command that lists what a training can be reported."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command
from core.tune.presets import PRESETS


def add_parsers(add: Add) -> None:
    """Add the parser."""
    text = "List the training arguments of Ultralytics, for `finetune --set`."
    parser = add("arguments", text, model=None)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="show only arguments that contain all of these words",
    )
    parser.add_argument("--preset", choices=list(PRESETS), help="show the values of a preset")


def _arguments(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.tune.arguments import read_arguments, usual_of, write_value

    words = [word.lower() for word in options.words]
    found, lines, group = [], [], ""
    for argument in read_arguments():
        told = f"{argument.name} {argument.group} {argument.text} {argument.takes}".lower()
        if not all(word in told for word in words):
            continue
        usual = write_value(argument.default)
        if options.preset is not None:
            usual = usual_of(argument, options.preset)
        found.append({**argument.to_json(), "takes": argument.takes, "usual": usual})
        if argument.group != group:
            group = argument.group
            lines.append(f"\n{group.capitalize()}")
        told = f"cannot be set: {argument.instead}" if argument.instead else argument.takes
        lines.append(f"  {argument.name:<16} {usual:<12} {told}\n{'':<19}{argument.text}")
    text = "\n".join(lines).strip() or "No argument contains these words."
    return {"arguments": found}, text


COMMANDS: Mapping[str, Command] = {"arguments": _arguments}
