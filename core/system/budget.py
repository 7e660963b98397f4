"""What a file from elsewhere may take: bytes, entries, depth and numbers, checked before the work.

A few bytes can ask for all the memory there is, or for work that never ends. Every reader of such
files takes its limits from the tables here, and reads with the functions here: what is over a
limit is refused in one line, before anything of that size is made. Needs no torch.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.errors import UserError
from core.system import plain
from core.system.files import open_regular

KB, MB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Budget:
    """What one kind of file may take.

    Attributes
    ----------
    what : str
        The kind, as the end of a sentence.
    size : int
        Bytes of the file.
    entries : int
        Values in it, keys included; one that is referred to counts each time.
    depth : int
        Levels of lists and mappings in one another.
    """

    what: str
    size: int
    entries: int
    depth: int = 64


MODEL_YAML = Budget("a model YAML", MB, 50_000)
DATASET_YAML = Budget("a dataset YAML", 4 * MB, 250_000)
GLANCE = Budget("a YAML that is only looked at", 256 * KB, 10_000)
"""What takes a moment to read: more is no file that a person writes, and is not read in a hurry."""
OPTION = Budget("an option", 64 * KB, 1000)
PLAN = Budget("a plan", 16 * MB, 1_000_000)
PROJECT = Budget("a project", 32 * MB, 2_000_000)
SETTINGS = Budget("settings", 4 * MB, 100_000)
JOB_FILE = Budget("a job", 16 * MB, 1_000_000)
STEP = Budget("a step of a history", 16 * MB, 1_000_000)
MEASUREMENT = Budget("a measurement", 32 * MB, 2_000_000)
JOURNAL = Budget("a journal", 256 * MB, 2_000_000)
MESSAGE = Budget("a message", 64 * MB, 4_000_000)
CACHED = Budget("a cached file", 64 * MB, 4_000_000)
INDEX = Budget("an image list", 512 * MB, 20_000_000)
LABELS = Budget("a label file", 16 * MB, 2_000_000)
LIST = Budget("a list of images", 512 * MB, 10_000_000)
SCORES = Budget("a file of scores", 256 * MB, 32_000_000)
TABLE = Budget("a cached analysis", 256 * MB, 32_000_000)
PICKLE = Budget("the structure of a checkpoint", 16 * MB, 1_000_000)
"""What a checkpoint holds besides the numbers of its tensors; entries are opcodes."""

MOST_CLASSES = 100_000
MOST_OUTPUTS = 30_000
"""Classes of a network, whose every number is traced."""
MOST_MODULES = 20_000
"""Modules of a network; one in several places counts in each."""
MOST_PARAMETERS = 400_000_000
MOST_OBJECTS = 1_000_000
"""Objects that a checkpoint holds, in all."""
MOST_MEMBERS = 50_000
"""Files in an archive."""
LONGEST_NUMBER = 100
"""Digits of a number. Python refuses 4,300, and fails to make a float of 309."""
INFLATED = 4
"""How many times its own size an archive may hold, next to `INFLATED_ROOM`: weights hardly
shrink."""
INFLATED_ROOM = 64 * MB

_LONG = f"has a whole number of more than {LONGEST_NUMBER} digits"
_HINT = "Check that it is the right file."
_DIGITS = re.compile(rf"[+-]?\d{{{LONGEST_NUMBER + 1},}}")
_DIGITS_IN_JSON = re.compile(rb"\d{%d}" % (LONGEST_NUMBER + 1))
_STRING_IN_JSON = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NUMBER_IN_YAML = re.compile(rf"[+-]?\d[\da-fA-F_:.xXoO+-]{{{LONGEST_NUMBER},}}")
WEIGHT = 64
"""Characters of a text that count as one entry more."""


class OverBudgetError(UserError, ValueError):
    """A file asks for more than its kind may take.

    It is a ``ValueError`` too, so that a reader that leaves out what is damaged leaves it out.

    Attributes
    ----------
    why : str
        The sentence without the name of the file.
    """

    why = ""


def over(label: object, why: str) -> OverBudgetError:
    """Return the error for a file that asks for too much.

    Parameters
    ----------
    label : object
        How messages name the file.
    why : str
        The rest of the sentence.
    """
    error = OverBudgetError(f"{label} {why}.", _HINT)
    error.why = why
    return error


def _too_large(label: object, size: int, budget: Budget) -> OverBudgetError:
    shown = f"{size / MB:,.1f}" if size < 10 * MB else f"{size // MB:,}"
    most = f"{budget.size / MB:g} MB" if budget.size >= MB else f"{budget.size // KB} KB"
    return over(label, f"is too large for {budget.what}: {shown} MB, of at most {most}")


def too_many(label: object, budget: Budget) -> OverBudgetError:
    """Return the error for a file of too many entries."""
    return over(label, f"has more than {budget.entries:,} entries, too many for {budget.what}")


def too_deep(label: object, budget: Budget) -> OverBudgetError:
    """Return the error for a file that is nested too deeply."""
    return over(
        label, f"is nested more than {budget.depth} levels deep, too deep for {budget.what}"
    )


# ---- files ---------------------------------------------------------------------------------------


def is_small(path: str | Path) -> bool:
    """Whether reading a file takes a moment only, or fails at once because it is none."""
    try:
        return os.stat(path).st_size <= GLANCE.size  # noqa: PTH116
    except (OSError, ValueError):
        return True


def read_bytes(path: str | Path, budget: Budget) -> bytes:
    """Read a file that is not larger than its kind may be.

    Raises
    ------
    OSError
        As `open_regular`, or when it cannot be read.
    OverBudgetError
        When it is larger; nothing was read then.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size <= budget.size:
            # Some files of the system say that they are empty, and never end.
            data = stream.read(budget.size + 1)
            size = len(data)
        if size > budget.size:
            raise _too_large(path, size, budget)
    return data


def read_text(path: str | Path, budget: Budget, errors: str = "strict") -> str:
    """Read a text in UTF-8, as `read_bytes` does; all line ends become one sign.

    Raises
    ------
    UnicodeDecodeError
        When it is none, unless ``errors`` says otherwise.
    """
    text = read_bytes(path, budget).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


# ---- JSON ----------------------------------------------------------------------------------------


def read_json(path: str | Path, budget: Budget, *, finite: bool = True) -> Any:
    """Read plain data from a JSON file.

    Raises
    ------
    OSError
        As `read_bytes`.
    ValueError
        When it is not JSON; `OverBudgetError` where it asks for too much.
    """
    return parse_json(read_bytes(path, budget), budget, path, finite=finite)


def parse_json(
    text: str | bytes, budget: Budget, label: object = "The text", *, finite: bool = True
) -> Any:
    """Return the plain data of a JSON text; raises as `read_json`.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.
    budget : Budget
    label : object
        How messages name it.
    finite : bool
        Whether numbers must be finite, as `core.system.plain.parse_json` takes it.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > budget.size:
        raise _too_large(label, len(data), budget)
    opened = data.count(b"[") + data.count(b"{")
    # Every value but the first of a list follows one of these signs.
    if opened + data.count(b",") + data.count(b":") > budget.entries:
        raise too_many(label, budget)
    if _DIGITS_IN_JSON.search(data):  # outside texts, it is refused
        json.loads(text, parse_int=_whole(label))
    try:
        found = plain.parse_json(text, finite=finite)
    except plain.TooDeepError as error:
        raise too_deep(label, budget) from error
    if opened > budget.depth and not _is_flat(data, budget.depth):
        raise too_deep(label, budget)
    return found


def _is_flat(data: bytes, depth: int) -> bool:
    """Return whether valid JSON is nested no deeper: so often, what is innermost is taken away."""
    signs = _STRING_IN_JSON.sub(b"", data).translate(_ONE_KIND, delete=_NO_BRACKETS)
    for _ in range(depth):
        signs = signs.replace(b"[]", b"")
    return not signs


def _whole(label: object) -> Callable[[str], int]:
    def read(text: str) -> int:
        if _DIGITS.fullmatch(text):
            raise over(label, _LONG)
        return int(text)

    return read


# ---- YAML ----------------------------------------------------------------------------------------


def parse_yaml(text: str, budget: Budget, label: object = "The text") -> Any:
    """Return the plain data of a YAML text.

    Parameters
    ----------
    text : str
    budget : Budget
        Entries that an alias refers to count each time that one does.
    label : object
        How messages name it.

    Raises
    ------
    yaml.YAMLError, ValueError
        When it is not YAML, or a date is none; `OverBudgetError` where it asks for too much.
    """
    if len(text) > budget.size:
        raise _too_large(label, len(text), budget)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # as Ultralytics takes it
    try:
        _Entries(budget, label).count(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except (RecursionError, OverflowError) as error:
        raise too_deep(label, budget) from error


class _Entries:
    """Counts what a YAML text holds from its events, before any of it is made."""

    def __init__(self, budget: Budget, label: object) -> None:
        self._budget, self._label = budget, label
        self._anchors: dict[str, tuple[int, int] | None] = {}
        self._open: list[tuple[str | None, int, int]] = []

    def count(self, events: Iterable[Any]) -> None:
        """Go through the events; raises `OverBudgetError` at the first that is too much."""
        for event in events:
            anchor = getattr(event, "anchor", None)
            if isinstance(event, yaml.CollectionStartEvent):
                if len(self._open) >= self._budget.depth:
                    raise too_deep(self._label, self._budget)
                self._open.append((anchor, 1, 1))
                if anchor:
                    self._anchors[anchor] = None  # until its end: an alias inside never ends
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, entries, depth = self._open.pop()
                self._add(anchor, entries, depth)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
                self._add(anchor, 1 + len(event.value) // WEIGHT, 0)
            elif isinstance(event, yaml.AliasEvent) and anchor in self._anchors:
                found = self._anchors[anchor]
                if found is None:
                    raise over(self._label, "contains a list or mapping that contains itself")
                self._add(None, *found)

    def _add(self, anchor: str | None, entries: int, depth: int) -> None:
        if anchor:
            self._anchors[anchor] = entries, depth
        if entries > self._budget.entries:
            raise too_many(self._label, self._budget)
        if self._open:
            name, total, deepest = self._open[-1]
            if total + entries > self._budget.entries:
                raise too_many(self._label, self._budget)
            if len(self._open) + depth > self._budget.depth:
                raise too_deep(self._label, self._budget)
            self._open[-1] = name, total + entries, max(deepest, depth + 1)

    def _scalar(self, event: Any) -> None:
        number = event.implicit[0] or str(event.tag).endswith((":int", ":float"))
        if number and len(event.value) > LONGEST_NUMBER and _NUMBER_IN_YAML.match(event.value):
            raise over(self._label, _LONG)
