"""Lets the user set any argument of a training: fetches the table, opens the dialog, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.kit.dialogs import show_dialog

if TYPE_CHECKING:
    from core.tune.arguments import Argument

Taken = Callable[[dict[str, Any]], None]


class ArgumentsController(QObject):
    """The window's side of the jobs ``arguments`` and ``check_arguments``."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._engine, self._window = context.engine, window
        self._table: tuple[Argument, ...] = ()

    def ask(self, preset: str, chosen: Mapping[str, Any], taken: Taken) -> None:
        """Show the arguments over a preset's, and hand on what was set.

        Parameters
        ----------
        preset : str
        chosen : mapping
            What was set before.
        taken : callable
            Called with what is set from now on, when the user is done.
        """
        from core.tune.arguments import Argument

        if self._table:
            self._open(preset, chosen, taken)
            return
        if self._engine.running("arguments"):
            return

        def done(result: Mapping[str, Any]) -> None:
            self._table = tuple(Argument.from_json(one) for one in result["arguments"])
            self._open(preset, chosen, taken)

        self._engine.submit("arguments", "Read the arguments of Ultralytics", {}, done=done)

    def _open(self, preset: str, chosen: Mapping[str, Any], taken: Taken) -> None:
        from app.tune.arguments_dialog import ArgumentsDialog

        dialog = ArgumentsDialog(self._table, preset, chosen, self._check, self._window)
        dialog.accepted.connect(lambda: taken(dialog.options))
        show_dialog(dialog)

    def _check(self, options: Mapping[str, Any], told: Callable[[Mapping[str, str]], None]) -> None:
        self._engine.submit(
            "check_arguments",
            "Check arguments",
            {"options": dict(options)},
            done=lambda result: told(result["problems"]),
        )
