"""Kinds of long jobs: one file each, and a row of ``KINDS``. No torch until one runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import UserError, first_wrong
from core.registry import Registry
from core.system.logs import append_fault

Emit = Callable[[dict[str, Any]], None]
Run = Callable[[Mapping[str, Any], Path, Emit, Callable[[], None]], dict[str, Any]]
Figures = dict[str, float]


def before_and_after(result: Mapping[str, Any]) -> tuple[Figures, Figures]:
    """Return the figures of a result under ``before`` and ``after``; empty if there are none."""
    return dict(result.get("before") or {}), dict(result.get("after") or {})


def output_text(result: Mapping[str, Any]) -> str:
    """Return the output of a job, for people."""
    return str(result.get("output") or "Done.")


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of long job.

    Attributes
    ----------
    noun : str
        What sentences call one: ``fine-tuning``.
    title, tip : str
        What a choice among kinds shows.
    parse : callable
        Takes plain data and returns the settings as a model of pydantic, whose plain data are the
        job's arguments.
    run : callable
        Called with the arguments, the job's folder, a function that takes events and one that is
        to be called at every batch: it waits while the job is paused, and raises
        ``CancelledError`` when it should end. Returns plain data, with ``output`` where a file
        resulted from it. A job that was cut off is run again in the folder it left.
    ending : str
        Of the names of files that it makes.
    inputs : tuple of str
        Arguments that name files; their hashes are kept, and must still hold when it continues.
    training : str or None
        The argument with the settings of its training (`core.tune.settings.Settings`): batch size
        and device. Empty where its arguments are those settings; None where it trains nothing.
    how : callable
        Says in a few words how it goes about it, from its arguments.
    figures : callable
        Returns what was measured before and after, from its result.
    text : callable
        Returns the results for people, from its result.
    """

    noun: str
    title: str
    tip: str
    parse: Callable[[Any], BaseModel]
    run: Run
    ending: str = "out"
    inputs: tuple[str, ...] = ("model",)
    training: str | None = None
    how: Callable[[Mapping[str, Any]], str] = lambda arguments: ""
    figures: Callable[[Mapping[str, Any]], tuple[Figures, Figures]] = before_and_after
    text: Callable[[Mapping[str, Any]], str] = output_text

    def settings(self, data: Any) -> BaseModel:
        """Check plain data and return the settings.

        Raises
        ------
        UserError
            With the first thing that is wrong.
        """
        try:
            return self.parse(data)
        except ValidationError as error:
            raise UserError(
                f"The {self.noun} cannot be set up: {first_wrong(error)}.",
                "Correct its settings.",
            ) from error

    def settings_of_training(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the settings of its training among its arguments; empty where it trains none."""
        if self.training is None:
            return {}
        found = arguments.get(self.training) if self.training else arguments
        return found if isinstance(found, Mapping) else {}


KINDS: Registry[JobKind] = Registry(
    "kind of job",
    JobKind,
    "secateur.jobs",
    {"finetune": "core.runs.kinds.finetune:KIND", "iterative": "core.runs.kinds.iterative:KIND"},
)


@contextlib.contextmanager
def spared(emit: Emit) -> Iterator[None]:
    """Report what a history could not take in; what was trained is not lost for it."""
    try:
        yield
    except UserError as error:
        emit({"event": "warning", "message": error.message, "hint": error.hint})
    except Exception as error:  # a bug there must not cost what took hours
        append_fault(error)
        text = f"The history could not be written ({type(error).__name__}: {error})."
        emit({"event": "warning", "message": text, "hint": "Please report it; the log has more."})


def figures_text(figures: Mapping[str, float] | None) -> str:
    """Return figures in words."""
    if not figures:
        return "not measured"
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
