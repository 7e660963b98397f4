"""Commands by group: one module each, offering its parsers and what runs them to ``core.cli``.

A group module imports nothing heavy at its top. It has ``add_parsers(add)``, which adds the parsers
of its commands, and ``COMMANDS``, the functions that run them by name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Protocol

from core.registry import Groups

Command = Callable[[argparse.Namespace], tuple[dict[str, Any], str]]
"""Takes the options; returns plain data for ``--json``, and the text for people."""


class Add(Protocol):
    """Makes the parser of a command, with ``--json``.

    A command on a model has ``--no-cache`` too; ``model=None`` makes one on something else.
    """

    def __call__(
        self, name: str, text: str, model: str | None = "MODEL"
    ) -> argparse.ArgumentParser:
        """Return the parser, for the command's own arguments."""


GROUPS: Groups[Command] = Groups(
    "command",
    "COMMANDS",
    "secateur.commands",
    {
        "model": "core.cli.commands.model",
        "accuracy": "core.cli.commands.accuracy",
        "arguments": "core.cli.commands.arguments",
        "choosing": "core.cli.commands.choosing",
        "steps": "core.cli.commands.steps",
        "compare": "core.cli.commands.compare",
        "data": "core.cli.commands.data",
        "demo": "core.cli.commands.demo",
        "devices": "core.cli.commands.devices",
        "export": "core.cli.commands.export",
        "finetune": "core.cli.commands.finetune",
        "history": "core.cli.commands.history",
        "jobs": "core.cli.commands.jobs",
        "latency": "core.cli.commands.latency",
        "quantize": "core.cli.commands.quantize",
        "retarget": "core.cli.commands.retarget",
        "report": "core.cli.commands.report",
        "search": "core.cli.commands.search",
        "support": "core.cli.commands.support",
        "trust": "core.cli.commands.trust",
        "tryout": "core.cli.commands.tryout",
    },
)
"""The groups; the entry of a package is its module."""


def command_names() -> tuple[str, ...]:
    """Return the names of all commands, in the order of the groups."""
    return tuple(GROUPS.offered())
