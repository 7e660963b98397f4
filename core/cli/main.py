"""The command line. ``--json`` prints one JSON object, as ``docs/command-line.md`` describes."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import Any

from core.checkpoint.facts import modules_note
from core.checkpoint.needs import needed
from core.cli.commands import GROUPS
from core.cli.options import assumed, assumed_text, rounded, with_sizes
from core.cli.output import Parser, as_json, fail, make_printable, put, warn
from core.errors import CancelledError, UserError, ended_by_module, of_system
from core.system.logs import append_fault
from core.system.memory import is_out_of_memory, memory_short
from core.system.records import naming_left_out
from core.system.signals import EndedError, answered
from core.system.versions import SECATEUR, outside


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 1 refused or failed (one line on standard error), 2 wrong usage; ended by a
        signal, 128 and its number.
    """
    make_printable()
    options = build_parser().parse_args(
        with_sizes(sys.argv[1:] if arguments is None else arguments)
    )
    if warning := outside():
        warn(warning)
    try:
        with naming_left_out() as left_out:
            result, text = _run(options)
        for sentence in left_out:
            warn(sentence)
        if output := as_json(result) if options.json else text:
            put(output)
    except UserError as error:
        return fail(str(error))
    except CancelledError:
        return fail("Cancelled; nothing was changed.")
    except EndedError as error:
        return fail(f"Ended by {error}; no incomplete files were left.", 128 + error.number)
    except KeyboardInterrupt:
        return fail("Interrupted; no incomplete files were left.")
    except SystemExit:
        return fail(str(ended_by_module()))
    except OSError as error:
        append_fault(error)
        return fail(str(of_system(error)))
    except Exception as error:
        return fail(_memory_or_bug(error))
    proofs = (result.get("verification"), result.get("parity"))
    return int(any(proof and proof.get("passed") is False for proof in proofs))


def _run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Return what a command returns, with what holds for every command."""
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
    return result, text


def _memory_or_bug(error: Exception) -> str:
    """Log the error whole; return the line for the user."""
    where = append_fault(error)
    if is_out_of_memory(error):
        return str(memory_short(error))
    kind = type(error).__name__
    return f"Internal error ({kind}: {error}), logged in {where}. Please report it."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="secateur",
        usage="%(prog)s [FILE]\n       %(prog)s COMMAND ...\n       %(prog)s COMMAND --help",
        description="Prunes YOLO networks: smaller and faster, verified before saving.",
        epilog="Without a command, the window opens, with FILE if given. --self-test tests the "
        "program, including the window.",
    )
    parser.add_argument("--version", action="version", version=f"secateur {SECATEUR}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog="secateur"
    )

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
