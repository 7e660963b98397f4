"""The command that shows what was made of a network, step by step."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cli.commands import Add, Command
from core.errors import UserError

PROJECT = ".secateur"


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    history = add("history", "Show the prunings, fine-tunings and measurements of a network.", None)
    text = "a checkpoint, a project, or the folder of a history (all histories)"
    history.add_argument("of", nargs="?", metavar="MODEL", help=text)


def _history(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.history.tree import json_of, read_history, text_of
    from core.system.paths import histories_folder

    if options.of is not None:
        folder = _folder(Path(options.of))
        branches = read_history(folder).branches
        return {"folder": str(folder), "steps": json_of(branches)}, text_of(branches)
    found, texts = [], []
    for folder in sorted(histories_folder().glob("*")):
        branches = read_history(folder).branches
        if branches:
            found.append({"folder": str(folder), "steps": json_of(branches)})
            texts.append(text_of(branches))
    return {"histories": found}, "\n\n".join(texts) or "No histories yet."


def _folder(path: Path) -> Path:
    """Return the folder of a history, by whatever names it."""
    from core.history.nodes import find_home
    from core.system.paths import history_of

    if path.suffix == PROJECT and path.is_file():
        own = history_of(path)
        if own.is_dir():
            return own
    elif path.is_dir():
        if not any(path.glob("*.json")):
            raise UserError(
                f"{path} does not contain a history.",
                "Pass a checkpoint, a project or the folder of a history.",
            )
        return path
    elif path.is_file():
        home = find_home(path)
        if home is not None:
            return home
    else:
        raise UserError(f"{path} does not exist.", "Pass a checkpoint, a project or a folder.")
    raise UserError(
        f"There is no history of {path.name}.",
        "The window records one automatically; on the command line, add `--history` to "
        "`prune`, `finetune`, `evaluate` or `compare`.",
    )


COMMANDS: Mapping[str, Command] = {"history": _history}
