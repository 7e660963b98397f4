"""Binds the graph to the session: state in, requests out."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from app.context import Context
from app.state import removal
from app.state.structure import gone

if TYPE_CHECKING:
    from app.graph_view.drawing.state import GraphState
    from app.graph_view.view import GraphView
    from app.state.session import Session

STEP = 0.05
FIRST_NEEDED = (
    "app.graph_view.view",
    "core.choose.score_cache",
    "core.graph.analysis",
    "core.plan.latency.cost",
    "core.plan.latency.files",
    "core.plan.live",
    "core.plan.predict",
    "core.plan.resolve",
)
"""Modules that a model takes until it is drawn."""


class GraphHost(QObject):
    """Makes the graph when the first model opens, and keeps it up to date.

    Signals
    -------
    menuRequested(int, QPoint)
        A context menu for a block, at a place on the screen.
    aloneRequested
        Tab in the graph: hide everything else, or show it again.
    """

    menuRequested = Signal(int, QPoint)
    aloneRequested = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme = context.session, context.theme
        self._view: GraphView | None = None

    @property
    def view(self) -> GraphView:
        """The graph's widget."""
        if self._view is None:
            from app.graph_view.view import GraphView

            self._view = GraphView()
            self._connect(self._view)
        return self._view

    def prepare(self) -> None:
        """Import what a model takes until it is drawn, while nobody waits for it."""
        for name in FIRST_NEEDED:
            importlib.import_module(name)

    def _connect(self, view: GraphView) -> None:
        session = self._session
        view.set_palette_kind(self._theme.kind)
        self._theme.changed.connect(view.set_palette_kind)
        session.modelChanged.connect(self._load)
        for signal in (session.predictionChanged, session.viewChanged):
            signal.connect(self._show)
        measured = session.measured
        for signal in (measured.scanChanged, measured.clockChanged, measured.compared):
            signal.connect(self._show)
        measured.pairChanged.connect(self._show)
        session.selectionChanged.connect(self._select)
        view.selectionRequested.connect(lambda blocks, mode: session.select(blocks, mode))
        view.ratioStepped.connect(self._step)
        view.blockHovered.connect(session.hover)
        view.layerClicked.connect(session.focus_layer)
        view.contextMenuRequested.connect(self.menuRequested)
        tab = QShortcut(QKeySequence(Qt.Key.Key_Tab), view)
        tab.setContext(Qt.ShortcutContext.WidgetShortcut)
        tab.activated.connect(self.aloneRequested)
        self._load()

    def _load(self) -> None:
        if self._view is not None:
            self._view.set_table(self._session.table)
            self._show()
            self._select()

    def _show(self) -> None:
        if self._view is not None and self._session.prediction is not None:
            self._view.set_state(graph_state(self._session))

    def _select(self) -> None:
        if self._view is not None:
            self._view.set_selection(self._session.selection)

    def _step(self, block: int, steps: int) -> None:
        self._session.edit(removal.stepped(self._session, {block}, STEP * steps))


def graph_state(session: Session) -> GraphState:
    """Return what the graph should show of a session with an open model."""
    from app.graph_view.drawing.state import GraphState

    model, prediction, plan = session.model, session.prediction, session.plan
    assert model is not None
    assert prediction is not None
    total = max(prediction.after.macs, 1)
    overlay = session.overlays[session.overlay]
    state = GraphState(
        widths_in=prediction.block_in,
        widths_out=prediction.block_out,
        share_kept=prediction.share_kept,
        roles=prediction.roles,
        locked=session.locked,
        eligible=model.predictor.independent if plan.strategy == "independent" else frozenset(),
        ratios=removal.shares(session),
        **overlay.state(session),
        notes=loss_notes(session),
        layer_widths=prediction.layer_widths,
        highlighted=session.highlighted,
        path=session.coupling.pairs,
        path_text=session.coupling.text,
        macs_share={n: m / total for n, m in prediction.block_macs.items()},
        **gone.of(session),
    )
    return state if overlay.fields is None else replace(state, **overlay.fields(session))


def loss_notes(session: Session) -> dict[int, str]:
    """Return the figures of a sensitivity scan for the tips of blocks."""
    return {
        block: "Accuracy lost when pruned by "
        + ", ".join(f"{p.ratio:.0%}: {100 * p.loss:.1f}%" for p in points)
        for block, points in session.measured.curves().items()
    }
