"""The program's entry: the window, or a command when one is named."""

from __future__ import annotations

import sys
from collections.abc import Sequence

COMMANDS = ("inspect", "predict", "why", "prune", "verify")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line for a known command or an option; open the window otherwise."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    from core.cli import main as command_line

    if not arguments:
        arguments = ["--help"]
    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
