"""Models side by side: runs the comparison, and takes it into the history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.compare.graph_overlay import NAMES, is_kin
from app.compare.tables import has_images
from app.context import Context
from app.engine.preconditions import is_free
from app.state.files import NETWORKS
from app.state.measurements import data_arguments

if TYPE_CHECKING:
    from app.state.session import Session
    from core.compare.result import Comparison
    from core.project import DataSetting


class CompareController(QObject):
    """The window's side of the job ``compare``."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._window, self._settings = window, context.settings
        self._measured = context.session.measured
        self._session.planChanged.connect(self._show_plan)
        self._measured.compared.connect(self._look)

    def _show_plan(self) -> None:
        """Show the plan on the graph again: it has changed."""
        if self._session.overlay in NAMES:
            self._session.set_overlay("none")

    def _look(self) -> None:
        if self._measured.comparison is None:
            self._show_plan()

    def choose_files(self) -> list[str]:
        """Ask for networks to put next to the others: checkpoints, or exported files."""
        from core.ship.exported.metadata import exported_of

        paths, _ = QFileDialog.getOpenFileNames(
            self._window, "Add models to compare", self._settings.folder(), NETWORKS
        )
        if paths:
            self._settings.set_folder(str(Path(paths[0]).parent))
        return list(dict.fromkeys(map(exported_of, paths)))

    def compare(self, paths: Sequence[str]) -> None:
        """Put models side by side; the first is the baseline.

        They are measured on the val split of the dataset; without one, only widths and costs are
        compared.
        """
        session, measured = self._session, self._measured
        if len(paths) < 2 or not is_free(session, self._engine, "compare"):
            return
        data = measured.data
        images = data_arguments(data, "val")

        def done(result: Comparison) -> None:
            if data == measured.data:
                measured.set_comparison(result)
            if data is not None:
                keep(session, result, data)

        self._engine.submit(
            "compare",
            f"Compare {len(paths)} models",
            {"paths": list(paths), "data": images and {**images, "images": None}},
            done=done,
        )


def keep(session: Session, result: Comparison, data: DataSetting) -> None:
    """Take a comparison into the history, if its models have the same origin as the open one."""
    if has_images(result) and is_kin(session, result):
        from core.history.remember import compared

        session.lineage.measure(compared(result, data.path, data.image_size))
