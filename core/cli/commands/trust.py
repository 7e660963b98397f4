"""The command on modules of the user's own: look at one, trust it, list and remove them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cli.commands import Add, Command
from core.errors import UserError
from core.system.visible import visible
from core.trust.review import described, listed
from core.trust.source import Source, read_new
from core.trust.store import add, remove, state_of, store_file

ACTIONS = {
    "add": "show the source of a Python file or package, and trust it",
    "show": "show the source, its hash and whether it is trusted",
    "list": "list the trusted modules",
    "remove": "trust a module no longer, by its name or file",
}
Answer = tuple[dict[str, Any], str]


def add_parsers(add: Add) -> None:
    """Add the parser."""
    parser = add("trust", "Trust a Python module that defines layers of your own.", model=None)
    text = "; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    parser.add_argument("action", choices=list(ACTIONS), metavar="ACTION", help=text)
    parser.add_argument("module", nargs="?", metavar="FILE|FOLDER|NAME", help="the module")
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        help="the name by which checkpoints know the module (that of the file)",
    )
    parser.add_argument(
        "--sha256", metavar="HASH", help="add: trust it without a question if it has this hash"
    )


def _trust(options: argparse.Namespace) -> Answer:
    if options.action == "list":
        return _list()
    if not options.module:
        raise UserError(
            f"`trust {options.action}` needs a module.",
            f"Usage: `secateur trust {options.action} FILE`.",
        )
    if options.action == "remove":
        gone = remove(options.module)
        data = [{"name": e.name, "file": e.path, "sha256": e.sha256} for e in gone]
        return {"removed": data}, "\n".join(f"{e.name} ({e.path}) was removed." for e in gone)
    source = read_new(options.module, options.name)
    if options.action == "show":
        return described(source), _text(source)
    return _add(source, options)


def _text(source: Source) -> str:
    classes = [name for names in source.classes().values() for name in names]
    return "\n".join(
        [
            source.shown().rstrip("\n"),
            "",
            f"File: {visible(str(source.path))}",
            f"Imported as: {source.name}",
            f"SHA-256: {source.sha256}",
            f"Classes: {', '.join(classes) or 'none'}",
            f"State: {state_of(source)}",
        ]
    )


def _add(source: Source, options: argparse.Namespace) -> Answer:
    if options.sha256 is not None:
        # A line of sha256sum will do: its first word is the hash.
        if options.sha256.lower().split()[:1] != [source.sha256]:
            raise UserError(
                f"{source.path} does not have that hash, but {source.sha256}.",
                "Look at it with `secateur trust show FILE`; it was not trusted.",
            )
    elif state_of(source) != "trusted":
        _ask(source)
    entry = add(source)
    where = Path(entry.path).name
    text = f"{where} is trusted as {entry.name}, until its content changes. It runs when a network "
    return described(source), f"{text}that needs it is opened."


def _ask(source: Source) -> None:
    """Show the source and ask; no is the default, and the only answer without a terminal.

    Raises
    ------
    UserError
        When the answer is no.
    """
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise UserError(
            f"{source.path} was not trusted: nobody could be asked.",
            "Look at it with `secateur trust show FILE`, then add `--sha256 HASH`.",
        )
    print(_text(source), file=sys.stderr)
    print("Its code will run with your permissions. Trust it? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError(f"{source.path} was not trusted.", "Nothing of it was run.")


def _list() -> Answer:
    rows = listed()
    lines = [f"{r['name']}  {r['file']}  {r['sha256'][:12]}  {r['state']}" for r in rows]
    text = visible("\n".join(lines)) or "No modules are trusted."
    return {"file": str(store_file()), "modules": rows}, text


COMMANDS: Mapping[str, Command] = {"trust": _trust}
