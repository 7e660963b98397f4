"""Actions of the frame: the graph, the view, undo, the command palette, the tour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.context import Context
from app.feature import Action, has_model, has_selection
from app.kit.dialogs import show_dialog
from app.state.session import Overlay
from app.window.layout.modes import MODES
from app.window.layout.status_bar import versions_line
from app.window.parts import Parts
from app.window.tour import Tour
from core.errors import UserError
from core.system.program import licences
from core.system.versions import SECATEUR

PICTURES = "Pictures (*.svg *.png)"
OVERLAYS = "&View/Colour blocks by"
LOOKS = "&View/Appearance"
ABOUT_WIDTH = 360
"""Pixels of the text in *About Secateur*."""
MODE_MENU = "&View/Mode"


def can_undo(context: Context) -> bool:
    """While there is an edit to take back."""
    return context.session.undo_stack.canUndo()


def can_redo(context: Context) -> bool:
    """While an edit was taken back."""
    return context.session.undo_stack.canRedo()


def _can_show(overlay: Overlay, context: Context) -> bool:
    return overlay.needs(context.session)


class FrameActions(QObject):
    """What the frame itself offers.

    Parameters
    ----------
    parts : Parts
    tour : Tour
    enabled : callable
        Returns the actions that can be used now, for the command palette.
    """

    def __init__(self, parts: Parts, tour: Tour, enabled: Callable[[], list[QAction]]) -> None:
        super().__init__(parts.window)
        self._parts, self._tour, self._enabled = parts, tour, enabled
        self._context, self._session = parts.context, parts.context.session

    def actions(self) -> Sequence[Action]:
        """Return the rows, by menu."""
        return (
            *self._edit(),
            *self._view(),
            *self._modes(),
            *self._overlays(),
            *self._looks(),
            *self._help(),
        )

    def _edit(self) -> Sequence[Action]:
        stack = self._session.undo_stack
        return (
            Action("quit", "&Quit", self._parts.window.close, "&File:quit", "Ctrl+Q", "quit"),
            Action("undo", "&Undo", stack.undo, "&Edit:undo", "Ctrl+Z", "undo", True,
                   "Undo the last edit", can_undo),
            Action("redo", "&Redo", stack.redo, "&Edit:undo", "Ctrl+Shift+Z", "redo", True,
                   "Redo the last undone edit", can_redo, also=("Ctrl+Y",)),
            Action("find", "&Find a block", self._parts.pane.search.open_search, "&Edit:find",
                   "Ctrl+F", "search", True, "Find blocks by index, type or layer", has_model,
                   "Find"),
            Action("preferences", "Pre&ferences…", self.preferences, "&Edit:find", "Ctrl+,",
                   tip="Appearance, folders and device"),
            Action("palette", "&Command palette", self.palette, "&Edit:find", "Ctrl+K", "palette",
                   tip="Find any action by its name"),
        )  # fmt: skip

    def _view(self) -> Sequence[Action]:
        return (
            Action("fit", "&Fit the graph", self.fit, "&View:zoom", "F", "fit", True,
                   "Show the whole network", has_model, "Fit", on="graph", also=("Ctrl+0",)),
            Action("zoom_in", "Zoom &in", self.zoom_in, "&View:zoom", "Ctrl++", "zoom-in",
                   needs=has_model),
            Action("zoom_out", "Zoom &out", self.zoom_out, "&View:zoom", "Ctrl+-", "zoom-out",
                   needs=has_model),
            Action("zoom_100", "Zoom to &100%", self.zoom_100, "&View:zoom", "Ctrl+Alt+0",
                   tip="Show the graph at its natural size", needs=has_model, on="graph"),
            Action("zoom_to", "Zoom to the selec&tion", self.zoom_to, "&View:zoom", "Z",
                   tip="Bring the selected block to the middle", needs=has_selection, on="block"),
            Action("toggle", "Open or &close the selected blocks", self.toggle_blocks,
                   "&View:zoom", "Ctrl+E", tip="Show the layers inside the selected blocks",
                   needs=has_selection, on="block"),
            Action("close_blocks", "Close all &blocks", self.close_blocks, "&View:zoom",
                   needs=has_model),
            Action("next", "Go to a &reader", partial(self.jump, "target"), "&View:go",
                   "Alt+Right", needs=has_model),
            Action("previous", "Go to a &source", partial(self.jump, "source"), "&View:go",
                   "Alt+Left", needs=has_model),
            Action("copy_picture", "Copy &picture", self.copy_picture, "&View:picture",
                   "Ctrl+Shift+C", "copy", tip="Copy the graph as a picture", needs=has_model,
                   on="graph"),
            Action("save_picture", "Sa&ve picture…", self.save_picture, "&View:picture",
                   icon="picture", tip="Save the graph as SVG or PNG", needs=has_model),
            Action("graph_alone", "&Graph alone", self.toggle_graph_alone, "&View:layout",
                   tip="Hide everything but the graph, or show it again; Tab in the graph",
                   needs=has_model),
            Action("full_screen", "F&ull screen", self.toggle_full_screen, "&View:layout", "F11",
                   tip="Fill the screen, or leave it"),
            Action("drawer", "&Drawer", self.toggle_drawer, "&View:layout", "Ctrl+D",
                   tip="Open or close the tables below the graph", needs=has_model),
            Action("reset_layout", "Reset la&yout", self._parts.workspace.reset, "&View:layout",
                   tip="Give every part its first size"),
        )  # fmt: skip

    def _modes(self) -> Sequence[Action]:
        return tuple(
            Action(f"mode_{mode.id}", mode.title, partial(self._parts.workspace.set_mode, mode.id),
                   MODE_MENU, f"Ctrl+Alt+{number}", tip=mode.tip, needs=has_model, group="mode",
                   checked=partial(self._works_in, mode.id))
            for number, mode in enumerate(MODES, 1)
        )  # fmt: skip

    def _works_in(self, mode: str) -> bool:
        return self._parts.workspace.mode.id == mode

    def _overlays(self) -> Sequence[Action]:
        rows = sorted(self._session.overlays.values(), key=lambda o: (not o.shortcut, o.shortcut))
        return tuple(
            Action(f"overlay_{row.id}", row.text, partial(self._session.set_overlay, row.id),
                   OVERLAYS, row.shortcut, tip=row.tip, group="overlay",
                   checked=partial(self._shows, row.id), needs=partial(_can_show, row))
            for row in rows
        )  # fmt: skip

    def _shows(self, overlay: str) -> bool:
        return self._session.overlay == overlay

    def _looks_like(self, appearance: str) -> bool:
        return self._context.settings.appearance() == appearance

    def _looks(self) -> Sequence[Action]:
        return tuple(
            Action(f"look_{name}", text, partial(self.appearance, name), LOOKS,
                   group="appearance", checked=partial(self._looks_like, name))
            for name, text in (
                ("system", "&System"),
                ("light", "&Light"),
                ("dark", "&Dark"),
            )
        )  # fmt: skip

    def _help(self) -> Sequence[Action]:
        return (
            Action("tour", "&Tour", self._tour.start, "&Help:help",
                   tip="Explain the window in five steps"),
            Action("shortcuts", "&Keyboard shortcuts", self.shortcuts, "&Help:help", "Ctrl+/",
                   tip="Show all keys on one sheet"),
            Action("messages", "&Messages", self._parts.pane.messages.show_log, "&Help:problem",
                   tip="Show everything that was reported so far"),
            Action("about", "&About Secateur", self.about, "&Help:about"),
        )  # fmt: skip

    # ---- the graph ----------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole graph."""
        self._parts.host.view.fit()

    def zoom_in(self) -> None:
        """Zoom in."""
        self._parts.host.view.zoom_in()

    def zoom_100(self) -> None:
        """Show the graph at its natural size."""
        self._parts.host.view.zoom_reset()

    def zoom_to(self) -> None:
        """Bring the block in focus to the middle, large enough to be read."""
        block = self._session.focused
        if block is not None:
            self._parts.host.view.focus_block(block)

    def zoom_out(self) -> None:
        """Zoom out."""
        self._parts.host.view.zoom_out()

    def toggle_blocks(self) -> None:
        """Open the selected blocks, or close those that are open."""
        for block in sorted(self._session.selection):
            self._parts.host.view.toggle_block(block)

    def close_blocks(self) -> None:
        """Close every block."""
        self._parts.host.view.close_all()

    def jump(self, direction: str) -> None:
        """Go to a neighbour along the lines, and select it."""
        view = self._parts.host.view
        if view.focused_block is None and self._session.focused is not None:
            view.focus_block(self._session.focused)
        block = view.jump(direction)
        if block is not None:
            self._session.select({block})

    def copy_picture(self) -> None:
        """Copy the graph as a picture."""
        self._parts.host.view.copy_picture()
        self._session.say("The graph was copied to the clipboard.", key="picture")

    def save_picture(self) -> None:
        """Save the graph as SVG or PNG."""
        model = self._session.model
        stem = Path(model.path).stem if model else "graph"
        start = str(Path(self._context.settings.folder()) / f"{stem}.svg")
        name, _ = QFileDialog.getSaveFileName(self._parts.window, "Save picture", start, PICTURES)
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".svg")
        try:
            self._parts.host.view.save_picture(path)
        except UserError as error:
            self._session.say(error.message, error.hint, "error")

    # ---- what shows ---------------------------------------------------------------------------

    def toggle_graph_alone(self) -> None:
        """Hide everything but the graph, or show it again."""
        workspace = self._parts.workspace
        workspace.set_graph_alone(not workspace.graph_alone)
        self._parts.host.view.setFocus()

    def toggle_full_screen(self) -> None:
        """Fill the screen, or leave it."""
        window = self._parts.window
        window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_drawer(self) -> None:
        """Open or close the drawer."""
        drawer = self._parts.workspace.drawer
        drawer.set_open(not drawer.is_open)
        drawer.keyboard()

    # ---- the rest -----------------------------------------------------------------------------

    def palette(self) -> None:
        """Find an action by its name."""
        from app.window.command_palette import CommandPalette

        panels = self._parts.workspace.actions_to_panels if self._session.model else []
        palette = CommandPalette([*self._enabled(), *panels], self._parts.window)

        def run() -> None:
            if palette.chosen is not None:
                palette.chosen.trigger()

        palette.accepted.connect(run)
        show_dialog(palette)

    def preferences(self) -> None:
        """Change what is remembered between starts."""
        from app.window.preferences import Preferences

        show_dialog(Preferences(self._context, self._parts.window))

    def shortcuts(self) -> None:
        """Show all keys."""
        from app.window.shortcut_sheet import ShortcutSheet

        show_dialog(ShortcutSheet(self._parts.window.menuBar(), self._parts.window))

    def appearance(self, appearance: str) -> None:
        """Follow the system, or stay light or dark."""
        self._context.settings.set_appearance(appearance)
        self._context.theme.set_appearance(appearance)

    def about(self) -> None:
        """Show the versions, with what is to be said about them, and the licence."""
        box = QMessageBox(self._parts.window)
        box.setWindowTitle("About Secateur")
        box.setText(f"Secateur {SECATEUR}")
        lines = [
            "Prunes YOLO networks: smaller and faster, verified before saving.",
            "Free software under the AGPL, version 3 or later.",
        ]
        state = self._context.engine.state
        if versions := versions_line(state):
            lines += ["", versions, *filter(None, [str(state.facts.get("untested", ""))])]
        if (parts := licences()) is not None:
            lines += ["", f"Licences of all components: {parts}"]
            box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.setInformativeText("\n".join(lines))
        box.setStyleSheet(f"QLabel#qt_msgbox_informativelabel {{ min-width: {ABOUT_WIDTH}px; }}")
        show_dialog(box)
