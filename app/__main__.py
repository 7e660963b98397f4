"""The program's entry: the window, or a command when one is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from core.system.program import prepare, refusal


def _command_line(arguments: list[str]) -> int:
    from core.cli.main import main as command_line

    return command_line(arguments)


def _engine(arguments: list[str]) -> int:
    from core.engine.server import main as engine

    return engine(arguments[1:])


def _window(arguments: list[str]) -> int:
    from app.startup.application import run

    return run(arguments)


def _self_test(arguments: list[str]) -> int:
    from app.startup.self_test import main as self_test

    return self_test(arguments[1:])


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    **dict.fromkeys(("inspect", "predict", "why", "prune", "verify"), _command_line),
    **dict.fromkeys(("suggest", "sensitivity", "evaluate", "steps"), _command_line),
    **dict.fromkeys(("latency", "latency-table"), _command_line),
    **dict.fromkeys(("data", "finetune", "arguments", "iterate", "compare"), _command_line),
    **dict.fromkeys(("jobs", "history"), _command_line),
    **dict.fromkeys(("export", "formats", "plan", "report"), _command_line),
    **dict.fromkeys(("demo", "report-problem"), _command_line),
    "engine": _engine,
    "--self-test": _self_test,
}
"""First words that are not a file to open."""


def unknown_word(word: str) -> str | None:
    """Return why a first word is refused that is neither a command nor like a file, or None."""
    if word in COMMANDS or not word.replace("-", "").isalpha() or word.startswith("-"):
        return None
    if Path(word).exists():
        return None
    near = get_close_matches(word, [name for name in COMMANDS if name.isalpha()], 1)
    hint = f"Did you mean “{near[0]}”? " if near else ""
    return f"There is no command and no file “{word}”. {hint}secateur --help lists the commands."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command named first, or open the window on the files named."""
    prepare()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        return _window([])
    if (reason := refusal(arguments)) is not None:
        print(f"secateur: {reason}", file=sys.stderr)
        return 2
    if (reason := unknown_word(arguments[0])) is not None:
        print(f"secateur: {reason}", file=sys.stderr)
        return 2
    start = COMMANDS.get(arguments[0])
    if start is None:
        start = _command_line if arguments[0].startswith("-") else _window
    return start(arguments)


if __name__ == "__main__":
    sys.exit(main())
