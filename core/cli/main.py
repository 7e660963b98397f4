"""The command line. ``--json`` prints one JSON object, as ``docs/command-line.md`` describes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from core.checkpoint.facts import modules_note
from core.cli.commands import GROUPS
from core.cli.options import assumed, assumed_text, needed, rounded, with_sizes
from core.errors import CancelledError, UserError, by_the_user, ended_by_module
from core.system.logs import append_fault
from core.system.signals import EndedError, answered
from core.system.versions import outside
from core.system.visible import visible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 1 refused or failed (one line on standard error), 2 wrong usage; ended by a
        signal, 128 and its number.
    """
    options = build_parser().parse_args(
        with_sizes(sys.argv[1:] if arguments is None else arguments)
    )
    if warning := outside():
        print(f"secateur: {warning}", file=sys.stderr)
    try:
        # Libraries print to standard output as they please; there, only our own result belongs.
        with answered(), contextlib.redirect_stdout(sys.stderr):
            result, text = GROUPS.find_offered(options.command)(options)
            if found := assumed(options):
                result = {**result, "assumed": found}
                text = f"{text}\n{assumed_text(found)}"
            if reason := result.get("history_failed"):
                text = f"{text}\nNot added to the history: {reason}"
            if modules := needed(result):
                result = {**result, "modules": modules}
                text = f"{text}\n{modules_note(modules, 'The file')}"
            if note := rounded(options):
                result, text = {**result, "note": note}, f"{text}\n{note}"
        if output := json.dumps(result, allow_nan=False) if options.json else text:
            print(visible(output))
        sys.stdout.flush()
    except UserError as error:
        return _fail(str(error))
    except CancelledError:
        return _fail("Cancelled; nothing was changed.")
    except EndedError as error:
        return _fail(f"Ended by {error}; no incomplete files were left.", 128 + error.number)
    except KeyboardInterrupt:
        return _fail("Interrupted; no incomplete files were left.")
    except SystemExit:
        return _fail(str(ended_by_module()))
    except BrokenPipeError:  # the reader of our output went away: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        mended = by_the_user(error) if isinstance(error, OSError) else None
        return _fail(str(mended) if mended is not None else _report_bug(error))
    proofs = (result.get("verification"), result.get("parity"))
    return int(any(proof and proof.get("passed") is False for proof in proofs))


def _fail(text: str, code: int = 1) -> int:
    print(visible(f"secateur: {' '.join(text.split())}"), file=sys.stderr)
    return code


def _report_bug(error: Exception) -> str:
    """Log a bug whole; return the line for the user."""
    where = append_fault(error)
    kind = type(error).__name__
    return f"Internal error ({kind}: {error}), logged in {where}. Please report it."


class Parser(argparse.ArgumentParser):
    """Prints what it was given, which may be names of files, harmlessly."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(visible(message), file)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="secateur",
        description="Prunes YOLO networks: smaller and faster, verified before saving.",
        epilog="Without a command, the window opens, with FILE if given. --self-test tests the "
        "program, including the window.",
    )
    parser.add_argument(
        "--version", action="version", version=f"secateur {metadata.version('secateur')}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, model: str | None = "MODEL") -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        if model is not None:
            about = "a .pt checkpoint or a model YAML"
            command.add_argument("model", metavar=model, help=about)
            command.add_argument(
                "--no-cache",
                action="store_true",
                help="trace the network again instead of using the cached channel table",
            )
        return command

    for group in GROUPS.values():
        group.add_parsers(add)
    return parser
