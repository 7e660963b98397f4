"""The one class of errors the user can fix.

Anything else that escapes is a bug: it is logged whole and offered to the user.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right.

    Parameters
    ----------
    message : str
        One sentence that reports what is wrong.
    hint : str
        What to do about it; may be empty.
    layers : tuple of str
        Dotted names of the layers concerned, for the window to point at.
    """

    def __init__(self, message: str, hint: str = "", layers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.layers = layers

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class MemoryShortError(UserError):
    """Memory is not enough for a training.

    Parameters
    ----------
    message, hint : str
    next_batch : int
        Images a step that may do instead; 0 where no fewer are possible.
    """

    def __init__(self, message: str, hint: str = "", next_batch: int = 0) -> None:
        super().__init__(message, hint)
        self.next_batch = next_batch


class CancelledError(Exception):
    """The user cancelled; nothing was left half done."""


def reason_of(error: OSError) -> str:
    """Return what the system says of an error, in lower case, to end a sentence with."""
    return (error.strerror or str(error)).lower()
