"""One block in detail: facts, layers, the ranking of a layer's channels; and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.context import Context
from app.kit import formats
from app.kit.table_model import ROW_ROLE, TableModel
from app.kit.widgets import KeptStrip, OnScreen, column, label, table_view
from app.plan.conflicts.cascade_part import CascadePart
from app.plan.conflicts.finder import ConflictFinder
from app.plan.structure.parts_list import PartsList
from app.plan.tables import LAYER_COLUMNS, LayerRow, layer_rows
from app.state import plan_edits, removal
from core.plan import criteria

if TYPE_CHECKING:
    from app.plan.ranking_chart import RankingChart
    from core.graph.table import Block, Ints

NOTHING = "Click a block in the graph or in the table to see its layers."


class InspectorPanel(OnScreen, QScrollArea):
    """The block in focus.

    Signals
    -------
    rankRequested()
        The ranking that the plan asks for needs images, and should be computed now.
    """

    rankRequested = Signal()

    def __init__(self, context: Context, finder: ConflictFinder) -> None:
        super().__init__()
        self._context, self._finder = context, finder
        self._session = context.session
        self._chart: RankingChart | None = None
        self._title = label("", "heading")
        self._about = label(NOTHING, "muted")
        self.model: TableModel[LayerRow] = TableModel(LAYER_COLUMNS, self)
        self.view = table_view(self.model, "Layers of the block", stretch=0)
        self.view.setMinimumHeight(84)
        self.view.height_hint = 112
        self._ranking = label("", "muted")
        self.rank = QPushButton("Rank by images")
        self.rank.setToolTip("Compute the ranking set in the plan; until then another one is shown")
        self.rank.clicked.connect(self.rankRequested)
        self.parts = PartsList(context)
        self._place = QVBoxLayout()
        self.strip = KeptStrip()
        self._body = QWidget()
        body = column(self.view, self._ranking, self.strip, self.rank, margins=0)
        body.addLayout(self._place)
        body.setStretch(0, 1)
        self._body.setLayout(body)
        inner = QWidget()
        self.cascade = CascadePart(context, finder)
        layout = column(self._title, self._about, self.parts, self._body, self.cascade, margins=10)
        layout.setStretchFactor(self.cascade, 1)
        layout.addStretch(0)
        inner.setLayout(layout)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the keyboard
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Inspector")
        self._connect()
        self._show_block()

    def _connect(self) -> None:
        session = self._session
        for signal in (session.modelChanged, session.selectionChanged):
            signal.connect(self._show_block)
        session.predictionChanged.connect(self._update)
        session.planChanged.connect(self._show_parts)
        session.structures.partsChanged.connect(self._show_parts)
        self._finder.changed.connect(self._show_cascade)
        session.scoresChanged.connect(self._show_ranking)
        session.measured.dataChanged.connect(self._show_ranking)
        self.view.selectionModel().currentRowChanged.connect(self._choose_layer)
        self._context.theme.changed.connect(self._restyle)

    def catch_up(self) -> None:
        """Show the block in focus."""
        self._show_block()

    # ---- the block ----------------------------------------------------------------------------

    def _block(self) -> Block | None:
        table, index = self._session.table, self._session.focused
        if table is None or index is None:
            return None
        return next((b for b in table.blocks if b.index == index), None)

    def _show_block(self) -> None:
        block = self._block()
        self._show_cascade()
        self._show_parts()
        self._title.setVisible(block is not None)
        self._body.setVisible(block is not None)
        if block is None:
            self._about.setText(NOTHING)
            return
        self._title.setText(f"Block {block.index} · {block.type}")
        self.model.set_rows([])
        self._update()
        self._mark_layer()

    def _show_parts(self) -> None:
        if self.shown:
            self.parts.show_parts()

    def _show_cascade(self) -> None:
        if self.shown:
            self.cascade.show_cascade()

    def _update(self) -> None:
        block = self._block()
        if block is None or not self.shown:
            return
        self._about.setText(self._facts(block))
        rows = layer_rows(self._session, block.index)
        self.model.set_rows(rows)
        self.view.setVisible(bool(rows))
        self._show_ranking()

    def _facts(self, block: Block) -> str:
        prediction = self._session.prediction
        assert prediction is not None
        share = prediction.block_macs[block.index] / max(prediction.after.macs, 1)
        outs = formats.widths(block.out_channels, prediction.block_out[block.index])
        ins = formats.widths(block.in_channels, prediction.block_in[block.index])
        lines = [
            formats.plain(block),
            f"{ins} channels in from {formats.sources(block)}, {outs} out, stride {block.stride}",
            f"{formats.count(prediction.block_parameters[block.index])} parameters, "
            f"{formats.gflops(prediction.block_macs[block.index])} GFLOPs ({share:.1%})",
        ]
        if block.index in plan_edits.named_blocks(self._session.plan):
            lines.append(removal.of_block(self._session, block.index).words)
        if block.reason:
            lines.append(block.reason)
        return "\n".join(lines)

    # ---- its layers ---------------------------------------------------------------------------

    def _choose_layer(self) -> None:
        row = self.view.currentIndex().data(ROW_ROLE)
        block = self._block()
        if row is not None and block is not None:
            self._session.focus_layer(f"model.{block.index}.{row.name}")

    def _mark_layer(self) -> None:
        """Show the row of the layer in focus; without one, nothing is marked."""
        block = self._block()
        if block is None or not self._session.focused_layer:
            return
        wanted = self._session.focused_layer.removeprefix(f"model.{block.index}.")
        for number, row in enumerate(self.model.rows):
            if row.name == wanted and self.view.currentIndex().row() != number:
                flags = QItemSelectionModel.SelectionFlag
                index = self.model.index(number, 0)
                chosen = flags.ClearAndSelect | flags.Rows
                self.view.selectionModel().setCurrentIndex(index, chosen)

    def _layer(self) -> int | None:
        """Return the layer whose channels are ranked, as a number in what is left.

        The one in focus, or the block's output.
        """
        session, block = self._session, self._block()
        if session.model is None or block is None:
            return None
        left = session.model.left
        if session.focused_layer:
            return left.index.get(session.focused_layer)
        free = [
            n for n in left.layers_of(block.index) if left.layers[n].mixes and self._atoms(n).size
        ]
        return free[-1] if free else None

    def _atoms(self, layer: int) -> Ints:
        assert self._session.model is not None
        left = self._session.model.left
        atoms = left.outputs(layer)
        held = atoms[atoms >= 0]
        return held[left.fixed[held] < 0]

    # ---- its channels -------------------------------------------------------------------------

    def _show_ranking(self) -> None:
        session, layer = self._session, self._layer()
        scores, prediction = session.scores, session.prediction
        if not self.shown:
            return
        able = layer is not None and scores is not None and prediction is not None
        atoms = self._atoms(layer) if able and layer is not None else np.zeros(0, int)
        self.rank.setVisible(self._offers_ranking() and bool(atoms.size))
        parts: list[QWidget] = [self._ranking, self.strip]
        for part in parts if self._chart is None else [*parts, self._chart]:
            part.setVisible(bool(atoms.size))
        if not atoms.size or scores is None or prediction is None or session.model is None:
            return
        assert layer is not None
        kept = np.append(~prediction.resolution.removed, True)
        outputs = session.model.left.outputs(layer)
        self.strip.set_kept(kept[outputs])
        name = session.model.left.layers[layer].name
        stay = int(kept[outputs].sum())
        self._ranking.setText(
            f"{name.removesuffix('.conv')}: {stay} of {len(outputs)} channels kept, "
            f"{self._ranked_by()}"
        )
        chart = self._ensure_chart()
        chart.set_scores(scores[atoms])
        chart.set_ratio(float(prediction.resolution.removed[atoms].mean()))

    def _ranked_by(self) -> str:
        """Name the criterion of the shown scores, and that of the plan where it differs."""
        session = self._session
        shown, wanted = (criteria.title(c) for c in (session.ranked_by, session.plan.criterion))
        if session.ranked or not criteria.by_images(session.plan.criterion):
            return f"ranked by {shown}"
        return f"showing {shown}: not ranked by {wanted} yet"

    def _offers_ranking(self) -> bool:
        session = self._session
        wanted = criteria.by_images(session.plan.criterion) and not session.ranked
        return wanted and session.measured.data is not None

    def _ensure_chart(self) -> RankingChart:
        if self._chart is None:
            from app.plan.ranking_chart import RankingChart

            self._chart = RankingChart()
            self._chart.ratioDragged.connect(self._dragged)
            self._chart.taken.connect(self._session.begin_drag)
            self._chart.let_go.connect(self._session.end_drag)
            self._chart.let_go.connect(self._show_ranking)
            self._place.addWidget(self._chart)
        return self._chart

    def _dragged(self, ratio: float) -> None:
        if self._session.focused is not None:
            self._session.edit(
                plan_edits.set_ratio(self._session.plan, {self._session.focused}, ratio)
            )

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()
