"""A dataset whose classes are not the model's: what can be done about it, offered and done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context

if TYPE_CHECKING:
    from core.data.classes import ClassesDifferError

TASK = "retarget"
Actions = tuple[tuple[str, Callable[[], None]], ...]


@dataclass(frozen=True, slots=True)
class Offers:
    """Ways on from a dataset that was refused for its classes.

    Attributes
    ----------
    path : str
        The dataset.
    hint : str
    actions : tuple of (str, callable)
    """

    path: str
    hint: str
    actions: Actions


class Takes(Protocol):
    """What takes datasets over."""

    def take_as_same(self, path: str) -> None:
        """Take a dataset over whose classes are the model's under other names."""

    def look(self, path: str) -> bool:
        """Take a dataset over if it fits."""


class ClassesController(QObject):
    """Asks whether the classes are the same, or gives the model those of the dataset."""

    def __init__(self, context: Context, window: QWidget, data: Takes) -> None:
        super().__init__(window)
        self._session, self._engine, self._window = context.session, context.engine, window
        self._data = data
        self._waiting: tuple[str, str] | None = None
        context.session.modelChanged.connect(self._opened)

    def offers(self, path: str, error: ClassesDifferError) -> Offers:
        """Return what can be done about classes that differ."""

        def make() -> None:
            self.retarget(path)

        if not error.may_be_same:
            hint = "Use a dataset with the classes of the model, or give the model those of this."
            return Offers(path, hint, (("New class outputs…", make),))

        def same() -> None:
            self._data.take_as_same(path)

        return Offers(
            path,
            "Are they the same classes under other names, or is it another task?",
            (("The same classes", same), ("Another task…", make)),
        )

    def retarget(self, path: str) -> None:
        """Ask for a file, and write the open model with outputs for the classes of a dataset."""
        model = self._session.model
        if model is None:
            return
        source = Path(model.path)
        suggested = source.with_name(f"{source.stem}-{Path(path).parent.name}.pt")
        output, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the model with the classes of the dataset as",
            str(suggested),
            "Checkpoint (*.pt)",
        )
        if not output:
            return
        if not output.endswith(".pt"):
            output += ".pt"

        def done(result: dict[str, Any]) -> None:
            self._waiting = str(Path(output).absolute()), path
            self._session.say(result["text"], f"Saved as {output}.", key="data")
            self._session.requests.openWanted.emit(output)

        arguments = {"path": model.path, "data": path, "output": output}
        self._engine.submit(TASK, f"New classes for {source.name}", arguments, done=done)

    def _opened(self) -> None:
        """Take the dataset over once the model with its classes is open."""
        model, waiting = self._session.model, self._waiting
        if model is None or waiting is None or str(Path(model.path).absolute()) != waiting[0]:
            return
        self._waiting = None
        self._data.look(waiting[1])
