"""The command that gives a model the classes of a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command


def add_parsers(add: Add) -> None:
    """Add the parser."""
    parser = add("retarget", "Give a model outputs for the classes of a dataset, to be trained.")
    parser.add_argument("--data", required=True, metavar="DATA", help="a dataset YAML, or a folder")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.pt")
    parser.add_argument("--seed", type=int, default=0, help="seed of the new weights (0)")


def _retarget(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.source import read_source
    from core.pipeline import load
    from core.structure.retarget import retarget, save_retargeted

    loaded = load(options.model)
    names = read_source(options.data, "train", task=loaded.facts.task).names
    done = retarget(loaded, names, options.seed)
    save_retargeted(loaded, done, options.output)
    return {"output": options.output, **done.to_json()}, f"{done.text} Saved as {options.output}."


COMMANDS: Mapping[str, Command] = {"retarget": _retarget}
