"""Commands by group: one module each, offering its parsers and what runs them to ``core.cli``.

A group module imports nothing heavy at its top; it has ``add_parsers(add)`` and ``COMMANDS``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Protocol

Command = Callable[[argparse.Namespace], tuple[dict[str, Any], str]]


class Add(Protocol):
    """Makes the parser of a command, with ``--json``.

    A command on a model has ``--no-cache`` too; ``model=None`` makes one on something else.
    """

    def __call__(
        self, name: str, text: str, model: str | None = "MODEL"
    ) -> argparse.ArgumentParser:
        """Return the parser, for the command's own arguments."""


class Group(Protocol):
    """What a group module offers."""

    COMMANDS: Mapping[str, Command]

    def add_parsers(self, add: Add) -> None:
        """Add the parsers of the group's commands."""


GROUPS = (
    "core.cli.commands.model",
    "core.cli.commands.accuracy",
    "core.cli.commands.arguments",
    "core.cli.commands.choosing",
    "core.cli.commands.steps",
    "core.cli.commands.compare",
    "core.cli.commands.data",
    "core.cli.commands.demo",
    "core.cli.commands.export",
    "core.cli.commands.finetune",
    "core.cli.commands.history",
    "core.cli.commands.jobs",
    "core.cli.commands.latency",
    "core.cli.commands.report",
    "core.cli.commands.support",
)
"""The groups, by module."""
