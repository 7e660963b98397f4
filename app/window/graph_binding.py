"""Binds the graph to the session: state in, requests out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal

from app.compare.graph_overlay import compared_state, is_shown
from app.context import Context
from app.state import plan_edits, removal
from app.state.measurements import HEAT_FULL

if TYPE_CHECKING:
    from app.graph_view.state import GraphState
    from app.graph_view.view import GraphView
    from app.state.session import Session

STEP = 0.05


class GraphHost(QObject):
    """Makes the graph when the first model opens, and keeps it up to date.

    Signals
    -------
    menuRequested(int, QPoint)
        A context menu for a block, at a place on the screen.
    """

    menuRequested = Signal(int, QPoint)

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
    """Return what the graph shall show of a session with an open model."""
    from app.graph_view.state import GraphState

    model, prediction, plan = session.model, session.prediction, session.plan
    assert model is not None
    assert prediction is not None
    total = max(prediction.after.macs, 1)
    state = GraphState(
        widths_in=prediction.block_in,
        widths_out=prediction.block_out,
        share_kept=prediction.share_kept,
        roles=prediction.roles,
        locked=session.locked,
        eligible=model.predictor.independent if plan.strategy == "independent" else frozenset(),
        ratios=shares(session),
        overlay=session.overlay,
        overlay_values=overlay_values(session),
        overlay_texts=overlay_texts(session),
        overlay_title=overlay_title(session),
        notes=loss_notes(session),
        layer_widths=prediction.layer_widths,
        highlighted=session.highlighted,
        path=session.coupling.pairs,
        path_text=session.coupling.text,
        macs_share={n: m / total for n, m in prediction.block_macs.items()},
    )
    return compared_state(session, state) if is_shown(session) else state


def shares(session: Session) -> dict[int, float]:
    """Return what part really goes of each block that the plan names, 0 to 1."""
    return {b: removal.of_block(session, b).share for b in plan_edits.named_blocks(session.plan)}


def overlay_values(session: Session) -> dict[int, float]:
    """Return the overlay's value of each block, 0 to 1."""
    prediction = session.prediction
    if prediction is None:
        return {}
    values = {
        "parameters": lambda: _share_of_most(prediction.block_parameters),
        "macs": lambda: _share_of_most(prediction.block_macs),
        "ratio": lambda: shares(session),
        "kept": lambda: prediction.share_kept,
        "latency": lambda: _share_of_most(block_ms(session)),
        "sensitivity": lambda: {
            b: loss / HEAT_FULL for b, loss in session.measured.losses().items()
        },
    }.get(session.overlay)
    return dict(values()) if values else {}


def block_ms(session: Session) -> dict[int, float]:
    """Return how long each block takes under the plan, where the layers were timed here."""
    clock, prediction = session.measured.clock, session.prediction
    if clock is None or prediction is None:
        return {}
    return dict(enumerate(clock.block_ms(prediction.resolution.removed).tolist()))


def overlay_texts(session: Session) -> dict[int, str]:
    """Return the overlay's figure of each block, for those that are about measured ones."""
    if session.overlay == "latency":
        return {block: f"{ms:.2f} ms" for block, ms in block_ms(session).items()}
    if session.overlay != "sensitivity" or session.table is None:
        return {}
    texts = {block.index: "" for block in session.table.blocks}
    losses = session.measured.losses().items()
    return texts | {b: f"−{100 * loss:.1f} %" for b, loss in losses}


def overlay_title(session: Session) -> str:
    """Say what the overlay's figures are, where that depends on what was measured."""
    if session.overlay == "latency":
        clock, prediction = session.measured.clock, session.prediction
        if clock is None or prediction is None:
            return "Milliseconds: not measured"
        return f"Milliseconds, {clock.ms(prediction.resolution.removed):.1f} in total"
    ratio = session.measured.shown_ratio
    if session.overlay != "sensitivity" or ratio is None:
        return ""
    return f"Accuracy lost at {ratio:.0%}"


def loss_notes(session: Session) -> dict[int, str]:
    """Return the figures of a sensitivity scan for the tips of blocks."""
    return {
        block: "Accuracy lost when pruned by "
        + ", ".join(f"{p.ratio:.0%}: {100 * p.loss:.1f} %" for p in points)
        for block, points in session.measured.curves().items()
    }


def _share_of_most(costs: Mapping[int, float]) -> dict[int, float]:
    most = max(costs.values(), default=1) or 1
    return {block: cost / most for block, cost in costs.items()}
