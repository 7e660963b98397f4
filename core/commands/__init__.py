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
    "core.commands.accuracy",
    "core.commands.arguments",
    "core.commands.choosing",
    "core.commands.steps",
    "core.commands.compare",
    "core.commands.data",
    "core.commands.demo",
    "core.commands.export",
    "core.commands.finetune",
    "core.commands.history",
    "core.commands.jobs",
    "core.commands.latency",
    "core.commands.report",
    "core.commands.support",
)
"""The groups, by module."""
