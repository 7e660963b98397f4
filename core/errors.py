"""Errors that the user can fix.

Any other exception is a bug: it is logged with its traceback and shown to the user.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


_LONGEST = 200
"""Characters of a path in a message."""


class UserError(Exception):
    """An error that the user can fix.

    Parameters
    ----------
    message : str
        One sentence: what happened.
    hint : str
        What to do; may be empty.
    layers : tuple of str
        Dotted names of the layers concerned, for the window to highlight.
    """

    def __init__(self, message: str, hint: str = "", layers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.layers = layers

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class MemoryShortError(UserError):
    """A training ran out of memory.

    Parameters
    ----------
    message, hint : str
    next_batch : int
        A smaller batch size to try; 0 if there is none.
    """

    def __init__(self, message: str, hint: str = "", next_batch: int = 0) -> None:
        super().__init__(message, hint)
        self.next_batch = next_batch


class CancelledError(Exception):
    """The user cancelled; no incomplete files are left."""


def ended_by_module() -> UserError:
    """Return the error for a module of a network that called ``sys.exit``."""
    return UserError(
        "A module of the network tried to end the program (sys.exit).",
        "Correct the trusted module that does.",
    )


def one_line(error: object, most: int = 200) -> str:
    """Return what an error says on one line, as part of a sentence."""
    return " ".join(str(error).split())[:most]


def of_system(error: OSError) -> UserError:
    """Return the error for what the system refused: a disk, a folder or a device, not a bug."""
    what = "a file or device"
    if isinstance(error.filename, str | bytes | os.PathLike):
        name = os.fsdecode(error.filename)
        what = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    return UserError(
        f"The system could not read or write {what}: {reason_of(error)}.",
        "Check that it is there, that you may use it, and that the disk has room.",
    )


def reason_of(error: OSError) -> str:
    """Return the system's reason for an error, in lower case, as the end of a sentence."""
    return (error.strerror or str(error)).lower()


def no_dataset(what: str, hint: str = "Choose a dataset.", *, labels: bool = True) -> UserError:
    """Return the error for work that cannot start without images.

    Parameters
    ----------
    what : str
        The work, as the beginning of a sentence.
    hint : str
        How to give images, where the user is.
    labels : bool
        Whether the images must be labelled.
    """
    images = "labelled images" if labels else "images"
    return UserError(f"{what} needs {images}, and no dataset was given.", hint)


def first_wrong(error: ValidationError, whole: str = "settings") -> str:
    """Return where data is not valid and why, of the first thing that is wrong with it.

    Parameters
    ----------
    error : ValidationError
    whole : str
        What to call the data where the error is about no field of it.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
