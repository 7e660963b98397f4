"""The program's entry: the window, or a command when one is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from core.system.program import prepare, refusal, to_install
from core.system.versions import has_module
from core.system.visible import visible

WINDOW_NEEDS = {"PySide6.QtWidgets": "PySide6", "pyqtgraph": "pyqtgraph"}
"""Modules that only the window needs, and their names for people."""
WINDOW_EXTRA = "'secateur[gui]'"
"""What pip installs them by."""


def _refused(reason: str, code: int) -> int:
    print(visible(f"secateur: {reason}"), file=sys.stderr)
    return code


def _command_line(arguments: list[str]) -> int:
    from core.cli.main import main as command_line

    return command_line(arguments)


def _engine(arguments: list[str]) -> int:
    from core.engine.server import main as engine

    return engine(arguments[1:])


def _window(arguments: list[str]) -> int:
    reason = _without_qt() or _without_display()
    if reason is not None:
        return _refused(reason, 1)
    from app.startup.application import run

    return run(arguments)


def _without_qt() -> str | None:
    """Return why there is no window where its libraries are missing, or None."""
    missing = [name for module, name in WINDOW_NEEDS.items() if not has_module(module)]
    if not missing:
        return None
    return (
        f"The window needs {' and '.join(missing)}, which this installation lacks. "
        f"{to_install(WINDOW_EXTRA)} Or use the commands: secateur --help lists them."
    )


def _without_display() -> str | None:
    from app.startup import display

    return display.refusal()


def _self_test(arguments: list[str]) -> int:
    reason = _without_qt()
    if reason is not None:
        return _refused(reason, 1)
    from app.startup.self_test import main as self_test

    return self_test(arguments[1:])


PROGRAMS: Mapping[str, Callable[[list[str]], int]] = {"engine": _engine, "--self-test": _self_test}
"""First words that are neither a file to open nor a command of the command line."""


def _commands() -> tuple[str, ...]:
    from core.cli.commands import command_names

    return command_names()


def _may_be_command(word: str) -> bool:
    """Whether a word looks like a command: files to open have an ending or a folder."""
    return not word.startswith("-") and not {".", "/", "\\"} & set(word)


def unknown_word(word: str) -> str | None:
    """Return why a first word is refused that is neither a command nor like a file, or None."""
    if not word.replace("-", "").isalpha() or word.startswith("-") or word in PROGRAMS:
        return None
    names = _commands()
    if word in names or Path(word).exists():
        return None
    near = get_close_matches(word, (*names, "engine"), 1)
    hint = f"Did you mean “{near[0]}”? " if near else ""
    return f"Unknown command or file: “{word}”. {hint}Run secateur --help for a list of commands."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command named first, or open the window on the files named."""
    prepare()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        return _window([])
    reason = refusal(arguments) or unknown_word(arguments[0])
    if reason is not None:
        return _refused(reason, 2)
    return _program(arguments[0])(arguments)


def _program(word: str) -> Callable[[list[str]], int]:
    """Return what a first word starts."""
    if word in PROGRAMS:
        return PROGRAMS[word]
    command = word.startswith("-") or (_may_be_command(word) and word in _commands())
    return _command_line if command else _window


if __name__ == "__main__":
    sys.exit(main())
