"""Every argument of Ultralytics' trainer: what it is called, means and takes.

The table is read from the installed Ultralytics by `read_arguments`; reading and checking values
needs neither torch nor Ultralytics, so that a window can do so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.errors import UserError
from core.system.budget import OPTION, OverBudgetError, parse_yaml
from core.tune.presets import (
    OURS,
    PRESETS,
    check_name,
    check_options,
    inherited_names,
)

GROUPS: Mapping[str, str] = {
    "Train settings": "training",
    "Segmentation": "masks",
    "Classification": "classification",
    "Val/Test settings": "validation",
    "Hyperparameters": "hyperparameters",
}
"""The parts of Ultralytics' table that are about training, and their names here."""
KINDS: Mapping[str, str] = {
    "whole": "whole number",
    "number": "number",
    "fraction": "0 to 1",
    "switch": "true or false",
    "text": "text",
    "any": "see the meaning",
}
_SPECIAL = ("scale", "fraction", "batch")
"""Arguments that take more than their list says; Ultralytics itself checks them."""
_ALSO = ("agnostic_nms",)
"""Arguments that Ultralytics lists elsewhere and that count when a training measures."""
_LINE = re.compile(r"^(?P<name>\w+):(?P<value>[^#]*)#\s*(?:\((?P<type>[^)]*)\))?\s*(?P<text>.*)$")
_HEAD = re.compile(r"^# (?P<title>[^-]*?)\s*-*$")
_CHOICES = re.compile(r":\s*(?P<words>[\w]+(?:, [\w]+)*,? or [\w]+|[\w]+(?:, [\w]+)+)$")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument.

    Attributes
    ----------
    name : str
    kind : str
        A key of `KINDS`.
    default : object
        Ultralytics' own.
    text : str
        What it means, in Ultralytics' words.
    group : str
    optional : bool
        Whether it can be left without a value.
    least : float or None
        The smallest value.
    choices : tuple of str
        The values, where there is a list of them.
    instead : str
        What to use instead, where Secateur sets it itself.
    """

    name: str
    kind: str
    default: Any
    text: str
    group: str
    optional: bool = False
    least: float | None = None
    choices: tuple[str, ...] = ()
    instead: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self) | {"choices": list(self.choices)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Argument:
        """Return what `to_json` gave."""
        return cls(**{**data, "choices": tuple(data["choices"])})

    @property
    def takes(self) -> str:
        """What values it takes, in words."""
        if self.choices:
            return ", ".join(self.choices)
        least = f", at least {self.least:g}" if self.least is not None else ""
        return f"{KINDS[self.kind]}{least}{', or none' if self.optional else ''}"

    def read(self, text: str) -> Any:
        """Return the value that a text, written as YAML, represents.

        Raises
        ------
        UserError
            When it is none of this argument's, or the argument is not for the user to set.
        """
        if self.instead:
            raise UserError(f"“{self.name}” cannot be set: {self.instead}.")
        return self.check(read_value(self.name, text))

    def check(self, value: Any) -> Any:
        """Return a value as Ultralytics takes it; raises ``UserError`` when it does not."""
        if value is None:
            if self.optional:
                return None
            raise self._wrong("none")
        if self.choices:
            known = {choice.lower(): choice for choice in self.choices}
            if str(value).lower() not in known:
                raise self._wrong(value)
            return known[str(value).lower()]
        if not _FITS[self.kind](value) or (self.least is not None and value < self.least):
            raise self._wrong(value)
        return int(value) if self.kind == "whole" else value

    def _wrong(self, value: Any) -> UserError:
        text = str(value).lower() if isinstance(value, bool) else value
        return UserError(
            f"“{self.name}” cannot be {text}.", f"It takes: {self.takes} ({self.text})."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "whole": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "fraction": lambda value: _is_number(value) and 0.0 <= value <= 1.0,
    "switch": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "any": lambda value: True,
}


def read_value(name: str, text: str) -> Any:
    """Read a value that was written as YAML; raises ``UserError`` where that cannot be read.

    YAML reads ``1e-3`` as a text; people mean a number.
    """
    try:
        value = parse_yaml(text, OPTION, f"The value of “{name}”")
    except OverBudgetError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise UserError(
            f"The value of “{name}” cannot be read.", "Use the form lr0=0.002."
        ) from error
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return None if isinstance(value, str) and value.lower() == "none" else value


def write_value(value: Any) -> str:
    """Write a value as `read_value` reads it."""
    if value is None:
        return "none"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
    return str(text.removesuffix("...").strip())


def read_options(pairs: Iterable[str], known: Mapping[str, Argument]) -> dict[str, Any]:
    """Read arguments as given on the command line, as ``key=value``.

    Raises
    ------
    UserError
        For an argument that Ultralytics does not have or that Secateur sets itself, or a value
        that it does not take.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, found, text = pair.partition("=")
        name = key.strip()
        if not found:
            raise UserError(f"“{pair}” is not a setting.", "Use the form lr0=0.002.")
        value = read_value(name, text)
        check_name(name, value, known)
        options[name] = known[name].check(value)
    return options


def usual_of(argument: Argument, preset: str) -> str:
    """Return what a preset gives an argument, as text: its own, as trained, or the default."""
    known = PRESETS[preset]
    if argument.name in known.options:
        return write_value(known.options[argument.name])
    if known.inherits and argument.name in inherited_names():
        return "as trained"
    return write_value(argument.default)


# ---- the table of the installed Ultralytics -----------------------------------------------------


def read_arguments() -> tuple[Argument, ...]:
    """Return the arguments of the installed Ultralytics that are about training, in its order."""
    from core.checkpoint import prepare

    prepare()
    from ultralytics import cfg
    from ultralytics.utils import DEFAULT_CFG_DICT, DEFAULT_CFG_PATH

    kinds = {
        "whole": cfg.CFG_INT_KEYS,
        "fraction": cfg.CFG_FRACTION_KEYS,
        "number": cfg.CFG_FLOAT_KEYS,
        "switch": cfg.CFG_BOOL_KEYS,
        "text": cfg.CFG_STR_KEYS,
    }
    found = []
    for name, group, text in _described(Path(DEFAULT_CFG_PATH).read_text(encoding="utf-8")):
        kind = next((kind for kind, names in kinds.items() if name in names), "any")
        default = DEFAULT_CFG_DICT[name]
        match = _CHOICES.search(text) if kind == "text" else None
        words = re.split(r",? or |, ", match["words"]) if match else []
        found.append(
            Argument(
                name=name,
                kind="any" if name in _SPECIAL else kind,
                default=default,
                text=text,
                group=group,
                optional=default is None or name == "auto_augment",
                least=cfg.CFG_INT_MIN.get(name),
                choices=tuple(words),
                instead=OURS.get(name, ""),
            )
        )
    return tuple(found)


def _described(table: str) -> Iterable[tuple[str, str, str]]:
    """Yield name, group and meaning of what Ultralytics' table of defaults holds on training."""
    group = ""
    for line in table.splitlines():
        head, argument = _HEAD.match(line), _LINE.match(line)
        if head:
            group = GROUPS.get(head["title"].strip(), "")
        elif argument and (group or argument["name"] in _ALSO):
            yield argument["name"], group or "validation", argument["text"].strip()


def check_values(options: Mapping[str, Any]) -> None:
    """Let the installed Ultralytics check arguments.

    Raises
    ------
    UserError
        For the first that it does not have or take, or that Secateur sets itself.
    """
    from core.checkpoint import prepare

    prepare()
    from ultralytics.cfg import check_cfg
    from ultralytics.utils import DEFAULT_CFG_DICT

    check_options(options, DEFAULT_CFG_DICT)
    for name, value in options.items():
        try:
            check_cfg({name: value}, hard=True)
        except (TypeError, ValueError) as error:
            words = " ".join(str(error).split())
            raise UserError(
                f"Ultralytics rejects “{name}”: {words}", "Correct the value."
            ) from error
