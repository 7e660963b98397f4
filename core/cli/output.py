"""What commands print: harmless to a terminal, and missed by nobody when it cannot be printed."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from core.errors import UserError, reason_of
from core.system.visible import visible


def make_printable() -> None:
    """Let every character be printed: what an output's encoding lacks is written out."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not one of Python's own
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def put(text: str, stream: TextIO | None = None) -> None:
    """Print a text and its line end, and see that it arrives.

    A reader that went away, as ``head`` does, has what it wanted.

    Raises
    ------
    UserError
        When the output takes nothing, as a full disk.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(visible(text), file=stream, flush=True)
    except BrokenPipeError:
        discard(stream)
    except OSError as error:
        discard(stream)
        raise UserError(
            f"The result could not be printed: {reason_of(error)}.",
            "Print it elsewhere; files that were named are written.",
        ) from error


def as_json(result: Mapping[str, Any]) -> str:
    """Return a result as one line of JSON; figures that diverged, which are no numbers, are null.

    Parameters
    ----------
    result : mapping
        Plain data.
    """
    try:
        return json.dumps(result, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(result), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def put_event(event: Mapping[str, Any], stream: TextIO) -> None:
    """Print an event as a line of JSON; when whoever listened went away, the work goes on."""
    with contextlib.suppress(OSError):
        print(json.dumps(event), file=stream, flush=True)


def put_progress(text: str, stream: TextIO, end: str = "\n") -> None:
    """Print progress in the place of what was printed last on that line of a terminal."""
    with contextlib.suppress(OSError):
        print(f"\r\x1b[K{visible(text)}", end=end, file=stream, flush=True)


def fail(text: str, code: int = 1) -> int:
    """Print why a command failed, on one line of standard error; return the code to end with."""
    warn(" ".join(text.split()))
    return code


def warn(text: str) -> None:
    """Print a line on standard error; nothing is lost when nobody reads it."""
    try:
        print(visible(f"secateur: {text}"), file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Let whatever else is printed there, at the end of the process at the latest, go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Parser(argparse.ArgumentParser):
    """Prints what it was given, which may be names of files, harmlessly."""

    def _print_message(self, message: str, file: Any = None) -> None:
        stream = sys.stderr if file is None else file
        try:
            print(visible(message), end="", file=stream, flush=True)
        except BrokenPipeError:
            discard(stream)
        except OSError as error:
            discard(stream)
            if stream is not sys.stderr:  # where nobody could be told
                sys.exit(fail(f"The help could not be printed: {reason_of(error)}."))
