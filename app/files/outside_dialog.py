"""The question about files outside a received project's folder. No is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.engine.thread import Background
from app.kit.dialogs import ask
from core.errors import UserError
from core.system.files import remove_parts
from core.system.scratch import sweep
from core.system.visible import visible

if TYPE_CHECKING:
    from core.runs.received import Claim

SHOWN = 6
WIDEST = 90
"""Characters of a path that are shown; the whole is in the details."""


def when_confirmed(
    place: Path,
    background: Background,
    window: QWidget,
    act: Callable[[], object],
    refused: Callable[[UserError | None], object],
) -> None:
    """Ask about files outside a project's folder, unless it was made on this machine.

    Parameters
    ----------
    place : Path
        The project's file.
    background : Background
        Looks at it.
    window : QWidget
    act : callable
        What to do then.
    refused : callable
        Called otherwise, with the error where it could not be checked.
    """
    from core.runs.received import claims_of, confirm, outside_files

    def checked(claims: tuple[Claim, ...]) -> None:
        paths = outside_files(claims)
        box = outside_dialog(place.name, paths, window) if paths else None
        if box is not None and ask(box) != QMessageBox.StandardButton.Open:
            refused(None)
            return
        confirm(claims)
        sweep(place.parent)  # what a kill left there
        remove_parts(place.parent)
        act()

    unknown = UserError(f"The files that {place.name} uses could not be checked.", "Try again.")
    background.run("received", lambda: claims_of(place), checked, lambda _: refused(unknown))


def outside_dialog(name: str, paths: Sequence[str], parent: QWidget | None = None) -> QMessageBox:
    """Return the question whether a project may use files outside its folder.

    Parameters
    ----------
    name : str
        The project's.
    paths : sequence of str
    parent : QWidget, optional
    """
    shown = [_short(visible(path)) for path in paths[:SHOWN]]
    more = [f"and {len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("Files outside the project")
    box.setText(f"{_short(visible(name))} uses files outside its folder.")
    box.setInformativeText(
        "\n".join([*shown, *more])
        + "\n\nReports may contain images from there, and jobs may write there. Open the project "
        "only if you know where it comes from. You are not asked again unless this list changes."
    )
    box.setDetailedText("\n".join(map(visible, paths)))
    box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    return box


def _short(text: str) -> str:
    half = WIDEST // 2
    return text if len(text) <= WIDEST else f"{text[: half - 1]}…{text[-half:]}"
