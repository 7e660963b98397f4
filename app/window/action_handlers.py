"""What the actions do: each a line or two that asks the session, the documents or the graph."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.context import Context
from app.files.documents import Documents
from app.pruning.controller import Pruning
from app.state import plan_edits
from app.window.graph_binding import GraphHost
from core.errors import UserError
from core.system import logs
from core.system.program import licences

if TYPE_CHECKING:
    from app.help.window import HelpWindow
    from app.window.main_window import MainWindow

PICTURES = "Pictures (*.svg *.png)"


class Handlers(QObject):
    """The methods that ``ACTIONS`` names."""

    def __init__(
        self,
        context: Context,
        window: MainWindow,
        documents: Documents,
        pruning: Pruning,
        host: GraphHost,
    ) -> None:
        super().__init__(window)
        self._context, self._session, self._window = context, context.session, window
        self._documents, self._pruning, self._host = documents, pruning, host
        self.help_window: HelpWindow | None = None
        # Many actions are another object's method as it is.
        self.open_dialog: Callable[[], None] = documents.open_dialog
        self.save: Callable[[], bool] = documents.save
        self.save_as: Callable[[], bool] = documents.save_as
        self.import_plan: Callable[[], None] = documents.import_plan
        self.export_plan: Callable[[], None] = documents.export_plan
        self.close_model: Callable[[], None] = documents.close_model
        self.prune: Callable[[], None] = pruning.prune
        self.verify: Callable[[], None] = pruning.verify
        self.undo: Callable[[], None] = self._session.undo_stack.undo
        self.redo: Callable[[], None] = self._session.undo_stack.redo
        self.overlay: Callable[[str], None] = self._session.set_overlay
        self.reset_layout: Callable[[], None] = window.layout_of_docks.reset
        self.find: Callable[[], None] = window.pane.search.open_search
        self.report: Callable[[], None] = window.reporting.ask
        self.quit = window.close
        self.open_demo: Callable[[], None] = window.demo.open
        self.tour: Callable[[], None] = window.tour.start
        self.report_problem: Callable[[], None] = window.support.save
        self.run_demo: Callable[[], None] = window.demo.run_all

    # ---- selection and plan -------------------------------------------------------------------

    def select_all(self) -> None:
        """Select every block that has channels to give."""
        if self._session.model is not None:
            self._session.select(self._session.model.predictor.prunable)

    def select_none(self) -> None:
        """Select nothing."""
        self._session.select(())

    def step_ratio(self, percent: str) -> None:
        """Raise or lower the ratio of the selected blocks."""
        session = self._session
        entries = [plan_edits.entry_of(session.plan, b) for b in session.selection]
        now = max((e.ratio or 0.0 for e in entries if e is not None), default=0.0)
        wanted = min(0.95, max(0.0, now + int(percent) / 100))
        session.edit(plan_edits.set_ratio(session.plan, session.selection, wanted))

    def toggle_lock(self) -> None:
        """Lock the selection, or unlock it when all of it is locked."""
        session = self._session
        locked = not session.selection <= session.locked
        session.edit(plan_edits.set_locked(session.plan, session.selection, locked))

    def drop_selection(self) -> None:
        """Take the selected blocks out of the plan."""
        self._session.edit(plan_edits.set_ratio(self._session.plan, self._session.selection, 0.0))

    def clear_plan(self) -> None:
        """Take everything out of the plan."""
        self._session.edit(plan_edits.clear(self._session.plan))

    def cancel_job(self) -> None:
        """Cancel what runs."""
        for record in self._context.jobs.running()[:1]:
            self._context.jobs.cancel(record.number)

    def why(self) -> None:
        """Ask about two blocks."""
        from app.plan.why_dialog import WhyDialog

        self._window.show_dialog(WhyDialog(self._session, self._window))

    # ---- the graph ----------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole graph."""
        self._host.view.fit()

    def zoom_in(self) -> None:
        """Zoom in."""
        self._host.view.zoom_in()

    def zoom_out(self) -> None:
        """Zoom out."""
        self._host.view.zoom_out()

    def toggle_blocks(self) -> None:
        """Open the selected blocks, or close those that are open."""
        for block in sorted(self._session.selection):
            self._host.view.toggle_block(block)

    def close_blocks(self) -> None:
        """Close every block."""
        self._host.view.close_all()

    def jump(self, direction: str) -> None:
        """Go to a neighbour along the lines, and select it."""
        view = self._host.view
        if view.focused_block is None and self._session.focused is not None:
            view.focus_block(self._session.focused)
        block = view.jump(direction)
        if block is not None:
            self._session.select({block})

    def copy_picture(self) -> None:
        """Copy the graph as a picture."""
        self._host.view.copy_picture()
        self._session.say("The graph is on the clipboard.", key="picture")

    def save_picture(self) -> None:
        """Save the graph as SVG or PNG."""
        model = self._session.model
        stem = Path(model.path).stem if model else "graph"
        start = str(Path(self._context.settings.folder()) / f"{stem}.svg")
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the picture", start, PICTURES)
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".svg")
        try:
            self._host.view.save_picture(path)
        except UserError as error:
            self._session.say(error.message, error.hint, "error")

    # ---- the rest -----------------------------------------------------------------------------

    def palette(self) -> None:
        """Find an action by its name."""
        from app.window.command_palette import CommandPalette

        able = [a for a in self._window.actions_table.by_id.values() if a.isEnabled()]
        panels = self._window.layout_of_docks.actions if self._session.model else []
        palette = CommandPalette([*able, *panels], self._window)

        def run() -> None:
            if palette.chosen is not None:
                palette.chosen.trigger()

        palette.accepted.connect(run)
        self._window.show_dialog(palette)

    def appearance(self, appearance: str) -> None:
        """Follow the system, or stay light or dark."""
        self._context.settings.set_appearance(appearance)
        self._context.theme.set_appearance(appearance)

    def show_log(self) -> None:
        """Show where faults are written down."""
        folder = logs.folder()
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def help(self) -> None:
        """Show the help page, or bring it to the front."""
        if self.help_window is None:
            from app.help.window import HelpWindow

            self.help_window = HelpWindow(self._context.theme, self._window)
        self.help_window.show()
        self.help_window.raise_()
        self.help_window.activateWindow()

    def about(self) -> None:
        """Say what this is."""
        box = QMessageBox(self._window)
        box.setWindowTitle("About Secateur")
        box.setText(f"<b>Secateur {metadata.version('secateur')}</b>")
        lines = [
            "Makes YOLO networks smaller and faster without breaking them.",
            "Free software under the AGPL, version 3 or later.",
        ]
        if (parts := licences()) is not None:
            lines += ["", f"The licences of all its parts: {parts}"]
            box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.setInformativeText("\n".join(lines))
        self._window.show_dialog(box)
