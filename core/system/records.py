"""Plain data out of files has a shape or is refused; of many, a bad one is left out and named."""

from __future__ import annotations

import contextlib
import contextvars
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import UserError, first_wrong, one_line, reason_of

UNFIT = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What reading plain data raises that is not of the shape its reader takes it for: also an index
too large, or an infinite number taken for a whole one."""
Model = TypeVar("Model", bound=BaseModel)
Made = TypeVar("Made")


class Shape(BaseModel):
    """A base for shapes of plain data: what is named is checked as it is, anything else may be.

    Nothing is converted: data that fits is used as it was read.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


def checked(shape: type[Model], data: Any) -> Any:
    """Return data as it is, if it has a shape; raises ``ValueError`` that says what has not."""
    try:
        shape.model_validate(data)
    except ValidationError as error:
        raise ValueError(first_wrong(error, "it")) from error
    return data


def completed(shape: type[BaseModel], data: Any) -> Any:
    """Return data of a shape with its defaults where fields are missing, in what it holds too."""
    return shape.model_validate(data).model_dump(by_alias=True)


def why_damaged(error: Exception) -> str:
    """Return why a file cannot be used, in a few words."""
    if isinstance(error, UserError):
        return one_line(error.message.rstrip("."))
    if isinstance(error, ValidationError):
        return one_line(first_wrong(error, "it"))
    if isinstance(error, OSError):
        return reason_of(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "not valid JSON"
    return one_line(error)


# ---- of many, the bad ones ----------------------------------------------------------------------

_names: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("left_out", default=None)


@contextlib.contextmanager
def naming_left_out() -> Iterator[list[str]]:
    """Collect what `leave_out` names meanwhile, each once, as sentences."""
    names: list[str] = []
    token = _names.set(names)
    try:
        yield names
    finally:
        _names.reset(token)


def leave_out(what: object, error: Exception) -> None:
    """Name an entry of many that cannot be used, to whoever asked for all of them.

    Parameters
    ----------
    what : path or str
        The file; or the file and where in it.
    error : Exception
        What is wrong with it.
    """
    names = _names.get()
    sentence = f"Left out {what}: {why_damaged(error)}."
    if names is not None and sentence not in names:
        names.append(sentence)


def left_out_note(names: Sequence[str]) -> tuple[str, str]:
    """Return what was left out as a message and more about it.

    Parameters
    ----------
    names : sequence of str
        Sentences of `naming_left_out`, at least one.
    """
    if len(names) == 1:
        return names[0], "The rest is shown."
    more = f" And {len(names) - 3} more." if len(names) > 3 else ""
    return f"{len(names)} damaged entries were left out.", f"{' '.join(names[:3])}{more}"


def each_read(
    entries: Mapping[Any, Any], read: Callable[[Any], Made], *, again: bool = True
) -> list[Made]:
    """Read entries of many; those that are damaged are left out and named.

    Parameters
    ----------
    entries : mapping
        What to read, by what to call it.
    read : callable
        Raises `DAMAGED` or ``UserError`` for one that cannot be used.
    again : bool
        Whether a ``UserError`` is for the whole: one is raised again, then.
    """
    found = []
    for name, entry in entries.items():
        try:
            found.append(read(entry))
        except UserError as error:
            if again:
                raise
            leave_out(name, error)
        except (OSError, ValueError) as error:
            leave_out(name, error)
    return found
