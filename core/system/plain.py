"""JSON read strictly: whatever is wrong with a text is a ``ValueError``. Needs only Python.

What is returned holds only numbers and text that can be computed with and written again.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_LARGEST = 2**63
_ODD = re.compile(r"[0-9]{19}|[0-9][eE]\+?[0-9]{3}|NaN|Infinity|\\u[dD][89a-fA-F]")
"""What a text must hold for one of the stricter checks to matter; without, they cost nothing."""


class TooDeepError(ValueError):
    """Lists and mappings in one another that Python cannot follow."""


def parse_json(text: str | bytes, *, finite: bool = True) -> Any:
    """Return the plain data of a JSON text.

    Parameters
    ----------
    text : str or bytes
        In UTF-8, if bytes.
    finite : bool
        Whether numbers must be finite; what a diverged training reports is not.

    Raises
    ------
    ValueError
        For anything that is no JSON, is nested too deeply, or holds a whole number beyond 64 bits
        or a character that no file may hold.
    """
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        if not _ODD.search(text):
            return json.loads(text)
        numbers: dict[str, Any] = {"parse_int": _whole}
        if finite:
            numbers |= {"parse_float": _finite, "parse_constant": _finite}
        data = json.loads(text, **numbers)
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # half a character cannot be written
    except RecursionError as error:
        raise TooDeepError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character") from error
    return data


def _whole(text: str) -> int:
    if len(text) > 20 or not -_LARGEST <= (number := int(text)) < _LARGEST:
        raise ValueError(f"the number {text[:20]}… is too large")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number
