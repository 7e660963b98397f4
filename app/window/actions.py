"""Every action of the window as a table: menus, toolbar, shortcuts and palette come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from app.compare.graph_overlay import is_kin
from app.kit import theme
from app.state.session import Session

MENUS = ("&File", "&Edit", "&Plan", "&View", "&Help")


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes
    ----------
    handler : str
        Name of a method of ``Handlers``; ``argument`` is handed to it when given.
    menu : str
        Where it stands; a submenu after a slash.
    needs : str
        Key of ``CONDITIONS``: when the action can be used.
    short : str
        Its text on the toolbar, where that is another.
    group : str
        Actions of one group exclude each other, and show which of them holds.
    """

    id: str
    text: str
    handler: str
    menu: str
    shortcut: str = ""
    icon: str = ""
    toolbar: bool = False
    tooltip: str = ""
    needs: str = ""
    argument: str = ""
    group: str = ""
    separator: bool = False
    short: str = ""


A = ActionSpec
ACTIONS: tuple[ActionSpec, ...] = (
    A("open", "&Open …", "open_dialog", "&File", "Ctrl+O", "open", True,
      "Open a checkpoint, a description or a project"),
    A("demo", "Open the &demo", "open_demo", "&File",
      tooltip="Open a small trained network with images for it; nothing is downloaded"),
    A("save", "&Save project", "save", "&File", "Ctrl+S", "save", True,
      "Save the plan and its results as a project", "model", separator=True, short="Save"),
    A("save_as", "Save project &as …", "save_as", "&File", "Ctrl+Shift+S", needs="model"),
    A("import_plan", "&Import plan …", "import_plan", "&File", needs="model", separator=True,
      tooltip="Use a plan that was saved as JSON"),
    A("export_plan", "&Export plan …", "export_plan", "&File", needs="model",
      tooltip="Save the plan as JSON, for the command line"),
    A("report", "&Report …", "report", "&File", "Ctrl+R", needs="model",
      tooltip="Make one page of the model, the plan and all that was measured"),
    A("close", "&Close model", "close_model", "&File", "Ctrl+W", needs="model", separator=True),
    A("quit", "&Quit", "quit", "&File", "Ctrl+Q", "quit", separator=True),
    A("undo", "&Undo", "undo", "&Edit", "Ctrl+Z", "undo", True, "Take the last edit back", "undo"),
    A("redo", "&Redo", "redo", "&Edit", "Ctrl+Shift+Z", "redo", True, "Do it again", "redo"),
    A("select_all", "Select &all that can be pruned", "select_all", "&Edit", "Ctrl+Shift+A",
      "select", needs="model", separator=True),
    A("select_none", "Select &none", "select_none", "&Edit", "Ctrl+Shift+D", needs="selection"),
    A("find", "&Find a block", "find", "&Edit", "Ctrl+F", "search", True,
      "Find blocks by index, type or layer", "model", separator=True, short="Find"),
    A("palette", "&Command palette", "palette", "&Edit", "Ctrl+K", "palette",
      tooltip="Find any action by its name"),
    A("prune", "&Prune …", "prune", "&Plan", "Ctrl+P", "prune", True,
      "Prune a copy, prove it, and save it", "changes"),
    A("verify", "&Verify a pruned file …", "verify", "&Plan", "Ctrl+Shift+V", "verify", True,
      "Compare a pruned file with its masked original", "model", short="Verify"),
    A("cancel", "Cancel the running &job", "cancel_job", "&Plan", "Ctrl+.", "stop", needs="job"),
    A("more", "Prune &more of the selection", "step_ratio", "&Plan", "Ctrl+Up", needs="selection",
      argument="5", separator=True, tooltip="Raise the ratio by 5 %"),
    A("less", "Prune &less of the selection", "step_ratio", "&Plan", "Ctrl+Down",
      needs="selection", argument="-5", tooltip="Lower the ratio by 5 %"),
    A("lock", "&Lock or unlock the selection", "toggle_lock", "&Plan", "Ctrl+L", "lock", True,
      "Keep the widths of the selected blocks as they are", "selection", short="Lock"),
    A("drop", "&Take the selection out of the plan", "drop_selection", "&Plan", "Del", "clear",
      needs="selection"),
    A("clear", "&Clear the plan", "clear_plan", "&Plan", needs="entries"),
    A("why", "&Why? …", "why", "&Plan", "Ctrl+Y", "why", True,
      "Ask whether and how one block changes another", "model", separator=True),
    A("fit", "&Fit the graph", "fit", "&View", "Ctrl+0", "fit", True, "Show the whole network",
      "model", short="Fit"),
    A("zoom_in", "Zoom &in", "zoom_in", "&View", "Ctrl++", "zoom-in", needs="model"),
    A("zoom_out", "Zoom &out", "zoom_out", "&View", "Ctrl+-", "zoom-out", needs="model"),
    A("toggle", "Open or &close the selected blocks", "toggle_blocks", "&View", "Ctrl+E",
      needs="selection", tooltip="Show the layers inside the selected blocks"),
    A("close_blocks", "Close all &blocks", "close_blocks", "&View", needs="model"),
    A("next", "Go to a &reader", "jump", "&View", "Alt+Right", needs="model", argument="target",
      separator=True),
    A("previous", "Go to a &source", "jump", "&View", "Alt+Left", needs="model",
      argument="source"),
    A("copy_picture", "Copy &picture", "copy_picture", "&View", "Ctrl+Shift+C", "copy",
      needs="model", separator=True, tooltip="Copy the graph as a picture"),
    A("save_picture", "Sa&ve picture …", "save_picture", "&View", icon="picture", needs="model",
      tooltip="Save the graph as SVG or PNG"),
    A("overlay_none", "&Plain", "overlay", "&View/Colour blocks by", "Ctrl+1", needs="model",
      argument="none", group="overlay"),
    A("overlay_parameters", "P&arameters", "overlay", "&View/Colour blocks by", "Ctrl+2",
      needs="model", argument="parameters", group="overlay"),
    A("overlay_macs", "&Multiply-adds", "overlay", "&View/Colour blocks by", "Ctrl+3",
      needs="model", argument="macs", group="overlay"),
    A("overlay_ratio", "&Ratio", "overlay", "&View/Colour blocks by", "Ctrl+4", needs="model",
      argument="ratio", group="overlay"),
    A("overlay_stage", "&Stage", "overlay", "&View/Colour blocks by", "Ctrl+5", needs="model",
      argument="stage", group="overlay"),
    A("overlay_kept", "&Kept channels", "overlay", "&View/Colour blocks by", "Ctrl+6",
      needs="model", argument="kept", group="overlay"),
    A("overlay_sensitivity", "Se&nsitivity", "overlay", "&View/Colour blocks by", "Ctrl+7",
      needs="model", argument="sensitivity", group="overlay",
      tooltip="How much accuracy each block loses when pruned, as far as it was measured"),
    A("overlay_latency", "M&illiseconds", "overlay", "&View/Colour blocks by", "Ctrl+8",
      needs="model", argument="latency", group="overlay",
      tooltip="How long each block takes on this machine, as its layers were timed"),
    A("overlay_compared_channels", "&Channels left, compared", "overlay",
      "&View/Colour blocks by", "Ctrl+9", needs="compared", argument="compared_channels",
      group="overlay",
      tooltip="Which channels the one of two compared models still has of the other's"),
    A("overlay_compared_macs", "Multiply-adds sa&ved, compared", "overlay",
      "&View/Colour blocks by", needs="compared", argument="compared_macs", group="overlay",
      tooltip="How much each block costs less in the one of two compared models"),
    A("look_system", "Like the &system", "appearance", "&View/Appearance", argument="system",
      group="appearance"),
    A("look_light", "&Light", "appearance", "&View/Appearance", argument="light",
      group="appearance"),
    A("look_dark", "&Dark", "appearance", "&View/Appearance", argument="dark",
      group="appearance"),
    A("reset_layout", "Put panels back", "reset_layout", "&View",
      tooltip="Show every panel in its first place"),
    A("help", "What is &pruning …", "help", "&Help", "F1",
      tooltip="What pruning is, what follows from it, and what each choice does"),
    A("tour", "&Tour", "tour", "&Help", tooltip="Show the way around the window in five steps"),
    A("run_demo", "&Run the whole demo …", "run_demo", "&Help",
      tooltip="Walk the whole job on a small network: suggest, prune, tune, compare, export"),
    A("report_problem", "Report a pro&blem …", "report_problem", "&Help", separator=True,
      tooltip="Save logs, versions, machine and plan for a report; no images, no weights"),
    A("log", "Show the &log", "show_log", "&Help", tooltip="Where faults are written down"),
    A("about", "&About Secateur", "about", "&Help"),
)  # fmt: skip

CONDITIONS: Mapping[str, Callable[[Session, bool], bool]] = {
    "": lambda session, busy: True,
    "model": lambda session, busy: session.model is not None,
    "selection": lambda session, busy: bool(session.selection),
    "entries": lambda session, busy: session.model is not None and bool(session.plan.selection),
    "changes": lambda session, busy: session.prediction is not None and session.prediction.changes,
    "undo": lambda session, busy: session.undo_stack.canUndo(),
    "redo": lambda session, busy: session.undo_stack.canRedo(),
    "job": lambda session, busy: busy,
    "compared": lambda session, busy: (
        session.measured.comparison is not None and is_kin(session, session.measured.comparison)
    ),
}


class Actions(QObject):
    """The actions made from the table.

    Parameters
    ----------
    session : Session
    handlers : object
        Has a method for every ``handler`` of the table.
    busy : callable
        Whether a job runs.
    """

    def __init__(self, session: Session, handlers: object, busy: Callable[[], bool]) -> None:
        super().__init__()
        self._session, self._busy = session, busy
        self.by_id: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        for spec in ACTIONS:
            self.by_id[spec.id] = self._make(spec, handlers)
        for signal in (
            session.modelChanged,
            session.selectionChanged,
            session.predictionChanged,
            session.undo_stack.indexChanged,
            session.measured.compared,
        ):
            signal.connect(self.refresh)
        session.viewChanged.connect(self._show_overlay)
        self.refresh()

    def _make(self, spec: ActionSpec, handlers: object) -> QAction:
        action = QAction(spec.text, self)
        method = getattr(handlers, spec.handler)
        call = partial(method, spec.argument) if spec.argument else method
        action.triggered.connect(lambda _checked=False, c=call: c())
        if spec.shortcut:
            action.setShortcut(QKeySequence(spec.shortcut))
        tip = spec.tooltip or spec.text.replace("&", "").removesuffix(" …")
        action.setToolTip(f"{tip} ({spec.shortcut})" if spec.shortcut else tip)
        action.setStatusTip(tip)
        if spec.group:
            group = self._groups.setdefault(spec.group, QActionGroup(self))
            action.setCheckable(True)
            group.addAction(action)
        if spec.icon:
            action.setIcon(theme.icon(spec.icon))
        if spec.short:
            action.setIconText(spec.short)
        return action

    def refresh(self) -> None:
        """Enable what can be done now."""
        busy = self._busy()
        for spec in ACTIONS:
            self.by_id[spec.id].setEnabled(CONDITIONS[spec.needs](self._session, busy))
        stack = self._session.undo_stack
        for name, words in (("undo", stack.undoText()), ("redo", stack.redoText())):
            title = f"&{name.capitalize()}"
            self.by_id[name].setText(f"{title}: {words}" if words else title)
            self.by_id[name].setIconText(name.capitalize())
        self._show_overlay()

    def _show_overlay(self) -> None:
        self.by_id[f"overlay_{self._session.overlay}"].setChecked(True)

    def restyle(self) -> None:
        """Draw the icons in the theme's colours."""
        for spec in ACTIONS:
            if spec.icon:
                self.by_id[spec.id].setIcon(theme.icon(spec.icon))

    # ---- where they show ----------------------------------------------------------------------

    def fill_menus(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Build the menus; returns them by name."""
        menus = {name: bar.addMenu(name) for name in MENUS}
        for spec in ACTIONS:
            if spec.menu not in menus:
                parent, _, name = spec.menu.partition("/")
                menus[spec.menu] = menus[parent].addMenu(name)
            if spec.separator:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self.by_id[spec.id])
        return menus

    def fill_toolbar(self, bar: QToolBar) -> None:
        """Build the toolbar, with a line between menus' parts."""
        last = ""
        for spec in ACTIONS:
            if not spec.toolbar:
                continue
            if last and spec.menu != last:
                bar.addSeparator()
            last = spec.menu
            bar.addAction(self.by_id[spec.id])
