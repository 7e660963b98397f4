"""Reads the literals that Ultralytics writes into exported files; runs nothing. Needs no torch.

Metadata of ONNX files are texts such as ``{0: 'person', 1: "it's"}``. ``ast.literal_eval`` reads
them too, but builds a tree of any size and depth before it looks at what is in it.
"""

from __future__ import annotations

import re
from typing import Any

from core.system.budget import LONGEST_NUMBER, Budget, over, too_deep, too_many

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>True|False|None)
    |(?P<sign>[\[\](){},:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {"True": True, "False": False, "None": None}
_CLOSES = {"[": "]", "(": ")", "{": "}"}


def parse_literal(text: str, budget: Budget, label: object = "The text") -> Any:
    """Return the plain data of a Python literal: lists, tuples, dicts, texts, numbers, words.

    Parameters
    ----------
    text : str
        Tuples become lists; sets, bytes and complex numbers are not read.
    budget : Budget
    label : object
        How messages name it.

    Raises
    ------
    ValueError
        When it is none; `OverBudgetError` where it asks for too much.
    """
    if len(text) > budget.size:
        raise over(label, f"is too large for {budget.what}")
    return _Reader(text, budget, label).whole()


class _Reader:
    def __init__(self, text: str, budget: Budget, label: object) -> None:
        self._text, self._budget, self._label = text, budget, label
        self._at = self._entries = 0

    def whole(self) -> Any:
        found = self._value(0)
        if self._text[self._at :].strip():
            raise self._wrong()
        return found

    def _wrong(self) -> ValueError:
        return ValueError(f"not a literal at character {self._at + 1}")

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self._wrong()
        self._at = match.end()
        return str(match.lastgroup), str(match[str(match.lastgroup)])

    def _takes(self, sign: str) -> bool:
        """Go past a sign if it is next."""
        match = _TOKEN.match(self._text, self._at)
        if match is None or match["sign"] != sign:
            return False
        self._at = match.end()
        return True

    def _value(self, depth: int) -> Any:
        self._entries += 1
        if self._entries > self._budget.entries:
            raise too_many(self._label, self._budget)
        kind, token = self._next()
        if kind == "text":
            return _ESCAPE.sub(_unescaped, token[1:-1])
        if kind == "word":
            return _WORDS[token]
        if kind == "number":
            if len(token) > LONGEST_NUMBER:
                raise over(self._label, "has a number that is too long")
            return int(token) if token.lstrip("+-").isdigit() else float(token)
        if depth >= self._budget.depth:
            raise too_deep(self._label, self._budget)
        if token not in _CLOSES:
            raise self._wrong()
        return self._mapping(depth) if token == "{" else self._list(_CLOSES[token], depth)

    def _list(self, end: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self._takes(end):
            found.append(self._value(depth + 1))
            if not self._takes(","):
                if not self._takes(end):
                    raise self._wrong()
                break
        return found

    def _mapping(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while not self._takes("}"):
            key = self._value(depth + 1)
            if isinstance(key, list | dict) or not self._takes(":"):
                raise self._wrong()
            found[key] = self._value(depth + 1)
            if not self._takes(","):
                if not self._takes("}"):
                    raise self._wrong()
                break
        return found


def _unescaped(match: re.Match[str]) -> str:
    token = match[1]
    if len(token) == 1:
        return _SHORT.get(token, f"\\{token}")
    number = int(token[1:], 16)
    return chr(number) if number < 0x110000 else "\ufffd"
