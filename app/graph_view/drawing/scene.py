"""The scene: lanes and rows behind, blocks and lines before, and the coupling path on top."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsScene,
    QStyleOptionGraphicsItem,
    QWidget,
)

from app.graph_view.drawing.edges import EdgeItem
from app.graph_view.drawing.ink import SIZES, Ink, text_size
from app.graph_view.drawing.items import BlockItem
from app.graph_view.drawing.looks import Looks, Marks
from app.graph_view.drawing.state import GraphState
from core.drawing.layout import LANE_TOP, ROW_LABEL, layout_blocks
from core.drawing.places import BoxPlace, GraphLayout, RowPlace
from core.graph.table import ChannelTable

CALLOUT_WIDTH = 300.0
WRAP = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop


class Callout(QGraphicsItem):
    """The reason of a coupling path, in a bubble next to it."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        self.ink = ink
        self.text = ""
        self.rect = QRectF()
        self.setZValue(5)
        self.hide()

    def show_text(self, text: str, at: QPointF, limits: QRectF) -> None:
        """Show a text next to a point, within the drawing; an empty one hides the bubble."""
        self.prepareGeometryChange()
        self.text = text
        self.setVisible(bool(text))
        if not text:
            return
        self.rect, area = self._own_size(text), self.size_of(text)
        x = min(max(at.x(), limits.left()), limits.right() - area.width())
        y = min(max(at.y(), limits.top()), limits.bottom() - area.height())
        self.setPos(x, y)

    def set_zoom(self, zoom: float) -> None:
        """Let the text be large enough on the screen, however small the drawing is."""
        self.setScale(text_size("plain", zoom) / SIZES["plain"])

    def size_of(self, text: str) -> QRectF:
        """Return the bubble a text needs in the drawing, its corner at zero."""
        own = self._own_size(text)
        return QRectF(0, 0, own.width() * self.scale(), own.height() * self.scale())

    def _own_size(self, text: str) -> QRectF:
        metrics = QFontMetricsF(self.ink.plain)
        size = metrics.boundingRect(QRectF(0, 0, CALLOUT_WIDTH, 4000), int(WRAP), text)
        return QRectF(0, 0, size.width() + 24, size.height() + 18)

    def boundingRect(self) -> QRectF:
        """Return the bubble."""
        return self.rect.adjusted(-2, -2, 2, 2)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the bubble and its text."""
        palette = self.ink.palette
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(palette.callout))
        painter.setOpacity(0.96)
        painter.drawRoundedRect(self.rect, 8, 8)
        painter.setOpacity(1.0)
        painter.setFont(self.ink.plain)
        painter.setPen(self.ink.pen(palette.callout_text))
        painter.drawText(self.rect.adjusted(12, 9, -8, -7), int(WRAP), self.text)


def _size_of(area: QRectF) -> float:
    return max(0.0, area.width()) * max(0.0, area.height())


class GraphScene(QGraphicsScene):
    """Holds the items and hands each its look; only what differs is painted again."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        # All items stay; searching a tree costs more than looking at a few dozen boxes.
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.ink = ink
        self.table: ChannelTable | None = None
        self.looks: Looks | None = None
        self.layout: GraphLayout | None = None
        self.state = GraphState()
        self.marks = Marks()
        self.opened: frozenset[int] = frozenset()
        self.blocks: dict[int, BlockItem] = {}
        self.lines: list[EdgeItem] = []
        self.graph: nx.Graph[int] = nx.Graph()
        self.callout = Callout(ink)
        self.addItem(self.callout)

    # ---- what is shown -------------------------------------------------------------------------

    def set_table(self, table: ChannelTable | None) -> None:
        """Show another network, or none."""
        for item in (*self.blocks.values(), *self.lines):
            self.removeItem(item)
        self.blocks, self.lines = {}, []
        self.table = table
        self.looks = Looks(table) if table is not None else None
        self.layout = None
        self.state, self.marks, self.opened = GraphState(), Marks(), frozenset()
        self.graph = nx.Graph()
        self.callout.show_text("", QPointF(), QRectF())
        if table is None:
            self.setSceneRect(QRectF())
            self.update()
            return
        self.graph.add_edges_from((s, b.index) for b in table.blocks for s in b.sources if s >= 0)
        self.relayout()

    def set_opened(self, opened: frozenset[int]) -> None:
        """Open exactly these blocks."""
        self.opened = opened
        self.relayout()

    def relayout(self) -> None:
        """Place everything again; items are kept."""
        if self.table is None:
            return
        layout = layout_blocks(self.table, self.opened)
        if self.layout is None:
            for box in layout.boxes:
                item = BlockItem(box.index, self.ink)
                self.blocks[box.index] = item
                self.addItem(item)
            for edge in layout.edges:
                line = EdgeItem(edge, self.ink)
                self.lines.append(line)
                self.addItem(line)
        self.layout = layout
        self.opened = frozenset(layout.insides)
        for box in layout.boxes:
            inside = layout.insides.get(box.index)
            self.blocks[box.index].set_place(box, inside)
        for line, edge in zip(self.lines, layout.edges, strict=True):
            line.set_place(edge)
        self.setSceneRect(QRectF(*layout.bounds))
        self.refresh()
        self.update()

    def set_ink(self, ink: Ink) -> None:
        """Change the palette of everything."""
        self.ink = ink
        self.callout.ink = ink
        for block in self.blocks.values():
            block.set_ink(ink)
        for line in self.lines:
            line.set_ink(ink)
        self.refresh()
        self.update()

    def set_state(self, state: GraphState) -> None:
        """Show another state."""
        self.state = state
        self.refresh()

    def set_marks(self, marks: Marks) -> None:
        """Show another selection, focus, search or pointer."""
        if marks != self.marks:
            self.marks = marks
            self.refresh()

    def refresh(self) -> int:
        """Hand every item its look; returns how many changed."""
        if self.layout is None or self.looks is None:
            return 0
        state, marks, palette = self.state, self.marks, self.ink.palette
        insides = self.layout.insides
        changed = 0
        for index, item in self.blocks.items():
            look = self.looks.block(index, state, marks, palette, insides.get(index))
            changed += item.set_look(look)
        path = self._path_edges()
        for line in self.lines:
            if line.place is not None:
                changed += line.set_look(self.looks.edge(line.place, state, marks, path))
        self._place_callout()
        return changed

    # ---- what is where -----------------------------------------------------------------------

    def block_at(self, point: QPointF) -> int | None:
        """Return the block under a point of the drawing."""
        for box in self.layout.boxes if self.layout is not None else ():
            if box.holds(point.x(), point.y()):
                return box.index
        return None

    def layer_at(self, point: QPointF) -> str:
        """Return the name of the layer under a point of the drawing, or an empty text."""
        block = self.block_at(point)
        if block is None:
            return ""
        item = self.blocks[block]
        return item.layer_at(item.mapFromScene(point))

    def scale_layer_at(self, point: QPointF) -> str:
        """Return a layer of the scale of a closed head under a point, or an empty text."""
        block = self.block_at(point)
        if block is None or self.looks is None or self.layout is None:
            return ""
        box = self.layout.by_index[block]
        x, y = point.x() - box.x, point.y() - box.y
        for part in box.parts if not box.small else ():
            if part.x <= x <= part.x + part.width and part.y <= y <= part.y + part.height:
                return self.looks.scales.layer_of(block, part.source)
        return ""

    def blocks_in(self, area: QRectF) -> frozenset[int]:
        """Return the blocks that an area of the drawing touches."""
        return frozenset(
            box.index
            for box in (self.layout.boxes if self.layout is not None else ())
            if box.x < area.right()
            and box.right > area.left()
            and box.y < area.bottom()
            and box.bottom > area.top()
        )

    def is_small(self, block: int) -> bool:
        """Whether a block is drawn as one without layers."""
        return self.layout is not None and self.layout.by_index[block].small

    def tip_at(self, point: QPointF) -> str:
        """Return the layer's name or the block's facts under a point, or an empty text."""
        block = self.block_at(point)
        if self.looks is None or block is None:
            return ""
        return self.layer_at(point) or self.looks.tip(block, self.state)

    def summary(self) -> str:
        """Describe in words what a screen reader should read out."""
        if self.looks is None:
            return "No model is open."
        if self.marks.focus is not None:
            return self.words(self.marks.focus)
        return f"{len(self.blocks)} blocks. Use the arrow keys to move between them."

    def words(self, block: int) -> str:
        """Describe a block: what it is, its channels, its part in the plan."""
        look = self.blocks[block].look if block in self.blocks else None
        return "" if self.looks is None or look is None else self.looks.words(block, look)

    # ---- the coupling path ---------------------------------------------------------------------

    def _path_edges(self) -> frozenset[tuple[int, int]]:
        """Return the lines of the path; pairs without a line of their own go the shortest way."""
        edges: set[tuple[int, int]] = set()
        for one, other in self.state.path:
            if not (self.graph.has_node(one) and self.graph.has_node(other)):
                continue
            try:
                way = nx.shortest_path(self.graph, one, other)
            except nx.NetworkXNoPath:
                continue
            for pair in pairwise(way):
                edges |= {pair, pair[::-1]}
        return frozenset(edges)

    def _place_callout(self) -> None:
        """Put the reason next to the path's last block, where it hides the least."""
        text = self.state.path_text
        if text == self.callout.text and not text:
            return
        if not text or not self.state.path or self.layout is None:
            self.callout.show_text("", QPointF(), QRectF())
            return
        box = self.layout.by_index.get(self.state.path[-1][1])
        if box is None:
            return
        if self.views():
            self.callout.set_zoom(self.views()[0].transform().m11())
        self.callout.show_text(text, self._free_place(box, text), QRectF(*self.layout.bounds))

    def zoom_changed(self) -> None:
        """Keep what is written beside a path readable."""
        if self.callout.isVisible():
            self._place_callout()

    def _free_place(self, box: BoxPlace, text: str) -> QPointF:
        """Find the place around a box where a bubble hides the fewest other boxes."""
        assert self.layout is not None
        size = self.callout.size_of(text)
        width, height = size.width(), size.height()
        left, top, right, bottom = self.layout.bounds
        spots = [
            (box.right + 24, box.y - height - 10),
            (box.right + 24, box.bottom + 10),
            (box.x, box.y - height - 16),
            (box.x - width - 24, box.y - height - 10),
            (box.x - width - 24, box.bottom + 10),
            (box.x, box.bottom + 16),
        ]

        seen = QRectF(left, top, right, bottom)
        if self.views():  # a reason that is off the screen is not read
            view = self.views()[0]
            seen &= view.mapToScene(view.viewport().rect()).boundingRect()
        boxes = [QRectF(b.x, b.y, b.width, b.height) for b in self.layout.boxes]

        def hidden(spot: tuple[float, float]) -> float:
            area = QRectF(*spot, width, height)
            covered = sum(_size_of(area & other) for other in boxes)
            return covered + 2 * (width * height - _size_of(area & seen))

        return QPointF(*min(spots, key=hidden))

    # ---- behind the blocks ---------------------------------------------------------------------

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """Paint the rows of strides as bands, and what rows and lanes are called."""
        palette = self.ink.palette
        painter.fillRect(rect, self.ink.brush(palette.background))
        if self.layout is None or self.table is None:
            return
        right = self.layout.bounds[2] - 8
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(palette.band))
        for row in self.layout.rows[::2]:
            painter.drawRoundedRect(QRectF(8, row.y, right - 8, row.height), 10, 10)
        self._draw_titles(painter, painter.worldTransform().m11())

    def _draw_titles(self, painter: QPainter, zoom: float) -> None:
        assert self.layout is not None and self.table is not None
        ink, palette = self.ink, self.ink.palette
        pixels = text_size("heading", zoom)
        painter.setFont(ink.font("heading", pixels))
        painter.setPen(ink.pen(palette.heading))
        for where, title in self.lane_titles(zoom):
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, title)
        for row in self.layout.rows:
            painter.setFont(ink.font("heading", pixels))
            painter.setPen(ink.pen(palette.text))
            if pixels <= row.height:
                left = 18.0 if pixels < 2 * SIZES["heading"] else 10.0
                painter.drawText(QPointF(left, row.y + 6 + pixels), row.name)
            self._draw_stride(painter, row, 10 + 1.25 * pixels, zoom)

    def lane_titles(self, zoom: float) -> list[tuple[QRectF, str]]:
        """Return what stands above the lanes, and where: none reaches into the next one's room.

        Parameters
        ----------
        zoom : float
            Screen pixels per scene pixel.
        """
        pixels = text_size("heading", zoom)
        if self.layout is None or pixels * 1.1 > LANE_TOP:
            return []
        lanes = self.layout.lanes
        middles = [lane.x + lane.width / 2 for lane in lanes]
        gaps = [after - before for before, after in pairwise(middles)]
        found = []
        for number, lane in enumerate(lanes):
            room = min([*gaps[max(0, number - 1) : number + 1], lane.width + 120]) - pixels / 2
            where = QRectF(middles[number] - room / 2, 0, room, LANE_TOP - 2)
            titles = (lane.title, lane.title.rpartition(" · ")[2])
            fits = [t for t in titles if self.ink.width("heading", pixels, t) <= room]
            found.append((where, fits[0] if fits else ""))
        return found

    def _draw_stride(self, painter: QPainter, row: RowPlace, down: float, zoom: float) -> None:
        """Write stride and size of the maps of a row, where there is room."""
        assert self.table is not None
        pixels = text_size("small", zoom)
        tall, wide = (side // row.stride for side in self.table.image_size)
        painter.setFont(self.ink.font("small", pixels))
        painter.setPen(self.ink.pen(self.ink.palette.text_dim))
        for text in (f"stride {row.stride}", f"{tall} × {wide}"):
            fits = self.ink.width("small", pixels, text) <= ROW_LABEL - 20
            if fits and down + 1.2 * pixels <= row.height:
                painter.drawText(QPointF(18, row.y + down + 0.95 * pixels), text)
                down += 1.25 * pixels
