"""The engine's tasks about the arguments of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine.tasks import Args, Models, Task
from core.errors import UserError
from core.progress import Progress


def list_arguments(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Return ``arguments``: what Ultralytics' trainer takes, as `Argument.to_json` has it."""
    from core.tune.arguments import read_arguments

    progress(0.0, "Reading the arguments of Ultralytics")
    return {"arguments": [argument.to_json() for argument in read_arguments()]}


def try_arguments(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Return ``problems`` {name: message and hint} of ``options``; empty when all can be used."""
    from core.tune.arguments import check_values

    problems = {}
    for name, value in dict(args["options"]).items():
        try:
            check_values({name: value})
        except UserError as error:
            problems[name] = f"{error.message} {error.hint}".strip()
    return {"problems": problems}


TASKS: Mapping[str, Task] = {"arguments": list_arguments, "check_arguments": try_arguments}
